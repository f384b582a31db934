package refusal

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/calendar"
)

// SamplesKept is how many of a product and code are kept and shown; older ones make room.
const SamplesKept = 20

// Count is how many signals were refused for one reason in one minute.
type Count struct {
	Account, Product uuid.UUID
	Code             string
	Minute           time.Time
	N                int64
	LastAt           time.Time
}

// Sample shows one refused signal, redacted.
type Sample struct {
	ID               uuid.UUID
	Account, Product uuid.UUID
	Code             string
	At               time.Time
	Detail           string
	N                int64
	Origin           string
	Source           string // "" when unknown
	UserAgent        string
	Element          string
	ClientID         uuid.UUID // uuid.Nil without one
}

// CodeCount is how often a code was answered.
type CodeCount struct {
	Code   string
	Count  int64
	LastAt time.Time
}

// Bucket is the count of one code in one step.
type Bucket struct {
	At time.Time
	CodeCount
}

// Point is one step of a series.
type Point struct {
	At     time.Time
	Counts []CodeCount
}

// Report is a product's refusals of a range.
type Report struct {
	From, To   time.Time
	Step       calendar.Step
	Total      int64
	LastGoodAt *time.Time
	ByCode     []CodeCount // most frequent first
	Points     []Point     // every step
	Samples    []Sample    // newest first
}

// Facts is what a report is made of.
type Facts struct {
	TimeZone   string
	LastGoodAt *time.Time
	Buckets    []Bucket // in the order of time
	Samples    []Sample
}

// Store keeps refusals.
type Store interface {
	// Record adds what one event tells; doing it again changes nothing.
	Record(ctx context.Context, event uuid.UUID, counts []Count, samples []Sample) error
	Facts(ctx context.Context, account, product uuid.UUID, step calendar.Step, from, to time.Time, samplesPerCode int) (Facts, error)
}

// Service keeps and reports refusals.
type Service struct {
	Store
	now func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{Store: store, now: now} }

// Report tells what was refused in the last 24h, 7d or 30d.
func (s *Service) Report(ctx context.Context, account, product uuid.UUID, span string) (Report, error) {
	now := s.now()
	r := Report{To: now, Step: calendar.Day}
	days := 0
	switch span {
	case "24h":
		r.Step, r.From = calendar.Hour, now.Add(-23*time.Hour).Truncate(time.Hour)
	case "7d":
		days = 7
	case "30d":
		days = 30
	default:
		return r, fault.New(fault.Invalid, "invalid_request", "range is 24h, 7d or 30d.").With("/range", "invalid_range", "Choose another range.")
	}
	reach := r.From
	if r.Step == calendar.Day {
		reach = now.AddDate(0, 0, -days-1) // the first day of any time zone
	}
	facts, err := s.Facts(ctx, account, product, r.Step, reach, r.To, SamplesKept)
	if err != nil {
		return r, err
	}
	zone, err := time.LoadLocation(facts.TimeZone)
	if err != nil {
		return r, fault.Wrap(err, fault.Internal, "internal", "loading the product's time zone")
	}
	if r.Step == calendar.Day {
		r.From = calendar.Begin(now, zone, 1-days)
	}
	r.LastGoodAt = facts.LastGoodAt
	r.sum(facts.Buckets, zone)
	for _, sample := range facts.Samples {
		if !sample.At.Before(r.From) {
			r.Samples = append(r.Samples, sample)
		}
	}
	return r, nil
}

// sum fills the points and the totals.
func (r *Report) sum(buckets []Bucket, zone *time.Location) {
	steps := calendar.Cut(r.Step, zone, r.From, r.To)
	for _, at := range steps.Begins {
		r.Points = append(r.Points, Point{At: at})
	}
	of := map[string]int{}
	for _, b := range buckets {
		i, ok := steps.Find(b.At)
		if !ok {
			continue // before the first day
		}
		r.Points[i].Counts = append(r.Points[i].Counts, b.CodeCount)
		r.Total += b.Count
		k, ok := of[b.Code]
		if !ok {
			k = len(r.ByCode)
			of[b.Code] = k
			r.ByCode = append(r.ByCode, CodeCount{Code: b.Code})
		}
		r.ByCode[k].Count += b.Count
		if b.LastAt.After(r.ByCode[k].LastAt) {
			r.ByCode[k].LastAt = b.LastAt
		}
	}
	slices.SortStableFunc(r.ByCode, func(a, b CodeCount) int { return int(min(1, max(-1, b.Count-a.Count))) })
}
