package timers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/services/analyzer/internal/allowance"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	walkTimeout = 10 * time.Minute
	// storedPoll is how often an import looks whether all of it is stored.
	storedPoll = 2 * time.Second
	// refusedPoll is how often an import for which no analyses are left asks again.
	refusedPoll = 10 * time.Minute
	// latePoll is how often a look for silence asks whether all signals are stored.
	latePoll = time.Minute
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

// Asking counts the analyses that people ask for, by importing history among others.
type Asking interface {
	// Ask counts one, or says why it may not be.
	Ask(ctx context.Context, area signal.Area, now time.Time) (refusal string, err error)
	// Unask takes one that failed out of the count.
	Unask(ctx context.Context, area signal.Area, now time.Time) error
}

// Deps of the workers.
type Deps struct {
	Analyst  Analyst
	Keeper   Keeper
	Contexts Contexts
	Turns    Turns
	Asking   Asking
	// Refuse records that an analysis was not made, and why.
	Refuse func(ctx context.Context, r analysis.Request, reason string) error
	Log    *zap.Logger
	// StoredUpTo is the sequence of the SIGNALS stream up to which all is stored.
	StoredUpTo func(ctx context.Context) (uint64, error)
	// Stored is the moment before which everything that was accepted is stored.
	Stored analysis.Stored
	// Reconcile compares what was acknowledged with what is stored.
	Reconcile func(ctx context.Context) error
	Now       func() time.Time
}

// NewWorkers returns the workers of all jobs.
func NewWorkers(d Deps) *river.Workers {
	w := river.NewWorkers()
	river.AddWorker(w, &turn{Deps: d})
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[silenceArgs]) error { return d.lookForSilence(ctx, job.Args) }))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[requestedArgs]) error { return d.asked(ctx, job.Args) }))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[importArgs]) error { return d.walkImport(ctx, job.Args) }))
	river.AddWorker(w, &walker{Deps: d})
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

// lookForSilence has a context judged although nothing came in, in its account's turn like any
// other. As long as signals of then wait to be stored, the silence may be this service's own.
func (d Deps) lookForSilence(ctx context.Context, in silenceArgs) error {
	stored, err := d.Stored(ctx)
	if err != nil {
		return fmt.Errorf("asking how far signals are stored: %w", err)
	}
	if stored.Before(time.Unix(in.Due, 0)) {
		return river.JobSnooze(latePoll)
	}
	client, err := river.ClientFromContextSafely[pgx.Tx](ctx)
	if err != nil {
		return err
	}
	area := signal.Area{AccountID: in.AccountID, ContextID: in.ContextID}
	return d.Turns.QueueQuiet(ctx, area, in.Last, d.Now(), func(tx pgx.Tx) error {
		if _, err := client.InsertTx(ctx, tx, turnArgs{AccountID: in.AccountID}, nil); err != nil {
			return fmt.Errorf("scheduling a turn: %w", err)
		}
		return nil
	})
}

// asked runs an analysis that a person asked for, or records that the day's are used up.
func (d Deps) asked(ctx context.Context, in requestedArgs) error {
	area := signal.Area{AccountID: in.AccountID, ContextID: in.ContextID}
	r := analysis.Request{
		ID: in.AnalysisID, AccountID: in.AccountID, ContextID: in.ContextID, Trigger: analysis.Requested, RequestedBy: in.RequestedBy, DryRun: in.DryRun,
	}
	if in.AsOf != nil {
		r.AsOf = *in.AsOf
	}
	refusal, err := d.Asking.Ask(ctx, area, d.Now())
	if err != nil {
		return err
	}
	if refusal != "" {
		return d.Refuse(ctx, r, refusal)
	}
	if err := d.Analyst.Run(ctx, r); err != nil {
		return errors.Join(err, d.Asking.Unask(context.WithoutCancel(ctx), area, d.Now()))
	}
	return nil
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
	Deps
}

// Timeout of one walk: two years of hours of a busy context.
func (*walker) Timeout(*river.Job[walkArgs]) time.Duration { return walkTimeout }

// Work walks, which counts as one analysis. When the day's are used up it says so and waits.
func (w *walker) Work(ctx context.Context, job *river.Job[walkArgs]) error {
	in, now := job.Args, w.Now()
	area := signal.Area{AccountID: in.AccountID, ContextID: in.ContextID}
	refusal, err := w.Asking.Ask(ctx, area, now)
	if err != nil {
		return err
	}
	if refusal != "" {
		err := w.Refuse(ctx, analysis.Request{
			ID:        uuid.NewSHA1(in.ImportID, []byte("refused "+in.ContextID.String()+now.UTC().Format(" "+time.DateOnly))), // once a day
			AccountID: in.AccountID, ContextID: in.ContextID, Trigger: analysis.Import, RequestedBy: "import:" + in.ImportID.String(),
		}, refusal)
		if err != nil {
			return err
		}
		return river.JobSnooze(min(refusedPoll, allowance.Resets(now).Sub(now)))
	}
	err = w.Analyst.Walk(ctx, analysis.Walk{AccountID: in.AccountID, ContextID: in.ContextID, ImportID: in.ImportID, From: in.From, To: in.To})
	if err != nil {
		return errors.Join(err, w.Asking.Unask(context.WithoutCancel(ctx), area, w.Now()))
	}
	return nil
}
