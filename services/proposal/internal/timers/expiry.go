package timers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/telemetry"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// ExpiryArgs name a proposal whose time may be up.
type ExpiryArgs struct {
	AccountID  uuid.UUID `json:"account_id"`
	ProposalID uuid.UUID `json:"proposal_id"`
}

// Kind implements river.JobArgs.
func (ExpiryArgs) Kind() string { return "proposal.expiry" }

// Scheduler sets expiry timers.
type Scheduler struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
}

// NewScheduler inserts with client; it need not be the one that works the jobs.
func NewScheduler(client *river.Client[pgx.Tx], now func() time.Time) Scheduler {
	return Scheduler{client: client, now: now}
}

// ScheduleExpiry implements postgres.Scheduler.
func (s Scheduler) ScheduleExpiry(ctx context.Context, tx pgx.Tx, due proposal.Due, at time.Time) error {
	opts := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
	if at.After(s.now()) {
		opts.ScheduledAt = at // a time in the past would wait for River's next round of scheduling
	}
	if _, err := s.client.InsertTx(ctx, tx, ExpiryArgs(due), opts); err != nil {
		return fmt.Errorf("setting the expiry timer: %w", err)
	}
	return nil
}

// Expirer handles a timer that fired.
type Expirer interface {
	Expire(ctx context.Context, due proposal.Due) (proposal.Step, error)
}

// NewWorkers returns the workers of this package's jobs.
func NewWorkers(e Expirer, log *zap.Logger, metrics prometheus.Registerer) *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, &expiryWorker{expirer: e, log: log, expired: telemetry.MustRegister(metrics, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "specter_proposal_expired_total", Help: "Proposals that expired undecided.",
	}))})
	return workers
}

type expiryWorker struct {
	river.WorkerDefaults[ExpiryArgs]
	expirer Expirer
	log     *zap.Logger
	expired prometheus.Counter
}

// Work implements river.Worker.
func (w *expiryWorker) Work(ctx context.Context, job *river.Job[ExpiryArgs]) error {
	step, err := w.expirer.Expire(ctx, proposal.Due(job.Args))
	switch {
	case err != nil:
		w.log.Warn("an expiry failed", zap.Stringer("proposal_id", job.Args.ProposalID), zap.Error(err), zap.Int("attempt", job.Attempt))
		return err // River tries again with growing delays
	case step.Wait > 0:
		return river.JobSnooze(step.Wait)
	case !step.Expired.IsZero():
		w.expired.Inc()
		w.log.Info("proposal expired", zap.Stringer("proposal_id", job.Args.ProposalID))
	}
	return nil
}

// Timeout bounds one run: a read and a write.
func (w *expiryWorker) Timeout(*river.Job[ExpiryArgs]) time.Duration { return 30 * time.Second }
