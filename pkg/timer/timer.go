package timer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

const (
	// DefaultWorkers is how many jobs of a service run at once in one process.
	DefaultWorkers = 4

	// softStop is how long running jobs may finish after a stop; then their
	// context ends and they run again after the restart. With hardStop the whole
	// stays below the five seconds a clean stop may take.
	softStop = 2 * time.Second
	hardStop = 4 * time.Second

	// jobTimeout bounds one run of a job that sets no timeout of its own.
	jobTimeout = 5 * time.Minute
	// rescueAfter is when a job whose process died runs again.
	rescueAfter = 15 * time.Minute
	// keepCompleted is how long a finished job can be looked up; what it did is in the service's own tables.
	keepCompleted = time.Hour
)

// Options configure a service's timers.
type Options struct {
	// Service names the schema, river_<service>, and the log lines.
	Service string
	// DB is the service's own pool (its role owns the schema). Borrowed.
	DB  *pgxpool.Pool
	Log *zap.Logger
	// Workers handle the job kinds. Nil makes a client that only inserts.
	Workers *river.Workers
	// Periodic jobs are inserted by whichever instance is the leader.
	Periodic []*river.PeriodicJob
	// FetchEvery bounds how often a queue asks for jobs while there are any; 0 means River's 100 ms.
	FetchEvery time.Duration
	// JobTimeout bounds one run of a job that sets no timeout of its own, and RescueAfter is when a job
	// whose process died runs again, which must be later; 0 means 5 and 15 minutes.
	JobTimeout, RescueAfter time.Duration
	// Queues and their concurrency; nil means the default queue with 4 workers.
	Queues map[string]river.QueueConfig
}

// Timer inserts jobs, and runs them while Run does.
type Timer struct {
	client *river.Client[pgx.Tx]
	works  bool
	log    *zap.Logger
}

// New checks the options and prepares the client; nothing runs before Run.
func New(o Options) (*Timer, error) {
	schema, err := schemaName(o.Service)
	if err != nil {
		return nil, err
	}
	if o.DB == nil || o.Log == nil {
		return nil, errors.New("timers need a database pool and a logger")
	}
	log := o.Log.Named("timer")
	logger, err := riverLogger(log, schema)
	if err != nil {
		return nil, err
	}
	cfg := &river.Config{
		Schema:                      schema,
		Logger:                      logger,
		FetchCooldown:               o.FetchEvery,
		JobTimeout:                  cmp.Or(o.JobTimeout, jobTimeout),
		RescueStuckJobsAfter:        cmp.Or(o.RescueAfter, rescueAfter),
		SoftStopTimeout:             softStop,
		PeriodicJobs:                o.Periodic,
		CompletedJobRetentionPeriod: keepCompleted,
	}
	if o.Workers != nil {
		cfg.Workers = o.Workers
		cfg.Queues = o.Queues
		if cfg.Queues == nil {
			cfg.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: DefaultWorkers}}
		}
	}
	client, err := river.NewClient(riverpgxv5.New(o.DB), cfg)
	if err != nil {
		return nil, fmt.Errorf("preparing the timers of %s: %w", o.Service, err)
	}
	return &Timer{client: client, works: o.Workers != nil, log: log}, nil
}

// riverLogger passes on what River warns of; it also reports its job counts every few seconds, which
// are metrics and not facts.
func riverLogger(log *zap.Logger, schema string) (*slog.Logger, error) {
	core := log.Core().With([]zap.Field{zap.String("schema", schema)})
	if core.Enabled(zapcore.InfoLevel) {
		quiet, err := zapcore.NewIncreaseLevelCore(core, zapcore.WarnLevel)
		if err != nil {
			return nil, fmt.Errorf("quieting the timers' log: %w", err)
		}
		core = quiet
	}
	return slog.New(zapslog.NewHandler(core, zapslog.WithName("river"))), nil
}

// Client inserts jobs; use InsertTx so that a job exists exactly when the
// transaction that decided it commits.
func (t *Timer) Client() *river.Client[pgx.Tx] { return t.client }

// Run works jobs until ctx is done, then lets running ones finish for two seconds
// before it cancels them. It implements lifecycle.Service.
func (t *Timer) Run(ctx context.Context, ready func()) error {
	if !t.works {
		ready()
		<-ctx.Done()
		return nil
	}
	// River treats the end of Start's context as a stop; it is given one that
	// does not end so that the stop below is the only one.
	if err := t.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the timers: %w", err)
	}
	ready()
	select {
	case <-ctx.Done():
	case <-t.client.Stopped():
		return errors.New("the timers stopped by themselves")
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hardStop)
	defer cancel()
	if err := t.client.Stop(stopCtx); err != nil {
		// The jobs' contexts have ended and River runs them again later, so the
		// process may go on stopping.
		t.log.Warn("a job ignored the stop and was left behind", zap.Error(err))
	}
	return nil
}
