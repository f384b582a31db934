package explain

import (
	"cmp"
	"math"
	"slices"
)

// VolumeInput describes a window with fewer signals than expected. Counts are in
// Positive; those of cells too, whatever they meant.
type VolumeInput struct {
	Baseline int64
	Window   int64
	Expected float64
	Cells    []Cell
}

// Volume says which segments are missing: where signals fell by more than everywhere.
// A segment is tested against the rest as in Explain, at the lower tail; Expected,
// Excess (below 0) and ShareOfChange are of all its signals.
func Volume(in VolumeInput) Report {
	rep := Report{Segments: []Segment{}, RuledOut: []Segment{}, Mix: []Mix{}, Expected: in.Expected, Excess: float64(in.Window) - in.Expected}
	if in.Baseline == 0 || in.Expected <= 0 {
		return rep
	}
	missing := in.Expected - float64(in.Window)
	var tested []Segment
	for _, cells := range byDimension(in.Cells) {
		for _, c := range cells {
			share := float64(c.Baseline.Total()) / float64(in.Baseline)
			if share < leastVolume || share > 1 {
				continue
			}
			s := Segment{
				Conditions: c.Conditions, Baseline: Counts{Positive: c.Baseline.Total()}, Window: Counts{Positive: c.Window.Total()},
				Expected: share * in.Expected, ExpectedShare: share,
			}
			s.Excess = float64(s.Window.Positive) - s.Expected
			s.RateRatio = (float64(s.Window.Positive) + 0.5) / (s.Expected + 0.5)
			if missing > 0 {
				s.ShareOfChange = clampShare(-s.Excess / missing)
			}
			s.Lift = s.ShareOfChange / share
			s.P = 1 - upperTail(in.Window, s.Window.Positive+1, share, float64(in.Baseline)+1)
			tested = append(tested, s)
		}
	}
	rep.Tested = len(tested)
	benjaminiHochberg(tested)
	slices.SortFunc(tested, func(a, b Segment) int {
		return cmp.Or(cmp.Compare(a.Excess, b.Excess), cmp.Compare(a.ExpectedShare, b.ExpectedShare), compareConditions(a.Conditions, b.Conditions))
	})
	best := 0.0
	for i := range tested {
		s := tested[i]
		switch {
		case s.Q <= Quality && s.Excess < 0 && s.Lift >= minLift:
			if gain := s.lost(); s.ShareOfChange >= EnoughShare && !s.isOther() && gain > best {
				rep.Explanation, best = &s, gain
			}
			if len(rep.Segments) < maxSegments {
				rep.Segments = append(rep.Segments, s)
			}
		case len(rep.RuledOut) < maxRuledOut && s.Q > Quality:
			rep.RuledOut = append(rep.RuledOut, s)
		}
	}
	return rep
}

// leastVolume is the share of the traffic below which a segment is not looked at.
const leastVolume = 0.005

// lost is joint.gain for a fall.
func (s Segment) lost() float64 {
	k := float64(s.Window.Positive)
	if k >= s.Expected {
		return 0
	}
	if k == 0 {
		return s.Expected
	}
	return k*math.Log(k/s.Expected) - (k - s.Expected)
}

func clampShare(x float64) float64 { return math.Max(0, math.Min(1, x)) }
