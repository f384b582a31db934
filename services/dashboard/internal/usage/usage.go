package usage

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// TypeCount is how many signals of a type were stored.
type TypeCount struct {
	Type  string
	Count int64
}

// DayCount is how many signals of a day (UTC) were stored.
type DayCount struct {
	Day     time.Time
	Count   int64
	Dropped int64 // refused because the monthly limit was used up
}

// Things is how many things an account has that its plan limits.
type Things struct{ Products, Contexts, WebhookEndpoints int64 }

// CodeCount is how many signals were refused for a reason.
type CodeCount struct {
	Code  string
	Count int64
}

// Stored reads the database.
type Stored interface {
	// Month reads what happened from one moment until another.
	Month(ctx context.Context, account uuid.UUID, from, to time.Time) (byType []TypeCount, byDay []DayCount, refused []CodeCount, err error)
	// Analyses reads how often the account's contexts were analysed on the day (UTC) of at.
	Analyses(ctx context.Context, account uuid.UUID, at time.Time) (int64, error)
	// Dropped counts by day (UTC) what was refused because the monthly limit was used up.
	Dropped(ctx context.Context, account uuid.UUID, from, to time.Time) ([]DayCount, error)
	Things(ctx context.Context, account uuid.UUID) (Things, error)
}

// Counter reads what counts against limits.
type Counter interface {
	// Used is what the account has used in the month of at, as far as gateways have told.
	Used(ctx context.Context, account uuid.UUID, at time.Time) (int64, error)
}

// Usage is one month.
type Usage struct {
	Plan     string
	Month    time.Time // its first moment
	Resets   time.Time
	Stored   int64
	Limit    int64 // 0: none
	Grace    int64 // accepted beyond it
	Used     *int64
	Reached  *time.Time // when the limit will be reached at this month's pace, before it ends
	ByType   []TypeCount
	ByDay    []DayCount
	Refused  []CodeCount
	Analyses int64 // of today (UTC)
	Tips     []Tip
	Things   Things
	Allowed  plan.Limits
	Kept     plan.Kept // zero when nothing is kept for longer than Allowed says
}

// Remaining is what is left of the limit; nil when that is not known.
func (u Usage) Remaining() *int64 {
	if u.Limit == 0 || u.Used == nil {
		return nil
	}
	left := max(0, u.Limit-*u.Used)
	return &left
}

// Service tells usage.
type Service struct {
	stored  Stored
	counter Counter
	now     func() time.Time
}

// New returns a Service.
func New(stored Stored, counter Counter, now func() time.Time) *Service {
	return &Service{stored: stored, counter: counter, now: now}
}

// Usage tells the account's current month. While the broker is away what was used of the limit is
// left out.
func (s *Service) Usage(ctx context.Context, a account.Account) (Usage, error) {
	now := s.now().UTC()
	month := monthOf(now)
	u := Usage{Plan: a.Plan, Month: month, Resets: month.AddDate(0, 1, 0), Limit: a.Limits.SignalsPerMonth, Grace: a.SignalGrace, Allowed: a.Limits}
	if a.Kept.At(now, a.Limits.Retention()) > a.Limits.Retention() {
		u.Kept = a.Kept
	}
	var err error
	if u.ByType, u.ByDay, u.Refused, err = s.stored.Month(ctx, a.ID, u.Month, u.Resets); err != nil {
		return Usage{}, err
	}
	if u.Analyses, err = s.stored.Analyses(ctx, a.ID, now); err != nil {
		return Usage{}, err
	}
	dropped, err := s.stored.Dropped(ctx, a.ID, u.Month, u.Resets)
	if err != nil {
		return Usage{}, err
	}
	u.ByDay = withDropped(u.ByDay, dropped)
	if u.Things, err = s.stored.Things(ctx, a.ID); err != nil {
		return Usage{}, err
	}
	for _, t := range u.ByType {
		u.Stored += t.Count
	}
	u.Tips = tips(u.ByType, u.Stored)
	if u.Limit == 0 {
		return u, nil
	}
	if used, err := s.counter.Used(ctx, a.ID, now); err == nil {
		u.Used = &used
		u.Reached = reached(now, u, used)
	}
	return u, nil
}

// reached is when the limit will be met if the rest of the month is like what has passed of it.
func reached(now time.Time, u Usage, used int64) *time.Time {
	passed := now.Sub(u.Month)
	if used <= 0 || used >= u.Limit || passed <= 0 {
		return nil
	}
	needed := float64(passed) * float64(u.Limit) / float64(used)
	if needed >= float64(u.Resets.Sub(u.Month)) { // as a Duration it would overflow after 292 years
		return nil
	}
	at := u.Month.Add(time.Duration(needed)).Truncate(time.Second)
	return &at
}
