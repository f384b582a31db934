package timer_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/timer"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

type lookArgs struct {
	Day int `json:"day" river:"unique"`
}

func (lookArgs) Kind() string { return "look" }

type lookWorker struct {
	river.WorkerDefaults[lookArgs]
	worked chan int
	hold   chan struct{} // nil: work at once; else until it is closed or the job is cancelled
	ended  chan error
}

func (w *lookWorker) Work(ctx context.Context, job *river.Job[lookArgs]) error {
	w.worked <- job.Args.Day
	if w.hold == nil {
		return nil
	}
	select {
	case <-w.hold:
	case <-ctx.Done():
	}
	w.ended <- ctx.Err()
	return ctx.Err()
}

func TestAJobRunsWhenItsTransactionCommits(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Pool(t, "specter_verifier")
	worker := &lookWorker{worked: make(chan int, 10)}
	timers := newTimer(t, timer.Options{Service: "verifier", DB: pool, Log: zap.NewNop(), Workers: workersOf(worker)})
	run(t, timers)

	insert := func(day int) error {
		return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			_, err := timers.Client().InsertTx(t.Context(), tx, lookArgs{Day: day}, nil)
			if err != nil {
				return err
			}
			if day == 1 {
				return context.Canceled // rolled back: never runs
			}
			return nil
		})
	}
	require.ErrorIs(t, insert(1), context.Canceled)
	require.NoError(t, insert(2))
	require.Equal(t, 2, <-worker.worked)
	testkit.Eventually(t, func() bool {
		jobs, err := timers.Client().JobList(t.Context(), river.NewJobListParams().States(rivertype.JobStateCompleted))
		return err == nil && len(jobs.Jobs) == 1
	}, "the job is marked completed")
	require.Empty(t, worker.worked)
}

func TestAScheduledJobIsUniqueAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Pool(t, "specter_analyzer")
	worker := &lookWorker{worked: make(chan int, 10)}
	inserter := newTimer(t, timer.Options{Service: "analyzer", DB: pool, Log: zap.NewNop()})
	soon := &river.InsertOpts{ScheduledAt: time.Now().Add(time.Second), UniqueOpts: river.UniqueOpts{ByArgs: true}}
	for range 3 {
		_, err := inserter.Client().Insert(t.Context(), lookArgs{Day: 7}, soon)
		require.NoError(t, err)
	}

	timers := newTimer(t, timer.Options{Service: "analyzer", DB: pool, Log: zap.NewNop(), Workers: workersOf(worker)})
	run(t, timers)
	require.Equal(t, 7, <-worker.worked)
	jobs, err := inserter.Client().JobList(t.Context(), river.NewJobListParams())
	require.NoError(t, err)
	require.Len(t, jobs.Jobs, 1)
}

func TestPeriodicJobsRun(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	worker := &lookWorker{worked: make(chan int, 10)}
	run(t, newTimer(t, timer.Options{
		Service: "retention", DB: db.Pool(t, "specter_retention"), Log: zap.NewNop(), Workers: workersOf(worker),
		Periodic: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(time.Hour),
			func() (river.JobArgs, *river.InsertOpts) { return lookArgs{Day: 24}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
	}))
	require.Equal(t, 24, <-worker.worked)
}

func TestStopCancelsAJobThatTakesTooLongAndItRunsAgain(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Pool(t, "specter_notifier")
	worker := &lookWorker{worked: make(chan int, 10), hold: make(chan struct{}), ended: make(chan error, 10)}
	timers := newTimer(t, timer.Options{Service: "notifier", DB: pool, Log: zap.NewNop(), Workers: workersOf(worker)})
	stop := run(t, timers)
	_, err := timers.Client().Insert(t.Context(), lookArgs{Day: 1}, nil)
	require.NoError(t, err)
	<-worker.worked

	began := time.Now()
	stop()
	require.Less(t, time.Since(began), 5*time.Second)
	require.ErrorIs(t, <-worker.ended, context.Canceled)

	worker.hold = nil
	run(t, newTimer(t, timer.Options{Service: "notifier", DB: pool, Log: zap.NewNop(), Workers: workersOf(worker)}))
	require.Equal(t, 1, <-worker.worked)
}

func TestAServiceCannotReachAnothersTimers(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	_, err := db.Pool(t, "specter_proposal").Exec(t.Context(), `SELECT FROM river_verifier.river_job`)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "42501", refused.Code)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := timer.New(timer.Options{Service: "no service; DROP"})
	require.Error(t, err)
	_, err = timer.New(timer.Options{Service: "analyzer"})
	require.Error(t, err)
}

func workersOf(w *lookWorker) *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	return workers
}

func newTimer(t *testing.T, o timer.Options) *timer.Timer {
	t.Helper()
	timers, err := timer.New(o)
	require.NoError(t, err)
	return timers
}

// run works until the returned function or the test's end stops it.
func run(t *testing.T, timers *timer.Timer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- timers.Run(ctx, func() { close(ready) }) }()
	<-ready
	stop = func() {
		cancel()
		if err, open := <-done; open {
			close(done)
			require.NoError(t, err)
		}
	}
	t.Cleanup(stop)
	return stop
}
