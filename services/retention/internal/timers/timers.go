package timers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/timer"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

const (
	ensureEvery = time.Hour
	purgeEvery  = 24 * time.Hour

	// runTimeout of a purge; one that needs longer goes on in its next run.
	runTimeout = 10 * time.Minute
	maxRuns    = 1000 // of an account's purge: it is retried until it is done
	runWait    = time.Minute
)

type ensurePartitions struct{}

func (ensurePartitions) Kind() string { return "ensure_partitions" }

type purgeByAge struct{}

func (purgeByAge) Kind() string { return "purge_by_age" }

// purgeAccount names the deletion by its certificate: a timer that has run is kept for a while, and must not
// say whom it was about.
type purgeAccount struct {
	Certificate string `json:"certificate"`
	DeletionID  string `json:"deletion_id,omitempty"` // of those that an earlier release scheduled
}

func (purgeAccount) Kind() string { return "purge_account" }

type noticeOwner struct {
	Certificate string          `json:"certificate"`
	Notice      deletion.Notice `json:"notice"`
}

func (noticeOwner) Kind() string { return "notice_owner" }

// Work is what the timers start.
type Work struct {
	Ensure func(ctx context.Context) error
	Purge  func(ctx context.Context) error
	// Account purges one account; a positive again asks for another run after that time.
	Account func(ctx context.Context, certificate string) (again time.Duration, err error)
	Notice  func(ctx context.Context, certificate string, n deletion.Notice) error
}

// Timers schedule and run it.
type Timers struct{ *timer.Timer }

// New prepares the timers; nothing runs before Run.
func New(db *pgxpool.Pool, log *zap.Logger, w Work) (*Timers, error) {
	workers := river.NewWorkers()
	err := errors.Join(
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[ensurePartitions]) error { return w.Ensure(ctx) })),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[purgeByAge]) error { return w.Purge(ctx) })),
		river.AddWorkerSafely(workers, &accountWorker{work: w.Account, log: log}),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[noticeOwner]) error {
			return w.Notice(ctx, job.Args.Certificate, job.Args.Notice)
		})))
	if err != nil {
		return nil, fmt.Errorf("registering retention's workers: %w", err)
	}
	periodic := func(every time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) { return args, nil },
			&river.PeriodicJobOpts{RunOnStart: true})
	}
	t, err := timer.New(timer.Options{
		Service: "retention", DB: db, Log: log, Workers: workers,
		Periodic: []*river.PeriodicJob{periodic(ensureEvery, ensurePartitions{}), periodic(purgeEvery, purgeByAge{})},
	})
	if err != nil {
		return nil, err
	}
	return &Timers{Timer: t}, nil
}

// SchedulePurge inserts an account's purge within tx.
func (t *Timers) SchedulePurge(ctx context.Context, tx pgx.Tx, certificate string, at time.Time) error {
	_, err := t.Client().InsertTx(ctx, tx, purgeAccount{Certificate: certificate}, &river.InsertOpts{ScheduledAt: at, MaxAttempts: maxRuns})
	if err != nil {
		return fmt.Errorf("scheduling a purge: %w", err)
	}
	return nil
}

// ScheduleNotice inserts a notice to the account's owner within tx.
func (t *Timers) ScheduleNotice(ctx context.Context, tx pgx.Tx, certificate string, n deletion.Notice, at time.Time) error {
	_, err := t.Client().InsertTx(ctx, tx, noticeOwner{Certificate: certificate, Notice: n}, &river.InsertOpts{ScheduledAt: at})
	if err != nil {
		return fmt.Errorf("scheduling a notice: %w", err)
	}
	return nil
}

type accountWorker struct {
	river.WorkerDefaults[purgeAccount]
	work func(ctx context.Context, certificate string) (time.Duration, error)
	log  *zap.Logger
}

// Work runs one purge.
func (w *accountWorker) Work(ctx context.Context, job *river.Job[purgeAccount]) error {
	again, err := w.work(ctx, cmp.Or(job.Args.Certificate, job.Args.DeletionID))
	if err != nil {
		w.log.Warn("a deletion was interrupted and goes on in a minute", zap.Error(err), zap.Int("attempt", job.Attempt))
		return err
	}
	if again > 0 {
		return river.JobSnooze(again)
	}
	return nil
}

// Timeout bounds one run.
func (w *accountWorker) Timeout(*river.Job[purgeAccount]) time.Duration { return runTimeout }

// NextRetry comes soon: a promise to a person waits.
func (w *accountWorker) NextRetry(*river.Job[purgeAccount]) time.Time {
	return time.Now().Add(runWait)
}
