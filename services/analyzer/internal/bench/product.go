package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/detect"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// start is a Monday.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const (
	good    = "order_completed"
	bad     = "order_abandoned"
	neutral = "page_view"
	failure = "js_error"
	// sampleSize is how many sessions of an hour the store keeps.
	sampleSize = session.MaxSessions
)

// dimension of a simulated product with how often its values occur.
type dimension struct {
	name   string
	values []string
	shares []float64
}

// dimensions whose values have between 2 % and 60 % of the traffic, as products have.
var dimensions = []dimension{
	{signal.Path, []string{"/checkout", "/cart", "/basket/shipping", "/basket/payment", "/express", "/gift"}, []float64{.3, .22, .18, .14, .1, .06}},
	{signal.Browser, []string{"Chrome", "Safari", "Firefox", "Edge", "Samsung Internet"}, []float64{.5, .24, .12, .09, .05}},
	{signal.Country, []string{"DE", "US", "GB", "FR", "NL", "PL", "SE"}, []float64{.34, .2, .15, .12, .09, .06, .04}},
	{"device", []string{"phone", "desktop", "tablet"}, []float64{.58, .36, .06}},
	{signal.Release, []string{"2.3.0", "2.3.1"}, []float64{.35, .65}},
}

// plan of a simulated context.
type plan struct {
	seed     uint64
	hours    int
	perHour  float64 // sessions, on average
	planted  []analysis.Condition
	at       time.Time // when it begins
	until    time.Time // when it is mended
	points   float64   // by which the context's ratio falls, 0 to 1
	sessions bool      // whether they are sampled
}

// hourly is what the rollups and the sample hold of one hour.
type hourly struct {
	types  map[string]int64
	values map[analysis.Condition]map[string]int64 // by type
	visits []visit
	level  int
}

type visit struct {
	session uint64
	value   []uint8 // index of the value of each dimension
	kind    string
	at      time.Time
}

// world is one simulated context with all that was recorded of it.
type world struct {
	plan  plan
	home  signal.Context
	hours []hourly
}

func newWorld(p plan) *world {
	w := &world{plan: p, hours: make([]hourly, p.hours), home: signal.Context{
		ID: uuid.New(), ProductID: uuid.New(), Name: "Checkout", PositiveTypes: []string{good}, NegativeTypes: []string{bad},
	}}
	r := rand.New(rand.NewPCG(p.seed, 0xa11a))
	// What each value is like; the same for the product's whole life.
	effects := make([][]float64, len(dimensions))
	for d := range dimensions {
		effects[d] = make([]float64, len(dimensions[d].values))
		for v := range effects[d] {
			effects[d][v] = 0.2 * r.NormFloat64()
		}
	}
	harm := p.points / math.Max(1e-9, shareOf(p.planted))
	base := calibrated(effects)
	mood, busy := 0.0, 1.0
	draw := make([]uint8, len(dimensions))
	errors := newcomers{r: rand.New(rand.NewPCG(p.seed, 0xe44))}
	for h := range w.hours {
		at := start.Add(time.Duration(h) * time.Hour)
		if h%24 == 0 {
			mood = 0.6*mood + 0.04*r.NormFloat64()
			busy = math.Exp(0.12 * r.NormFloat64())
		}
		rhythm := 0.08 * math.Sin(2*math.Pi*float64(at.Hour()-4)/24)
		if weekend(at) {
			rhythm += 0.06
		}
		hour := &w.hours[h]
		*hour = hourly{types: map[string]int64{}, values: map[analysis.Condition]map[string]int64{}}
		for range poisson(r, p.perHour*busy*traffic(at)) {
			logit := base + mood + rhythm
			for d := range dimensions {
				draw[d] = pick(r, dimensions[d].shares)
				logit += effects[d][draw[d]]
			}
			when := at.Add(time.Duration(r.Int64N(int64(time.Hour))))
			share := 1 / (1 + math.Exp(-logit))
			if len(p.planted) > 0 && !when.Before(p.at) && when.Before(p.until) && isIn(draw, p.planted) {
				share = math.Min(0.98, share+harm)
			}
			kind := good
			if r.Float64() < share {
				kind = bad
			}
			hour.add(p, draw, kind, when, r.Uint64())
		}
		for _, e := range errors.hour(at, p.perHour*traffic(at)) {
			hour.types[failure] += e.N
			c := analysis.Condition{Dimension: signal.Error, Value: e.Value}
			hour.values[c] = map[string]int64{failure: e.N}
		}
		hour.thin()
	}
	return w
}

// add counts a session: it looks at a page, and ends well or badly.
func (h *hourly) add(p plan, draw []uint8, kind string, at time.Time, session uint64) {
	h.types[neutral]++
	h.types[kind]++
	for d, v := range draw {
		c := analysis.Condition{Dimension: dimensions[d].name, Value: dimensions[d].values[v]}
		of := h.values[c]
		if of == nil {
			of = make(map[string]int64, 3)
			h.values[c] = of
		}
		of[neutral]++
		of[kind]++
	}
	if p.sessions {
		h.visits = append(h.visits, visit{session: session, value: slices.Clone(draw), kind: kind, at: at})
	}
}

// thin keeps the sample that the store would.
func (h *hourly) thin() {
	for len(h.visits) > sampleSize {
		h.level++
		level := h.level
		h.visits = slices.DeleteFunc(h.visits, func(v visit) bool { return v.session>>(64-level) != 0 })
	}
	h.visits = slices.Clip(h.visits)
}

// calibrated is the base logit at which a tenth of all sessions end badly.
func calibrated(effects [][]float64) float64 {
	r := rand.New(rand.NewPCG(1, 1))
	logits := make([]float64, 4000)
	for i := range logits {
		for d := range dimensions {
			logits[i] += effects[d][pick(r, dimensions[d].shares)]
		}
	}
	low, high := -6.0, 2.0
	for range 40 {
		middle, sum := (low+high)/2, 0.0
		for _, l := range logits {
			sum += 1 / (1 + math.Exp(-(middle + l)))
		}
		if sum/float64(len(logits)) < 0.1 {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// traffic against the mean: four times as many sessions in the afternoon as at night, and
// fewer at weekends.
func traffic(at time.Time) float64 {
	shape := 1 + 0.6*math.Sin(2*math.Pi*float64(at.Hour()-10)/24)
	if weekend(at) {
		return shape * 0.75
	}
	return shape * 1.1
}

func weekend(at time.Time) bool { return at.Weekday() == time.Saturday || at.Weekday() == time.Sunday }

func shareOf(conditions []analysis.Condition) float64 {
	share := 1.0
	for _, c := range conditions {
		d := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == c.Dimension })
		share *= dimensions[d].shares[slices.Index(dimensions[d].values, c.Value)]
	}
	return share
}

func isIn(draw []uint8, conditions []analysis.Condition) bool {
	return !slices.ContainsFunc(conditions, func(c analysis.Condition) bool {
		d := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == c.Dimension })
		return dimensions[d].values[draw[d]] != c.Value
	})
}

func pick(r *rand.Rand, shares []float64) uint8 {
	x := r.Float64()
	for i, s := range shares {
		if x -= s; x < 0 {
			return uint8(i)
		}
	}
	return uint8(len(shares) - 1)
}

func poisson(r *rand.Rand, mean float64) int {
	n := 0
	for ; mean > 30; mean -= 30 {
		n += poisson(r, 30)
	}
	limit, p := math.Exp(-mean), r.Float64()
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

// newcomers are the errors any product has: a few that are always there, and now and
// then one that was never seen before and mostly happens a handful of times.
type newcomers struct {
	r     *rand.Rand
	born  int
	alive []young
}

type young struct {
	value string
	left  float64 // occurrences to come
}

func (n *newcomers) hour(at time.Time, sessions float64) []detect.Seen {
	var out []detect.Seen
	add := func(value string, mean float64) {
		if k := poisson(n.r, mean); k > 0 {
			out = append(out, detect.Seen{Value: value, N: int64(k)})
		}
	}
	add("TypeError: Failed to fetch", 0.004*sessions)
	add("ResizeObserver loop limit exceeded", 0.002*sessions)
	if n.r.Float64() < 4.0/168 { // four a week
		n.born++
		// Pareto: half of them happen less than twice.
		n.alive = append(n.alive, young{value: "Error: case " + string(rune('A'+n.born%26)) + at.Format(" 0102T15"), left: math.Pow(1-n.r.Float64(), -1/1.3)})
	}
	for i := range n.alive {
		mean := 0.2 * n.alive[i].left
		n.alive[i].left -= mean
		add(n.alive[i].value, mean)
	}
	n.alive = slices.DeleteFunc(n.alive, func(y young) bool { return y.left < 0.05 })
	return out
}
