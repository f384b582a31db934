package postgres

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

// closed is an account whose deletion is due in an hour, by the clock of whoever asks.
func closed(t *testing.T, owner *pgxpool.Pool, database *testkit.DB) (account, deletion uuid.UUID) {
	t.Helper()
	account, deletion = testkit.SeedTenant(t, database).AccountID, uuid.New()
	_, err := owner.Exec(t.Context(), `UPDATE accounts SET closed_at = now(), deletion_id = $2 WHERE id = $1`, account, deletion)
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `INSERT INTO deletions (id, account_id, requested_at, purge_at) VALUES ($1, $2, now(), now() + interval '1 hour')`, deletion, account)
	require.NoError(t, err)
	return account, deletion
}

// Retention's clock, which says when a purge begins, may be ahead of the dashboard's.
func TestADeletionWhosePurgeHasBegunIsNotCancelledWhateverTheClockSays(t *testing.T) {
	t.Parallel()
	database := testkit.Postgres(t)
	owner := database.Owner(t)
	s := Accounts{Store: Operator(database.Pool(t, "specter_dashboard"), outbox.New("dashboard"))}
	begun, deletion := closed(t, owner, database)
	waiting, _ := closed(t, owner, database)
	_, err := owner.Exec(t.Context(), `UPDATE deletions SET certificate = '{}' WHERE id = $1`, deletion)
	require.NoError(t, err)

	_, err = s.Reopen(t.Context(), actor.Operator(begun), time.Now())
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "has begun")
	open, err := s.Reopen(t.Context(), actor.Operator(waiting), time.Now())
	require.NoError(t, err)
	require.Nil(t, open.ClosedAt)
	var still bool
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT closed_at IS NOT NULL FROM accounts WHERE id = $1`, begun).Scan(&still))
	require.True(t, still)
}

// A purge that is just beginning holds the account; a cancellation waits for it, and comes too late.
func TestACancellationWaitsForAPurgeThatIsBeginning(t *testing.T) {
	t.Parallel()
	database := testkit.Postgres(t)
	owner := database.Owner(t)
	s := Accounts{Store: Operator(database.Pool(t, "specter_dashboard"), outbox.New("dashboard"))}
	account, deletion := closed(t, owner, database)
	answered := make(chan error, 1)
	require.NoError(t, tenant.Tx(t.Context(), database.Pool(t, "specter_retention"), account, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT specter_hold_account()`); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `UPDATE deletions SET certificate = '{}' WHERE id = $1`, deletion); err != nil {
			return err
		}
		go func() {
			_, err := s.Reopen(t.Context(), actor.Operator(account), time.Now())
			answered <- err
		}()
		testkit.Eventually(t, func() (waits bool) {
			err := owner.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
			return err == nil && waits
		}, "the cancellation waits")
		return nil
	}))
	require.True(t, fault.Is(<-answered, fault.Conflict))
}
