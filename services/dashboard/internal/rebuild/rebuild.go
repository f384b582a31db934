package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	page = 500
	// drainPoll is how often the outbox is asked whether everything has left.
	drainPoll = 50 * time.Millisecond
)

// Source is the database's side.
type Source interface {
	// Accounts lists up to n ids greater than after, in their order.
	Accounts(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error)
	// Publish puts every entry of an account into the outbox and names them.
	Publish(ctx context.Context, account uuid.UUID) ([]string, error)
	// Waiting counts what the outbox holds up to a position, and tells its newest position.
	Waiting(ctx context.Context, upTo int64) (n, newest int64, err error)
}

// Entry is one of the bucket's.
type Entry struct {
	Name     string
	Revision uint64
}

// Bucket is the broker's side.
type Bucket interface {
	// State tells the newest revision and whether the bucket is noted as complete.
	State(ctx context.Context) (newest uint64, complete bool, err error)
	// Complete notes in the bucket itself, so that both are lost together, that every account's
	// entries have been written to it.
	Complete(ctx context.Context) error
	// Entries lists what the bucket holds beside that note.
	Entries(ctx context.Context) ([]Entry, error)
	// Remove deletes e unless it was changed since; removed tells which.
	Remove(ctx context.Context, e Entry) (removed bool, err error)
}

// Report says what a rebuild did.
type Report struct {
	Accounts int `json:"accounts"`
	Written  int `json:"written"`
	Removed  int `json:"removed"`
}

// Run writes every entry and removes what should not be there. The outbox's relay must be running,
// here or elsewhere. It may run at any time, also twice at once.
func Run(ctx context.Context, from Source, to Bucket) (Report, error) {
	var r Report
	// Before the database is read: an entry that is younger than this belongs to a change that may
	// be younger than what will be read.
	before, _, err := to.State(ctx)
	if err != nil {
		return r, err
	}
	wanted := map[string]struct{}{}
	after := uuid.Nil
	for {
		accounts, err := from.Accounts(ctx, after, page)
		if err != nil {
			return r, err
		}
		for _, account := range accounts {
			names, err := from.Publish(ctx, account)
			if err != nil {
				return r, err
			}
			for _, name := range names {
				wanted[name] = struct{}{}
			}
			r.Accounts++
			r.Written += len(names)
			after = account
		}
		if len(accounts) < page {
			break
		}
	}
	if r.Removed, err = prune(ctx, to, wanted, before); err != nil {
		return r, err
	}
	if err := drain(ctx, from); err != nil {
		return r, err
	}
	if r.Accounts == 0 {
		return r, nil // what is restored into an empty database later has not been written
	}
	return r, to.Complete(ctx)
}

// prune removes the entries up to a revision that nothing in the database stands for.
func prune(ctx context.Context, in Bucket, wanted map[string]struct{}, before uint64) (removed int, err error) {
	entries, err := in.Entries(ctx)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if _, ok := wanted[e.Name]; ok || e.Revision > before {
			continue
		}
		gone, err := in.Remove(ctx, e)
		if err != nil {
			return removed, err
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

// drain waits until everything that is in the outbox now has been published.
func drain(ctx context.Context, from Source) error {
	_, newest, err := from.Waiting(ctx, 0)
	if err != nil {
		return err
	}
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		n, _, err := from.Waiting(ctx, newest)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d catalogue entries to be published: %w", n, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// IfNeeded runs when nothing notes that the bucket is complete: it has lost its entries, a rebuild
// was interrupted, or the bucket is of an earlier release. That there are entries says nothing: the
// outbox may have published a few since the loss. For an empty database nothing is done.
func IfNeeded(ctx context.Context, from Source, to Bucket) (r Report, needed bool, err error) {
	_, complete, err := to.State(ctx)
	if err != nil || complete {
		return r, false, err
	}
	first, err := from.Accounts(ctx, uuid.Nil, 1)
	if err != nil || len(first) == 0 {
		return r, false, err
	}
	r, err = Run(ctx, from, to)
	return r, true, err
}
