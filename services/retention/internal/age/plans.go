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
func planned() []string {
	return []string{"signal_blocks", "rollup_hourly", "rollup_dimension_hourly", "rollup_funnel_hourly", "session_samples", importedIDs}
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
// instance does. One account that fails keeps no other waiting.
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
	if err != nil || months == 0 || months >= k.months {
		return err
	}
	before := addMonths(now, -months)
	var total int64
	for _, table := range planned() {
		var rows int64
		if r.DryRun {
			rows, err = k.store.CountAccountRows(ctx, account, table, before)
		} else {
			rows, err = inBatches(func() (int64, error) { return k.store.DeleteAccountRows(ctx, account, table, before, batch) })
		}
		r.PlanRows[table] += rows
		total += rows
		if err != nil {
			break
		}
	}
	if total > 0 {
		r.PlanAccounts++
	}
	return err
}
