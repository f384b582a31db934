package postgres

import (
	"context"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/entitlement"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// An account's plan and limits are columns of its row: what is in force, beside what sign-up or
// billing said and what the operator said. One function changes them (regrant), so that the row, the
// gateway's entry and the audit log always agree.

// SetPlan gives the account a plan, as sign-up or billing says. A plan that the operator has given
// it stays in force; this one follows when that is taken back.
func (s *Store) SetPlan(ctx context.Context, tx pgx.Tx, q *db.Queries, account uuid.UUID, p plan.Plan, a actor.Actor, at time.Time) error {
	_, err := s.regrant(ctx, tx, q, account, change{actor: a, at: at, action: "account.plan_changed"}, func(row *db.Account) { row.AssignedPlan = p.Name })
	return err
}

// regrant edits what an account was given, and puts in force what follows. c says who did it.
func (s *Store) regrant(ctx context.Context, tx pgx.Tx, q *db.Queries, account uuid.UUID, c change, edit func(*db.Account)) (changed bool, err error) {
	before, err := q.LockAccount(ctx, account)
	if err != nil {
		return false, found(err)
	}
	// What retention has taken out of the catalogue must not come back.
	if gone, err := q.PurgeBegun(ctx, account); err != nil || gone {
		return false, err
	}
	after := before
	edit(&after)
	keepDays, _, err := putInForce(ctx, q, before, &after)
	if err != nil {
		return false, err
	}
	if reflect.DeepEqual(before, after) {
		return false, nil
	}
	keep(before, &after, keepDays, c.at)
	if err := q.SetAccountTerms(ctx, termsOf(after)); err != nil {
		return false, err
	}
	if err := s.publishAccount(ctx, tx, after); err != nil {
		return false, err
	}
	c.subject, c.id = "account", account
	c.detail = map[string]any{
		"plan": after.Plan, "operator_plan": after.OperatorPlan, "operator_signal_limit": after.OperatorSignalLimit, "operator_analyses_limit": after.OperatorAnalysesLimit,
		"monthly_signal_limit": after.MonthlySignalLimit, "analyses_per_day": after.AnalysesPerDay, "products": after.ProductLimit, "contexts": after.ContextLimit,
		"webhook_endpoints": after.EndpointLimit, "retention_months": after.RetentionMonths,
	}
	if after.KeptMonths != nil {
		c.detail["kept_months"], c.detail["kept_until"] = *after.KeptMonths, after.KeptUntil.UTC()
	}
	return true, audit(ctx, q, c)
}

// putInForce works out what is in force after an edit, and for how many days signals stay that the plan then keeps no
// more. Of a plan that is in the book no more, which is lost, the limits stay as they are.
func putInForce(ctx context.Context, q *db.Queries, before db.Account, after *db.Account) (keepDays int, lost bool, err error) {
	after.Plan = after.AssignedPlan
	if after.OperatorPlan != nil {
		after.Plan = *after.OperatorPlan
	}
	t, err := termsByName(ctx, q, after.Plan)
	switch {
	case fault.Is(err, fault.NotFound) && after.Plan == before.Plan:
		if before.OperatorSignalLimit != nil && after.OperatorSignalLimit == nil || before.OperatorAnalysesLimit != nil && after.OperatorAnalysesLimit == nil {
			return 0, false, fault.Newf(fault.Conflict, "conflict", "The account's plan %q is among the plans no more: nobody knows its limits. Give the account another plan first.", after.Plan)
		}
		t.Limits, lost = limitsOf(before), true
	case err != nil:
		return 0, false, err
	}
	limits := overridesOf(*after).Over(t.Limits)
	after.MonthlySignalLimit = limits.SignalsPerMonth
	after.MonthlySignalGrace = plan.Grace(limits.SignalsPerMonth, t.GracePercent)
	after.ProductLimit = int32(limits.Products)
	after.ContextLimit = int32(limits.Contexts)
	after.AnalysesPerDay = int32(limits.AnalysesPerDay)
	after.EndpointLimit = int32(limits.WebhookEndpoints)
	after.RetentionMonths = int32(limits.Retention())
	return t.KeepDays, lost, nil
}

func termsByName(ctx context.Context, q *db.Queries, name string) (plan.Terms, error) {
	row, err := q.PlanByName(ctx, name)
	if isAbsent(err) {
		return plan.Terms{}, fault.Newf(fault.NotFound, "not_found", "There is no plan %q.", name)
	}
	return toTerms(row), err
}

func toTerms(row db.Plan) plan.Terms {
	return plan.Terms{
		Plan: plan.Plan{Name: row.Name, Title: row.Title, Limits: plan.Limits{
			SignalsPerMonth: row.SignalsPerMonth, Products: int(row.Products), Contexts: int(row.Contexts), AnalysesPerDay: int(row.AnalysesPerDay),
			RetentionMonths: int(row.RetentionMonths), WebhookEndpoints: int(row.WebhookEndpoints),
		}},
		Margins: plan.Margins{GracePercent: int(row.GracePercent), KeepDays: int(row.KeepDays)},
	}
}

// limitsOf are the limits in force.
func limitsOf(row db.Account) plan.Limits {
	return plan.Limits{
		SignalsPerMonth: row.MonthlySignalLimit, Products: int(row.ProductLimit), Contexts: int(row.ContextLimit), AnalysesPerDay: int(row.AnalysesPerDay),
		RetentionMonths: int(row.RetentionMonths), WebhookEndpoints: int(row.EndpointLimit),
	}
}

// overridesOf are the operator's own limits.
func overridesOf(row db.Account) plan.Overrides {
	o := plan.Overrides{SignalsPerMonth: row.OperatorSignalLimit}
	if row.OperatorAnalysesLimit != nil {
		n := int(*row.OperatorAnalysesLimit)
		o.AnalysesPerDay = &n
	}
	return o
}

func termsOf(row db.Account) db.SetAccountTermsParams {
	return db.SetAccountTermsParams{
		ID: row.ID, Plan: row.Plan, AssignedPlan: row.AssignedPlan, OperatorPlan: row.OperatorPlan, OperatorSignalLimit: row.OperatorSignalLimit,
		OperatorAnalysesLimit: row.OperatorAnalysesLimit, MonthlySignalLimit: row.MonthlySignalLimit, MonthlySignalGrace: row.MonthlySignalGrace,
		ProductLimit: row.ProductLimit, ContextLimit: row.ContextLimit, AnalysesPerDay: row.AnalysesPerDay, EndpointLimit: row.EndpointLimit,
		RetentionMonths: row.RetentionMonths, KeptMonths: row.KeptMonths, KeptUntil: row.KeptUntil,
	}
}

// keptOf is what stays for a while of a larger plan.
func keptOf(row db.Account) plan.Kept {
	if row.KeptMonths == nil {
		return plan.Kept{}
	}
	return plan.Kept{Months: int(*row.KeptMonths), Until: row.KeptUntil.UTC()}
}

// keep notes what stays of the signals that the account's plan keeps no more.
func keep(before db.Account, after *db.Account, days int, at time.Time) {
	kept := keptOf(before).Then(int(before.RetentionMonths), int(after.RetentionMonths), days, at)
	after.KeptMonths, after.KeptUntil = nil, nil
	if kept.Months > 0 {
		months := int32(kept.Months)
		after.KeptMonths, after.KeptUntil = &months, &kept.Until
	}
}

// Entitlements is the entitlement.Store.
type Entitlements struct{ *Store }

var _ entitlement.Store = Entitlements{}

// Keep writes the book down.
func (s Entitlements) Keep(ctx context.Context, book plan.Book, margins plan.Margins) error {
	err := pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockPlans(ctx); err != nil {
			return err
		}
		var names []string
		for i, p := range book.Plans() {
			names = append(names, p.Name)
			err := q.UpsertPlan(ctx, db.UpsertPlanParams{
				Name: p.Name, Title: p.Title, Position: int32(i), SignalsPerMonth: p.Limits.SignalsPerMonth, Products: int32(p.Limits.Products),
				Contexts: int32(p.Limits.Contexts), AnalysesPerDay: int32(p.Limits.AnalysesPerDay), RetentionMonths: int32(p.Limits.RetentionMonths),
				WebhookEndpoints: int32(p.Limits.WebhookEndpoints), GracePercent: int32(margins.GracePercent),
				KeepDays: int32(margins.KeepDays),
			})
			if err != nil {
				return err
			}
		}
		return q.ForgetOtherPlans(ctx, names)
	})
	return wrap(err, "keeping the plans")
}

// Plans lists the plans in force.
func (s Entitlements) Plans(ctx context.Context) ([]plan.Terms, error) {
	rows, err := db.New(s.db).Plans(ctx)
	return mapped(rows, toTerms), wrap(err, "reading the plans")
}

// Outdated tells which of the accounts have other limits than their plan gives them, and how many
// have a plan that is in the book no more.
func (s Entitlements) Outdated(ctx context.Context, accounts []uuid.UUID) (outdated []uuid.UUID, lost int, err error) {
	err = pg.InTx(ctx, s.db, func(tx pgx.Tx) error {
		outdated, lost = nil, 0
		q := db.New(tx)
		for _, id := range accounts {
			if err := tenant.Enter(ctx, tx, id); err != nil {
				return err
			}
			row, err := q.PlainAccount(ctx, id)
			if isAbsent(err) {
				continue // deleted meanwhile
			}
			if err != nil {
				return err
			}
			after := row
			_, gone, err := putInForce(ctx, q, row, &after)
			if err != nil {
				return err
			}
			if gone {
				lost++
			}
			if !reflect.DeepEqual(row, after) {
				outdated = append(outdated, id)
			}
		}
		return nil
	})
	return outdated, lost, wrap(err, "comparing accounts with their plans")
}

// Renew puts in force what the account's plan gives it now.
func (s Entitlements) Renew(ctx context.Context, account uuid.UUID, at time.Time) error {
	err := s.in(ctx, account, func(tx pgx.Tx, q *db.Queries) error {
		_, err := s.regrant(ctx, tx, q, account, change{actor: actor.Service(account), at: at, action: "account.plan_changed"}, func(*db.Account) {})
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil // deleted meanwhile
	}
	return wrap(err, "renewing the account's limits")
}

// Override changes what the operator says of the one account with this e-mail address.
func (s Entitlements) Override(ctx context.Context, email string, at time.Time, edit func(*entitlement.Operator)) (entitlement.Grant, error) {
	id, err := s.AccountByEmail(ctx, email)
	if err != nil {
		return entitlement.Grant{}, err
	}
	var out entitlement.Grant
	err = s.in(ctx, id, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.LockAccount(ctx, id)
		if err != nil {
			return found(err)
		}
		o := entitlement.Operator{Plan: row.OperatorPlan, Overrides: overridesOf(row)}
		edit(&o)
		if err := o.Check(); err != nil {
			return err
		}
		_, err = s.regrant(ctx, tx, q, id, change{actor: actor.Operator(id), at: at, action: "account.limited"}, func(row *db.Account) {
			row.OperatorPlan, row.OperatorSignalLimit, row.OperatorAnalysesLimit = o.Plan, o.SignalsPerMonth, nil
			if o.AnalysesPerDay != nil {
				n := int32(*o.AnalysesPerDay)
				row.OperatorAnalysesLimit = &n
			}
		})
		if err != nil {
			return err
		}
		out, err = grantOf(ctx, q, id)
		return err
	})
	return out, wrap(err, "limiting the account")
}

// Grant reads what the one account with this e-mail address was given.
func (s Entitlements) Grant(ctx context.Context, email string) (entitlement.Grant, error) {
	id, err := s.AccountByEmail(ctx, email)
	if err != nil {
		return entitlement.Grant{}, err
	}
	var out entitlement.Grant
	err = s.in(ctx, id, func(_ pgx.Tx, q *db.Queries) error {
		out, err = grantOf(ctx, q, id)
		return err
	})
	return out, wrap(err, "reading the account's limits")
}

func grantOf(ctx context.Context, q *db.Queries, id uuid.UUID) (entitlement.Grant, error) {
	row, err := q.PlainAccount(ctx, id)
	if err != nil {
		return entitlement.Grant{}, found(err)
	}
	return entitlement.Grant{
		Account: id, Plan: row.Plan, Assigned: row.AssignedPlan, Limits: limitsOf(row), SignalGrace: row.MonthlySignalGrace, Kept: keptOf(row),
		Operator: entitlement.Operator{Plan: row.OperatorPlan, Overrides: overridesOf(row)},
	}, nil
}
