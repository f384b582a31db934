package retention_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// begun tells whether the purge of a deletion that is known has begun.
func (s *stage) begun(deletion any) (begun bool) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT coalesce(bool_or(certificate IS NOT NULL), false) FROM deletions WHERE id = $1`, deletion).Scan(&begun))
	return begun
}

// The owner has cancelled in time, and the commit of it is on its way when the purge is due.
func TestAPurgeWaitsForACancellationThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	who := testkit.SeedTenant(t, s.db)
	deletion := s.close(who.AccountID, time.Now())
	require.NoError(t, pgx.BeginFunc(t.Context(), s.owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE accounts SET closed_at = NULL, deletion_id = NULL WHERE id = $1`, who.AccountID); err != nil {
			return err
		}
		s.start()
		testkit.Eventually(t, func() bool {
			var waits bool
			err := s.owner.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%specter_hold_account%')`).Scan(&waits)
			return err == nil && waits || s.begun(deletion)
		}, "the purge comes to the account")
		return nil
	}))
	s.runPurgesNow()
	require.False(t, s.begun(deletion))
	require.Equal(t, 1, s.rows("accounts", who.AccountID))
}
