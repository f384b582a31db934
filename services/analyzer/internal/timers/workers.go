package timers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

const (
	walkTimeout = 10 * time.Minute
	// storedPoll is how often an import looks whether all of it is stored.
	storedPoll = 2 * time.Second
	// pendingPoll is how often a look for silence asks whether all signals are stored.
	pendingPoll = time.Minute
)

// Analyst judges contexts.
type Analyst interface {
	Run(ctx context.Context, r analysis.Request) error
	Walk(ctx context.Context, w analysis.Walk) error
}

// Keeper looks after the stored signals.
type Keeper interface {
	Merge(ctx context.Context, account uuid.UUID) error
	Partitions(ctx context.Context, low, high time.Time) error
	TrimPositions(ctx context.Context) error
}

// Contexts lists the contexts of a product that hold signals of a span.
type Contexts interface {
	ContextsWithHours(ctx context.Context, account, product uuid.UUID, from, to time.Time) ([]uuid.UUID, error)
}

// Deps of the workers.
type Deps struct {
	Analyst  Analyst
	Keeper   Keeper
	Contexts Contexts
	// StoredUpTo is the sequence of the SIGNALS stream up to which all is stored.
	StoredUpTo func(ctx context.Context) (uint64, error)
	// Pending is how many messages of signals are not stored yet.
	Pending func(ctx context.Context) (uint64, error)
	// Reconcile compares what was acknowledged with what is stored.
	Reconcile func(ctx context.Context) error
	Now       func() time.Time
}

// NewWorkers returns the workers of all jobs.
func NewWorkers(d Deps) *river.Workers {
	w := river.NewWorkers()
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[contextArgs]) error {
		return d.Analyst.Run(ctx, analysis.Request{AccountID: job.Args.AccountID, ContextID: job.Args.ContextID, Trigger: analysis.Timer})
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[silenceArgs]) error { return d.lookForSilence(ctx, job.Args) }))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[requestedArgs]) error {
		r := analysis.Request{
			ID: job.Args.AnalysisID, AccountID: job.Args.AccountID, ContextID: job.Args.ContextID,
			Trigger: analysis.Requested, RequestedBy: job.Args.RequestedBy,
		}
		if job.Args.AsOf != nil {
			r.AsOf = *job.Args.AsOf
		}
		return d.Analyst.Run(ctx, r)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[importArgs]) error { return d.walkImport(ctx, job.Args) }))
	river.AddWorker(w, &walker{analyst: d.Analyst})
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[mergeArgs]) error {
		return d.Keeper.Merge(ctx, job.Args.AccountID)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, _ *river.Job[keepHouseArgs]) error {
		if err := d.Keeper.Partitions(ctx, d.Now(), d.Now().AddDate(0, 2, 0)); err != nil {
			return err
		}
		return d.Keeper.TrimPositions(ctx)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, _ *river.Job[reconcileArgs]) error { return d.Reconcile(ctx) }))
	return w
}

// lookForSilence judges a context although nothing came in. As long as the stream holds
// signals that are not stored, the silence may be this service's own.
func (d Deps) lookForSilence(ctx context.Context, in silenceArgs) error {
	pending, err := d.Pending(ctx)
	if err != nil {
		return fmt.Errorf("asking what is not stored yet: %w", err)
	}
	if pending > 0 {
		return river.JobSnooze(pendingPoll)
	}
	return d.Analyst.Run(ctx, analysis.Request{AccountID: in.AccountID, ContextID: in.ContextID, Trigger: analysis.Timer, QuietSince: in.Last})
}

// walkImport waits until every signal of the import is stored, then has each of
// its contexts walked. It waits by snoozing: nothing is held meanwhile.
func (d Deps) walkImport(ctx context.Context, in importArgs) error {
	stored, err := d.StoredUpTo(ctx)
	if err != nil {
		return fmt.Errorf("asking how far signals are stored: %w", err)
	}
	if stored < in.Sequence {
		return river.JobSnooze(storedPoll)
	}
	contexts, err := d.Contexts.ContextsWithHours(ctx, in.AccountID, in.ProductID, in.From, in.To)
	if err != nil {
		return err
	}
	if len(contexts) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(contexts))
	for i, c := range contexts {
		jobs[i] = river.InsertManyParams{Args: walkArgs{ImportID: in.ImportID, ContextID: c, AccountID: in.AccountID, From: in.From, To: in.To}}
	}
	client, err := river.ClientFromContextSafely[pgx.Tx](ctx)
	if err != nil {
		return err
	}
	if _, err := client.InsertMany(ctx, jobs); err != nil {
		return fmt.Errorf("scheduling the walks of an import: %w", err)
	}
	return nil
}

// walker judges one context's imported history.
type walker struct {
	river.WorkerDefaults[walkArgs]
	analyst Analyst
}

// Timeout of one walk: two years of hours of a busy context.
func (*walker) Timeout(*river.Job[walkArgs]) time.Duration { return walkTimeout }

// Work walks.
func (w *walker) Work(ctx context.Context, job *river.Job[walkArgs]) error {
	return w.analyst.Walk(ctx, analysis.Walk{
		AccountID: job.Args.AccountID, ContextID: job.Args.ContextID, ImportID: job.Args.ImportID, From: job.Args.From, To: job.Args.To,
	})
}
