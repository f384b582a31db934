package entitlement

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"
)

// page is how many accounts are looked at together.
const page = 200

// Operator is what the operator says of one account; nil leaves it to the plan, or to billing.
type Operator struct {
	Plan *string
	plan.Overrides
}

// Check refuses what cannot be a limit.
func (o Operator) Check() error {
	negative := o.SignalsPerMonth != nil && *o.SignalsPerMonth < 0 || o.AnalysesPerDay != nil && *o.AnalysesPerDay < 0
	if negative {
		return fault.New(fault.Invalid, "invalid_request", "A limit cannot be negative; 0 means unlimited.")
	}
	return nil
}

// Grant is what an account was given, and what follows from it.
type Grant struct {
	Account     uuid.UUID
	Plan        string // in force
	Assigned    string // by sign-up or billing
	Operator    Operator
	Limits      plan.Limits // in force
	SignalGrace int64
	Kept        plan.Kept // what stays for a while of a larger plan
}

// Store keeps plans, and what accounts were given of them.
type Store interface {
	// Keep makes the book the one in force.
	Keep(ctx context.Context, book plan.Book, margins plan.Margins) error
	Plans(ctx context.Context) ([]plan.Terms, error)
	// Accounts lists up to n ids greater than after, in their order.
	Accounts(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error)
	// Outdated tells which of the accounts have other limits than their plan gives them, and how many
	// have a plan that is in the book no more: those keep the limits they have.
	Outdated(ctx context.Context, accounts []uuid.UUID) (outdated []uuid.UUID, lost int, err error)
	// Renew puts in force what the account's plan gives it now.
	Renew(ctx context.Context, account uuid.UUID, at time.Time) error

	// Override changes what the operator says of the one account with this e-mail address.
	Override(ctx context.Context, email string, at time.Time, edit func(*Operator)) (Grant, error)
	Grant(ctx context.Context, email string) (Grant, error)
}

// Report says what Renew did.
type Report struct {
	Accounts int
	Changed  int
	Lost     int // have a plan that is in the book no more
}

// Renew puts the plans in force for every account. It may run at any time, also twice at once.
func Renew(ctx context.Context, s Store, now func() time.Time) (Report, error) {
	var r Report
	after := uuid.Nil
	for {
		accounts, err := s.Accounts(ctx, after, page)
		if err != nil {
			return r, err
		}
		outdated, lost, err := s.Outdated(ctx, accounts)
		if err != nil {
			return r, err
		}
		for _, id := range outdated {
			if err := s.Renew(ctx, id, now()); err != nil {
				return r, err
			}
		}
		r.Accounts += len(accounts)
		r.Changed += len(outdated)
		r.Lost += lost
		if len(accounts) < page {
			return r, nil
		}
		after = accounts[len(accounts)-1]
	}
}
