package pcf

import "math"

// Prediction holds what was promised against what came.
type Prediction struct {
	Promised Range
	Observed float64
	// Fit is "within" the promised range, "below" or "above" it.
	Fit string
	// Share of the promised change that came, both on the log scale and against what was expected without the
	// deployment: 1 is all of it, negative the wrong way. NaN never; 0 when next to nothing was promised.
	Share float64
}

const leastPromise = .005 // on the log scale: half a percent

func predicted(in Input, r Result) *Prediction {
	if in.Predicted == nil || r.Reading == nil {
		return nil
	}
	p := Prediction{Promised: *in.Predicted, Observed: r.Reading.Observed, Fit: "within"}
	switch {
	case p.Observed < p.Promised.Low:
		p.Fit = "below"
	case p.Observed > p.Promised.High:
		p.Fit = "above"
	}
	promised := scaleOf(in.Metric, p.Promised.Mid) - scaleOf(in.Metric, r.Reading.Expected.Mid)
	if abs(promised) >= leastPromise && !math.IsInf(promised, 0) && !math.IsNaN(promised) {
		p.Share = r.Reading.Estimate.D / promised
	}
	return &p
}

// scaleOf takes what people read to the scale of the analysis.
func scaleOf(metric Metric, x float64) float64 {
	if metric == Ratio {
		return math.Log(x / (1 - x))
	}
	return math.Log(x)
}
