package timers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"go.uber.org/zap"
)

// SnoozeArgs name a snooze. Until is part of it: who snoozes again gets another timer.
type SnoozeArgs struct {
	AccountID  uuid.UUID `json:"account_id"`
	ProposalID uuid.UUID `json:"proposal_id"`
	Until      time.Time `json:"until"`
}

// Kind implements river.JobArgs.
func (SnoozeArgs) Kind() string { return "dashboard.snooze" }

// Scheduler sets timers.
type Scheduler struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
}

// NewScheduler inserts with client; it need not be the one that works the jobs.
func NewScheduler(client *river.Client[pgx.Tx], now func() time.Time) Scheduler {
	return Scheduler{client: client, now: now}
}

// SnoozeEnds implements postgres.Alarm.
func (s Scheduler) SnoozeEnds(ctx context.Context, tx pgx.Tx, account, proposal uuid.UUID, until time.Time) error {
	opts := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
	if until.After(s.now()) {
		opts.ScheduledAt = until // a time in the past would wait for River's next round of scheduling
	}
	if _, err := s.client.InsertTx(ctx, tx, SnoozeArgs{AccountID: account, ProposalID: proposal, Until: until}, opts); err != nil {
		return fmt.Errorf("setting the timer of a snooze: %w", err)
	}
	return nil
}

// Waker handles a timer that fired; wait is how much longer the snooze lasts.
type Waker interface {
	Wake(ctx context.Context, account, proposal uuid.UUID) (wait time.Duration, err error)
}

// NewWorkers returns the workers of this package's jobs.
func NewWorkers(w Waker, r Rounds, l Letters, log *zap.Logger) *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, &noticeWorker{letters: l, log: log})
	river.AddWorker(workers, &shrunkWorker{letters: l, log: log})
	river.AddWorker(workers, &billingWorker{rounds: r})
	river.AddWorker(workers, &snoozeWorker{waker: w, log: log})
	return workers
}

type snoozeWorker struct {
	river.WorkerDefaults[SnoozeArgs]
	waker Waker
	log   *zap.Logger
}

// Work implements river.Worker.
func (w *snoozeWorker) Work(ctx context.Context, job *river.Job[SnoozeArgs]) error {
	wait, err := w.waker.Wake(ctx, job.Args.AccountID, job.Args.ProposalID)
	if err != nil {
		w.log.Warn("waking a proposal failed", zap.Stringer("proposal_id", job.Args.ProposalID), zap.Error(err), zap.Int("attempt", job.Attempt))
		return err // River tries again with growing delays
	}
	if wait > 0 {
		return river.JobSnooze(wait)
	}
	return nil
}

// Timeout bounds one run: a read and a write.
func (w *snoozeWorker) Timeout(*river.Job[SnoozeArgs]) time.Duration { return 30 * time.Second }
