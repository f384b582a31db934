package analysis

import (
	"context"
	"math"
	"slices"

	"github.com/draftlabs/specter/services/analyzer/internal/explain"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// fewer fills in a finding about a volume: the context's, or one type's.
func fewer(ctx context.Context, w Work, f *Finding, run *watch, on alarm) error {
	home := w.Context()
	kind := on.subject.Name
	l := lens{metric: MetricVolume, of: func(k string, _ []signal.Dimension) signal.Polarity {
		if kind == "" || k == kind {
			return signal.Positive
		}
		return signal.Neutral
	}}
	// As far as volumes are judged: of a running hour it is not known how much will come.
	window, baseline := windows(f.StartedAt, earlier(f.DetectedAt, timeOf(run.whole+1)), baselineSpan)
	byType, byValue, err := w.Totals(ctx, window, baseline, nil)
	if err != nil {
		return err
	}
	e := newEvidence(l, window, baseline)
	// People think of a context in positive and negative, whatever fell.
	e.Counts = ratioLens(&home).counts(byType, nil)
	e.Ratio = Ratio{Window: e.Counts.Window.ratio(), Baseline: e.Counts.Baseline.ratio()}
	e.Ratio.Expected, e.Ratio.Low, e.Ratio.High = expectedRatio(e, run.points, ratioLens(&home))
	c := on.collapse
	e.Volume = &Volume{Window: int64(c.Observed), Expected: c.Expected}
	sd := math.Sqrt(c.Expected + run.spread(on)*c.Expected*c.Expected)
	e.Volume.Low, e.Volume.High = math.Max(0, c.Expected-1.96*sd), c.Expected+1.96*sd
	if last, ok := run.lastSignal(kind); ok {
		at := timeOf(last)
		e.Volume.LastSignalAt = &at
	}
	total := l.counts(byType, nil)
	cells, _ := valueCells(l, byValue)
	report := explain.Volume(explain.VolumeInput{
		Baseline: total.Baseline.Positive, Window: total.Window.Positive, Expected: c.Expected, Cells: cells,
	})
	e.Segments = segmentEvidence(e, report, nil)
	for i := range e.Segments {
		e.Segments[i].Type, e.Segments[i].Window = kind, e.Segments[i].Counts.Window.Positive
	}
	e.RuledOut = ruledOut(report, "missing signals")
	now, then := c.Observed/math.Max(1, c.Expected), 1.0
	e.Counterfactual = &Counterfactual{
		Metric: MetricVolume, Now: clampShare(now, c.Expected), Then: clampShare(then, c.Expected),
		SD: math.Sqrt(1/(c.Expected+0.5) + run.spread(on)), // relative
	}
	f.Evidence = e
	f.Family = VolumeCollapse
	if kind == "" && c.Stopped { // and stays one while signals come again
		f.Family = Silence
	}
	return nil
}

// unheardOf fills in a finding about an error that was not there before.
func unheardOf(ctx context.Context, w Work, f *Finding, on alarm) error {
	window, baseline := windows(f.StartedAt, f.DetectedAt, baselineSpan)
	_, byValue, err := w.Totals(ctx, window, baseline, nil)
	if err != nil {
		return err
	}
	first := FirstSeen{Dimension: signal.Error, Value: on.news.Value, FirstAt: timeOf(on.news.First)}
	var kinds []string
	most := int64(0)
	for _, v := range byValue {
		if v.Dimension != signal.Error || v.Value != first.Value {
			continue
		}
		kinds = append(kinds, v.Type)
		first.Count += v.Window
		if v.Window > most {
			first.Type, most = v.Type, v.Window
		}
	}
	l := errorLens(first.Value, kinds)
	e, _, err := contrast(ctx, w, l, window, baseline)
	if err != nil {
		return err
	}
	if e.AffectedSessions != nil && e.Counts.Window.Sessions != nil && *e.Counts.Window.Sessions > 0 {
		share := math.Min(1, float64(*e.AffectedSessions)/float64(*e.Counts.Window.Sessions))
		first.Sessions, first.ShareOfSessions = e.AffectedSessions, &share
	}
	for i := range e.Segments {
		e.Segments[i].Type = first.Type
	}
	e.FirstSeen = &first
	e.Ratio.Expected, e.Ratio.Low, e.Ratio.High = wilson(e.Counts.Baseline)
	n := float64(e.Counts.Window.Positive + e.Counts.Window.Negative)
	e.Counterfactual = &Counterfactual{
		Metric: MetricErrorFree, Now: clampShare(e.Ratio.Window, n), Then: clampShare(e.Ratio.Baseline, n),
		SD: math.Sqrt(logitVariance(e.Counts.Window) + logitVariance(e.Counts.Baseline)),
	}
	f.Evidence, f.Family = e, NewError
	return nil
}

// dropOff fills in a finding about a step of the funnel.
func dropOff(ctx context.Context, w Work, f *Finding, on alarm) error {
	home := w.Context()
	i := slices.Index(home.Funnel, on.subject.Name)
	from, to := home.Funnel[i-1], home.Funnel[i]
	window, baseline := windows(f.StartedAt, f.DetectedAt, baselineSpan)
	seen, err := sampled(ctx, w, window, baseline, home.Funnel)
	if err != nil {
		return err
	}
	now, before := steps(seen.window, from, to), steps(seen.baseline, from, to)
	l := lens{metric: MetricConversion}
	e := newEvidence(l, window, baseline)
	e.Counts = WindowCounts{Window: outcomes(now), Baseline: outcomes(before)}
	e.Ratio = Ratio{Window: e.Counts.Window.ratio(), Baseline: e.Counts.Baseline.ratio()}
	e.Ratio.Expected, e.Ratio.Low, e.Ratio.High = wilson(e.Counts.Baseline)
	joint := jointOf(now, before)
	report := explain.Explain(input(e, singles(joint), joint))
	e.Segments = segmentEvidence(e, report, nil)
	for i := range e.Segments {
		e.Segments[i].Type = from
	}
	e.RuledOut = ruledOut(report, "sessions that left")
	e.Funnel = &Funnel{Steps: home.Funnel, From: from, To: to, Expected: e.Ratio.Expected, Low: e.Ratio.Low, High: e.Ratio.High}
	hours, err := session.FunnelHistory(ctx, w, home.Funnel, baseline.From, window.To, window.To)
	if err != nil {
		return err
	}
	for _, h := range hours {
		switch {
		case window.has(h.Hour):
			e.Funnel.Window.add(h, i)
		case baseline.has(h.Hour):
			e.Funnel.Baseline.add(h, i)
		}
	}
	affected := max(0, e.Funnel.Window.Entered-e.Funnel.Window.Continued)
	e.AffectedSessions = &affected
	e.Counterfactual = &Counterfactual{
		Metric: MetricConversion, Now: clampShare(e.Funnel.Window.share(), float64(e.Funnel.Window.Entered)),
		Then: clampShare(e.Ratio.Expected, float64(e.Funnel.Baseline.Entered)),
		SD:   math.Sqrt(logitVariance(e.Counts.Window) + logitVariance(e.Counts.Baseline)),
	}
	f.Evidence, f.Family = e, FunnelDrop
	return nil
}

// add an hour's sessions, each standing for as many as its sample says.
func (s *FunnelStep) add(h session.FunnelHour, step int) {
	s.Entered += round(h.Sessions(step - 1).Sessions)
	s.Continued += round(h.Sessions(step).Sessions)
}

// steps observes sessions that got to one type: well when the next one followed.
func steps(list []session.Hour, from, to string) []observation {
	bySession := make(map[uint64]int)
	var out []observation
	for _, h := range list {
		for _, v := range h.Sessions {
			for _, s := range v.Signals {
				i, entered := bySession[v.Hash]
				switch {
				case !entered && s.Type == from:
					bySession[v.Hash] = len(out)
					out = append(out, observation{session: v.Hash, bad: true, at: s.Dimensions})
				case entered && s.Type == to:
					out[i].bad = false
				}
			}
		}
	}
	return out
}

func outcomes(list []observation) Tally {
	var t Tally
	for _, o := range list {
		if o.bad {
			t.Negative++
		} else {
			t.Positive++
		}
	}
	return t
}
