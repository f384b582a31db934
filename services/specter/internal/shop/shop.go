package shop

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// Bounds of a simulation. They keep a mistyped flag from filling a disk.
const (
	MinDays     = 42   // the verifier needs 28 days before the fix and looks until 14 days after it
	MaxDays     = 366  // one year
	MaxSessions = 5000 // a day
)

// Days of the story counted back from the end, so that the last day is always the same
// distance from the fix: the verifier looks at day 7 and day 14 after a deployment.
const (
	daysAfterFix    = 14
	daysOfIncident  = 7
	daysOfSearch    = 10 // counted back from the end; mended half way
	daysWithoutHelp = 2
	defaultDays     = 56
	defaultSessions = 390
)

// Config says which shop to simulate. The zero value of an optional field means its default.
type Config struct {
	Seed           uint64    // chooses the world; the same seed is the same world
	Namespace      uuid.UUID // mixed into every signal id, so two products never share ids
	Start          time.Time // midnight of the first day, UTC
	Days           int       // whole days; default 56 (8 weeks)
	SessionsPerDay float64   // mean; default 390, which gives about 120,000 signals in 8 weeks
}

// Shop is one simulated world. It holds no state between calls of Signals.
type Shop struct {
	cfg   Config
	story Story
}

// Story is what a person would tell about this world, for the demo's narration.
type Story struct {
	BadRelease string
	BadAt      time.Time // when the regression shipped
	FixRelease string
	FixAt      time.Time // when the fix was deployed
	// Two smaller troubles, which nobody mends during the simulation but the first.
	SearchBrokeAt time.Time // results cannot be seen in Safari
	SearchFixedAt time.Time
	HelpGoneAt    time.Time // the help widget's script is left out
	End           time.Time // first instant after the simulation
}

// Signal is one thing that happened in the shop.
type Signal struct {
	ID        uuid.UUID
	Context   string // Context.Key, or "" for what belongs to no area in particular
	Type      string
	Payload   map[string]any
	SessionID string
	Time      time.Time
}

// Context is an area of the shop with its configured polarity.
type Context struct {
	Key, Name, Description string
	Positive, Negative     []string
	Funnel                 []string // the steps of a session, if the area has any
}

// New checks the configuration and lays out the story.
func New(cfg Config) (*Shop, error) {
	if cfg.Days == 0 {
		cfg.Days = defaultDays
	}
	if cfg.SessionsPerDay == 0 {
		cfg.SessionsPerDay = defaultSessions
	}
	if cfg.Days < MinDays || cfg.Days > MaxDays {
		return nil, fmt.Errorf("simulating %d days: must be between %d and %d", cfg.Days, MinDays, MaxDays)
	}
	if math.IsNaN(cfg.SessionsPerDay) || cfg.SessionsPerDay < 1 || cfg.SessionsPerDay > MaxSessions {
		return nil, fmt.Errorf("simulating %v sessions a day: must be between 1 and %d", cfg.SessionsPerDay, MaxSessions)
	}
	if cfg.Start.IsZero() {
		return nil, errors.New("simulating a shop: the start time is missing")
	}
	cfg.Start = cfg.Start.UTC()
	fix := cfg.Days - daysAfterFix
	return &Shop{cfg: cfg, story: Story{
		BadRelease:    "2.3.0",
		BadAt:         cfg.Start.AddDate(0, 0, fix-daysOfIncident),
		FixRelease:    "2.3.1",
		FixAt:         cfg.Start.AddDate(0, 0, fix),
		SearchBrokeAt: cfg.Start.AddDate(0, 0, cfg.Days-daysOfSearch).Add(9 * time.Hour),
		SearchFixedAt: cfg.Start.AddDate(0, 0, cfg.Days-daysOfSearch/2),
		HelpGoneAt:    cfg.Start.AddDate(0, 0, cfg.Days-daysWithoutHelp).Add(14 * time.Hour),
		End:           cfg.Start.AddDate(0, 0, cfg.Days),
	}}, nil
}

// Story returns when what shipped.
func (s *Shop) Story() Story { return s.story }

// Contexts returns the areas of the shop: the one that breaks, one that never does, which
// the verifier may use as a control, and the two with a trouble of their own near the end.
func (s *Shop) Contexts() []Context {
	return []Context{
		{
			Key: checkout, Name: "Checkout",
			Description: "From opening the cart to a paid order.",
			Positive:    []string{"checkout_completed"},
			Negative:    []string{"checkout_abandoned", "payment_failed", "rage_click", "js_error"},
			Funnel:      []string{"page_view", "form_submit", "checkout_completed"},
		},
		{
			Key: browse, Name: "Browse",
			Description: "Landing, product pages and adding to the cart.",
			Positive:    []string{"add_to_cart", "review_opened"},
			Negative:    []string{"bounce", "not_found", "js_error"},
		},
		{
			Key: search, Name: "Search",
			Description: "Finding a product by words.",
			Positive:    []string{"search_result_clicked"},
			Negative:    []string{"search_no_results", "search_abandoned"},
		},
		{
			Key: help, Name: "Help",
			Description: "Finding an answer without writing to us.",
			Positive:    []string{"article_helpful"},
			Negative:    []string{"article_unhelpful"},
		},
	}
}

// Signals yields every signal in time order. Memory is bounded by the sessions that
// overlap one hour, not by the length of the simulation.
func (s *Shop) Signals() iter.Seq[Signal] {
	return func(yield func(Signal) bool) {
		chance := rand.New(rand.NewPCG(s.cfg.Seed, 0x5eed0f5ec7e2))
		w := &world{shop: s, chance: chance, aside: rand.New(rand.NewPCG(s.cfg.Seed, 0xa51de))}
		var open pending
		var emitted uint64
		emit := func(before time.Time) bool {
			for open.Len() > 0 && open.first().Time.Before(before) {
				signal := open.take()
				signal.ID = s.id(emitted)
				emitted++
				if !yield(signal) {
					return false
				}
			}
			return true
		}
		for day := range s.cfg.Days {
			w.newDay()
			for hour := range 24 {
				from := s.cfg.Start.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour)
				for range poisson(chance, w.sessionsIn(from)) {
					w.session(from, &open)
				}
				if !emit(from.Add(time.Hour)) {
					return
				}
			}
		}
		// Sessions that straddle the end are cut there: the future has not happened yet.
		emit(s.story.End)
	}
}

// id names the n-th signal of this world. RFC 9562 version 5: a name, not chance.
func (s *Shop) id(n uint64) uuid.UUID {
	return uuid.NewSHA1(s.cfg.Namespace, fmt.Appendf(nil, "shop/%d/%d", s.cfg.Seed, n))
}

// rollout is the share of sessions that get the bad release on each day since it shipped:
// it goes out in stages, as careful teams do, and reaches everybody on the fourth day.
var rollout = []float64{.2, .45, .75, 1}

// release returns what a session that starts at an instant is served. draw in [0, 1) places
// the session in a staged rollout.
func (s *Shop) release(at time.Time, draw float64) string {
	const before = "2.2.1"
	switch {
	case !at.Before(s.story.FixAt):
		return s.story.FixRelease
	case !at.Before(s.story.BadAt):
		stage := min(int(at.Sub(s.story.BadAt)/(24*time.Hour)), len(rollout)-1)
		if draw < rollout[stage] {
			return s.story.BadRelease
		}
		return before
	case !at.Before(s.story.BadAt.AddDate(0, 0, -11)):
		return before
	case !at.Before(s.story.BadAt.AddDate(0, 0, -21)):
		return "2.2.0"
	default:
		return "2.1.0"
	}
}

// poisson draws a count with the given mean (Knuth's method; means here stay below 1000,
// larger ones are split so that exp(-mean) does not underflow).
func poisson(chance *rand.Rand, mean float64) int {
	count := 0
	for mean > 30 {
		count += poisson(chance, 30)
		mean -= 30
	}
	limit, product := math.Exp(-mean), chance.Float64()
	for product > limit {
		count++
		product *= chance.Float64()
	}
	return count
}
