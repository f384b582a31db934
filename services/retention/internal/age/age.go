package age

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// LongestMonths is policy: signals live at most this long.
	LongestMonths = 24

	idsKeep        = 10 * 24 * time.Hour // ids that dedupe retries; the analyzer files and looks up none that is older
	aheadMonths    = 2                   // partitions that exist before they are needed
	behindMonths   = 1
	batch          = 5000
	maxBatchesARun = 200 // a million rows; the rest is for the next run
)

// Partition is a part of a table that holds one month, or one day of ids.
type Partition struct {
	Table string    `json:"table"`
	Name  string    `json:"name"`
	Until time.Time `json:"until"`
	Rows  int64     `json:"estimated_rows"`
	Bytes int64     `json:"bytes"`
}

// Report is what a run removed.
type Report struct {
	Version       int              `json:"version"` // 1
	SignalsBefore time.Time        `json:"signals_before"`
	IDsBefore     time.Time        `json:"ids_before"`
	Partitions    []Partition      `json:"partitions"`
	Rows          map[string]int64 `json:"rows"`
	// What plans keep for less time than the instance does, and of how many accounts that was.
	PlanAccounts int              `json:"plan_accounts"`
	PlanRows     map[string]int64 `json:"plan_rows"`
	DryRun       bool             `json:"dry_run,omitempty"` // nothing was removed
	Errors       []string         `json:"errors,omitempty"`
}

// Saved is a report that is kept.
type Saved struct {
	At     time.Time `json:"at"`
	Report Report    `json:"report"`
}

// Store does the database's part.
type Store interface {
	AccountStore
	EnsurePartitions(ctx context.Context, from, to time.Time) (created int, err error)
	// OldPartitions are those that end at or before a bound.
	OldPartitions(ctx context.Context, signalsBefore, idsBefore time.Time) ([]Partition, error)
	DropPartition(ctx context.Context, name string) (dropped bool, err error)
	// DeleteRows removes up to limit rows of table older than before.
	DeleteRows(ctx context.Context, table string, before time.Time, limit int) (rows int64, err error)
	CountRows(ctx context.Context, table string, before time.Time) (rows int64, err error)
	SaveReport(ctx context.Context, at time.Time, r Report) error
}

// Keeper makes room ahead and removes what is too old.
type Keeper struct {
	store  Store
	months int
	now    func() time.Time
}

// NewKeeper keeps signals for months, at most LongestMonths.
func NewKeeper(store Store, months int, now func() time.Time) (*Keeper, error) {
	if months < 1 || months > LongestMonths {
		return nil, fmt.Errorf("signals can be kept from 1 to %d months, not %d", LongestMonths, months)
	}
	return &Keeper{store: store, months: months, now: now}, nil
}

// Ensure makes the partitions that will be needed soon.
func (k *Keeper) Ensure(ctx context.Context) (created int, err error) {
	now := k.now().UTC()
	return k.store.EnsurePartitions(ctx, addMonths(now, -behindMonths), addMonths(now, aheadMonths))
}

// Purge removes what is too old and leaves a report, also of what it could not remove.
func (k *Keeper) Purge(ctx context.Context) (Report, error) {
	r, err := k.run(ctx, false)
	return r, errors.Join(err, k.store.SaveReport(ctx, k.now().UTC(), r))
}

// Preview says what Purge would remove, and removes nothing.
func (k *Keeper) Preview(ctx context.Context) (Report, error) { return k.run(ctx, true) }

func (k *Keeper) run(ctx context.Context, dryRun bool) (Report, error) {
	now := k.now().UTC()
	r := Report{
		Version: 1, SignalsBefore: addMonths(now, -k.months), IDsBefore: now.Add(-idsKeep), Partitions: []Partition{}, Rows: map[string]int64{},
		PlanRows: map[string]int64{}, DryRun: dryRun,
	}
	var failed error
	fail := func(err error) {
		failed = errors.Join(failed, err)
		r.Errors = append(r.Errors, err.Error())
	}
	old, err := k.store.OldPartitions(ctx, r.SignalsBefore, r.IDsBefore)
	if err != nil {
		fail(err)
	}
	for _, p := range old {
		if dryRun {
			r.Partitions = append(r.Partitions, p)
			continue
		}
		switch dropped, err := k.store.DropPartition(ctx, p.Name); {
		case err != nil:
			fail(err) // in use at this moment; the others can still go
		case dropped:
			r.Partitions = append(r.Partitions, p)
		}
	}
	for _, rows := range agedRows() {
		table, before := rows.table, now.Add(-rows.keep)
		count := func() (int64, error) { return k.store.CountRows(ctx, table, before) }
		if !dryRun {
			count = func() (int64, error) {
				return inBatches(func() (int64, error) { return k.store.DeleteRows(ctx, table, before, batch) })
			}
		}
		n, err := count()
		if r.Rows[table] = n; err != nil {
			fail(err)
		}
	}
	k.purgePlans(ctx, now, &r, fail)
	return r, failed
}

// inBatches removes rows until there are no more, or as many as one run may remove are gone.
func inBatches(remove func() (int64, error)) (total int64, err error) {
	for range maxBatchesARun {
		rows, err := remove()
		total += rows
		if err != nil || rows < batch {
			return total, err
		}
	}
	return total, nil
}
