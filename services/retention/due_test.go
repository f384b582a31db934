package retention_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/erasure"
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

// due is an account whose purge was due a while ago, as retention has it.
func (s *stage) due(since time.Duration, certificate any) testkit.Tenant {
	s.t.Helper()
	who, deletion := testkit.SeedTenant(s.t, s.db), uuid.New()
	_, err := s.owner.Exec(s.t.Context(), `UPDATE accounts SET closed_at = now() - interval '29 days', deletion_id = $2 WHERE id = $1`, who.AccountID, deletion)
	require.NoError(s.t, err)
	_, err = s.owner.Exec(s.t.Context(), `INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate_id) VALUES ($1, $2, now() - interval '29 days', $3, $4)`,
		deletion, who.AccountID, time.Now().Add(-since), certificate)
	require.NoError(s.t, err)
	return who
}

// timers counts the timers of a purge.
func (s *stage) timers(certificate string) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT count(*) FROM river_retention.river_job WHERE kind = 'purge_account' AND args ->> 'certificate' = $1`, certificate).Scan(&n))
	return n
}

// The broker was away, or the ledger's disk full, for longer than a timer tries.
func TestAPurgeThatWasGivenUpGoesOnAndIsSeenToBeLate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	givenUp, atWork, notDue := erasure.NewID(), erasure.NewID(), erasure.NewID()
	who := s.due(18*time.Hour, givenUp)
	s.due(time.Hour, atWork)
	s.due(-time.Hour, notDue)
	for certificate, state := range map[string]string{givenUp: "discarded", atWork: "retryable"} {
		_, err := s.owner.Exec(t.Context(), `INSERT INTO river_retention.river_job (kind, args, queue, state, priority, attempt, max_attempts, scheduled_at, finalized_at)
			VALUES ('purge_account', jsonb_build_object('certificate', $1::text), 'default', $2::river_retention.river_job_state, 1, 1000, 1000, now() + interval '1 hour', CASE $2 WHEN 'discarded' THEN now() END)`, certificate, state)
		require.NoError(t, err)
	}
	s.start()
	late := func() float64 {
		families, err := s.metrics.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "specter_retention_deletion_lag_seconds" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return 0
	}
	testkit.Eventually(t, func() bool { return late() > 0 }, "the deletion is seen to be late")
	require.InDelta(t, (18 * time.Hour).Seconds(), late(), 60)
	testkit.Eventually(t, func() bool { return s.timers(givenUp) == 2 }, "it has a timer again")
	require.Equal(t, 1, s.timers(atWork), "it has one that waits")
	require.Zero(t, s.timers(notDue))
	s.answers()
	certificate := s.gone(who.AccountID)
	require.Equal(t, givenUp, certificate.ID)
}

// The release before certificates named the deletion in its timers. Those do nothing now, and are replaced.
func TestADeletionThatAnEarlierReleaseScheduledIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	certificate := erasure.NewID() // the migration has given it one
	who := s.due(time.Minute, certificate)
	_, err := s.owner.Exec(t.Context(), `INSERT INTO river_retention.river_job (kind, args, queue, state, priority, max_attempts, scheduled_at)
		SELECT 'purge_account', jsonb_build_object('account_id', account_id, 'deletion_id', id), 'default', 'available', 1, 1000, now() FROM deletions`)
	require.NoError(t, err)
	s.start()
	s.answers()
	require.Equal(t, certificate, s.gone(who.AccountID).ID)
}
