package timers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/timer"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
)

const (
	// queueSlow is for retries and failing endpoints; first attempts use the default queue.
	queueSlow = "slow"

	// A worker mostly waits for a receiver, so there are many; how much of the database they use is
	// bounded by its pool.
	fastWorkers = 256
	slowWorkers = 128
	// fetchEvery bounds how often jobs are fetched while there are any.
	fetchEvery = 25 * time.Millisecond

	// attemptSlack is what an attempt may take beside waiting for the receiver, and rescueSlack how long
	// after that an attempt counts as lost with its process, so that another makes it.
	attemptSlack = 15 * time.Second
	rescueSlack  = 5 * time.Second
	// maxRuns of a job whose run ended with an error of ours, such as a database that is away: so many that
	// none is given up in a week.
	maxRuns = 10_000
	// maxRunWait bounds the wait between such runs.
	maxRunWait = time.Minute
)

// attempt is a job's arguments.
type attempt struct {
	AccountID  uuid.UUID `json:"account_id"`
	DeliveryID uuid.UUID `json:"delivery_id"`
	EndpointID uuid.UUID `json:"endpoint_id"`
	Attempt    int       `json:"attempt"`
	Resends    int       `json:"resends,omitempty"`
}

// Kind is stored with every job: it never changes.
func (attempt) Kind() string { return "deliver" }

// Handler makes one attempt; see delivery.Deliverer.Attempt.
type Handler func(ctx context.Context, t delivery.Task) (postpone time.Duration, err error)

// Timers schedule tasks and run them.
type Timers struct{ *timer.Timer }

// New prepares the timers for attempts in which a receiver is given so much time; nothing runs before Run.
func New(db *pgxpool.Pool, log *zap.Logger, receiver time.Duration, h Handler) (*Timers, error) {
	workers := river.NewWorkers()
	timeout := receiver + attemptSlack
	if err := river.AddWorkerSafely(workers, &worker{handle: h, timeout: timeout}); err != nil {
		return nil, fmt.Errorf("registering the delivery worker: %w", err)
	}
	t, err := timer.New(timer.Options{
		Service: "notifier", DB: db, Log: log, Workers: workers,
		FetchEvery: fetchEvery, JobTimeout: timeout, RescueAfter: timeout + rescueSlack,
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: fastWorkers},
			queueSlow:          {MaxWorkers: slowWorkers},
		},
	})
	if err != nil {
		return nil, err
	}
	return &Timers{Timer: t}, nil
}

// Schedule inserts tasks within tx.
func (t *Timers) Schedule(ctx context.Context, tx pgx.Tx, tasks ...delivery.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(tasks))
	for i, task := range tasks {
		queue := river.QueueDefault
		if task.Slow {
			queue = queueSlow
		}
		// A time that has come is left out: River would hold such a job until its next round of
		// scheduling, seconds later.
		var at time.Time
		if time.Until(task.At) > 0 {
			at = task.At
		}
		jobs[i] = river.InsertManyParams{
			Args:       attempt{AccountID: task.AccountID, DeliveryID: task.DeliveryID, EndpointID: task.EndpointID, Attempt: task.Attempt, Resends: task.Resends},
			InsertOpts: &river.InsertOpts{Queue: queue, ScheduledAt: at, MaxAttempts: maxRuns},
		}
	}
	// Not the fast way, which is COPY: row-level security refuses that.
	if _, err := t.Client().InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("scheduling %d attempts: %w", len(tasks), err)
	}
	return nil
}

type worker struct {
	river.WorkerDefaults[attempt]
	handle  Handler
	timeout time.Duration
}

// Work runs one job.
func (w *worker) Work(ctx context.Context, job *river.Job[attempt]) error {
	postpone, err := w.handle(ctx, delivery.Task{
		AccountID: job.Args.AccountID, DeliveryID: job.Args.DeliveryID, EndpointID: job.Args.EndpointID,
		Attempt: job.Args.Attempt, Resends: job.Args.Resends, At: job.ScheduledAt, Slow: job.Queue == queueSlow,
	})
	if err == nil && postpone > 0 {
		return river.JobSnooze(postpone)
	}
	return err
}

// Timeout is above the longest time a receiver may be given.
func (w *worker) Timeout(*river.Job[attempt]) time.Duration { return w.timeout }

// NextRetry waits a little longer each time an error of ours ended a run; the schedule of
// deliveries to a receiver that fails is the domain's.
func (w *worker) NextRetry(job *river.Job[attempt]) time.Time {
	return time.Now().Add(min(maxRunWait, time.Duration(len(job.Errors)+1)*2*time.Second))
}
