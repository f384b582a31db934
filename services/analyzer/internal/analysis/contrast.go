package analysis

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/explain"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	maxExamples = 10
	maxSegments = 10
	maxTypes    = 20
	maxRuledOut = 10
)

// lens is what counts as bad and what as good in a contrast.
type lens struct {
	metric string
	types  []string // that count at all; nil: every type
	bad    []string // types among which bad signals are
	// suspect is the segment that gave the alarm, if one did.
	suspect []Condition
	// blind to a dimension, if it is what tells bad from good.
	blind string
	of    func(kind string, at []signal.Dimension) signal.Polarity
}

// ratioLens is the context's own polarity.
func ratioLens(home *signal.Context) lens {
	return lens{
		metric: MetricRatio, types: append(slices.Clone(home.PositiveTypes), home.NegativeTypes...), bad: home.NegativeTypes,
		of: func(kind string, _ []signal.Dimension) signal.Polarity { return home.Polarity(kind) },
	}
}

// typeLens makes one type bad and every other good.
func typeLens(bad string) lens {
	return lens{metric: MetricTypeShare, bad: []string{bad}, of: func(kind string, _ []signal.Dimension) signal.Polarity {
		if kind == bad {
			return signal.Negative
		}
		return signal.Positive
	}}
}

// errorLens makes the signals that carry one error bad and every other good.
func errorLens(value string, kinds []string) lens {
	return lens{metric: MetricErrorFree, bad: kinds, blind: signal.Error, of: func(_ string, at []signal.Dimension) signal.Polarity {
		if slices.Contains(at, signal.Dimension{Name: signal.Error, Value: value}) {
			return signal.Negative
		}
		return signal.Positive
	}}
}

// contrast compares the bad window with its baseline: counts, types, segments,
// sessions, examples. Beside the document it returns what was found over the types alone
// and over the values.
func contrast(ctx context.Context, w Work, l lens, window, baseline Window) (Evidence, reports, error) {
	home := w.Context()
	e := newEvidence(l, window, baseline)
	byType, byValue, err := w.Totals(ctx, window, baseline, l.types)
	if err != nil {
		return Evidence{}, reports{}, err
	}
	var names placeless
	if l.blind != signal.Error {
		names = placelessOf(byValue)
		names.totals(byValue)
	}
	e.Counts = l.counts(byType, byValue)
	e.Ratio = Ratio{Window: e.Counts.Window.ratio(), Baseline: e.Counts.Baseline.ratio()}
	seen, err := sampled(ctx, w, window, baseline, l.types)
	if err != nil {
		return Evidence{}, reports{}, err
	}
	observed := names.observations(l.signals(seen.window))
	joint := jointOf(observed, names.observations(l.signals(seen.baseline)))
	types := explain.Explain(input(e, typeCells(l, byType), nil))
	cells, leading := valueCells(l, byValue)
	in := input(e, cells, joint)
	for _, c := range l.suspect {
		in.Suspect = append(in.Suspect, explain.Condition(c))
	}
	if l.metric == MetricErrorFree {
		// The rollups do not count an error's signals by value: the sample does, if any.
		in.Cells = nil
		if joint != nil {
			in = explain.Input{Baseline: joint.Baseline, Window: joint.Window, Cells: singles(joint), Joint: joint}
		}
	}
	values := explain.Explain(in)
	e.Types = typeEvidence(l, types, byType)
	e.Segments = segmentEvidence(e, values, leading)
	e.RuledOut = ruledOut(values, "negatives")
	for _, m := range values.Mix {
		e.Mix = append(e.Mix, MixEvidence(m))
	}
	countSessions(&e, seen, observed)
	return e, reports{types: types, values: values}, illustrate(ctx, w, &e, l, names, home.PayloadKeys)
}

// reports of a contrast.
type reports struct{ types, values explain.Report }

// counts of both windows as the lens sees them.
func (l lens) counts(byType []TypeTotal, byValue []ValueTotal) WindowCounts {
	var c WindowCounts
	add := func(t *Tally, polarity signal.Polarity, n int64) {
		switch polarity {
		case signal.Positive:
			t.Positive += n
		case signal.Negative:
			t.Negative += n
		case signal.Neutral:
		}
	}
	for _, t := range byType {
		polarity := l.of(t.Type, nil)
		add(&c.Window, polarity, t.Window)
		add(&c.Baseline, polarity, t.Baseline)
	}
	if l.metric != MetricErrorFree {
		return c
	}
	for _, v := range byValue {
		if l.of(v.Type, []signal.Dimension{{Name: v.Dimension, Value: v.Value}}) == signal.Negative {
			c.Window.Positive, c.Window.Negative = c.Window.Positive-v.Window, c.Window.Negative+v.Window
			c.Baseline.Positive, c.Baseline.Negative = c.Baseline.Positive-v.Baseline, c.Baseline.Negative+v.Baseline
		}
	}
	return c
}

func input(e Evidence, cells []explain.Cell, joint *explain.Joint) explain.Input {
	return explain.Input{
		Baseline: explain.Counts{Positive: e.Counts.Baseline.Positive, Negative: e.Counts.Baseline.Negative},
		Window:   explain.Counts{Positive: e.Counts.Window.Positive, Negative: e.Counts.Window.Negative},
		Cells:    cells, Joint: joint,
	}
}

func typeCells(l lens, totals []TypeTotal) []explain.Cell {
	var cells []explain.Cell
	for _, t := range totals {
		if l.of(t.Type, nil) == signal.Negative {
			cells = append(cells, explain.Cell{
				Conditions: []explain.Condition{{Dimension: "type", Value: t.Type}},
				Window:     explain.Counts{Negative: t.Window}, Baseline: explain.Counts{Negative: t.Baseline},
			})
		}
	}
	return cells
}

// valueCells adds the types of each value up by polarity, and notes the most
// frequent negative type of each.
func valueCells(l lens, totals []ValueTotal) ([]explain.Cell, map[Condition]string) {
	cells := make(map[Condition]*explain.Cell)
	leading, most := make(map[Condition]string), make(map[Condition]int64)
	for _, t := range totals {
		polarity := l.of(t.Type, nil)
		if polarity == signal.Neutral {
			continue
		}
		k := Condition{t.Dimension, t.Value}
		c := cells[k]
		if c == nil {
			c = &explain.Cell{Conditions: []explain.Condition{{Dimension: t.Dimension, Value: t.Value}}}
			cells[k] = c
		}
		if polarity == signal.Positive {
			c.Window.Positive += t.Window
			c.Baseline.Positive += t.Baseline
			continue
		}
		c.Window.Negative += t.Window
		c.Baseline.Negative += t.Baseline
		if t.Window > most[k] || t.Window == most[k] && t.Type < leading[k] {
			leading[k], most[k] = t.Type, t.Window
		}
	}
	out := make([]explain.Cell, 0, len(cells))
	for _, c := range cells {
		out = append(out, *c)
	}
	return out, leading
}

// singles are the cells of a sample with one condition.
func singles(j *explain.Joint) []explain.Cell {
	if j == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(j.Cells), func(c explain.Cell) bool { return len(c.Conditions) != 1 })
}

func typeEvidence(l lens, r explain.Report, totals []TypeTotal) []TypeEvidence {
	baseline := make(map[string]int64, len(totals))
	for _, t := range totals {
		baseline[t.Type] = t.Baseline
	}
	out := []TypeEvidence{}
	for _, s := range append(slices.Clone(r.Segments), r.RuledOut...) {
		if len(out) == maxTypes {
			break
		}
		kind := s.Conditions[0].Value
		out = append(out, TypeEvidence{
			Type: kind, Polarity: "negative", Window: s.Window.Negative, Baseline: baseline[kind],
			Expected: s.Expected, Excess: s.Excess, RateRatio: s.RateRatio, Q: s.Q,
		})
	}
	return out
}

func conditionsOf(s explain.Segment) []Condition {
	out := make([]Condition, len(s.Conditions))
	for i, c := range s.Conditions {
		out[i] = Condition(c)
	}
	return out
}

func segmentEvidence(e Evidence, r explain.Report, leading map[Condition]string) []SegmentEvidence {
	list := make([]explain.Segment, 0, len(r.Segments)+1)
	if r.Explanation != nil {
		list = append(list, *r.Explanation)
	}
	for _, s := range r.Segments {
		if s.Conditions[0].Value == explain.Other || r.Explanation != nil && slices.Equal(s.Conditions, r.Explanation.Conditions) {
			continue
		}
		list = append(list, s)
	}
	traffic := float64(max(1, e.Counts.Window.Positive+e.Counts.Window.Negative))
	out := []SegmentEvidence{}
	for i, s := range list {
		if len(out) == maxSegments {
			break
		}
		conditions := conditionsOf(s)
		out = append(out, SegmentEvidence{
			Conditions: conditions, Type: leading[conditions[0]], Window: s.Window.Negative, Expected: s.Expected, Excess: s.Excess,
			ShareOfChange: s.ShareOfChange, ShareOfTraffic: float64(s.Window.Total()) / traffic, RateRatio: s.RateRatio, Q: s.Q,
			FirstSeen: s.First, Explains: i == 0 && r.Explanation != nil, Sampled: s.Sampled,
			Counts: WindowCounts{
				Window:   Tally{Positive: s.Window.Positive, Negative: s.Window.Negative},
				Baseline: Tally{Positive: s.Baseline.Positive, Negative: s.Baseline.Negative},
			},
		})
	}
	return out
}

// ruledOut lists the dimensions in which no value worsened more than the rest; what is the
// plural of what there is more of.
func ruledOut(r explain.Report, what string) []RuledOut {
	guilty := make(map[string]bool)
	for _, s := range r.Segments {
		guilty[s.Conditions[0].Dimension] = true
	}
	if r.Explanation != nil {
		for _, c := range r.Explanation.Conditions {
			guilty[c.Dimension] = true
		}
	}
	values := make(map[string]int)
	for _, s := range r.RuledOut {
		values[s.Conditions[0].Dimension]++
	}
	out := []RuledOut{}
	seen := make(map[string]bool)
	for _, s := range r.RuledOut { // most excess first
		dimension, value := s.Conditions[0].Dimension, s.Conditions[0].Value
		if guilty[dimension] || seen[dimension] || value == explain.Other || len(out) == maxRuledOut {
			continue
		}
		seen[dimension] = true
		reason := fmt.Sprintf("no value worsened more than the rest: %q, the worst of %d, has %.0f %% of the %s where an even worsening gives %.0f %%",
			value, values[dimension], 100*s.Lift*s.ExpectedShare, what, 100*s.ExpectedShare)
		if values[dimension] == 1 {
			reason = fmt.Sprintf("only one value was seen, %q, so it cannot be told from the rest", value)
		}
		out = append(out, RuledOut{Dimension: dimension, Reason: reason})
	}
	return out
}

// countSessions estimates how many sessions the window had and how many were affected:
// the sample's, as often as its signals are the whole's.
func countSessions(e *Evidence, seen visits, observed []observation) {
	if len(seen.window) == 0 || len(observed) == 0 {
		return
	}
	var good, bad int64
	for _, o := range observed {
		if o.bad {
			bad++
		} else {
			good++
		}
	}
	whole := float64(e.Counts.Window.Positive+e.Counts.Window.Negative) / float64(good+bad)
	ofBad := float64(e.Counts.Window.Negative) / float64(max(1, bad))
	all := session.Distinct(session.Sample{Hours: seen.window}).Sampled
	every := round(float64(all) * whole)
	e.Counts.Window.Sessions = &every
	hurt := round(float64(affected(observed)) * ofBad)
	for i := range e.Segments {
		s := &e.Segments[i]
		inHit, inAll := inSegment(observed, s.Conditions)
		share := float64(inAll) / float64(max(1, all))
		s.ShareOfSessions = &share
		if s.Explains {
			hurt = round(float64(inHit) * ofBad)
		}
	}
	e.AffectedSessions = &hurt
}

func round(x float64) int64 { return int64(x + 0.5) }

// illustrate adds examples from the raw signals, those of the explanation first.
func illustrate(ctx context.Context, w Work, e *Evidence, l lens, names placeless, payloadKeys []string) error {
	raw, err := w.Raw(ctx, e.Window.From, e.Window.To, l.bad)
	if err != nil {
		return err
	}
	reader := signal.NewReader()
	var others []uuid.UUID
	for _, r := range raw {
		dimensions := names.dimensions(reader.Dimensions(r.Type, r.Payload, payloadKeys))
		switch {
		case l.of(r.Type, dimensions) != signal.Negative:
		case len(e.Segments) > 0 && meets(dimensions, e.Segments[0].Conditions):
			if len(e.Examples) < maxExamples {
				e.Examples = append(e.Examples, r.ID)
			}
		case len(others) < maxExamples:
			others = append(others, r.ID)
		}
	}
	e.Examples = append(e.Examples, others[:min(len(others), maxExamples-len(e.Examples))]...)
	return nil
}

// newEvidence is a document with nothing in it yet.
func newEvidence(l lens, window, baseline Window) Evidence {
	e := Evidence{
		Version: 1, Metric: l.metric, Window: Span(window), Baseline: Span(baseline),
		Segments: []SegmentEvidence{}, Types: []TypeEvidence{}, RuledOut: []RuledOut{}, Examples: []uuid.UUID{}, Series: []Point{}, Mix: []MixEvidence{},
	}
	e.Window.HoursOfDay = nil // all of its hours
	return e
}
