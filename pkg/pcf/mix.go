package pcf

import "math"

// Mix splits a change of ratio into who came and what happened to them (Kitagawa 1955).
type Mix struct {
	// Moved is the share of the traffic that would have to change its segment to look as before, 0…1.
	Moved float64
	// Composition is the part of the ratio's change that comes from another mix, Within the part that comes from other
	// ratios inside the segments. Both are in points of ratio; together they are the raw change.
	Composition, Within float64
	// Reweighted is the effect on the odds, as a fraction, had the mix stayed as it was: each segment's odds before and
	// after at the traffic it had before.
	Reweighted float64
}

// mixOf compares the segments of a ratio; nil where there is nothing to compare.
func mixOf(metric Metric, segments []Segment) *Mix {
	var before, after float64
	for _, s := range segments {
		before += s.Before.Positive + s.Before.Negative
		after += s.After.Positive + s.After.Negative
	}
	if metric != Ratio || len(segments) < 2 || before <= 0 || after <= 0 {
		return nil
	}
	var m Mix
	var was, would float64 // ratio before, and after at the traffic of before
	for _, s := range segments {
		shareBefore, shareAfter := (s.Before.Positive+s.Before.Negative)/before, (s.After.Positive+s.After.Negative)/after
		ratioBefore, ratioAfter := smoothed(s.Before), smoothed(s.After)
		// A segment that is on one side only has the ratio it was seen with.
		if shareBefore == 0 {
			ratioBefore = ratioAfter
		}
		if shareAfter == 0 {
			ratioAfter = ratioBefore
		}
		m.Moved += abs(shareAfter-shareBefore) / 2
		m.Composition += (shareAfter - shareBefore) * (ratioBefore + ratioAfter) / 2
		m.Within += (ratioAfter - ratioBefore) * (shareBefore + shareAfter) / 2
		was += shareBefore * ratioBefore
		would += shareBefore * ratioAfter
	}
	m.Reweighted = expm1(math.Log(would/(1-would)) - math.Log(was/(1-was)))
	return &m
}

// smoothed is a ratio that is never 0 or 1.
func smoothed(t Totals) float64 { return (t.Positive + .5) / (t.Positive + t.Negative + 1) }
