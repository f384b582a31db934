package usage

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// page is how many accounts are gone through together.
const page = 500

// Ledger is what the broker has of an account's month.
type Ledger struct {
	Used     int64 // accepted, as far as gateways have told
	Lost     int64 // held by gateways that went silent
	Held     int64 // by gateways
	Returned int64 // of what was accepted, counted twice and given back
}

// Counts is what became of what was accepted in a month.
type Counts struct {
	Stored   int64
	Unstored int64 // it had come before, or belongs to nothing
}

// Correct is the ledger as the counts say that it should be. What was not stored is given back, once;
// what is stored counts, also when the broker has lost that it was used. So used + lost + held is
// never less than what is stored, and never less than what was accepted and is not stored yet: that
// is among what was used, and not among what is given back. What was not stored before the broker lost
// the ledger, or while the account had no limit, is in no ledger and is not given back either.
func (l Ledger) Correct(c Counts) Ledger {
	if have := l.Used + l.Lost + l.Held; have < c.Stored {
		l.Used += c.Stored - have
		l.Returned = c.Unstored
	}
	back := min(c.Unstored-l.Returned, l.Used, l.Used+l.Lost+l.Held-c.Stored)
	if back > 0 {
		l.Used -= back
		l.Returned += back
	}
	return l
}

// Ledgers is the broker's side.
type Ledgers interface {
	// Complete tells whether every account that has used something of a month has its ledger.
	Complete(ctx context.Context) (bool, error)
	NoteComplete(ctx context.Context) error
	// Accounts lists whose ledger of the month there is.
	Accounts(ctx context.Context, month time.Time) ([]uuid.UUID, error)
	// Correct changes an account's ledger, and makes it when it is missing and has something in it.
	Correct(ctx context.Context, account uuid.UUID, month time.Time, limit int64, correct func(Ledger) Ledger) (changed bool, err error)
}

// Counted is the database's side.
type Counted interface {
	// Accounts lists up to n ids greater than after, in their order.
	Accounts(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error)
	// Counted calls fn with an open account's counts of a month and its limit. The account is not
	// deleted meanwhile.
	Counted(ctx context.Context, account uuid.UUID, month time.Time, fn func(c Counts, limit int64) error) error
}

// Reconciler compares the ledgers with what is stored.
type Reconciler struct {
	ledgers Ledgers
	counted Counted
	now     func() time.Time
}

// NewReconciler returns a Reconciler.
func NewReconciler(l Ledgers, c Counted, now func() time.Time) *Reconciler {
	return &Reconciler{ledgers: l, counted: c, now: now}
}

// Reconcile corrects the ledgers of the month. It may run at any time, also twice at once.
func (r *Reconciler) Reconcile(ctx context.Context) (corrected int, err error) {
	month := monthOf(r.now())
	accounts, err := r.ledgers.Accounts(ctx, month)
	if err != nil {
		return 0, err
	}
	return r.correct(ctx, accounts, month)
}

// Restore makes the ledgers that a broker has lost, from what is stored. Until it has, gateways take
// nothing of an account that has a limit and no ledger.
func (r *Reconciler) Restore(ctx context.Context) (restored int, err error) {
	complete, err := r.ledgers.Complete(ctx)
	if err != nil || complete {
		return 0, err
	}
	month := monthOf(r.now())
	after := uuid.Nil
	for {
		accounts, err := r.counted.Accounts(ctx, after, page)
		if err != nil {
			return restored, err
		}
		n, err := r.correct(ctx, accounts, month)
		restored += n
		if err != nil {
			return restored, err
		}
		if len(accounts) < page {
			return restored, r.ledgers.NoteComplete(ctx)
		}
		after = accounts[len(accounts)-1]
	}
}

func (r *Reconciler) correct(ctx context.Context, accounts []uuid.UUID, month time.Time) (corrected int, err error) {
	for _, account := range accounts {
		err := r.counted.Counted(ctx, account, month, func(c Counts, limit int64) error {
			if limit == 0 || c == (Counts{}) {
				return nil // nothing counts without a limit, or there is nothing to compare with
			}
			changed, err := r.ledgers.Correct(ctx, account, month, limit, func(l Ledger) Ledger { return l.Correct(c) })
			if changed {
				corrected++
			}
			return err
		})
		if err != nil {
			return corrected, err
		}
	}
	return corrected, nil
}
