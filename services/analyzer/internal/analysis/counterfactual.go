package analysis

import "math"

// ratioCounterfactual is the ratio had the segment that explains the change stayed at
// its baseline, else had the context stayed where the detector saw it.
//
// Two accounts are weighed by how well each knows it: the window without the segment's
// excess, which is short and carries the mood of its day, and the detector's forecast,
// which has weeks behind it. Where they contradict one another, something else is
// wrong too, and only the first holds.
func ratioCounterfactual(e Evidence, run *watch, l lens) *Counterfactual {
	w := e.Counts.Window
	n := float64(w.Positive + w.Negative)
	if n == 0 {
		return nil
	}
	c := &Counterfactual{Metric: l.metric, Now: clampShare(w.ratio(), n)}
	forecast, known := logit(clampShare(e.Ratio.Expected, n)), run.ratio.Known()+run.ratio.Drift()
	if l.metric != MetricRatio { // no detector of its own: the baseline is the forecast
		known = logitVariance(e.Counts.Baseline)
	}
	then, variance := forecast, known
	if len(e.Segments) > 0 && e.Segments[0].Explains {
		s := e.Segments[0]
		negative := math.Max(0.5, float64(w.Negative)-math.Max(0, s.Excess))
		without := logit(clampShare((n-negative)/n, n))
		// The rest of the window, the segment's baseline, and a day's own mood.
		own := 1/negative + 1/(n-negative+0.5) + sq(s.Expected/negative)/(float64(s.Counts.Baseline.Negative)+1) + run.ratio.Mood()
		if math.Abs(without-forecast) < 2*math.Sqrt(own+known) {
			then = (without/own + forecast/known) / (1/own + 1/known)
			variance = 1 / (1/own + 1/known)
		} else {
			then, variance = without, own
		}
	}
	variance += run.ratio.Drift() // the coming week has a mood of its own
	c.Then = expit(math.Max(then, logit(c.Now)))
	c.SD = math.Sqrt(variance)
	return c
}

// logitVariance of a share with these counts, half a signal added to each side.
func logitVariance(t Tally) float64 { return 1/(float64(t.Positive)+0.5) + 1/(float64(t.Negative)+0.5) }

// clampShare keeps a share off 0 and 1 by half an observation.
func clampShare(x, n float64) float64 {
	edge := 0.5 / (n + 1)
	return math.Min(1-edge, math.Max(edge, x))
}

func sq(x float64) float64    { return x * x }
func logit(p float64) float64 { return math.Log(p / (1 - p)) }
func expit(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
