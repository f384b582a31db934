package pcf

import (
	"math"
	"slices"
)

// Range is an estimate with its interval.
type Range struct{ Low, Mid, High float64 }

// Reading is an estimate in the units people read. Intervals are at the look's nominal level unless said otherwise.
type Reading struct {
	HistoryDays int
	// Change is the effect on the odds (Ratio) or on the count (Count) as a fraction: −0.57 is 57 % less.
	Change Range
	// Change95 is the same at 95 %, which is right for a reader who looks once.
	Change95 Range
	// Points is the effect in points of positive ratio (−0.03 is three points less) at the ratio before the
	// deployment. Zero for a Count.
	Points Range
	// Expected is what the window's ratio (or mean count a day) would have been had nothing changed; Observed is what it was.
	Expected Range
	Observed float64
	// PValue is two-sided. ProbabilityImproved is the probability that the true effect is positive.
	PValue, ProbabilityImproved float64
	// MDE is the smallest change, as a fraction of the odds or the count, that this look had an 80 % chance to find at
	// 5 %; MDEPoints is the same in points of ratio.
	MDE, MDEPoints float64
	// Days is the forecast for each day of the window had nothing changed, for drawing.
	Days []Range
	// Estimate holds the numbers behind all of the above.
	Estimate Estimate
}

func newReading(metric Metric, e Estimate, alpha float64, before Totals, window []Day) Reading {
	low, high := e.Interval(alpha)
	low95, high95 := e.Interval(.05)
	r := Reading{
		HistoryDays: e.HistoryDays,
		Change:      Range{expm1(low), expm1(e.D), expm1(high)},
		Change95:    Range{expm1(low95), expm1(e.D), expm1(high95)},
		PValue:      e.PValue(), ProbabilityImproved: e.ProbabilityImproved(),
		MDE:      expm1(e.MDE()),
		Estimate: e,
	}
	if metric == Ratio {
		base := math.Log((before.Positive + .5) / (before.Negative + .5))
		points := func(d float64) float64 { return natural(Ratio, base+d) - natural(Ratio, base) }
		r.Points = Range{points(low), points(e.D), points(high)}
		// At a high ratio the same odds are fewer points upwards than downwards; the wider side is the honest one.
		r.MDEPoints = math.Max(math.Abs(points(e.MDE())), math.Abs(points(-e.MDE())))
	}
	reach := e.quantile(alpha)
	r.Days = e.days(metric, reach)
	r.expect(metric, e, reach, window)
	return r
}

// days forecasts each single day of the window from the last level.
func (e Estimate) days(metric Metric, reach float64) []Range {
	out := make([]Range, e.WindowDays)
	for i := range out {
		mid := e.expectedDay(i)
		spread := reach * math.Sqrt(e.level.scale*(e.level.variance+e.level.q*float64(i+1)+1))
		out[i] = Range{natural(metric, mid-spread), natural(metric, mid), natural(metric, mid+spread)}
	}
	return out
}

func (e Estimate) expectedDay(i int) float64 {
	return e.level.last + e.effects[weekdayOf(e.first, i)] + e.owed[i]
}

// expect weighs the forecast of the days with data by their real volume, so that it compares with the raw ratio.
func (r *Reading) expect(metric Metric, e Estimate, reach float64, window []Day) {
	var total, positive float64
	for i, p := range points(metric, window) {
		if !p.observed {
			continue
		}
		weight := 1.0
		if metric == Ratio {
			weight = window[i].Total()
		}
		mid := e.expectedDay(i)
		r.Expected.Low += weight * natural(metric, mid-reach*e.S)
		r.Expected.Mid += weight * natural(metric, mid)
		r.Expected.High += weight * natural(metric, mid+reach*e.S)
		positive += window[i].Positive
		total += weight
	}
	r.Expected.Low /= total
	r.Expected.Mid /= total
	r.Expected.High /= total
	r.Observed = positive / total
}

// controlled tells whether a control was taken out.
func (r Reading) controlled() bool {
	return slices.ContainsFunc(r.Estimate.Controls, func(c ControlUse) bool { return c.Beta != 0 })
}

// PlaceboShare is the share of past windows of the same length that missed by at least as much: how often this much
// happens by itself. NaN with fewer than one window's length of them.
func (r Reading) PlaceboShare() float64 {
	e := r.Estimate
	if len(e.Placebos) < e.WindowDays {
		return math.NaN()
	}
	n := 0
	for _, miss := range e.Placebos {
		if abs(miss) >= abs(e.D) {
			n++
		}
	}
	return float64(n) / float64(len(e.Placebos))
}

// side is +1 or −1 when the effect passes the boundary, else 0.
func (r Reading) side(nominalP float64) int {
	switch {
	case !(r.PValue <= nominalP):
		return 0
	case r.Estimate.D > 0:
		return 1
	case r.Estimate.D < 0:
		return -1
	}
	return 0
}

// negligible tells whether the 90 % interval lies inside ± 5 %.
func (r Reading) negligible() bool {
	low, high := r.Estimate.Interval(noEffectAlpha)
	return math.Expm1(low) >= -NoEffectWithin && math.Expm1(high) <= NoEffectWithin
}

// expm1 is e^x − 1 kept finite, so that a hopelessly wide interval can still be stored and printed.
func expm1(x float64) float64 { return math.Expm1(math.Min(x, math.Log(math.MaxFloat64))) }
