package export

import (
	"context"
	"time"

	"github.com/google/uuid"
)

const (
	// fileBytes is when a file is full. A row, or a block of signals, may lie beyond: files stay
	// below some 9 MiB.
	fileBytes = 6 << 20
	// turn is how long a builder works on one export before others have theirs.
	turn = 20 * time.Second
	// maxFailures in a row before an export is given up.
	maxFailures = 8
	// longestRest between two steps.
	longestRest = 2 * time.Second
	// Abandoned is a build that nobody has touched for this long: its builder is gone.
	Abandoned = 30 * time.Second
)

// Store does the database's part.
//
// Rows are ordered by their key and read from the last one on, so a table may change meanwhile: a row
// that is there all the time is exported once. Signals lie in blocks of many, which the analyzer
// merges for a day after they were written. So those of blocks that were written two days before the
// plan, or earlier, are read block by block, and those of later ones by their own time and id, whatever
// block they are in by then.
type Store interface {
	// Step runs work on a build and saves what it adds, in one transaction. A nil step saves nothing.
	Step(ctx context.Context, account, id uuid.UUID, now time.Time, work func(context.Context, Build, Reader) (*Step, error)) (State, error)
	// Fail ends a build and frees its room.
	Fail(ctx context.Context, account, id uuid.UUID, why Failure, now time.Time) error
	// Failed notes that a step failed, and tells how often in a row.
	Failed(ctx context.Context, account, id uuid.UUID, now time.Time) (failures int, err error)
}

// Builder makes archives.
type Builder struct {
	store    Store
	maxBytes int64
	rest     float64
	now      func() time.Time
}

// Options of a Builder.
type Options struct {
	MaxBytes int64 // of an archive
	// Rest is how long a builder rests after a step, in parts of the step's own time: with 1 it works
	// half the time.
	Rest float64
	Now  func() time.Time
}

// NewBuilder returns a Builder.
func NewBuilder(store Store, o Options) *Builder {
	return &Builder{store: store, maxBytes: o.MaxBytes, rest: o.Rest, now: o.Now}
}

// Run works on an export for one turn; again asks for another.
func (b *Builder) Run(ctx context.Context, account, id uuid.UUID) (again bool, err error) {
	end := time.Now().Add(turn)
	steps := newStepper()
	for {
		began := time.Now()
		state, err := b.store.Step(ctx, account, id, b.now(), steps.step)
		switch {
		case err != nil && ctx.Err() != nil:
			return true, nil // told to stop: the last step stands
		case err != nil:
			return false, b.failed(ctx, account, id, err)
		case state != Working:
			return false, nil
		}
		if steps.bytes > b.maxBytes {
			return false, b.store.Fail(ctx, account, id, TooLarge, b.now())
		}
		if steps.finished {
			return false, nil
		}
		if time.Now().After(end) {
			return true, nil
		}
		if !wait(ctx, min(longestRest, time.Duration(b.rest*float64(time.Since(began))))) {
			return true, nil
		}
	}
}

func (b *Builder) failed(ctx context.Context, account, id uuid.UUID, cause error) error {
	failures, err := b.store.Failed(ctx, account, id, b.now())
	if err != nil || failures < maxFailures {
		return cause // the timer tries again
	}
	if err := b.store.Fail(ctx, account, id, Internal, b.now()); err != nil {
		return err
	}
	return cause
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
