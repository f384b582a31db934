package timers_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/timer"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
	"github.com/draftlabs/specter/services/analyzer/internal/timers"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const patience = 60 * time.Second

func jobs(t *testing.T, db *pgxpool.Pool, kind string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(context.Background(), `SELECT count(*) FROM river_analyzer.river_job WHERE kind = $1`, kind).Scan(&n))
	return n
}

// However many batches come, an account has one job for its turns and one for its merge.
func TestOneJobForManyBatches(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t).Pool(t, "specter_analyzer")
	setting, err := timer.New(timer.Options{Service: "analyzer", DB: db, Log: zaptest.NewLogger(t)})
	require.NoError(t, err)
	var clock atomic.Pointer[time.Time]
	at := time.Now()
	clock.Store(&at)
	scheduler := timers.NewScheduler(setting.Client(), 5*time.Minute, func() time.Time { return *clock.Load() })
	account, other := uuid.New(), uuid.New()
	areas := []signal.Area{{AccountID: account, ContextID: uuid.New(), Live: true}, {AccountID: account, ContextID: uuid.New(), Live: true}, {AccountID: other, ContextID: uuid.New()}}
	stored := func() {
		for i := range areas {
			areas[i].Due = scheduler.Due(areas[i].AccountID)
		}
		require.NoError(t, pg.InTx(context.Background(), db, func(tx pgx.Tx) error { return scheduler.Stored(context.Background(), tx, areas) }))
	}
	for range 20 {
		stored()
	}
	require.Equal(t, 1, jobs(t, db, "take_turn"), "imported history is walked when the import is complete")
	require.Equal(t, 2, jobs(t, db, "merge_blocks"))
	var scheduled time.Time
	require.NoError(t, db.QueryRow(context.Background(), `SELECT scheduled_at FROM river_analyzer.river_job WHERE kind = 'take_turn'`).Scan(&scheduled))
	require.WithinRange(t, scheduled, at, at.Add(5*time.Minute))

	later := at.Add(5 * time.Minute)
	clock.Store(&later)
	stored()
	require.Equal(t, 1, jobs(t, db, "take_turn"), "an account that has turns keeps them")
	_, err = db.Exec(context.Background(), `UPDATE river_analyzer.river_job SET state = 'completed', finalized_at = now() WHERE kind = 'take_turn'`)
	require.NoError(t, err)
	stored()
	require.Equal(t, 2, jobs(t, db, "take_turn"), "and gets new ones when they ended")

	_, err = db.Exec(context.Background(), `DELETE FROM river_analyzer.river_job`)
	require.NoError(t, err)
	rolledBack := errors.New("rolled back")
	muchLater := at.Add(time.Hour)
	clock.Store(&muchLater)
	require.ErrorIs(t, pg.InTx(context.Background(), db, func(tx pgx.Tx) error {
		require.NoError(t, scheduler.Stored(context.Background(), tx, areas))
		return rolledBack
	}), rolledBack)
	require.Zero(t, jobs(t, db, "take_turn"), "what was not stored is not analysed")
}

// fake is what the workers call.
type fake struct {
	contexts []uuid.UUID
	walked   chan analysis.Walk
}

func (f *fake) Run(context.Context, analysis.Request) error { return nil }

func (f *fake) Walk(_ context.Context, w analysis.Walk) error {
	f.walked <- w
	return nil
}

func (f *fake) Ask(context.Context, signal.Area, time.Time) (string, error) { return "", nil }
func (f *fake) Unask(context.Context, signal.Area, time.Time) error         { return nil }

func (f *fake) Merge(context.Context, uuid.UUID) error                 { return nil }
func (f *fake) Partitions(context.Context, time.Time, time.Time) error { return nil }
func (f *fake) TrimPositions(context.Context) error                    { return nil }
func (f *fake) ContextsWithHours(_ context.Context, _, _ uuid.UUID, _, _ time.Time) ([]uuid.UUID, error) {
	return f.contexts, nil
}

// A walk over imported history begins only when all of it is stored.
func TestImportWaitsUntilStored(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t).Pool(t, "specter_analyzer")
	f := &fake{contexts: []uuid.UUID{uuid.New(), uuid.New()}, walked: make(chan analysis.Walk, 10)}
	var stored atomic.Uint64
	var asked atomic.Int64
	stored.Store(41)
	working, err := timer.New(timer.Options{Service: "analyzer", DB: db, Log: zaptest.NewLogger(t), Queues: timers.Queues(), Workers: timers.NewWorkers(timers.Deps{
		Analyst: f, Keeper: f, Contexts: f, Asking: f, Now: time.Now,
		StoredUpTo: func(context.Context) (uint64, error) { asked.Add(1); return stored.Load(), nil },
	})})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- working.Run(ctx, func() {}) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })

	scheduler := timers.NewScheduler(working.Client(), time.Minute, time.Now)
	account, product, importID := uuid.New(), uuid.New(), uuid.New()
	for range 2 { // the event may come twice
		require.NoError(t, scheduler.Imported(ctx, importID, account, product, time.Now().Add(-time.Hour), time.Now(), 42))
	}
	require.Eventually(t, func() bool { return asked.Load() > 0 }, patience, 20*time.Millisecond)
	require.Empty(t, f.walked)
	stored.Store(42)
	got := map[uuid.UUID]bool{}
	for range f.contexts {
		select {
		case w := <-f.walked:
			require.Equal(t, account, w.AccountID)
			require.Equal(t, importID, w.ImportID)
			got[w.ContextID] = true
		case <-time.After(patience):
			t.Fatal("the walk did not begin")
		}
	}
	require.Len(t, got, 2)
}
