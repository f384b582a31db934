package analysis

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/explain"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	maxExamples = 10
	maxSegments = 10
	maxTypes    = 20
	maxRuledOut = 10
)

// contrast compares the bad window with its baseline: counts, types, segments,
// examples. The second result is the report over types alone.
func contrast(ctx context.Context, w Work, window, baseline Window, hours []HourCount) (Evidence, explain.Report, error) {
	home := w.Context()
	e := Evidence{
		Version: 1, Metric: "positive_ratio",
		Window:   Span{From: window.From, To: window.To},
		Baseline: Span(baseline),
		Counts:   WindowCounts{Window: tally(hours, window), Baseline: tally(hours, baseline)},
		Segments: []SegmentEvidence{}, Types: []TypeEvidence{}, RuledOut: []RuledOut{}, Examples: []uuid.UUID{}, Series: []Point{}, Mix: []MixEvidence{},
	}
	e.Ratio = Ratio{Window: e.Counts.Window.ratio(), Baseline: e.Counts.Baseline.ratio()}
	byType, byValue, err := w.Totals(ctx, window, baseline)
	if err != nil {
		return Evidence{}, explain.Report{}, err
	}
	types := explain.Explain(input(e, typeCells(&home, byType)))
	cells, leading := valueCells(&home, byValue)
	values := explain.Explain(input(e, cells))
	e.Types = typeEvidence(types, byType)
	e.Segments = segmentEvidence(e, values, leading)
	e.RuledOut = ruledOut(values)
	for _, m := range values.Mix {
		e.Mix = append(e.Mix, MixEvidence(m))
	}
	raw, err := w.Raw(ctx, window.From, window.To, home.NegativeTypes)
	if err != nil {
		return Evidence{}, explain.Report{}, err
	}
	illustrate(&e, &home, raw)
	return e, types, nil
}

func input(e Evidence, cells []explain.Cell) explain.Input {
	return explain.Input{
		Baseline: explain.Counts{Positive: e.Counts.Baseline.Positive, Negative: e.Counts.Baseline.Negative},
		Window:   explain.Counts{Positive: e.Counts.Window.Positive, Negative: e.Counts.Window.Negative},
		Cells:    cells,
	}
}

func typeCells(home *signal.Context, totals []TypeTotal) []explain.Cell {
	var cells []explain.Cell
	for _, t := range totals {
		if home.Polarity(t.Type) == signal.Negative {
			cells = append(cells, explain.Cell{
				Dimension: "type", Value: t.Type,
				Window: explain.Counts{Negative: t.Window}, Baseline: explain.Counts{Negative: t.Baseline},
			})
		}
	}
	return cells
}

// valueCells adds the types of each value up by polarity, and notes the most
// frequent negative type of each.
func valueCells(home *signal.Context, totals []ValueTotal) ([]explain.Cell, map[Condition]string) {
	cells := make(map[Condition]*explain.Cell)
	leading, most := make(map[Condition]string), make(map[Condition]int64)
	for _, t := range totals {
		polarity := home.Polarity(t.Type)
		if polarity == signal.Neutral {
			continue
		}
		k := Condition{t.Dimension, t.Value}
		c := cells[k]
		if c == nil {
			c = &explain.Cell{Dimension: t.Dimension, Value: t.Value}
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

func typeEvidence(r explain.Report, totals []TypeTotal) []TypeEvidence {
	baseline := make(map[string]int64, len(totals))
	for _, t := range totals {
		baseline[t.Type] = t.Baseline
	}
	out := []TypeEvidence{}
	for _, s := range append(slices.Clone(r.Segments), r.RuledOut...) {
		if len(out) == maxTypes {
			break
		}
		out = append(out, TypeEvidence{
			Type: s.Value, Polarity: "negative", Window: s.Window.Negative, Baseline: baseline[s.Value],
			Expected: s.Expected, Excess: s.Excess, RateRatio: s.RateRatio, Q: s.Q,
		})
	}
	return out
}

func segmentEvidence(e Evidence, r explain.Report, leading map[Condition]string) []SegmentEvidence {
	list := make([]explain.Segment, 0, len(r.Segments)+1)
	if r.Explanation != nil {
		list = append(list, *r.Explanation)
	}
	for _, s := range r.Segments {
		if s.Value == explain.Other || r.Explanation != nil && s.Dimension == r.Explanation.Dimension && s.Value == r.Explanation.Value {
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
		c := Condition{s.Dimension, s.Value}
		out = append(out, SegmentEvidence{
			Conditions: []Condition{c}, Type: leading[c], Window: s.Window.Negative, Expected: s.Expected, Excess: s.Excess,
			ShareOfChange: s.ShareOfChange, ShareOfTraffic: float64(s.Window.Total()) / traffic, RateRatio: s.RateRatio, Q: s.Q,
			FirstSeen: s.First, Explains: i == 0 && r.Explanation != nil,
			Counts: WindowCounts{
				Window:   Tally{Positive: s.Window.Positive, Negative: s.Window.Negative},
				Baseline: Tally{Positive: s.Baseline.Positive, Negative: s.Baseline.Negative},
			},
		})
	}
	return out
}

// ruledOut lists the dimensions in which no value worsened more than the rest.
func ruledOut(r explain.Report) []RuledOut {
	guilty := make(map[string]bool)
	for _, s := range r.Segments {
		guilty[s.Dimension] = true
	}
	values := make(map[string]int)
	for _, s := range r.RuledOut {
		values[s.Dimension]++
	}
	out := []RuledOut{}
	seen := make(map[string]bool)
	for _, s := range r.RuledOut { // most excess first
		if guilty[s.Dimension] || seen[s.Dimension] || s.Value == explain.Other || len(out) == maxRuledOut {
			continue
		}
		seen[s.Dimension] = true
		reason := fmt.Sprintf("no value worsened more than the rest: %q, the worst of %d, has %.0f %% of the negatives where an even worsening gives %.0f %%",
			s.Value, values[s.Dimension], 100*s.Lift*s.ExpectedShare, 100*s.ExpectedShare)
		if values[s.Dimension] == 1 {
			reason = fmt.Sprintf("only one value was seen, %q, so it cannot be told from the rest", s.Value)
		}
		out = append(out, RuledOut{Dimension: s.Dimension, Reason: reason})
	}
	return out
}

// illustrate takes examples and sessions from a sample of the raw negatives.
// Examples of the explanation come first.
func illustrate(e *Evidence, home *signal.Context, raw []RawSignal) {
	reader := signal.NewReader()
	sessions := make(map[string]bool)
	bySegment := make([]map[string]bool, len(e.Segments))
	for i := range bySegment {
		bySegment[i] = make(map[string]bool)
	}
	var others []uuid.UUID
	for _, r := range raw {
		if r.SessionID != "" {
			sessions[r.SessionID] = true
		}
		dimensions := reader.Dimensions(r.Type, r.Payload, home.PayloadKeys)
		for i, segment := range e.Segments {
			c := segment.Conditions[0]
			if !slices.Contains(dimensions, signal.Dimension{Name: c.Dimension, Value: c.Value}) {
				continue
			}
			if r.SessionID != "" {
				bySegment[i][r.SessionID] = true
			}
			if i == 0 && len(e.Examples) < maxExamples {
				e.Examples = append(e.Examples, r.ID)
			}
		}
		if len(others) < maxExamples {
			others = append(others, r.ID)
		}
	}
	for _, id := range others {
		if len(e.Examples) == maxExamples {
			break
		}
		if !slices.Contains(e.Examples, id) {
			e.Examples = append(e.Examples, id)
		}
	}
	if len(sessions) == 0 {
		return
	}
	affected := int64(len(sessions))
	e.AffectedSessions, e.Counts.Window.Sessions = &affected, &affected
	for i := range e.Segments {
		share := float64(len(bySegment[i])) / float64(affected)
		e.Segments[i].ShareOfSessions = &share
	}
}
