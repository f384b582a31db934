package refusal

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// SamplesKept is how many of a product and code are kept; older ones make room.
const SamplesKept = 20

// maxSamples is how many are shown at once.
const maxSamples = 100

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

// Step of a series.
type Step string

// The steps; days are days of the product's time zone.
const (
	Hour Step = "hour"
	Day  Step = "day"
)

// Point is one step of a series.
type Point struct {
	At     time.Time
	Counts []CodeCount
}

// Report is a product's refusals of a range.
type Report struct {
	From, To   time.Time
	Step       Step
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
	Facts(ctx context.Context, account, product uuid.UUID, step Step, from, to time.Time, samples int) (Facts, error)
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
	r := Report{To: now, Step: Day}
	switch span {
	case "24h":
		r.Step, r.From = Hour, now.Add(-23*time.Hour).Truncate(time.Hour)
	case "7d":
		r.From = now.AddDate(0, 0, -6)
	case "30d":
		r.From = now.AddDate(0, 0, -29)
	default:
		return r, fault.New(fault.Invalid, "invalid_request", "range is 24h, 7d or 30d.").With("/range", "invalid_range", "Choose another range.")
	}
	// A day of another time zone begins up to a day earlier.
	reach := r.From
	if r.Step == Day {
		reach = r.From.AddDate(0, 0, -1)
	}
	facts, err := s.Facts(ctx, account, product, r.Step, reach, r.To, maxSamples)
	if err != nil {
		return r, err
	}
	zone, err := time.LoadLocation(facts.TimeZone)
	if err != nil {
		return r, fault.Wrap(err, fault.Internal, "internal", "loading the product's time zone")
	}
	if r.Step == Day {
		y, m, d := r.From.In(zone).Date()
		r.From = time.Date(y, m, d, 0, 0, 0, 0, zone)
	}
	r.LastGoodAt = facts.LastGoodAt
	r.sum(facts.Buckets)
	for _, sample := range facts.Samples {
		if !sample.At.Before(r.From) {
			r.Samples = append(r.Samples, sample)
		}
	}
	return r, nil
}

// sum fills the points and the totals.
func (r *Report) sum(buckets []Bucket) {
	at := map[int64]int{}
	for t := r.From; t.Before(r.To); {
		at[t.Unix()] = len(r.Points)
		r.Points = append(r.Points, Point{At: t})
		if r.Step == Day {
			t = t.AddDate(0, 0, 1) // days of 23 and 25 hours included
		} else {
			t = t.Add(time.Hour)
		}
	}
	of := map[string]int{}
	for _, b := range buckets {
		i, ok := at[b.At.Unix()]
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
