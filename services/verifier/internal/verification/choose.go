package verification

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Finding is what a proposal rests on, as far as it says what to measure.
type Finding struct {
	StartedAt, DetectedAt time.Time
	Evidence              FindingEvidence
}

// FindingEvidence is the part of the analyzer's document that names what was watched.
type FindingEvidence struct {
	Window struct {
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
	} `json:"window"`
	Subject struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"subject"`
	Segments []struct {
		Conditions []Condition `json:"conditions"`
		Explains   bool        `json:"explains"`
	} `json:"segments"`
	FirstSeen *struct {
		Value string `json:"value"`
	} `json:"first_seen"`
	Funnel *struct {
		Steps []string `json:"steps"`
		To    string   `json:"to"`
	} `json:"funnel"`
	Volume *struct {
		Expected float64 `json:"expected"`
	} `json:"volume"`
}

// Promise is what a proposal predicted, for one measure.
type Promise struct {
	Metric    string  `json:"metric"`
	Baseline  float64 `json:"baseline"`
	Predicted float64 `json:"predicted"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
}

// choice is what a test is about.
type choice struct {
	measure Measure
	because string
	// promised is what the prediction is about; nil when that is the measure itself.
	promised *Measure
}

// choose picks the first measure that its past allows to judge: the explanation's segment, what the finding is about, and
// the context's positive ratio. Nothing at or after the deployment is read.
func choose(ctx context.Context, d Deployment, from, to time.Time, evidence Evidence) (choice, error) {
	ratio := Measure{Metric: MetricRatio, ContextID: d.ContextID, PositiveTypes: d.PositiveTypes, NegativeTypes: d.NegativeTypes}
	promised := ratio
	if own, ok := measureOf(d, ratio); ok {
		promised = own
	}
	type candidate struct {
		measure Measure
		because string
	}
	var candidates []candidate
	if promised.Metric == MetricRatio {
		if segment := segmentOf(d.Finding); segment != nil {
			part := ratio
			part.Segment = segment
			candidates = append(candidates, candidate{part, "the explanation of the finding names this part of the traffic"})
		}
	} else {
		candidates = append(candidates, candidate{promised, "the finding is about it"})
	}
	passed := ""
	for _, c := range candidates {
		enough, err := judgeable(ctx, c.measure, from, to, evidence)
		if err != nil {
			return choice{}, err
		}
		if enough {
			out := choice{measure: c.measure, because: c.because}
			if !c.measure.same(promised) {
				out.promised = &promised
			}
			return out, nil
		}
		passed = fmt.Sprintf("; %s had too few events to be judged by", c.measure.Name())
	}
	out := choice{measure: ratio, because: "the context is judged as a whole" + passed}
	if !ratio.same(promised) {
		out.promised = &promised
	}
	return out, nil
}

// measureOf is what the prediction is about. ok is false where the evidence does not say.
func measureOf(d Deployment, ratio Measure) (Measure, bool) {
	if d.Finding == nil {
		return ratio, false
	}
	e := d.Finding.Evidence
	switch d.promise().Metric {
	case MetricTypeShare:
		return Measure{Metric: MetricTypeShare, ContextID: d.ContextID, Type: e.Subject.Name}, e.Subject.Name != ""
	case MetricErrorFree:
		if e.FirstSeen == nil || e.FirstSeen.Value == "" {
			return ratio, false
		}
		return Measure{Metric: MetricErrorFree, ContextID: d.ContextID, Error: e.FirstSeen.Value}, true
	case MetricConversion:
		if e.Funnel == nil {
			return ratio, false
		}
		to := slices.Index(e.Funnel.Steps, e.Funnel.To)
		return Measure{Metric: MetricConversion, ContextID: d.ContextID, Funnel: e.Funnel.Steps, Step: to - 1}, to > 0
	case MetricVolume:
		return Measure{Metric: MetricVolume, ContextID: d.ContextID, Type: e.Subject.Name}, true
	}
	return ratio, d.promise().Metric == MetricRatio
}

// segmentOf is the part of the traffic that explains the finding, nil when there is none to measure in. Hours are
// counted by one condition, so of a pair the first is taken: the pair is inside it. A release goes away with the
// deployment, and an error is on bad signals only: in neither can before be compared with after.
func segmentOf(f *Finding) *Condition {
	if f == nil {
		return nil
	}
	for _, s := range f.Evidence.Segments {
		if !s.Explains {
			continue
		}
		for _, c := range s.Conditions {
			if c.Dimension != "release" && c.Dimension != "error" && c.Value != "" {
				return &c
			}
		}
	}
	return nil
}

// judgeable tells whether both sides of a measure were common enough over four weeks, and long enough, for a verdict.
func judgeable(ctx context.Context, m Measure, from, to time.Time, evidence Evidence) (bool, error) {
	recent := to.AddDate(0, 0, -pcf.MinHistoryDays)
	hours, err := evidence.Hours(ctx, m, from, to)
	if err != nil {
		return false, fmt.Errorf("reading the past of %s: %w", m.Name(), err)
	}
	var before, lately Hour
	days := map[int64]bool{}
	for _, h := range hours {
		before.add(h)
		if !h.Start.Before(recent) {
			lately.add(h)
		}
		days[int64(to.Sub(h.Start)/(24*time.Hour))] = true
	}
	need := func(span int) int64 { return int64(pcf.MinWeeklyEvents * span / 7) }
	enough := func(n, recent int64) bool { return n >= need(len(days)) && recent >= need(pcf.MinHistoryDays) }
	return len(days) >= pcf.MinHistoryDays && enough(before.Positive, lately.Positive) &&
		(m.scale() == pcf.Count || enough(before.Negative, lately.Negative)), nil
}

func (h *Hour) add(other Hour) {
	h.Positive += other.Positive
	h.Negative += other.Negative
}

// promise decodes what was predicted; the zero value when nothing readable was.
func (d Deployment) promise() Promise {
	var p Promise
	if json.Unmarshal(d.Predicted, &p) != nil {
		return Promise{}
	}
	return p
}

// promisedRange is the prediction in the measure's own unit: a share, or signals a day.
func promisedRange(d Deployment, m Measure) *pcf.Range {
	p := d.promise()
	if p.Metric != m.Metric || p.Predicted <= 0 || p.Low > p.Predicted || p.High < p.Predicted {
		return nil
	}
	unit := 1.
	if m.Metric == MetricVolume {
		if d.Finding == nil || d.Finding.Evidence.Volume == nil {
			return nil
		}
		span := d.Finding.Evidence.Window.To.Sub(d.Finding.Evidence.Window.From)
		if span <= 0 || d.Finding.Evidence.Volume.Expected <= 0 {
			return nil
		}
		unit = d.Finding.Evidence.Volume.Expected * float64(24*time.Hour) / float64(span)
	}
	return &pcf.Range{Low: unit * p.Low, Mid: unit * p.Predicted, High: unit * p.High}
}
