package explain

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

const (
	// Quality is the false discovery rate over all segments tested.
	Quality = 0.05
	// EnoughShare of the change makes a segment an explanation.
	EnoughShare = 0.6
	// halfShare is enough for the segment that gave the alarm.
	halfShare = 0.4
	// minLift is how many times its expected share of the change a segment must
	// hold: 90 % of the traffic explaining 95 % of the change explains nothing.
	minLift = 1.3
	// maxSegments and maxRuledOut bound the report.
	maxSegments = 20
	maxRuledOut = 200
)

// Counts of a window.
type Counts struct {
	Positive int64 `json:"positive"`
	Negative int64 `json:"negative"`
}

// Total of both polarities.
func (c Counts) Total() int64 { return c.Positive + c.Negative }

// Rate of negatives; 0 without traffic.
func (c Counts) Rate() float64 {
	if c.Total() == 0 {
		return 0
	}
	return float64(c.Negative) / float64(c.Total())
}

// Condition is one value of one dimension: "path", "error", "type", …
type Condition struct{ Dimension, Value string }

// Cell is one segment before and during the bad window: what meets one condition, or
// two of different dimensions.
type Cell struct {
	Conditions []Condition
	Baseline   Counts
	Window     Counts
}

// Input of Explain. Baseline and Window are the counts of the whole context: several
// dimensions describe the same signals, so cells do not add up to them.
type Input struct {
	Baseline Counts
	Window   Counts
	Cells    []Cell
	// Suspect, when there is one, gave the alarm: its own series passed its threshold, so
	// it needs no further test.
	Suspect []Condition
	// Joint is a sample of the same two windows in which conditions were counted
	// together; nil when there is none, and then no pairs are looked at.
	Joint *Joint
}

// Joint counts a sample: all of it, and its cells of one and of two conditions.
type Joint struct {
	Baseline Counts
	Window   Counts
	Cells    []Cell
}

// Segment is one tested cell.
type Segment struct {
	Conditions []Condition
	Baseline   Counts
	Window     Counts
	// Expected negatives in the window, had the segment kept its own rate.
	Expected float64
	// Excess negatives above Expected.
	Excess float64
	// RateRatio is observed ÷ expected, shrunk by the prior.
	RateRatio float64
	// ShareOfChange is Excess ÷ the context's excess, at most 1.
	ShareOfChange float64
	// ExpectedShare is its share of the negatives if everything had worsened evenly.
	ExpectedShare float64
	// Lift is its share of the negatives ÷ ExpectedShare.
	Lift float64
	P    float64
	Q    float64 // Benjamini–Hochberg
	// First: it was never seen in the baseline.
	First bool
	// Sampled: counts, Expected and Excess are a sample's, brought to the whole.
	Sampled bool
}

// Mix splits the change of a dimension's negative rate (Kitagawa 1955): Within
// is due to segments' own rates, Between to traffic moving between segments.
type Mix struct {
	Dimension string
	Within    float64
	Between   float64
}

// Report of one bad window.
type Report struct {
	// Expected negatives of the whole context in the window at its baseline rate.
	Expected float64
	Excess   float64
	Tested   int
	// Explanation is the segment that explains the change best: at least 60 % of it,
	// significant, and the likeliest account of all that happened. nil when the change
	// is spread.
	Explanation *Segment
	// Margin is by how much, in log-likelihood, it is likelier than the next best.
	Margin float64
	// Segments that are significantly over-represented, most of the change first.
	Segments []Segment
	// RuledOut are segments with traffic that worsened no more than the rest.
	RuledOut []Segment
	Mix      []Mix
}

// Explain contrasts the window with the baseline. It is a pure function: the
// order of cells does not matter.
func Explain(in Input) Report {
	rep := Report{Segments: []Segment{}, RuledOut: []Segment{}, Mix: []Mix{}}
	rep.Expected = float64(in.Window.Total()) * in.Baseline.Rate()
	rep.Excess = float64(in.Window.Negative) - rep.Expected
	tested := make([]Segment, 0, len(in.Cells))
	for _, dimension := range byDimension(in.Cells) {
		tested = append(tested, contrast(in.Baseline, in.Window, dimension, rep.Excess)...)
		if mix, ok := decompose(dimension); ok {
			rep.Mix = append(rep.Mix, mix)
		}
	}
	benjaminiHochberg(tested)
	joint := newJoint(in.Joint, in.Window, tested)
	rep.Tested = len(tested) + len(joint.pairs)
	slices.SortFunc(tested, func(a, b Segment) int {
		return cmp.Or(-cmp.Compare(a.Excess, b.Excess), cmp.Compare(a.ExpectedShare, b.ExpectedShare), compareConditions(a.Conditions, b.Conditions))
	})
	var accounts []float64
	var best float64
	for i := range tested {
		s := tested[i]
		switch {
		case s.significant() || in.suspects(s):
			if rep.Excess > 0 && (s.ShareOfChange >= EnoughShare || in.suspects(s) && s.ShareOfChange >= halfShare) && !s.isOther() {
				g := gain(s)
				accounts = append(accounts, g)
				if rep.Explanation == nil || g > best {
					rep.Explanation, best = &s, g
				}
			}
			if len(rep.Segments) < maxSegments {
				rep.Segments = append(rep.Segments, s)
			}
		case len(rep.RuledOut) < maxRuledOut && s.Q > Quality && s.Window.Total() > 0:
			rep.RuledOut = append(rep.RuledOut, s)
		}
	}
	if rep.Excess > 0 {
		pairs, pair := joint.refine(&rep)
		accounts = append(accounts, pairs...)
		if pair != nil && (rep.Explanation == nil || slices.Max(pairs) > best) {
			rep.Explanation = pair
		}
	}
	rep.Margin = margin(accounts)
	return rep
}

// margin between the best of some accounts and the next.
func margin(accounts []float64) float64 {
	if len(accounts) == 0 {
		return 0
	}
	slices.SortFunc(accounts, func(a, b float64) int { return -cmp.Compare(a, b) })
	if len(accounts) == 1 {
		return accounts[0]
	}
	return accounts[0] - accounts[1]
}

// suspects: the segment gave the alarm, and more of the change is indeed on it than its
// size lets expect. The largest segment passes its threshold first when all get worse.
func (in *Input) suspects(s Segment) bool {
	return len(in.Suspect) > 0 && slices.Equal(in.Suspect, s.Conditions) && s.Excess > 0 && s.ShareOfChange >= minLift*s.ExpectedShare
}

// Other is the value under which a bounded rollup adds up its rare values. It is
// counted, but never an explanation.
const Other = ""

func (s *Segment) isOther() bool {
	return slices.ContainsFunc(s.Conditions, func(c Condition) bool { return c.Value == Other })
}

// significant: it holds more of the change than chance and its size let expect.
func (s *Segment) significant() bool {
	return s.Q <= Quality && s.Excess > 0 && (s.ShareOfChange == 0 || s.ShareOfChange >= minLift*s.ExpectedShare)
}

func compareConditions(a, b []Condition) int {
	return slices.CompareFunc(a, b, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value))
	})
}

func dimensionsOf(list []Condition) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.Dimension
	}
	return strings.Join(names, "\x00")
}

func byDimension(cells []Cell) [][]Cell {
	sorted := slices.Clone(cells)
	slices.SortFunc(sorted, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(dimensionsOf(a.Conditions), dimensionsOf(b.Conditions)), compareConditions(a.Conditions, b.Conditions))
	})
	var out [][]Cell
	for start := 0; start < len(sorted); {
		end := start
		for end < len(sorted) && dimensionsOf(sorted[end].Conditions) == dimensionsOf(sorted[start].Conditions) {
			end++
		}
		out = append(out, sorted[start:end])
		start = end
	}
	return out
}

// contrast tests the cells of one dimension against each other and the part of
// the context that the dimension does not describe.
func contrast(baseline, window Counts, cells []Cell, excess float64) []Segment {
	// Where a dimension only exists on negatives (an error's fingerprint), traffic
	// is the context's: the rate is negatives per signal of the context.
	var described Counts
	for _, c := range cells {
		described.Positive += c.Baseline.Positive + c.Window.Positive
	}
	ofContext := described.Positive == 0
	exposure := func(own, all Counts) float64 {
		if ofContext {
			return float64(all.Total())
		}
		return float64(own.Total())
	}
	prior := fitPrior(baseline, cells, exposure)

	segments := make([]Segment, 0, len(cells))
	var cellsExpected, cellsNegative, cellsBaseline float64
	for _, c := range cells {
		s := Segment{Conditions: c.Conditions, Baseline: c.Baseline, Window: c.Window}
		rate := (prior.events + float64(c.Baseline.Negative)) / (prior.exposure + exposure(c.Baseline, baseline))
		if !ofContext && arriving(c, baseline, window) {
			rate = prior.events / prior.exposure
		}
		s.Expected = rate * exposure(c.Window, window)
		s.Excess = float64(c.Window.Negative) - s.Expected
		s.RateRatio = (prior.events + float64(c.Window.Negative)) / (prior.events + s.Expected)
		s.First = c.Baseline.Total() == 0 && c.Window.Total() > 0
		if excess > 0 {
			s.ShareOfChange = math.Max(0, math.Min(1, s.Excess/excess))
		}
		cellsExpected += s.Expected
		cellsNegative += float64(c.Window.Negative)
		cellsBaseline += float64(c.Baseline.Negative)
		segments = append(segments, s)
	}
	// The undescribed rest of the context takes part as one more cell.
	restExpected := math.Max(0, float64(baseline.Negative)-cellsBaseline) * ratio(window.Total(), baseline.Total())
	restNegative := math.Max(0, float64(window.Negative)-cellsNegative)
	expected := cellsExpected + restExpected
	negatives := cellsNegative + restNegative
	if negatives == 0 || expected <= 0 {
		return nil
	}
	// How well the baseline knows shares: as well as its negatives are many.
	size := float64(baseline.Negative) + prior.events + 1
	tested := segments[:0]
	for _, s := range segments {
		if s.Window.Total() == 0 && s.Baseline.Total() == 0 {
			continue
		}
		s.ExpectedShare = math.Min(1, s.Expected/expected)
		s.Lift = 1
		if s.ExpectedShare > 0 {
			s.Lift = (float64(s.Window.Negative) / negatives) / s.ExpectedShare
		}
		s.P = upperTail(int64(negatives), s.Window.Negative, s.ExpectedShare, size)
		tested = append(tested, s)
	}
	return tested
}

// arriving: nearly all of a segment's traffic is in the window, as that of a release
// that is being rolled out. The little of it that came before is no baseline: it is the
// trouble's beginning, before anybody could have dated it.
func arriving(c Cell, baseline, window Counts) bool {
	before := float64(c.Baseline.Total()) / float64(max(1, baseline.Total()))
	now := float64(c.Window.Total()) / float64(max(1, window.Total()))
	return before < arrived*now
}

// arrived is the share of its later traffic from which a segment has a past.
const arrived = 0.1

func ratio(a, b int64) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// gammaPrior is worth `events` negatives in `exposure` signals.
type gammaPrior struct{ events, exposure float64 }

// fitPrior estimates by moments how much the baseline rates of a dimension's
// segments differ: alike segments are shrunk strongly, different ones hardly.
func fitPrior(baseline Counts, cells []Cell, exposure func(own, all Counts) float64) gammaPrior {
	var events, traffic float64
	for _, c := range cells {
		events += float64(c.Baseline.Negative)
		traffic += exposure(c.Baseline, baseline)
	}
	if traffic == 0 {
		traffic = float64(max(baseline.Total(), 1))
	}
	mean := math.Max(events, 0.5) / traffic
	var between, weight float64
	for _, c := range cells {
		n := exposure(c.Baseline, baseline)
		if n == 0 {
			continue
		}
		r := float64(c.Baseline.Negative) / n
		between += n * ((r-mean)*(r-mean) - mean/n)
		weight += n
	}
	variance := 0.0
	if weight > 0 {
		variance = math.Max(0, between/weight)
	}
	// Gamma(a, b): mean a/b, variance a/b². Worth between a half and five events.
	a := 5.0
	if variance > 0 {
		a = math.Min(5, math.Max(0.5, mean*mean/variance))
	}
	return gammaPrior{events: a, exposure: a / mean}
}

// decompose is Kitagawa's: the change of a rate as own change plus moved traffic.
func decompose(cells []Cell) (Mix, bool) {
	var before, after Counts
	for _, c := range cells {
		before.Positive += c.Baseline.Positive
		before.Negative += c.Baseline.Negative
		after.Positive += c.Window.Positive
		after.Negative += c.Window.Negative
	}
	if before.Positive+after.Positive == 0 || before.Total() == 0 || after.Total() == 0 || len(cells) < 2 {
		return Mix{}, false
	}
	m := Mix{Dimension: cells[0].Conditions[0].Dimension}
	for _, c := range cells {
		w0, w1 := ratio(c.Baseline.Total(), before.Total()), ratio(c.Window.Total(), after.Total())
		r0, r1 := c.Baseline.Rate(), c.Window.Rate()
		// A segment absent from one side has no rate there: its whole effect is mix.
		if c.Baseline.Total() == 0 {
			r0 = r1
		}
		if c.Window.Total() == 0 {
			r1 = r0
		}
		m.Within += (w0 + w1) / 2 * (r1 - r0)
		m.Between += (r0 + r1) / 2 * (w1 - w0)
	}
	return m, true
}

// benjaminiHochberg sets Q: the smallest false discovery rate at which a segment
// would be called over-represented.
func benjaminiHochberg(segments []Segment) {
	slices.SortFunc(segments, func(a, b Segment) int { return cmp.Compare(a.P, b.P) })
	least := 1.0
	for i := len(segments) - 1; i >= 0; i-- {
		least = math.Min(least, segments[i].P*float64(len(segments))/float64(i+1))
		segments[i].Q = least
	}
}
