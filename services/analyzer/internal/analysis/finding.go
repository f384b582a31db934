package analysis

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/explain"
)

const (
	baselineSpan = 14 * 24 * time.Hour
	// alike is the length below which a window is compared with the same hours of
	// the day only.
	alike = 20 * time.Hour
)

// findingOf builds the finding of the running incident, as of a.AsOf.
func (s *Service) findingOf(ctx context.Context, w Work, a *Analysis, run *watch, hours []HourCount) (Finding, error) {
	in := run.status.Incident
	f := Finding{
		ID: s.newID(), AnalysisID: a.ID, Context: a.Context, Family: RatioWorsening,
		StartedAt: timeOf(in.Onset.Hour), StartedLow: timeOf(in.Onset.Earliest), StartedHigh: timeOf(in.Onset.Latest),
		DetectedAt: a.AsOf,
	}
	window, baseline := windows(f.StartedAt, a.AsOf, baselineSpan)
	evidence, types, err := contrast(ctx, w, window, baseline, hours)
	if err != nil {
		return Finding{}, err
	}
	evidence.AsOf = a.AsOf
	evidence.Series = run.series(a.AsOf)
	evidence.Ratio.Expected, evidence.Ratio.Low, evidence.Ratio.High = expectedRatio(evidence)
	evidence.Score = Score{Evidence: in.Evidence, P: math.Exp(-in.Evidence)}
	f.Evidence = evidence
	f.Family = familyOf(types)
	// The kind may read differently an hour later, the incident does not.
	f.Fingerprint = fmt.Sprintf("ratio@%s", f.StartedAt.Format("2006-01-02T15Z"))
	f.Severity = severity(evidence)
	return f, nil
}

// windows are the bad one, from its start to as-of, and what it is compared with.
func windows(start, asOf time.Time, span time.Duration) (window, baseline Window) {
	window = Window{From: start, To: asOf}
	baseline = Window{From: start.Add(-span), To: start}
	if asOf.Sub(start) < alike {
		for h := start.Truncate(time.Hour); h.Before(asOf); h = h.Add(time.Hour) {
			baseline.HoursOfDay = append(baseline.HoursOfDay, h.UTC().Hour())
		}
	}
	return window, baseline
}

// has tells whether an hour belongs to the window.
func (w Window) has(hour time.Time) bool {
	if hour.Before(w.From) || !hour.Before(w.To) {
		return false
	}
	if len(w.HoursOfDay) == 0 {
		return true
	}
	for _, h := range w.HoursOfDay {
		if hour.UTC().Hour() == h {
			return true
		}
	}
	return false
}

func tally(hours []HourCount, w Window) Tally {
	var t Tally
	for _, h := range hours {
		if w.has(h.Hour) {
			t.Positive += h.Positive
			t.Negative += h.Negative
		}
	}
	return t
}

// expectedRatio is what was predicted for the window's hours, weighted by their
// traffic. Errors of the hours' own add up in quadrature.
func expectedRatio(e Evidence) (mean, low, high float64) {
	var weight, variance float64
	for _, p := range e.Series {
		if p.Hour.Before(e.Window.From) {
			continue
		}
		n := float64(p.Positive + p.Negative)
		sd := (p.High - p.Low) / 2 / 1.96
		mean += n * p.Expected
		variance += n * n * sd * sd
		weight += n
	}
	if weight == 0 {
		return e.Ratio.Baseline, e.Ratio.Baseline, e.Ratio.Baseline
	}
	mean /= weight
	sd := math.Sqrt(variance) / weight
	return mean, math.Max(0, mean-1.96*sd), math.Min(1, mean+1.96*sd)
}

var (
	errorLike = regexp.MustCompile(`(?i)error|exception|crash`)
	rageLike  = regexp.MustCompile(`(?i)rage|dead_click`)
)

// familyOf names the kind of a worsening after the type that carries most of it.
func familyOf(types explain.Report) string {
	if types.Excess <= 0 {
		return RatioWorsening
	}
	for _, t := range append(append([]explain.Segment{}, types.Segments...), types.RuledOut...) {
		if t.Excess < explain.EnoughShare*types.Excess {
			continue
		}
		switch {
		case errorLike.MatchString(t.Value):
			return ErrorSpike
		case rageLike.MatchString(t.Value):
			return RageClicks
		}
	}
	return RatioWorsening
}

// severity is half how deep (20 points of ratio are full) and half how many
// (a thousand excess negatives are full).
func severity(e Evidence) float64 {
	drop := math.Max(0, e.Ratio.Expected-e.Ratio.Window)
	total := float64(e.Counts.Window.Positive + e.Counts.Window.Negative)
	excess := drop * total
	return 0.5*math.Min(1, drop/0.2) + 0.5*math.Min(1, math.Log10(1+excess)/3)
}
