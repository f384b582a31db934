package plan

import (
	"math"
	"slices"
)

// The plans that every book has.
const (
	SelfHosted = "self-hosted" // of accounts that nobody is asked to pay for
	Free       = "free"        // of accounts that could pay and do not
)

// LongestRetention is policy: signals live at most so many months, whatever the plan.
const LongestRetention = 24

// The largest limits there can be. Whoever needs more needs none.
const (
	maxSignals = 1_000_000_000_000_000
	maxCount   = 1_000_000_000
)

// Limits are what an account may use; 0 is unlimited.
type Limits struct {
	SignalsPerMonth  int64 // accepted in a calendar month (UTC), over all products
	Products         int
	Contexts         int // over all products
	AnalysesPerDay   int // on a day (UTC), over all contexts
	RetentionMonths  int // how long signals are kept; 0 is LongestRetention
	WebhookEndpoints int
}

// Retention is for how many months signals are kept.
func (l Limits) Retention() int {
	if l.RetentionMonths == 0 {
		return LongestRetention
	}
	return l.RetentionMonths
}

// Plan is what accounts have or can buy.
type Plan struct {
	Name         string // for programs
	Title        string // for people
	Limits       Limits
	StripePrices []string
}

// Book holds the plans of an instance.
type Book struct{ plans []Plan }

// Plans lists the book in its order.
func (b Book) Plans() []Plan { return slices.Clone(b.plans) }

// Find returns the plan of this name.
func (b Book) Find(name string) (Plan, bool) {
	return b.find(func(p Plan) bool { return p.Name == name })
}

// ByPrice returns the plan that this price of Stripe buys.
func (b Book) ByPrice(price string) (Plan, bool) {
	return b.find(func(p Plan) bool { return slices.Contains(p.StripePrices, price) })
}

// Starting is the plan of a new account; billing tells whether accounts can pay for another one.
func (b Book) Starting(billing bool) Plan {
	name := SelfHosted
	if billing {
		name = Free
	}
	p, _ := b.Find(name) // no book is without it
	return p
}

func (b Book) find(is func(Plan) bool) (Plan, bool) {
	i := slices.IndexFunc(b.plans, is)
	if i < 0 {
		return Plan{}, false
	}
	return b.plans[i], true
}

// Margins are what an instance grants every account beyond its plan.
type Margins struct {
	GracePercent int // of the monthly signals, accepted beyond them before any is refused
	KeepDays     int // for which signals stay that a smaller plan does not keep
}

// Terms are a plan as an instance grants it.
type Terms struct {
	Plan
	Margins
}

// Overrides are limits that the operator of the instance has set for one account; nil leaves the
// plan's.
type Overrides struct {
	SignalsPerMonth *int64
	AnalysesPerDay  *int
}

// Over is what is in force for an account with these limits by its plan.
func (o Overrides) Over(l Limits) Limits {
	if o.SignalsPerMonth != nil {
		l.SignalsPerMonth = *o.SignalsPerMonth
	}
	if o.AnalysesPerDay != nil {
		l.AnalysesPerDay = *o.AnalysesPerDay
	}
	return l
}

// Grace is how many signals are accepted beyond a limit, rounded down.
func Grace(limit int64, percent int) int64 {
	// In two parts, because limit times percent may not fit.
	return min(limit/100*int64(percent)+limit%100*int64(percent)/100, math.MaxInt64-limit)
}

// WithoutGrace is the limit of which with its grace there are so many signals.
func WithoutGrace(limit int64, percent int) int64 {
	whole := int64(100 + percent)
	// In two parts, because limit times a hundred may not fit; rounded up, as the grace was rounded down.
	return limit/whole*100 + (limit%whole*100+whole-1)/whole
}
