package timers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/letter"
	"github.com/draftlabs/specter/pkg/timer"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

const (
	ensureEvery = time.Hour
	purgeEvery  = 24 * time.Hour

	// runTimeout of a purge; one that needs longer goes on in its next run.
	runTimeout = 10 * time.Minute
	maxRuns    = 1000 // of the timer of an account's purge; after that it has another one
	runWait    = time.Minute
	dueEvery   = time.Minute
	// dueAtOnce deletions are looked up together.
	dueAtOnce = 1000

	// Exports have a queue of their own, so that a long one delays nothing else.
	exportQueue   = "exports"
	exportWorkers = 1
	resumeEvery   = 30 * time.Second
	// exportWait is how long a builder that failed waits; exportRuns is more than it takes to give up.
	exportWait = 5 * time.Second
	exportRuns = 100
	// mostWaiting builders are looked through for one that waits already.
	mostWaiting = 10_000
)

type ensurePartitions struct{}

func (ensurePartitions) Kind() string { return "ensure_partitions" }

type purgeByAge struct{}

func (purgeByAge) Kind() string { return "purge_by_age" }

// purgeAccount names the deletion by its certificate: a timer that has run is kept for a while, and must not
// say whom it was about.
type purgeAccount struct {
	Certificate string `json:"certificate"`
}

func (purgeAccount) Kind() string { return "purge_account" }

type resumePurges struct{}

func (resumePurges) Kind() string { return "resume_purges" }

type buildExport struct {
	AccountID uuid.UUID `json:"account_id"`
	ExportID  uuid.UUID `json:"export_id"`
}

func (buildExport) Kind() string { return "build_export" }

type expireExport struct {
	AccountID uuid.UUID `json:"account_id"`
	ExportID  uuid.UUID `json:"export_id"`
}

func (expireExport) Kind() string { return "expire_export" }

type resumeExports struct{}

func (resumeExports) Kind() string { return "resume_exports" }

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
	// Due finds deletions that are due and have no timer.
	Due    func(ctx context.Context) error
	Notice func(ctx context.Context, certificate string, n deletion.Notice) error
	// Export works on one export for a while; again asks for another turn.
	Export func(ctx context.Context, account, export uuid.UUID) (again bool, err error)
	Expire func(ctx context.Context, account, export uuid.UUID) error
	// Resume finds exports whose builder is gone.
	Resume func(ctx context.Context) error
	// Tell mails what came of an export.
	Tell func(ctx context.Context, account, export uuid.UUID) error
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
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[resumePurges]) error { return w.Due(ctx) })),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[noticeOwner]) error {
			return w.Notice(ctx, job.Args.Certificate, job.Args.Notice)
		})),
		river.AddWorkerSafely(workers, &exportWorker{work: w.Export}),
		river.AddWorkerSafely(workers, &letterWorker{work: w.Tell, log: log}),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[expireExport]) error {
			return w.Expire(ctx, job.Args.AccountID, job.Args.ExportID)
		})),
		river.AddWorkerSafely(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[resumeExports]) error { return w.Resume(ctx) })))
	if err != nil {
		return nil, fmt.Errorf("registering retention's workers: %w", err)
	}
	periodic := func(every time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) { return args, nil },
			&river.PeriodicJobOpts{RunOnStart: true})
	}
	t, err := timer.New(timer.Options{
		Service: "retention", DB: db, Log: log, Workers: workers,
		Periodic: []*river.PeriodicJob{
			periodic(ensureEvery, ensurePartitions{}), periodic(purgeEvery, purgeByAge{}), periodic(resumeEvery, resumeExports{}), periodic(dueEvery, resumePurges{}),
		},
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: timer.DefaultWorkers},
			exportQueue:        {MaxWorkers: exportWorkers},
			letter.Queue:       {MaxWorkers: letter.Workers},
		},
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

// Unscheduled are those of the certificates whose purge no timer runs.
func (t *Timers) Unscheduled(ctx context.Context, certificates []string) (lost []string, err error) {
	for some := range slices.Chunk(certificates, dueAtOnce) {
		jobs, err := t.Client().JobList(ctx, river.NewJobListParams().Kinds(purgeAccount{}.Kind()).States(append(waiting(), rivertype.JobStateRunning)...).
			Where("args ->> 'certificate' = ANY (@certificates)", river.NamedArgs{"certificates": some}).First(mostWaiting))
		if err != nil {
			return nil, fmt.Errorf("listing the timers of deletions: %w", err)
		}
		there := make(map[string]bool, len(jobs.Jobs))
		for _, job := range jobs.Jobs {
			var args purgeAccount
			if err := json.Unmarshal(job.EncodedArgs, &args); err != nil {
				return nil, fmt.Errorf("reading the timer of a deletion: %w", err)
			}
			there[args.Certificate] = true
		}
		for _, certificate := range some {
			if !there[certificate] {
				lost = append(lost, certificate)
			}
		}
	}
	return lost, nil
}

// ScheduleNotice inserts a notice to the account's owner within tx.
func (t *Timers) ScheduleNotice(ctx context.Context, tx pgx.Tx, certificate string, n deletion.Notice, at time.Time) error {
	_, err := t.Client().InsertTx(ctx, tx, noticeOwner{Certificate: certificate, Notice: n}, &river.InsertOpts{ScheduledAt: at})
	if err != nil {
		return fmt.Errorf("scheduling a notice: %w", err)
	}
	return nil
}

// BuildExport inserts an export's builder within tx.
func (t *Timers) BuildExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID) error {
	_, err := t.Client().InsertTx(ctx, tx, buildExport{AccountID: account, ExportID: id}, &river.InsertOpts{Queue: exportQueue, MaxAttempts: exportRuns})
	if err != nil {
		return fmt.Errorf("scheduling the builder of export %s: %w", id, err)
	}
	return nil
}

// StuckExports are those with a builder that is said to run, and none that waits; by export, with its account.
func (t *Timers) StuckExports(ctx context.Context) (map[uuid.UUID]uuid.UUID, error) {
	stuck := map[uuid.UUID]uuid.UUID{}
	for _, states := range [][]rivertype.JobState{{rivertype.JobStateRunning}, waiting()} {
		jobs, err := t.Client().JobList(ctx, river.NewJobListParams().Kinds(buildExport{}.Kind()).States(states...).First(mostWaiting))
		if err != nil {
			return nil, fmt.Errorf("listing the builders of exports: %w", err)
		}
		for _, job := range jobs.Jobs {
			var args buildExport
			if err := json.Unmarshal(job.EncodedArgs, &args); err != nil {
				return nil, fmt.Errorf("reading the job of an export: %w", err)
			}
			if job.State == rivertype.JobStateRunning {
				stuck[args.ExportID] = args.AccountID
			} else {
				delete(stuck, args.ExportID)
			}
		}
		if len(stuck) == 0 {
			break // as nearly always: those that wait need not be listed
		}
	}
	return stuck, nil
}

// waiting are the states of a job that will run.
func waiting() []rivertype.JobState {
	return []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable}
}

// ExpireExport inserts the end of an export within tx.
func (t *Timers) ExpireExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID, at time.Time) error {
	_, err := t.Client().InsertTx(ctx, tx, expireExport{AccountID: account, ExportID: id}, &river.InsertOpts{ScheduledAt: at, MaxAttempts: exportRuns})
	if err != nil {
		return fmt.Errorf("scheduling the end of export %s: %w", id, err)
	}
	return nil
}

type exportWorker struct {
	river.WorkerDefaults[buildExport]
	work func(ctx context.Context, account, export uuid.UUID) (bool, error)
}

// Work builds for a turn; then the other exports that wait have theirs.
func (w *exportWorker) Work(ctx context.Context, job *river.Job[buildExport]) error {
	again, err := w.work(ctx, job.Args.AccountID, job.Args.ExportID)
	if err == nil && again {
		return river.JobSnooze(0)
	}
	return err
}

// NextRetry comes soon: somebody waits for it.
func (w *exportWorker) NextRetry(*river.Job[buildExport]) time.Time {
	return time.Now().Add(exportWait)
}

type accountWorker struct {
	river.WorkerDefaults[purgeAccount]
	work func(ctx context.Context, certificate string) (time.Duration, error)
	log  *zap.Logger
}

// Work runs one purge.
func (w *accountWorker) Work(ctx context.Context, job *river.Job[purgeAccount]) error {
	again, err := w.work(ctx, job.Args.Certificate)
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
