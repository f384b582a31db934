package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// billingEventsKept is for how long it is known that an event had its effect; Stripe sends one again for three days.
const billingEventsKept = 30 * 24 * time.Hour

// Billing is the billing.Store. Locks are taken in one order: the account's row, then that of its billing.
type Billing struct {
	*Store
	Letters Letters
}

var _ billing.Store = Billing{}

// TakeTurn counts and returns the account's standing.
func (s Billing) TakeTurn(ctx context.Context, account uuid.UUID) (billing.Standing, error) {
	var out billing.Standing
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) error {
		if err := q.TakeBillingTurn(ctx, account); err != nil {
			return err
		}
		row, err := q.BillingStanding(ctx, account)
		out = toStanding(row)
		return found(err)
	})
	return out, wrap(err, "taking a turn at an account's billing")
}

// Standing reads it without a turn.
func (s Billing) Standing(ctx context.Context, account uuid.UUID) (billing.Standing, error) {
	var out billing.Standing
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.BillingStanding(ctx, account)
		if isAbsent(err) {
			return nil
		}
		out = toStanding(row)
		return err
	})
	return out, wrap(err, "reading an account's billing")
}

func toStanding(row db.BillingStandingRow) billing.Standing {
	b := row.BillingAccount
	out := billing.Standing{
		Turn: b.Turn, Customer: text(b.CustomerID), CustomerNo: int(b.CustomerNo), Email: row.Email,
		PastDueSince: b.PastDueSince, SettledAt: b.SettledAt, Subscription: toSubscription(b),
	}
	if row.ClosedAt != nil && row.DeletionID != nil {
		out.Deletion = *row.DeletionID
	}
	return out
}

func toSubscription(b db.BillingAccount) *billing.Subscription {
	if b.SubscriptionID == nil {
		return nil
	}
	out := &billing.Subscription{
		ID: *b.SubscriptionID, Status: billing.Status(text(b.Status)), Price: text(b.PriceID), EndsWithPeriod: b.EndsWithPeriod, TrialEnd: b.TrialEndsAt,
	}
	if b.StartedAt != nil {
		out.StartedAt = *b.StartedAt
	}
	if b.PeriodEndsAt != nil {
		out.PeriodEnd = *b.PeriodEndsAt
	}
	return out
}

// Known tells whether an event had its effect.
func (s Billing) Known(ctx context.Context, account uuid.UUID, event string) (bool, error) {
	var known bool
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) (err error) {
		known, err = q.BillingEventKnown(ctx, event)
		return err
	})
	return known, wrap(err, "looking for a billing event")
}

// Write keeps what was read under a turn.
func (s Billing) Write(ctx context.Context, account uuid.UUID, turn int64, r billing.Reading) (w billing.Written, ok bool, err error) {
	err = s.in(ctx, account, func(tx pgx.Tx, q *db.Queries) error {
		w, ok = billing.Written{}, false
		owner, err := q.LockAccount(ctx, account)
		if isAbsent(err) {
			return nil // purged meanwhile: the next turn finds nothing
		}
		if err != nil {
			return err
		}
		before, err := q.LockBilling(ctx, account)
		if isAbsent(err) || (err == nil && before.Turn != turn) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		if fresh, err := s.claim(ctx, q, account, r); err != nil || !fresh {
			w.Repeated = !fresh
			return err
		}
		w, err = s.write(ctx, tx, q, owner, before, r)
		return err
	})
	return w, ok, wrap(err, "keeping what Stripe said")
}

// claim notes the event; false when it had its effect before.
func (s Billing) claim(ctx context.Context, q *db.Queries, account uuid.UUID, r billing.Reading) (bool, error) {
	if r.Event == nil {
		return true, nil
	}
	if err := q.ForgetBillingEvents(ctx, r.At.Add(-billingEventsKept)); err != nil {
		return false, err
	}
	n, err := q.InsertBillingEvent(ctx, db.InsertBillingEventParams{AccountID: account, EventID: r.Event.ID, Type: r.Event.Type, ReceivedAt: r.At})
	return n > 0, err
}

func (s Billing) write(ctx context.Context, tx pgx.Tx, q *db.Queries, owner db.Account, before db.BillingAccount, r billing.Reading) (billing.Written, error) {
	row := db.WriteBillingParams{AccountID: owner.ID, Gone: r.Gone, PastDueSince: r.PastDueSince, At: r.At, SettleAt: r.Next}
	if sub := r.Subscription; sub != nil {
		status := string(sub.Status)
		row.SubscriptionID, row.Status, row.PriceID, row.StartedAt = &sub.ID, &status, &sub.Price, &sub.StartedAt
		row.PeriodEndsAt, row.EndsWithPeriod, row.TrialEndsAt = &sub.PeriodEnd, sub.EndsWithPeriod, sub.TrialEnd
	}
	if err := q.WriteBilling(ctx, row); err != nil {
		return billing.Written{}, err
	}
	a := actor.Billing(owner.ID)
	w := billing.Written{Changed: differs(before, row), From: owner.AssignedPlan, To: owner.AssignedPlan}
	if w.Changed {
		err := audit(ctx, q, change{actor: a, at: r.At, action: "billing.subscription_changed", subject: "account", id: owner.ID, detail: map[string]any{
			"cause": r.Cause, "status_before": text(before.Status), "status": text(row.Status), "price": text(row.PriceID), "ends_with_period": row.EndsWithPeriod,
		}})
		if err != nil {
			return w, err
		}
	}
	next, change := r.Plan(owner.AssignedPlan)
	if !change {
		return w, nil
	}
	w.To = next.Name
	if err := s.SetPlan(ctx, tx, q, owner.ID, next, a, r.At); err != nil {
		return w, err
	}
	return w, s.tellOfShrinking(ctx, tx, q, owner)
}

// tellOfShrinking has the owner told when what the plan keeps is less than it was.
func (s Billing) tellOfShrinking(ctx context.Context, tx pgx.Tx, q *db.Queries, before db.Account) error {
	after, err := q.PlainAccount(ctx, before.ID)
	if err != nil {
		return err
	}
	kept := keptOf(after)
	if kept.Months == 0 || kept == keptOf(before) {
		return nil
	}
	return s.Letters.MailShrunk(ctx, tx, usage.Shrunk{Account: before.ID, Until: kept.Until})
}

// differs tells whether people would see another subscription than before.
func differs(before db.BillingAccount, after db.WriteBillingParams) bool {
	return text(before.SubscriptionID) != text(after.SubscriptionID) || text(before.Status) != text(after.Status) || text(before.PriceID) != text(after.PriceID) ||
		before.EndsWithPeriod != after.EndsWithPeriod || (before.CustomerID != nil && after.Gone)
}

// KeepCustomer keeps a customer unless the account has one by now.
func (s Billing) KeepCustomer(ctx context.Context, a actor.Actor, customer string, no int, at time.Time) (string, error) {
	kept := customer
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		owner, err := q.LockAccount(ctx, a.Account)
		if isAbsent(err) || (err == nil && owner.ClosedAt != nil) {
			return billing.ErrClosedMeanwhile
		}
		if err != nil {
			return err
		}
		if err := q.InsertBilling(ctx, db.InsertBillingParams{AccountID: a.Account, At: at}); err != nil {
			return err
		}
		row, err := q.LockBilling(ctx, a.Account)
		if err != nil {
			return err
		}
		if row.CustomerID != nil {
			kept = *row.CustomerID
			return nil
		}
		if err := q.SetBillingCustomer(ctx, db.SetBillingCustomerParams{AccountID: a.Account, CustomerID: &customer, CustomerNo: int32(no)}); err != nil {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: "billing.customer_created", subject: "account", id: a.Account})
	})
	return kept, wrap(err, "keeping a customer")
}

// Audit notes that a person was sent to Stripe.
func (s Billing) Audit(ctx context.Context, a actor.Actor, action string, detail map[string]any, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		return audit(ctx, q, change{actor: a, at: at, action: action, subject: "account", id: a.Account, detail: detail})
	})
	return wrap(err, "noting a visit to Stripe")
}

// ByCustomer finds the account of a customer before any is known.
func (s Billing) ByCustomer(ctx context.Context, customer string) (uuid.UUID, error) {
	var account uuid.UUID
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{Customer: customer}, func(tx pgx.Tx) (err error) {
		account, err = db.New(tx).BillingByCustomer(ctx, customer)
		return found(err)
	})
	return account, wrap(err, "finding a customer's account")
}

// Due lists accounts that are to be settled.
func (s Billing) Due(ctx context.Context, at time.Time, n int) ([]uuid.UUID, error) {
	var accounts []uuid.UUID
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{BillingDue: at}, func(tx pgx.Tx) (err error) {
		accounts, err = db.New(tx).BillingDue(ctx, db.BillingDueParams{At: at, RowLimit: int32(n)})
		return err
	})
	return accounts, wrap(err, "listing accounts to compare with Stripe")
}

// Postpone lets an account wait.
func (s Billing) Postpone(ctx context.Context, account uuid.UUID, until time.Time) error {
	return wrap(s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) error { return settleAt(ctx, q, account, until) }), "postponing an account's billing")
}

// settleAt has Stripe asked about the account by then.
func settleAt(ctx context.Context, q *db.Queries, account uuid.UUID, at time.Time) error {
	return q.SettleBillingAt(ctx, db.SettleBillingAtParams{AccountID: account, SettleAt: at})
}

// bidFarewell notes, with the deletion of an account, which customer is to be deleted at Stripe when it cannot be
// cancelled any more: by then the account's own rows may be gone. Until then its subscription is made to end.
func bidFarewell(ctx context.Context, q *db.Queries, account, deletion uuid.UUID, at, due time.Time) error {
	row, err := q.LockBilling(ctx, account)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && row.CustomerID == nil) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := q.InsertFarewell(ctx, db.InsertFarewellParams{DeletionID: deletion, CustomerID: *row.CustomerID, DueAt: due}); err != nil {
		return err
	}
	return settleAt(ctx, q, account, at)
}

// takeFarewellBack undoes it.
func takeFarewellBack(ctx context.Context, q *db.Queries, account, deletion uuid.UUID, at time.Time) error {
	if err := q.TakeFarewellsBack(ctx, deletion); err != nil {
		return err
	}
	return settleAt(ctx, q, account, at)
}

// Farewells lists customers to delete at Stripe.
func (s Billing) Farewells(ctx context.Context, at time.Time, deletion uuid.UUID, n int) ([]billing.Farewell, error) {
	var out []billing.Farewell
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		out = out[:0]
		q := db.New(tx)
		if deletion != uuid.Nil {
			rows, err := q.FarewellsOf(ctx, deletion)
			for _, row := range rows {
				out = append(out, billing.Farewell{Deletion: row.DeletionID, Customer: row.CustomerID})
			}
			return err
		}
		rows, err := q.FarewellsDue(ctx, db.FarewellsDueParams{At: at, RowLimit: int32(n)})
		for _, row := range rows {
			out = append(out, billing.Farewell{Deletion: row.DeletionID, Customer: row.CustomerID})
		}
		return err
	})
	return out, wrap(err, "listing customers to delete at Stripe")
}

// Said forgets a customer that Stripe has deleted.
func (s Billing) Said(ctx context.Context, f billing.Farewell) error {
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		return db.New(tx).DeleteFarewell(ctx, db.DeleteFarewellParams{DeletionID: f.Deletion, CustomerID: f.Customer})
	})
	return wrap(err, "forgetting a customer")
}
