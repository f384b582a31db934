package detect

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

const (
	// noveltySpan is how long a context is watched before anything in it is new, in hours.
	noveltySpan = 7 * 24
	// youth is how long a value is news: what has not spread by then has not spread.
	youth = 24
	// forgotten is after how many hours without a sign a value is new again.
	forgotten = 30 * 24
	// maxKnown values are remembered; the longest unseen go first.
	maxKnown = 1024
	// minNews is how often a value must have occurred to be news at all.
	minNews = 10
	// Sizes of newcomers in their youth follow a Pareto tail: most errors that turn up
	// happen once or twice. tailPrior is its exponent, worth tailWeight newcomers.
	tailPrior  = 1.2
	tailWeight = 10.0
	tailMin    = 0.6
	// arrivalPrior is how many newcomers a week are expected at first.
	arrivalPrior = 2.0
	// adoption is how long after the first one with a place what is known without one is
	// not new with it, in hours.
	adoption = 7 * 24
	// noveltyMemory of past newcomers, a week.
	noveltyMemory = 0.8
)

// Newcomer is a value that was never seen before, or not for a month.
type Newcomer struct {
	Value    string  `json:"v"`
	First    int64   `json:"f"` // hour
	Last     int64   `json:"l"` // hour it was seen last
	Count    int64   `json:"n"`
	Told     bool    `json:"t"` // it was news already
	Opened   int64   `json:"o"` // hour in which it became news
	Surprise float64 `json:"s"` // natural logarithm, against what newcomers usually amount to
}

// NoveltyState is everything a Novelty remembers.
type NoveltyState struct {
	First    int64                `json:"first"`
	Last     int64                `json:"last"`
	Known    map[string]int64     `json:"known"` // hour last seen
	Names    map[string]name      `json:"names"` // that values are known by as well
	Young    map[string]*Newcomer `json:"young"`
	LogSizes float64              `json:"log_sizes"` // of past newcomers, discounted sum
	Sizes    float64              `json:"sizes"`     // and their number
	Arrivals float64              `json:"arrivals"`  // newcomers of past weeks, discounted
	Weeks    float64              `json:"weeks"`
	Week     int64                `json:"week"`
}

// name of values that tell where they happened, or do not.
type name struct {
	Whole  int64 `json:"w"` // hour the last value was seen that is all of it; 0: none
	First  int64 `json:"f"` // hour the first value was seen that has it and a place; 0: none
	Placed int64 `json:"p"` // and the last one
}

// Novelty watches which values turn up (fingerprints of errors) and notices one that
// was never seen before and happens far more often than newcomers do. Errors that turn
// up once or twice are ordinary, and how ordinary is learned from the context itself.
type Novelty struct {
	threshold float64
	state     NoveltyState
}

// NewNovelty starts one that knows nothing.
func NewNovelty(o Options) *Novelty {
	return RestoreNovelty(o, NoveltyState{Known: map[string]int64{}, Names: map[string]name{}, Young: map[string]*Newcomer{}})
}

// RestoreNovelty continues from a state. The caller gives the state away.
func RestoreNovelty(o Options, s NoveltyState) *Novelty {
	// The surprise of a newcomer is counted per newcomer of a week, so the hours that
	// the other detectors pay for do not come in: ln(1 ÷ 1 %).
	return &Novelty{threshold: 4.6 + math.Log(math.Max(1, float64(o.Series))), state: s}
}

// State to be stored.
func (n *Novelty) State() NoveltyState { return n.state }

// Threshold is the surprise that makes news.
func (n *Novelty) Threshold() float64 { return n.threshold }

// Seen is how often a value occurred in an hour. Whole, if there is one, is the name of all
// of it, and Message that of what it says but for the place it happened, empty when it
// tells none: senders begin to tell the place of what was known without, and that makes
// none of it new.
type Seen struct {
	Value   string
	N       int64
	Whole   string
	Message string
}

// Push learns an hour and returns who became news in it, the most frequent first.
// Hours must come in order; those in which nothing occurred may be left out.
func (n *Novelty) Push(hour int64, seen []Seen) []Newcomer {
	s := &n.state
	if s.First != 0 && hour <= s.Last {
		return nil
	}
	if s.First == 0 {
		s.First, s.Week = hour, hour/168
	}
	s.Last = hour
	n.age(hour)
	ready := hour-s.First >= noveltySpan
	n.meet(hour, seen, ready)
	var news []Newcomer
	for _, v := range seen {
		young := s.Young[v.Value]
		if v.N <= 0 || young == nil {
			continue
		}
		young.Count += v.N
		young.Last = hour
		young.Surprise = n.surprise(young.Count)
		if ready && young.First-s.First >= noveltySpan && !young.Told && young.Count >= minNews && young.Surprise > n.threshold {
			young.Told, young.Opened = true, hour
			news = append(news, *young)
		}
	}
	n.forget()
	slices.SortFunc(news, func(a, b Newcomer) int { return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Value, b.Value)) })
	return news
}

// meet notes who is there, and who is new; all of an hour come at the same time.
func (n *Novelty) meet(hour int64, seen []Seen, ready bool) {
	s := &n.state
	for _, v := range seen {
		if v.N <= 0 {
			continue
		}
		if last, known := s.Known[v.Value]; (!known || hour-last > forgotten) && !n.byName(hour, v) {
			s.Young[v.Value] = &Newcomer{Value: v.Value, First: hour}
			if ready {
				s.Arrivals++
			}
		}
	}
	for _, v := range seen {
		if v.N <= 0 {
			continue
		}
		s.Known[v.Value] = hour
		if v.Whole != "" {
			known := s.Names[v.Whole]
			known.Whole = hour
			s.Names[v.Whole] = known
		}
		if v.Message != "" {
			known := s.Names[v.Message]
			if known.First == 0 || hour-known.Placed > forgotten {
				known.First = hour
			}
			known.Placed = hour
			s.Names[v.Message] = known
		}
	}
}

// byName tells whether a value is known, but not whether it told its place. Once places
// are told for a week, those of the same message from elsewhere are new, though some
// senders go on without.
func (n *Novelty) byName(hour int64, v Seen) bool {
	if v.Message == "" {
		known := n.state.Names[v.Whole]
		return v.Whole != "" && known.Placed != 0 && hour-known.Placed <= forgotten
	}
	known := n.state.Names[v.Message]
	if known.Whole == 0 || hour-known.Whole > forgotten {
		return false
	}
	return known.First == 0 || hour-known.First < adoption || hour-known.Placed > forgotten
}

// LastSeen is the hour a value occurred last.
func (n *Novelty) LastSeen(value string) (int64, bool) {
	hour, ok := n.state.Known[value]
	return hour, ok
}

// Young tells whether a value turned up within the last day.
func (n *Novelty) Young(value string) bool {
	young := n.state.Young[value]
	return young != nil && young.First-n.state.First >= noveltySpan
}

// surprise is −ln of the number of newcomers a week that are expected to become so
// frequent: the tail of their sizes times their rate.
func (n *Novelty) surprise(count int64) float64 {
	s := &n.state
	tail := math.Max(tailMin, (s.Sizes+tailWeight)/(s.LogSizes+tailWeight/tailPrior))
	rate := (s.Arrivals + arrivalPrior) / (s.Weeks + 1)
	return tail*math.Log(float64(count)) - math.Log(math.Max(rate, 0.5))
}

// age takes newcomers whose youth is over into account, in the order of their names.
func (n *Novelty) age(hour int64) {
	s := &n.state
	for ; s.Week < hour/168; s.Week++ {
		s.LogSizes, s.Sizes = s.LogSizes*noveltyMemory, s.Sizes*noveltyMemory
		s.Arrivals, s.Weeks = s.Arrivals*noveltyMemory, s.Weeks*noveltyMemory+1
	}
	var grown []string
	for value, young := range s.Young {
		if hour-young.First >= youth {
			grown = append(grown, value)
		}
	}
	slices.Sort(grown)
	for _, value := range grown {
		// What was there from the start was not new, and what was news is no measure of
		// what is ordinary.
		if young := s.Young[value]; young.First-s.First >= noveltySpan && !young.Told {
			s.LogSizes += math.Log(float64(young.Count))
			s.Sizes++
		}
		delete(s.Young, value)
	}
}

// forget keeps the memory bounded.
func (n *Novelty) forget() {
	s := &n.state
	longestUnseen(s.Known, func(last int64) int64 { return last }, func(value string) {
		delete(s.Known, value)
		delete(s.Young, value)
	})
	longestUnseen(s.Names, func(known name) int64 { return max(known.Whole, known.Placed) }, func(value string) { delete(s.Names, value) })
}

// longestUnseen drops the oldest quarter of what is too much.
func longestUnseen[V any](of map[string]V, last func(V) int64, drop func(string)) {
	if len(of) <= maxKnown {
		return
	}
	values := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(cmp.Compare(last(of[a]), last(of[b])), cmp.Compare(a, b)) })
	for _, v := range values[:len(values)-maxKnown*3/4] {
		drop(v)
	}
}
