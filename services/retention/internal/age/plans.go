package age

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// accountPage is how many accounts are gone through together.
const accountPage = 500

// planned are the tables that hold an account's signals, or what was made of them alone. What people
// decide on lives as long as the account.
func planned() []string { return append(partitioned(), importedIDs) }

// partitioned are those of them whose rows lie in a partition for each month.
func partitioned() []string {
	return []string{"signal_blocks", "rollup_hourly", "rollup_dimension_hourly", "rollup_funnel_hourly", "session_samples"}
}

// AccountStore does the database's part for one account at a time.
type AccountStore interface {
	// Accounts lists up to n ids greater than after, in their order.
	Accounts(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error)
	// Months is for how long signals of the account are kept now: by its plan, or by a larger one that it had; 0 when the
	// account has gone.
	Months(ctx context.Context, account uuid.UUID, now time.Time) (int, error)
	// DeleteAccountRows removes up to limit of the account's rows of table that ended before a moment.
	DeleteAccountRows(ctx context.Context, account uuid.UUID, table string, before time.Time, limit int) (rows int64, err error)
	CountAccountRows(ctx context.Context, account uuid.UUID, table string, before time.Time) (rows int64, err error)
}

// purgePlans removes, or with DryRun counts, what accounts' plans keep for less time than the
// instance does, and of the others what is too old in partitions that are not yet. One account
// that fails keeps no other waiting.
func (k *Keeper) purgePlans(ctx context.Context, now time.Time, r *Report, fail func(error)) {
	after := uuid.Nil
	for {
		accounts, err := k.store.Accounts(ctx, after, accountPage)
		if err != nil {
			fail(err)
			return
		}
		for _, account := range accounts {
			if err := k.purgePlan(ctx, account, now, r); err != nil {
				fail(err)
			}
		}
		if len(accounts) < accountPage || ctx.Err() != nil {
			return
		}
		after = accounts[len(accounts)-1]
	}
}

func (k *Keeper) purgePlan(ctx context.Context, account uuid.UUID, now time.Time, r *Report) error {
	months, err := k.store.Months(ctx, account, now)
	if err != nil || months == 0 {
		return err
	}
	if months >= k.months {
		return k.purgeDays(ctx, account, r)
	}
	var total int64
	for _, table := range planned() {
		rows, err := k.purgeRows(ctx, account, table, addMonths(now, -months), r.DryRun)
		r.PlanRows[table] += rows
		total += rows
		if err != nil {
			return err
		}
	}
	if total > 0 {
		r.PlanAccounts++
	}
	return nil
}

// purgeDays removes what is older than the instance keeps it from the one partition that holds younger rows, too: it
// goes as a whole when all of it is too old, up to a month later.
func (k *Keeper) purgeDays(ctx context.Context, account uuid.UUID, r *Report) error {
	first := time.Date(r.SignalsBefore.Year(), r.SignalsBefore.Month(), 1, 0, 0, 0, 0, time.UTC)
	for _, table := range partitioned() {
		rows, err := k.purgeRows(ctx, account, table, r.SignalsBefore, r.DryRun)
		if err == nil && r.DryRun { // the partitions before it are counted already
			var whole int64
			whole, err = k.store.CountAccountRows(ctx, account, table, first)
			rows -= whole
		}
		if err != nil {
			return err
		}
		if rows > 0 {
			r.Rows[table] += rows
		}
	}
	return nil
}

func (k *Keeper) purgeRows(ctx context.Context, account uuid.UUID, table string, before time.Time, dryRun bool) (rows int64, err error) {
	if dryRun {
		return k.store.CountAccountRows(ctx, account, table, before)
	}
	return inBatches(func() (int64, error) { return k.store.DeleteAccountRows(ctx, account, table, before, batch) })
}
