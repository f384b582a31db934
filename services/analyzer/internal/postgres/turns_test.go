package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/allowance"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// queue is an account's contexts and its limit.
type queue struct {
	t     *testing.T
	db    *testkit.DB
	who   testkit.Tenant
	turns *postgres.Turns
}

func newQueue(t *testing.T, limit int) *queue {
	t.Helper()
	q := &queue{t: t, db: testkit.Postgres(t)}
	q.who = testkit.SeedTenant(t, q.db)
	q.turns = postgres.NewTurns(q.db.Pool(t, "specter_analyzer"))
	q.dashboard(`UPDATE accounts SET analyses_per_day = $2 WHERE id = $1`, q.who.AccountID, limit)
	return q
}

func (q *queue) dashboard(sql string, args ...any) {
	q.t.Helper()
	require.NoError(q.t, tenant.Tx(q.t.Context(), q.db.Pool(q.t, "specter_dashboard"), q.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(q.t.Context(), sql, args...)
		return err
	}))
}

func (q *queue) context() signal.Area {
	q.t.Helper()
	id := uuid.New()
	q.dashboard(`INSERT INTO contexts (id, account_id, product_id, name) VALUES ($1, $2, $3, $4)`, id, q.who.AccountID, q.who.ProductID, id.String())
	return signal.Area{AccountID: q.who.AccountID, ContextID: id}
}

// wait queues a context as the store of signals does.
func (q *queue) wait(a signal.Area, at time.Time) {
	q.t.Helper()
	require.NoError(q.t, tenant.Tx(q.t.Context(), q.db.Pool(q.t, "specter_analyzer"), q.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(q.t.Context(), `INSERT INTO analysis_queue (account_id, context_id, queued_at, due_at) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING`, a.AccountID, a.ContextID, at)
		return err
	}))
}

func (q *queue) next(at time.Time) (allowance.Turn, bool) {
	q.t.Helper()
	turn, ok, err := q.turns.Next(q.t.Context(), q.who.AccountID, at)
	require.NoError(q.t, err)
	return turn, ok
}

func (q *queue) done(turn allowance.Turn) {
	q.t.Helper()
	require.NoError(q.t, q.turns.Done(q.t.Context(), q.who.AccountID, turn))
}

func TestTheContextThatWaitsLongestComesFirst(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 0)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	first, second := q.context(), q.context()
	q.wait(second, noon.Add(time.Second))
	q.wait(first, noon)
	q.wait(signal.Area{AccountID: q.who.AccountID, ContextID: uuid.New()}, noon) // it was deleted

	turn, ok := q.next(noon.Add(time.Minute))
	require.True(t, ok)
	require.Equal(t, first.ContextID, turn.ContextID)
	q.wait(first, noon.Add(2*time.Minute)) // signals come during its analysis
	q.wait(first, noon.Add(2*time.Minute)) // more than once
	q.done(turn)
	turn, _ = q.next(noon.Add(3 * time.Minute))
	require.Equal(t, second.ContextID, turn.ContextID, "who had its turn goes behind")
	q.done(turn)
	turn, ok = q.next(noon.Add(3 * time.Minute))
	require.True(t, ok, "and is analysed again")
	require.Equal(t, first.ContextID, turn.ContextID)
	q.done(turn)
	_, ended, err := q.turns.End(t.Context(), q.who.AccountID, func(pgx.Tx) error { return nil })
	require.NoError(t, err)
	require.True(t, ended)
}

// A turn whose process died left a context taken.
func TestWhatADeadTurnHadTakenIsTakenAgain(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 0)
	now := time.Now()
	alone, renewed := q.context(), q.context()
	for _, a := range []signal.Area{alone, renewed} {
		q.wait(a, now)
		_, ok := q.next(now)
		require.True(t, ok)
	}
	q.wait(renewed, now.Add(time.Second)) // signals came since
	require.NoError(t, q.turns.Begin(t.Context(), q.who.AccountID))
	for _, want := range []signal.Area{alone, renewed} {
		turn, ok := q.next(now.Add(time.Minute))
		require.True(t, ok)
		require.Equal(t, want.ContextID, turn.ContextID)
		q.done(turn)
	}
	_, ended, err := q.turns.End(t.Context(), q.who.AccountID, func(pgx.Tx) error { return nil })
	require.NoError(t, err)
	require.True(t, ended)
}

func TestALimitedAccountsAnalysesAreSpreadAndShared(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 24)
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	busy, quiet := q.context(), q.context()
	n := 0
	for at := midnight; at.Before(midnight.Add(12 * time.Hour)); at = at.Add(10 * time.Minute) {
		q.wait(busy, at)
		if turn, ok := q.next(at); ok {
			n++
			q.done(turn)
		}
	}
	require.InDelta(t, 12, n, 1, "half of the day, half of the limit")

	q.wait(quiet, midnight.Add(12*time.Hour))
	q.wait(busy, midnight.Add(12*time.Hour))
	due, ended, err := q.turns.End(t.Context(), q.who.AccountID, func(pgx.Tx) error { return nil })
	require.NoError(t, err)
	require.False(t, ended)
	require.True(t, due.Before(midnight.Add(13*time.Hour)), "%s", due)
	turn, ok := q.next(midnight.Add(13 * time.Hour))
	require.True(t, ok)
	require.Equal(t, quiet.ContextID, turn.ContextID, "the one that woke up has its share")
	require.NoError(t, q.turns.Failed(t.Context(), q.who.AccountID, turn, midnight.Add(13*time.Hour), midnight.Add(14*time.Hour)))
	turn, ok = q.next(midnight.Add(14 * time.Hour))
	require.True(t, ok)
	require.Equal(t, allowance.Turn{ContextID: quiet.ContextID, Failures: 1}, turn)
	q.done(turn)

	next := midnight.Add(25 * time.Hour)
	turn, ok = q.next(next)
	require.True(t, ok, "a new day")
	require.Equal(t, busy.ContextID, turn.ContextID)
}

func TestNoMoreAreAskedForThanTheLimit(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 5)
	now := time.Now()
	area := q.context()
	granted := make(chan bool, 20)
	var group sync.WaitGroup
	for range cap(granted) {
		group.Go(func() {
			refusal, err := q.turns.Ask(t.Context(), area, now)
			require.NoError(t, err)
			granted <- refusal == ""
		})
	}
	group.Wait()
	close(granted)
	n := 0
	for ok := range granted {
		if ok {
			n++
		}
	}
	require.Equal(t, 5, n)
	require.NoError(t, q.turns.Unask(t.Context(), area, now))
	refusal, err := q.turns.Ask(t.Context(), area, now)
	require.NoError(t, err)
	require.Empty(t, refusal, "what failed may be asked for again")
	q.wait(area, now)
	_, ok := q.next(now)
	require.False(t, ok, "and none is left for the clock")
}
