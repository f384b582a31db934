package timers

import (
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Queues: walks are long and must not keep live contexts waiting, and neither of them a person who asked. Upkeep would
// wait for good behind accounts that always have something to analyse.
const (
	queueLive   = river.QueueDefault
	queueAsked  = "asked"
	queueWalk   = "walk"
	queueUpkeep = "upkeep"
)

// Queues with the number of jobs that run at once in one process.
func Queues() map[string]river.QueueConfig {
	return map[string]river.QueueConfig{queueLive: {MaxWorkers: 2}, queueAsked: {MaxWorkers: 1}, queueWalk: {MaxWorkers: 1}, queueUpkeep: {MaxWorkers: 1}}
}

// maxAttempts keeps a failing job for about two days (River backs off by the
// fourth power of the attempt) before it is discarded and logged.
const maxAttempts = 20

// silenceArgs: a context is queued although nothing came in. Due is of an hour, so that a
// busy context has one of these an hour.
type silenceArgs struct {
	AccountID uuid.UUID `json:"account_id"`
	ContextID uuid.UUID `json:"context_id" river:"unique"`
	Due       int64     `json:"due" river:"unique"`  // Unix seconds
	Last      time.Time `json:"last" river:"unique"` // hour with signals
}

func (silenceArgs) Kind() string { return "look_for_silence" }

func (silenceArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 5, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type requestedArgs struct {
	AnalysisID  uuid.UUID  `json:"analysis_id" river:"unique"`
	AccountID   uuid.UUID  `json:"account_id"`
	ContextID   uuid.UUID  `json:"context_id"`
	RequestedBy string     `json:"requested_by"`
	AsOf        *time.Time `json:"as_of,omitempty"`
	DryRun      bool       `json:"dry_run,omitempty"`
}

func (requestedArgs) Kind() string { return "analyze_now" }

func (requestedArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, Queue: queueAsked, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type importArgs struct {
	ImportID  uuid.UUID `json:"import_id" river:"unique"`
	AccountID uuid.UUID `json:"account_id"`
	ProductID uuid.UUID `json:"product_id"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Sequence  uint64    `json:"sequence"` // of the SIGNALS stream: all of the import is at or before it
}

func (importArgs) Kind() string { return "walk_import" }

func (importArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type walkArgs struct {
	ImportID  uuid.UUID `json:"import_id" river:"unique"`
	ContextID uuid.UUID `json:"context_id" river:"unique"`
	AccountID uuid.UUID `json:"account_id"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
}

func (walkArgs) Kind() string { return "walk_context" }

func (walkArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, Queue: queueWalk, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type mergeArgs struct {
	AccountID uuid.UUID `json:"account_id"`
	Due       int64     `json:"due"` // Unix seconds
}

func (mergeArgs) Kind() string { return "merge_blocks" }

func (mergeArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 5, Queue: queueUpkeep, Priority: 2, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type keepHouseArgs struct{}

func (keepHouseArgs) Kind() string { return "keep_house" }

func (keepHouseArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 3, Queue: queueUpkeep}
}

type reconcileArgs struct{}

func (reconcileArgs) Kind() string { return "reconcile" }

func (reconcileArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 3, Queue: queueUpkeep}
}

// Periodic jobs of the service.
func Periodic() []*river.PeriodicJob {
	every := func(interval time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(interval),
			func() (river.JobArgs, *river.InsertOpts) { return args, nil },
			&river.PeriodicJobOpts{RunOnStart: true})
	}
	return []*river.PeriodicJob{every(6*time.Hour, keepHouseArgs{}), every(time.Hour, reconcileArgs{})}
}
