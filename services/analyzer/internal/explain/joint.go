package explain

import (
	"math"
	"slices"
)

const (
	// leastJoint is how many negatives of the bad window a sample must hold before
	// pairs are looked at, and leastPair how many of them one pair.
	leastJoint = 20
	leastPair  = 5
	// conditionCost is what a second condition must add to the log-likelihood: of two
	// accounts that are about as likely, the simpler one is preferred.
	conditionCost = 1.0
	// implied is the share of a condition's signals from which another that they meet says
	// nothing more: there is one release, or all of the type have the same error.
	implied = 0.95
)

// joint is a sample in which conditions were counted together.
type joint struct {
	exact map[Condition]Segment           // of the whole, one condition
	share float64                         // of the whole's negatives that are in the sample
	parts map[Condition]map[string][]part // of a condition, by the dimension that divides it
	pairs []Segment
}

// part is a pair as seen from its first condition.
type part struct {
	second Condition
	Segment
	// traffic is the share of the first condition's signals, both windows. Of a dimension
	// that only negatives have (an error's fingerprint) it is that of its negatives in the
	// baseline: such a value describes what happened, not to whom.
	traffic float64
}

// newJoint counts the pairs of a sample and tests those of which a condition is
// significant by itself: where neither is, there is nothing to refine, and the test of
// many pairs would hide what one condition shows (Yekutieli 2008).
func newJoint(in *Joint, whole Counts, tested []Segment) joint {
	j := joint{exact: make(map[Condition]Segment), parts: make(map[Condition]map[string][]part)}
	if in == nil || in.Window.Negative < leastJoint {
		return j
	}
	for _, s := range tested {
		j.exact[s.Conditions[0]] = s
	}
	j.share = float64(in.Window.Negative) / float64(max(1, whole.Negative))
	excess := float64(in.Window.Negative) - float64(in.Window.Total())*in.Baseline.Rate()
	singles, outside := make(map[Condition]Cell), make(map[string]bool)
	var pairs []Cell
	for _, c := range in.Cells {
		if len(c.Conditions) == 2 {
			pairs = append(pairs, c)
			continue
		}
		singles[c.Conditions[0]] = c
		if c.Baseline.Positive+c.Window.Positive > 0 {
			outside[c.Conditions[0].Dimension] = true
		}
	}
	for _, cells := range byDimension(pairs) {
		for _, s := range contrast(in.Baseline, in.Window, cells, excess) {
			j.add(s, s.Conditions[1], singles[s.Conditions[0]], outside[s.Conditions[1].Dimension])
			j.add(s, s.Conditions[0], singles[s.Conditions[1]], outside[s.Conditions[0].Dimension])
			if s.Window.Negative >= leastPair && !s.isOther() && (j.promising(s.Conditions[0]) || j.promising(s.Conditions[1])) {
				j.pairs = append(j.pairs, s)
			}
		}
	}
	benjaminiHochberg(j.pairs)
	slices.SortFunc(j.pairs, func(a, b Segment) int { return compareConditions(a.Conditions, b.Conditions) })
	return j
}

// promising: the condition is significant, however little of the change it holds.
func (j *joint) promising(c Condition) bool {
	s, ok := j.exact[c]
	return ok && s.Q <= Quality && s.Excess > 0
}

// add a pair to the parts of its first condition. Outside of what went wrong the second
// one may not be known.
func (j *joint) add(s Segment, second Condition, whole Cell, outside bool) {
	if len(whole.Conditions) == 0 {
		return // there was no room for it
	}
	first := whole.Conditions[0]
	if j.parts[first] == nil {
		j.parts[first] = make(map[string][]part)
	}
	p := part{second: second, Segment: s}
	n, of := s.Baseline.Total()+s.Window.Total(), whole.Baseline.Total()+whole.Window.Total()
	if !outside {
		n, of = s.Baseline.Negative, whole.Baseline.Negative
	}
	p.traffic = float64(n) / float64(max(1, of))
	j.parts[first][second.Dimension] = append(j.parts[first][second.Dimension], p)
}

// implies: nearly all that meets the first condition meets the second.
func (j *joint) implies(first, second Condition) bool {
	return slices.ContainsFunc(j.parts[first][second.Dimension], func(p part) bool { return p.second == second && p.traffic >= implied })
}

// gain is the log-likelihood that "this segment's rate changed, the rest went on as
// before" has above "nothing changed". What is wider than the trouble dilutes it and
// gains less than the trouble itself; so does a part of it.
func gain(s Segment) float64 {
	k, e := float64(s.Window.Negative), math.Max(s.Expected, 0.05)
	if k <= e {
		return 0
	}
	return k*math.Log(k/e) - (k - e)
}

// refine looks for the pair that accounts for the change better than each of its two
// conditions, one of which must be significant. It returns the gains of all pairs that
// were possible and the best of them, if any.
//
// Given that a condition's excess is known, the question is how it divides over the
// values of a second dimension: as the condition's traffic does, or all on one value.
// The rollups answer it for the whole, where the rest of the traffic adds noise, and
// the sample for a part, without that noise.
func (j *joint) refine(rep *Report) (gains []float64, found *Segment) {
	var best float64
	for _, pair := range j.pairs {
		if j.implies(pair.Conditions[0], pair.Conditions[1]) || j.implies(pair.Conditions[1], pair.Conditions[0]) {
			continue // as good as one of them
		}
		own := math.Inf(-1)
		for _, order := range [2][2]Condition{{pair.Conditions[0], pair.Conditions[1]}, {pair.Conditions[1], pair.Conditions[0]}} {
			if j.promising(order[0]) {
				first := j.exact[order[0]]
				own = math.Max(own, gain(first)+j.divides(first, order[1])-conditionCost)
			}
		}
		s := j.whole(pair, rep)
		if math.IsInf(own, -1) || s.ShareOfChange < EnoughShare {
			continue
		}
		gains = append(gains, own)
		if found == nil || own > best {
			best, found = own, &s
		}
	}
	return gains, found
}

// divides is the log-likelihood ratio of "all of first's excess lies on second"
// against "it lies as first's traffic does".
func (j *joint) divides(first Segment, second Condition) float64 {
	parts := j.parts[first.Conditions[0]][second.Dimension]
	var within, among, excess float64
	for _, p := range parts {
		excess += float64(p.Window.Negative) - p.Expected
	}
	excess = math.Max(excess, 0.5)
	for _, p := range parts {
		share := math.Max(p.traffic, 1e-4)
		on := 0.0
		if p.second == second {
			on = 1
		}
		within += compare(float64(p.Window.Negative), p.Expected, on*excess, share*excess)
		if whole, ok := j.exact[p.second]; ok {
			among += compare(float64(whole.Window.Negative), whole.Expected, on*first.Excess, share*first.Excess)
		}
	}
	return within + (1-math.Min(1, j.share))*among
}

// compare two accounts of k negatives, where expected were usual: so many more of one,
// so many more of the other.
func compare(k, expected, one, other float64) float64 {
	base := math.Max(expected, 0.05)
	return k*math.Log((base+one)/(base+other)) - (one - other)
}

// whole is a pair of the sample brought to all of the traffic. Its excess is known
// three times: from the sample, and, if the pair is what went wrong, from each of its
// two conditions; the three are weighed by their noise.
func (j *joint) whole(pair Segment, rep *Report) Segment {
	f := math.Max(j.share, 1e-6)
	s := pair
	s.Sampled = true
	s.Expected = pair.Expected / f
	sum, weight := (pair.Excess/f)/(math.Max(pair.Expected, 1)/f/f), 1/(math.Max(pair.Expected, 1)/f/f)
	for _, c := range pair.Conditions {
		if e, ok := j.exact[c]; ok {
			w := 1 / math.Max(e.Expected, 1)
			sum += w * e.Excess
			weight += w
		}
	}
	s.Excess = sum / weight
	s.Window = Counts{Positive: scale(pair.Window.Positive, f), Negative: max(0, int64(math.Round(s.Expected+s.Excess)))}
	s.Baseline = Counts{Positive: scale(pair.Baseline.Positive, f), Negative: scale(pair.Baseline.Negative, f)}
	s.Excess = float64(s.Window.Negative) - s.Expected
	s.ShareOfChange = 0
	if rep.Excess > 0 {
		s.ShareOfChange = clampShare(s.Excess / rep.Excess)
	}
	s.Conditions = slices.Clone(pair.Conditions)
	return s
}

func scale(n int64, f float64) int64 { return int64(math.Round(float64(n) / f)) }
