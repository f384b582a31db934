package proposal

import (
	"math"

	"github.com/draftlabs/specter/pkg/impact"
)

const (
	// z95 spans the 95 % the detector's interval is given in.
	z95 = 1.9600
	// Confidence never claims to know.
	leastConfidence, mostConfidence = 0.05, 0.95
)

// Impact is what is predicted to happen to the metric when the trouble ends. Low and High span 80 %. Calibration is the
// share of a predicted gain that has come true in this family so far, learned from so many Verdicts.
type Impact struct {
	Metric           string   `json:"metric"`
	Baseline         float64  `json:"baseline"` // now, in the bad window
	Predicted        float64  `json:"predicted"`
	Low              float64  `json:"low"`
	High             float64  `json:"high"`
	AffectedSessions *float64 `json:"affected_sessions,omitempty"`
	Calibration      float64  `json:"calibration"`
	Verdicts         int      `json:"verdicts"`
}

// estimate is the size of the trouble: the impact of ending it, how sure that is, and how much it matters.
type estimate struct {
	impact     Impact
	confidence float64
	priority   float64 // affected sessions × expected gain × confidence
}

// estimateImpact answers "what if the segment returned to its baseline?", scaled by what predictions of the family have
// been worth.
func estimateImpact(f Finding, e Evidence, c Context, k impact.Calibration) estimate {
	metric, without := counterfactual(f, e, c)
	p := impact.Predict(without, k)
	now := without.Now
	if v := e.Volume; v != nil && v.Window == 0 && metric == MetricVolume {
		now = 0 // the counterfactual keeps off it by half a signal
	}
	out := estimate{impact: Impact{
		Metric: metric, Baseline: now, Predicted: p.Value, Low: p.Low, High: p.High,
		AffectedSessions: affectedSessions(e), Calibration: k.Mean, Verdicts: k.N,
	}}
	out.confidence = confidence(f, e, impact.Gain(without.Now, without.Then), without.SD)
	out.priority = reach(e) * math.Max(0, out.impact.Predicted-without.Now) * out.confidence
	return out
}

// counterfactual is the analyzer's, which knows the drift of the metric; without one it is computed from the counts.
func counterfactual(f Finding, e Evidence, c Context) (metric string, without impact.Counterfactual) {
	if given := e.Counterfactual; given != nil && inside(given.Now) && inside(given.Then) && given.SD >= 0 {
		return given.Metric, impact.Counterfactual{Now: given.Now, Then: given.Then, SD: given.SD, Volume: given.Metric == MetricVolume}
	}
	if f.Family == Silence || f.Family == VolumeCollapse {
		now, then, sd := volumeCounterfactual(e)
		return MetricVolume, impact.Counterfactual{Now: now, Then: then, SD: sd, Volume: true}
	}
	now, then, sd := ratioCounterfactual(f, e, c)
	return MetricRatio, impact.Counterfactual{Now: now, Then: then, SD: sd}
}

func inside(share float64) bool { return share > 0 && share < 1 }

// ratioCounterfactual returns the ratio in the bad window, the one without the trouble, and the standard error of their
// difference in logits.
func ratioCounterfactual(f Finding, e Evidence, c Context) (now, then, sd float64) {
	w := e.Counts.Window
	now = e.Ratio.Window
	if w.total() > 0 {
		now = w.Positive / w.total()
	}
	now = clampShare(now, w.total())
	then = math.Max(e.Ratio.Expected, now)
	if pos, neg := withoutExcess(e, c); f.Family != DeploymentRegressed && pos+neg > 0 {
		// The segment back at its baseline, but no better than the whole was expected to be.
		then = math.Min(math.Max(pos/(pos+neg), now), then)
	}
	then = clampShare(then, w.total())
	expected := (logit(clampShare(e.Ratio.High, w.total())) - logit(clampShare(e.Ratio.Low, w.total()))) / (2 * z95)
	return now, then, math.Sqrt(logitVariance(w) + math.Max(logitVariance(e.Counts.Baseline), expected*expected))
}

// withoutExcess returns the window's counts with the leading segment at its expected count; without segments, with every
// type at its expected count.
func withoutExcess(e Evidence, c Context) (pos, neg float64) {
	pos, neg = e.Counts.Window.Positive, e.Counts.Window.Negative
	polarity := map[string]string{}
	for _, t := range c.PositiveTypes {
		polarity[t] = "positive"
	}
	for _, t := range c.NegativeTypes {
		polarity[t] = "negative"
	}
	for _, t := range e.Types {
		polarity[t.Type] = t.Polarity
	}
	apply := func(signalType string, excess float64) {
		if polarity[signalType] == "positive" {
			pos = math.Max(0, pos-math.Min(0, excess))
		} else {
			neg = math.Max(0, neg-math.Max(0, excess))
		}
	}
	if lead, ok := e.Lead(); ok {
		apply(lead.Type, lead.Excess)
		return pos, neg
	}
	if len(e.Types) == 0 {
		return 0, 0
	}
	for _, t := range e.Types {
		apply(t.Type, t.Excess)
	}
	return pos, neg
}

// volumeCounterfactual is the same for families about how much arrives: the share of the usual volume.
func volumeCounterfactual(e Evidence) (now, then, sd float64) {
	w, b := e.Counts.Window.total(), e.Counts.Baseline.total()
	usual := b
	if span := e.Baseline.To.Sub(e.Baseline.From).Hours(); span > 0 {
		usual = b * e.Window.To.Sub(e.Window.From).Hours() / span
	}
	if usual <= 0 {
		return 0.5, 0.5, 1
	}
	return clampShare(w/usual, usual), clampShare(1, usual), math.Sqrt(1/(w+0.5) + 1/(b+0.5))
}

// confidence is the probability that there is something to gain, less the chance of a false alarm, and less where no
// segment explains the change.
func confidence(f Finding, e Evidence, gain, sd float64) float64 {
	genuine := 1 - math.Min(1, math.Max(0, e.Score.P))
	out := genuine
	if f.Family != DeploymentRegressed {
		explained := 0.0
		if f.Family == Silence {
			explained = 1 // what stopped needs no part that explains it
		} else if lead, ok := e.Lead(); ok {
			explained = math.Min(1, math.Max(0, lead.ShareOfChange))
		}
		out = normalCDF(gain/sd) * genuine * (0.5 + 0.5*explained)
	}
	return math.Min(mostConfidence, math.Max(leastConfidence, out))
}

// affectedSessions is nil where sessions are not known.
func affectedSessions(e Evidence) *float64 {
	if e.AffectedSessions != nil {
		return e.AffectedSessions
	}
	lead, ok := e.Lead()
	if !ok || lead.ShareOfSessions == nil || e.Counts.Window.Sessions == nil {
		return e.Counts.Window.Sessions
	}
	n := math.Round(*lead.ShareOfSessions * *e.Counts.Window.Sessions)
	return &n
}

// reach is how many sessions the trouble touches; where sessions are not known, how many signals.
func reach(e Evidence) float64 {
	if n := affectedSessions(e); n != nil {
		return *n
	}
	if e.Volume != nil {
		return math.Max(0, e.Volume.Expected-e.Volume.Window) // what is missing
	}
	if lead, ok := e.Lead(); ok {
		return lead.Window
	}
	return e.Counts.Window.total()
}

// logitVariance of a ratio with these counts, with half a signal added to each side.
func logitVariance(t Tally) float64 { return 1/(t.Positive+0.5) + 1/(t.Negative+0.5) }

// clampShare keeps a share off 0 and 1 by half an observation.
func clampShare(x, n float64) float64 {
	edge := 0.5 / (n + 1)
	return math.Min(1-edge, math.Max(edge, x))
}

func logit(p float64) float64     { return math.Log(p / (1 - p)) }
func normalCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
