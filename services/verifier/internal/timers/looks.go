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

	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// LookArgs name a look that is due.
type LookArgs struct {
	AccountID      uuid.UUID `json:"account_id"`
	VerificationID uuid.UUID `json:"verification_id"`
	// Revision is the plan the look belongs to; 0 in timers set before there was more than one.
	Revision int `json:"revision"`
	Number   int `json:"number"`
}

// Kind implements river.JobArgs.
func (LookArgs) Kind() string { return "verifier.look" }

const (
	// neverGiveUp: a test whose look was given up would collect for ever. At one try an hour this is more than a year.
	neverGiveUp  = 10_000
	longestDelay = time.Hour
)

// Scheduler sets looks' timers.
type Scheduler struct {
	client *river.Client[pgx.Tx]
	now    func() time.Time
}

// NewScheduler inserts with client; it need not be the one that works the jobs.
func NewScheduler(client *river.Client[pgx.Tx], now func() time.Time) Scheduler {
	return Scheduler{client: client, now: now}
}

// ScheduleLook implements postgres.Scheduler. A look whose time has passed is due at once.
func (s Scheduler) ScheduleLook(ctx context.Context, tx pgx.Tx, due verification.Due) error {
	args := LookArgs{AccountID: due.AccountID, VerificationID: due.VerificationID, Revision: due.Revision, Number: due.Number}
	opts := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}, MaxAttempts: neverGiveUp}
	if due.At.After(s.now()) {
		opts.ScheduledAt = due.At // a time in the past would wait for River's next round of scheduling
	}
	if _, err := s.client.InsertTx(ctx, tx, args, opts); err != nil {
		return fmt.Errorf("setting the timer of look %d: %w", due.Number, err)
	}
	return nil
}

// Looker takes a look.
type Looker interface {
	Look(ctx context.Context, due verification.Due) (verification.Step, error)
}

// NewWorkers returns the workers of this package's jobs.
func NewWorkers(looker Looker, now func() time.Time, log *zap.Logger, metrics prometheus.Registerer) *river.Workers {
	workers := river.NewWorkers()
	river.AddWorker(workers, &lookWorker{looker: looker, now: now, log: log, looks: telemetry.MustRegister(metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "specter_verifier_looks_total", Help: "Looks taken at running verifications, by what they concluded.",
	}, []string{"conclusion"}))})
	return workers
}

type lookWorker struct {
	river.WorkerDefaults[LookArgs]
	looker Looker
	now    func() time.Time
	log    *zap.Logger
	looks  *prometheus.CounterVec
}

// Work implements river.Worker.
func (w *lookWorker) Work(ctx context.Context, job *river.Job[LookArgs]) error {
	step, err := w.looker.Look(ctx, verification.Due{
		AccountID: job.Args.AccountID, VerificationID: job.Args.VerificationID, Revision: max(1, job.Args.Revision), Number: job.Args.Number, At: job.ScheduledAt,
	})
	log := w.log.With(zap.Stringer("verification_id", job.Args.VerificationID), zap.Int("look", job.Args.Number))
	switch {
	case err != nil:
		log.Warn("a look failed", zap.Error(err), zap.Int("attempt", job.Attempt))
		return err // River tries again with growing delays
	case step.Wait > 0:
		return river.JobSnooze(step.Wait)
	case step.Revised != nil:
		log.Info("planned anew", zap.Int("revision", step.Revised.Verification.Plan.Revision))
		return nil
	case step.Status == "":
		return nil // taken before, or decided meanwhile
	}
	w.looks.WithLabelValues(string(step.Status)).Inc()
	if step.Taken != nil {
		log.Info("look taken", zap.Int("day", step.Taken.Day), zap.String("conclusion", string(step.Status)))
	}
	return nil
}

// NextRetry implements river.Worker: soon, then every hour.
func (w *lookWorker) NextRetry(job *river.Job[LookArgs]) time.Time {
	delay := time.Duration(job.Attempt) * time.Duration(job.Attempt) * time.Second
	return w.now().Add(min(delay, longestDelay))
}

// Timeout bounds one look: a few reads and some milliseconds of arithmetic.
func (w *lookWorker) Timeout(*river.Job[LookArgs]) time.Duration { return time.Minute }
