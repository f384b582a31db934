// Package insight is what the other services found out, read for people: signals, health series,
// analyses, findings. It changes nothing, except that it asks for an analysis.
package insight

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/calendar"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
)

// SignalsNeeded is the least number of signals in 24 hours for an analysis to run.
const SignalsNeeded = 5

const (
	maxHourlyRange = 31 * 24 * time.Hour
	maxDailyRange  = 25 * 31 * 24 * time.Hour
	defaultDays    = 14
)

// Signal is one thing that happened.
type Signal struct {
	ID          uuid.UUID
	ClientID    uuid.UUID // zero when the client sent none
	Type        string
	Payload     []byte
	ContextID   uuid.UUID
	ContextName string
	Polarity    product.Polarity
	Source      string
	SessionID   string
	OccurredAt  time.Time
	ReceivedAt  time.Time
	TimeMark    string
	Imported    bool
}

// Filter narrows a list of signals; zero values do not.
type Filter struct {
	From      *time.Time
	To        *time.Time
	Type      string
	ContextID *uuid.UUID
	SessionID string
	Text      string
}

// Point is the count of one step of a series.
type Point struct {
	At       time.Time
	Positive int64
	Negative int64
	Neutral  int64
	Refused  []Refused // most frequent first
}

// Ratio is positive / (positive + negative), nil without either.
func (p Point) Ratio() *float64 {
	if p.Positive+p.Negative == 0 {
		return nil
	}
	r := float64(p.Positive) / float64(p.Positive+p.Negative)
	return &r
}

func (p *Point) add(polarity product.Polarity, n int64) {
	switch polarity {
	case product.Positive:
		p.Positive += n
	case product.Negative:
		p.Negative += n
	default:
		p.Neutral += n
	}
}

// Count is the number of signals of one type in one step.
type Count struct {
	Type string
	At   time.Time
	N    int64
}

// Refused is how many signals of the product were refused in one step for one reason, though
// nothing was wrong with them.
type Refused struct {
	Code string
	At   time.Time
	N    int64
}

// Counts are a context's counts by type and step, with what was refused meanwhile.
type Counts struct {
	Context  product.Context
	TimeZone string
	Counts   []Count
	Refused  []Refused
}

// Series is a context's counts over time.
type Series struct {
	ContextID uuid.UUID
	Step      calendar.Step
	From, To  time.Time
	Points    []Point
}

// Analysis is one look at a context, with or without a finding.
type Analysis struct {
	ID           uuid.UUID
	ContextID    uuid.UUID
	Trigger      string
	From         time.Time
	AsOf         time.Time
	Outcome      string
	Reason       string
	FindingCount int
	Signals24h   int64
	DryRun       bool   // nothing was opened, whatever was found
	Detail       []byte // the analyzer's document as it is
	FinishedAt   time.Time
}

// Wanted is how an analysis is asked for.
type Wanted struct {
	AsOf   *time.Time // nil: now
	DryRun bool       // say what would be found, and open nothing
}

// Finding is something that went wrong; the evidence is the analyzer's document as it is.
type Finding struct {
	ID           uuid.UUID
	ProductID    uuid.UUID
	ContextID    uuid.UUID
	Family       string
	Severity     float64
	StartedAt    time.Time
	StartedLow   time.Time
	StartedHigh  time.Time
	DetectedAt   time.Time
	ResolvedAt   *time.Time
	Evidence     []byte
	ProposalID   *uuid.UUID
	DeploymentID *uuid.UUID
	NotProposed  *NotProposed // nil unless a rejection stood in the way
}

// NotProposed is why a finding became no proposal.
type NotProposed struct {
	Rule               string // same_matter, same_family
	RejectedProposalID uuid.UUID
	Title              string // of what was rejected
	ReasonCode         string
	RejectedAt         time.Time
	Until              time.Time
}

// TypeCount is how often a type was seen.
type TypeCount struct {
	Type   string
	Count  int64
	LastAt time.Time
}

// ContextFacts is what a context's health is made of.
type ContextFacts struct {
	Context       product.Context
	TimeZone      string
	Daily         []Count   // of the last 14 days and a bit
	Refused       []Refused // of the same days
	Signals24h    int64
	LastSignalAt  *time.Time
	OpenProposals int
	OpenFindings  int
	LastAnalysis  *Analysis
	NextAnalysis  *time.Time // when the one that waits is due; nil when none waits: the next signals make it due
}

// Reader reads one account's data.
type Reader interface {
	Signals(ctx context.Context, account, product uuid.UUID, f Filter, r page.Request) (page.Of[Signal], error)
	// Fresh returns live signals received since one moment and stored since another, oldest first,
	// and a number that changes when there are more: while it is seen, nothing is read.
	Fresh(ctx context.Context, account, product uuid.UUID, receivedSince, storedSince time.Time, seen int64) (signals []Signal, total int64, err error)
	SignalTypes(ctx context.Context, account, product uuid.UUID, from time.Time) ([]TypeCount, error)
	Context(ctx context.Context, account, id uuid.UUID, now time.Time) (ContextFacts, error)
	Contexts(ctx context.Context, account, product uuid.UUID, now time.Time, r page.Request) (page.Of[ContextFacts], error)
	Counts(ctx context.Context, account, contextID uuid.UUID, step calendar.Step, from, to time.Time) (Counts, error)
	Analyses(ctx context.Context, account, contextID uuid.UUID, r page.Request) (page.Of[Analysis], error)
	Analysis(ctx context.Context, account, id uuid.UUID) (Analysis, error)
	Finding(ctx context.Context, account, id uuid.UUID) (Finding, error)
	Findings(ctx context.Context, account, product uuid.UUID, r page.Request) (page.Of[Finding], error)
	// RequestAnalysis asks for an analysis if allow lets it; used and limit are the account's of the day (UTC).
	RequestAnalysis(ctx context.Context, a actor.Actor, analysis, contextID uuid.UUID, w Wanted, at time.Time, allow func(used, limit int64) error) error
}

// Service answers questions about what happened.
type Service struct {
	Reader
	now func() time.Time
}

// New returns a Service.
func New(reader Reader, now func() time.Time) *Service { return &Service{Reader: reader, now: now} }

// Health is how a context is doing.
type Health struct {
	Status      string // healthy, getting_worse, not_enough_data
	RatioNow    *float64
	RatioBefore *float64
	Sparkline   []Point // 14 days, oldest first
}

// ContextHealth reads one context with its health.
func (s *Service) ContextHealth(ctx context.Context, accountID, id uuid.UUID) (ContextFacts, Health, error) {
	now := s.now()
	facts, err := s.Context(ctx, accountID, id, now)
	if err != nil {
		return facts, Health{}, err
	}
	health, err := facts.Health(now)
	return facts, health, err
}

// ContextsHealth reads a product's contexts; Health is asked of each.
func (s *Service) ContextsHealth(ctx context.Context, accountID, productID uuid.UUID, r page.Request) (page.Of[ContextFacts], time.Time, error) {
	now := s.now()
	facts, err := s.Contexts(ctx, accountID, productID, now, r)
	return facts, now, err
}

// Health judges the facts as of now: worse when a finding is open, unknown below the analysis
// minimum of a week's positive and negative signals.
func (f ContextFacts) Health(now time.Time) (Health, error) {
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		return Health{}, fault.Wrap(err, fault.Internal, "internal", "loading the product's time zone")
	}
	days := calendar.Cut(calendar.Day, zone, calendar.Begin(now, zone, 1-defaultDays), calendar.Begin(now, zone, 1))
	h := Health{Sparkline: fill(f.Context, f.Daily, f.Refused, days)}
	var before, recent Point
	for i, p := range h.Sparkline {
		sum := &recent
		if i < defaultDays/2 {
			sum = &before
		}
		sum.Positive += p.Positive
		sum.Negative += p.Negative
	}
	h.RatioNow, h.RatioBefore = recent.Ratio(), before.Ratio()
	switch {
	case f.OpenFindings > 0:
		h.Status = "getting_worse"
	case recent.Positive+recent.Negative < SignalsNeeded:
		h.Status = "not_enough_data"
	default:
		h.Status = "healthy"
	}
	return h, nil
}

// Series reads a context's counts; without bounds the last 14 days.
func (s *Service) Series(ctx context.Context, accountID, contextID uuid.UUID, step calendar.Step, from, to *time.Time) (Series, error) {
	out := Series{ContextID: contextID, Step: step, To: s.now()}
	if to != nil {
		out.To = *to
	}
	out.From = out.To.AddDate(0, 0, -defaultDays)
	if from != nil {
		out.From = *from
	}
	limit := maxDailyRange
	if step == calendar.Hour {
		limit = maxHourlyRange
	}
	if !out.From.Before(out.To) || out.To.Sub(out.From) > limit {
		return out, fault.Newf(fault.Invalid, "invalid_range", "from must lie before to, at most %d days.", int(limit.Hours()/24)).With("/from", "invalid_range", "Choose another range.")
	}
	counts, err := s.Counts(ctx, accountID, contextID, step, out.From, out.To)
	if err != nil {
		return out, err
	}
	zone, err := time.LoadLocation(counts.TimeZone)
	if err != nil {
		return out, fault.Wrap(err, fault.Internal, "internal", "loading the product's time zone")
	}
	out.Points = fill(counts.Context, counts.Counts, counts.Refused, calendar.Cut(step, zone, out.From, out.To))
	return out, nil
}

// fill makes one point a step, zeros included: a missing hour is a fact.
func fill(c product.Context, counts []Count, refused []Refused, steps calendar.Steps) []Point {
	var points []Point
	for _, at := range steps.Begins {
		points = append(points, Point{At: at})
	}
	for _, n := range counts {
		if i, ok := steps.Find(n.At); ok {
			points[i].add(c.Polarity(n.Type), n.N)
		}
	}
	for _, r := range refused {
		if i, ok := steps.Find(r.At); ok {
			points[i].Refused = append(points[i].Refused, r)
		}
	}
	return points
}

// Types lists the types of the last days.
func (s *Service) Types(ctx context.Context, accountID, productID uuid.UUID, days int) ([]TypeCount, error) {
	if days < 1 || days > 90 {
		return nil, fault.New(fault.Invalid, "invalid_request", "days must be between 1 and 90.")
	}
	return s.SignalTypes(ctx, accountID, productID, s.now().AddDate(0, 0, -days).Truncate(time.Hour))
}

// Analyse asks the analyzer to look at a context now, or as of a moment in the past.
func (s *Service) Analyse(ctx context.Context, a actor.Actor, contextID uuid.UUID, w Wanted) (uuid.UUID, error) {
	now := s.now()
	if w.AsOf != nil && (w.AsOf.After(now) || w.AsOf.Before(now.Add(-maxDailyRange))) {
		return uuid.Nil, fault.New(fault.Invalid, "invalid_request", "as_of must lie within the last 24 months.").With("/as_of", "invalid_time", "Choose another time.")
	}
	id := uuid.Must(uuid.NewV7())
	return id, s.RequestAnalysis(ctx, a, id, contextID, w, now, func(used, limit int64) error {
		if limit == 0 || used < limit {
			return nil
		}
		tomorrow := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		return fault.Newf(fault.QuotaExceeded, "quota_exceeded", "The account's %d analyses of this day are used up. The next day begins at midnight UTC.", limit).After(tomorrow.Sub(now))
	})
}
