package timers

import (
	"context"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

const (
	// billingEvery is how soon an account is looked at that is due: each is once a day, and when its deletion changes.
	billingEvery = time.Minute
	// billingTimeout bounds one round.
	billingTimeout = 10 * time.Minute
)

// BillingArgs name nobody: what is due is in the database.
type BillingArgs struct{}

// Kind implements river.JobArgs.
func (BillingArgs) Kind() string { return "dashboard.billing" }

// Rounds compares what is due with Stripe.
type Rounds interface {
	Round(ctx context.Context) error
}

// Periodic lists what is done without being asked: rounds of billing, when it is on. One that takes longer than the
// time between two is not joined by another.
func Periodic(billing bool) []*river.PeriodicJob {
	if !billing {
		return nil
	}
	return []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(billingEvery), func() (river.JobArgs, *river.InsertOpts) {
		return BillingArgs{}, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}}}
	}, &river.PeriodicJobOpts{RunOnStart: true})}
}

type billingWorker struct {
	river.WorkerDefaults[BillingArgs]
	rounds Rounds
}

// Work implements river.Worker. What failed is due again in the next round.
func (w *billingWorker) Work(ctx context.Context, _ *river.Job[BillingArgs]) error {
	return w.rounds.Round(ctx)
}

// Timeout bounds one round.
func (w *billingWorker) Timeout(*river.Job[BillingArgs]) time.Duration { return billingTimeout }
