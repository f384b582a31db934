package analysis

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
	"github.com/draftlabs/specter/services/analyzer/internal/explain"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	baselineSpan = 14 * 24 * time.Hour
	// alike is the length below which a window is compared with the same hours of
	// the day only.
	alike = 20 * time.Hour
	// slow is how long a worsening took to be noticed that came little by little.
	slow = 36 * time.Hour
	// clearMargin is by how much an explanation must be likelier than the next, in
	// log-likelihood, to be told at once; patience is how long after the start of a
	// trouble it is told as it is.
	clearMargin = 3.0
	patience    = 4 * time.Hour
)

// findingOf builds the finding of an alarm, as of a.AsOf.
func (s *Service) findingOf(ctx context.Context, w Work, a *Analysis, run *watch, on alarm) (Finding, error) {
	f := Finding{
		ID: s.newID(), AnalysisID: a.ID, Context: a.Context, DetectedAt: a.AsOf,
	}
	f.begin(on.onset)
	var err error
	switch {
	case on.collapse != nil:
		err = fewer(ctx, w, &f, run, on)
	case on.news != nil:
		err = unheardOf(ctx, w, &f, on)
	case on.subject.Kind == SubjectFunnel:
		err = dropOff(ctx, w, &f, on)
	default:
		err = worse(ctx, w, &f, run, on)
	}
	if err != nil {
		return Finding{}, err
	}
	f.Evidence.AsOf = a.AsOf
	f.Evidence.Subject = on.subject
	f.Evidence.Series = run.series(a.AsOf)
	f.Evidence.Score = Score{Evidence: on.evidence, P: on.falseAlarm()}
	// The kind may read differently an hour later, the series and its start do not.
	f.Fingerprint = fmt.Sprintf("%s@%s", on.subject.key(), timeOf(on.onset.Hour).Format("2006-01-02T15Z"))
	f.Severity = severity(f.Evidence)
	return f, nil
}

// begin dates the finding.
func (f *Finding) begin(o detect.Onset) {
	f.StartedAt, f.StartedLow, f.StartedHigh = timeOf(o.Hour), timeOf(o.Earliest), timeOf(o.Latest)
}

// worse fills in a finding about a share of bad signals: the context's, one of its
// segments' or a type's.
func worse(ctx context.Context, w Work, f *Finding, run *watch, on alarm) error {
	home := w.Context()
	l := ratioLens(&home)
	l.suspect = on.subject.Conditions
	if on.subject.Kind == SubjectType && home.Polarity(on.subject.Name) == signal.Neutral {
		l = typeLens(on.subject.Name)
	}
	var r reports
	gather := func(since detect.Onset) (err error) {
		f.begin(since)
		window, baseline := windows(f.StartedAt, f.DetectedAt, baselineSpan)
		f.Evidence, r, err = contrast(ctx, w, l, window, baseline)
		return err
	}
	// What explains the change may show its start more sharply than what gave the alarm. Most
	// likely that is the suspect; then this was all.
	guess := run.sharper(run.suspect(), on.onset, f.DetectedAt)
	if err := gather(guess); err != nil {
		return err
	}
	since := run.sharper(run.explaining(f.Evidence), on.onset, f.DetectedAt)
	f.begin(since)
	if since.Hour != guess.Hour {
		if err := gather(since); err != nil {
			return err
		}
	}
	f.Evidence.Ratio.Expected, f.Evidence.Ratio.Low, f.Evidence.Ratio.High = expectedRatio(f.Evidence, run.points, l)
	f.Family = familyOf(f, r.types, on)
	f.unclear = r.values.Margin < clearMargin
	f.Evidence.Counterfactual = ratioCounterfactual(f.Evidence, run, l)
	return nil
}

// suspect is the segment with an alarm whose odds worsened most: the trouble of a part shows
// in all that it has a share in, but nowhere as much as in itself. Nil when there is none.
func (w *watch) suspect() *part {
	var worst alarm
	for _, a := range w.active() {
		if a.subject.Kind == SubjectSegment && a.onset.Shift > worst.onset.Shift {
			worst = a
		}
	}
	return w.parts[worst.subject.key()]
}

// explaining is the part that explains a change by itself; nil when none does.
func (w *watch) explaining(e Evidence) *part {
	if len(e.Segments) == 0 || !e.Segments[0].Explains || len(e.Segments[0].Conditions) != 1 {
		return nil
	}
	return w.parts[Subject{Kind: SubjectSegment, Conditions: e.Segments[0].Conditions}.key()]
}

// sharper is when a part's trouble began, if that can be what an alarm told of. A part that
// is as young as the trouble, a new release's, knows no start but its own.
func (w *watch) sharper(p *part, told detect.Onset, asOf time.Time) detect.Onset {
	if p == nil || p.subject.Kind != SubjectSegment || p.detector == nil || !p.status.Ready {
		return told
	}
	found, ok := p.detector.Onset()
	start := timeOf(found.Hour)
	if !ok || found.Hour == told.Hour || !start.Before(asOf) || start.Before(timeOf(told.Earliest).Add(-before)) || start.After(timeOf(told.Latest).Add(before)) {
		return told
	}
	return found
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
	return len(w.HoursOfDay) == 0 || slices.Contains(w.HoursOfDay, hour.UTC().Hour())
}

// expectedRatio is what was predicted for the window's hours, weighted by their
// traffic. Errors of the hours' own add up in quadrature. A lens of its own is
// compared with its baseline.
func expectedRatio(e Evidence, points []Point, l lens) (mean, low, high float64) {
	var weight, variance float64
	for _, p := range points {
		if l.metric != MetricRatio || p.Hour.Before(e.Window.From) || !p.Hour.Before(e.Window.To) {
			continue
		}
		n := float64(p.Positive + p.Negative)
		sd := (p.High - p.Low) / 2 / 1.96
		mean += n * p.Expected
		variance += n * n * sd * sd
		weight += n
	}
	if weight == 0 {
		return wilson(e.Counts.Baseline)
	}
	mean /= weight
	sd := math.Sqrt(variance) / weight
	return mean, math.Max(0, mean-1.96*sd), math.Min(1, mean+1.96*sd)
}

// wilson is a share with its 95 % interval (Wilson 1927).
func wilson(t Tally) (mean, low, high float64) {
	const z = 1.96
	n := float64(t.Positive + t.Negative)
	if n == 0 {
		return 0, 0, 1
	}
	p := t.ratio()
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return p, math.Max(0, centre-half), math.Min(1, centre+half)
}

var (
	errorLike = regexp.MustCompile(`(?i)error|exception|crash`)
	rageLike  = regexp.MustCompile(`(?i)rage|dead_click`)
)

// familyOf names the kind of a worsening: after the release that explains it, else
// after the type that carries most of it, else after how it came.
func familyOf(f *Finding, types explain.Report, on alarm) string {
	if s := f.Evidence.Segments; len(s) > 0 && s[0].Explains &&
		slices.ContainsFunc(s[0].Conditions, func(c Condition) bool { return c.Dimension == signal.Release }) {
		return BrokenRelease
	}
	if types.Excess > 0 {
		for _, t := range append(slices.Clone(types.Segments), types.RuledOut...) {
			if t.Excess < explain.EnoughShare*types.Excess {
				continue
			}
			switch kind := t.Conditions[0].Value; {
			case errorLike.MatchString(kind):
				return ErrorSpike
			case rageLike.MatchString(kind):
				return RageClicks
			}
		}
	}
	if timeOf(on.opened).Sub(f.StartedAt) >= slow {
		return SlowWorsening
	}
	return RatioWorsening
}

// severity is half how deep (20 points of a share are full) and half how many
// (a thousand signals are full).
func severity(e Evidence) float64 {
	var drop, signals float64
	switch {
	case e.Volume != nil:
		drop = math.Max(0, 1-float64(e.Volume.Window)/math.Max(1, e.Volume.Expected)) / 5
		signals = math.Max(0, e.Volume.Expected-float64(e.Volume.Window))
	case e.Funnel != nil:
		drop = math.Max(0, e.Funnel.Expected-e.Funnel.Window.share())
		signals = drop * float64(e.Funnel.Window.Entered)
	default:
		drop = math.Max(0, e.Ratio.Expected-e.Ratio.Window)
		signals = drop * float64(e.Counts.Window.Positive+e.Counts.Window.Negative)
	}
	return 0.5*math.Min(1, drop/0.2) + 0.5*math.Min(1, math.Log10(1+signals)/3)
}

func (s FunnelStep) share() float64 {
	if s.Entered == 0 {
		return 0
	}
	return float64(s.Continued) / float64(s.Entered)
}

// summary says a finding in one sentence.
func (f *Finding) summary() string {
	e, since := f.Evidence, f.StartedAt.UTC().Format("2006-01-02 15:04")+" UTC"
	var text string
	switch {
	case f.Family == Silence:
		text = fmt.Sprintf("no signals since %s where %.0f were expected", since, e.Volume.Expected)
	case e.Volume != nil && e.Subject.Name != "":
		text = fmt.Sprintf("%d signals of type %q since %s where %.0f were expected", e.Volume.Window, e.Subject.Name, since, e.Volume.Expected)
	case e.Volume != nil:
		text = fmt.Sprintf("%d signals since %s where %.0f were expected", e.Volume.Window, since, e.Volume.Expected)
	case e.FirstSeen != nil:
		text = fmt.Sprintf("the error %q, never seen before, occurred %d times since %s", e.FirstSeen.Value, e.FirstSeen.Count, since)
	case e.Funnel != nil:
		text = fmt.Sprintf("%.1f %% of the sessions go on from %q to %q (expected %.1f %%) since %s",
			100*e.Funnel.Window.share(), e.Funnel.From, e.Funnel.To, 100*e.Funnel.Expected, since)
	case e.Metric == MetricTypeShare:
		text = fmt.Sprintf("%.1f %% of the signals are of type %q (before: %.1f %%) since %s",
			100*(1-e.Ratio.Window), e.Subject.Name, 100*(1-e.Ratio.Baseline), since)
	default:
		text = fmt.Sprintf("the positive ratio fell from %.1f %% to %.1f %% (expected %.1f %%) since %s",
			100*e.Ratio.Baseline, 100*e.Ratio.Window, 100*e.Ratio.Expected, since)
	}
	if len(e.Segments) > 0 && e.Segments[0].Explains {
		var where []string
		for _, c := range e.Segments[0].Conditions {
			where = append(where, fmt.Sprintf("%s %q", c.Dimension, c.Value))
		}
		text += fmt.Sprintf("; %s explains %.0f %% of it", strings.Join(where, " with "), 100*e.Segments[0].ShareOfChange)
	}
	return text
}
