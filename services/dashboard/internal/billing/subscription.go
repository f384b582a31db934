package billing

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/plan"
)

// Status is Stripe's word for where a subscription is.
type Status string

// The statuses that mean something here. Whatever else Stripe says buys nothing.
const (
	Trialing Status = "trialing"
	Active   Status = "active"
	PastDue  Status = "past_due"
	Unpaid   Status = "unpaid"
	Paused   Status = "paused"
)

// counts tells whether a subscription stands in the way of another one. Of the rest, incomplete ones wait for a first
// payment and vanish without it, and ended ones are over.
func (s Status) counts() bool { return s.rank() > 0 }

func (s Status) rank() int {
	switch s {
	case Active, Trialing:
		return 3
	case PastDue:
		return 2
	case Unpaid, Paused:
		return 1
	default:
		return 0
	}
}

// Subscription is what is kept of one.
type Subscription struct {
	ID        string
	Status    Status
	Price     string
	StartedAt time.Time
	PeriodEnd time.Time
	// EndsWithPeriod: it was cancelled, and is paid for until then.
	EndsWithPeriod bool
	TrialEnd       *time.Time

	// OtherPrices are those of its further items.
	OtherPrices []string
	// Deletion is the one for which it ends, by our own note at Stripe.
	Deletion uuid.UUID
	// InvoicedAt is when the newest invoice was made.
	InvoicedAt time.Time
}

// best is the subscription that counts, and those that must not be beside it.
func best(all []Subscription) (kept *Subscription, surplus []Subscription) {
	all = slices.DeleteFunc(slices.Clone(all), func(s Subscription) bool { return !s.Status.counts() })
	if len(all) == 0 {
		return nil, nil
	}
	slices.SortFunc(all, func(a, b Subscription) int {
		return cmp.Or(cmp.Compare(b.Status.rank(), a.Status.rank()), a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return &all[0], all[1:]
}

// priced makes the price that buys a plan the subscription's price, whichever of its items has it.
func (s Subscription) priced(book plan.Book) Subscription {
	for _, price := range append([]string{s.Price}, s.OtherPrices...) {
		if _, sold := book.ByPrice(price); sold {
			s.Price = price
			break
		}
	}
	return s
}

// pastDueSince is since when a payment is missing: the failed invoice was made then. Further invoices that fail do not
// begin the time anew.
func pastDueSince(known Standing, s *Subscription) *time.Time {
	if s == nil || s.Status != PastDue {
		return nil
	}
	since := s.InvoicedAt
	if k := known.Subscription; k != nil && k.ID == s.ID && k.Status == PastDue && known.PastDueSince != nil && known.PastDueSince.Before(since) {
		since = *known.PastDueSince
	}
	return &since
}

// entitlement says which plan a subscription gives an account that has a plan now.
//
//   - A subscription that is paid for, or was until less than grace ago, gives the plan of its price.
//   - A price that no plan of the book has leaves the account its plan: whoever pays must not lose it because the
//     operator edited the book.
//   - Without, the account falls back to free, from a plan that is sold. A plan that cannot be bought was given by hand.
func entitlement(book plan.Book, grace time.Duration, s *Subscription, since *time.Time, at time.Time) func(now string) (plan.Plan, bool) {
	return func(now string) (plan.Plan, bool) {
		if s != nil && paid(*s, since, grace, at) {
			p, sold := book.ByPrice(s.Price)
			return p, sold && p.Name != now
		}
		if has, known := book.Find(now); !known || len(has.StripePrices) == 0 {
			return plan.Plan{}, false
		}
		return book.Starting(true), true
	}
}

func paid(s Subscription, since *time.Time, grace time.Duration, at time.Time) bool {
	switch s.Status {
	case Active, Trialing:
		return true
	case PastDue:
		return since != nil && at.Before(since.Add(grace))
	default:
		return false
	}
}
