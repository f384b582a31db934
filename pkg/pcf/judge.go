package pcf

import (
	"errors"
	"fmt"
	"math"
)

// Method names the rules a verdict was given by. It changes whenever the same input could get another verdict.
const Method = "pcf-2"

// Minimums below which no verdict is given, whatever the numbers look like.
const (
	MinHistoryDays  = 28 // days with data before the deployment
	MinWindowDays   = 7  // days with data after it; a regression alone may be called sooner, so that damage is caught
	MinWeeklyEvents = 10 // of either polarity

	// NoEffectWithin: no effect means that the 90 % interval lies inside ± 5 %.
	NoEffectWithin = .05

	minWindowWeeks = 2   // of a weekly series
	baselineDays   = 28  // the "before" that is shown and that volumes are compared with
	brokenVolume   = .10 // below a tenth of the usual volume the instrumentation is doubted before the product is
	noEffectAlpha  = .10
)

// otherHistories are the lengths the reading is repeated with, where the history is longer.
func otherHistories() []int { return []int{28, 56, 91} }

// Verdict is what a look concludes.
//
//	collecting ──▶ improved | regressed        at the look that crosses its boundary
//	     └───────▶ no_effect | inconclusive    at the last look
type Verdict string

// The verdicts.
const (
	Collecting   Verdict = "collecting"
	Improved     Verdict = "improved"
	Regressed    Verdict = "regressed"
	NoEffect     Verdict = "no_effect"
	Inconclusive Verdict = "inconclusive"
)

// Final reports whether no later look changes the verdict.
func (v Verdict) Final() bool { return v != Collecting && v != "" }

// Reason says why there is no verdict yet, or none at all.
type Reason string

// The reasons. The first ones are minimums that are not met or circumstances that forbid a verdict, the last three are
// about the evidence itself.
const (
	ReasonNone                   Reason = ""
	ReasonShortHistory           Reason = "history_too_short"
	ReasonZeroTraffic            Reason = "zero_traffic"
	ReasonInstrumentation        Reason = "instrumentation_broken"
	ReasonInstrumentationChanged Reason = "instrumentation_changed"
	ReasonFewEvents              Reason = "too_few_events"
	ReasonOverlap                Reason = "another_deployment"
	ReasonFewDays                Reason = "too_few_days"
	ReasonGuard                  Reason = "depends_on_trigger_days"
	ReasonSpike                  Reason = "carried_by_few_days"
	ReasonNotSignificant         Reason = "not_significant"
)

// ErrWindowNotComplete: the window holds fewer days than the look needs.
var ErrWindowNotComplete = errors.New("window not complete")

// Result is one look's answer.
type Result struct {
	Method  string
	Look    Look
	Horizon int
	Verdict Verdict
	Reason  Reason
	// EarlyRead marks a product younger than MinHistoryDays: the same numbers, wide, and never a verdict.
	EarlyRead bool
	// Before are the raw counts of the last four weeks before the deployment, After those of the window.
	Before, After Totals
	// Reading is nil when nothing could be estimated.
	Reading *Reading
	// WithoutTrigger repeats the reading without the days that led to the finding; nil when there were none.
	WithoutTrigger *Reading
	// Sensitivity repeats the reading on other grounds.
	Sensitivity []Alternative
	// Prediction holds what was promised against what came; nil when nothing was promised or nothing could be read.
	Prediction *Prediction
	// Mix tells a change of who came from a change of what happened to them; nil without segments.
	Mix      *Mix
	Warnings []Warning
}

// Alternative is the same reading on other grounds: "history_28", "history_56" and "history_91" forget what is older,
// "without_controls" takes the metric as it is.
type Alternative struct {
	Name    string
	Reading Reading
}

// Run takes the looks in order, as far as the window has complete days, and returns the first that decides or the last
// one taken. There is no look, and ErrWindowNotComplete, in a window shorter than the first.
func Run(in Input) (Result, error) {
	r, err := Judge(in, 1)
	for number := 2; err == nil && !r.Verdict.Final() && in.Schedule[number-1].Day <= len(in.Window); number++ {
		r, err = Judge(in, number)
	}
	return r, err
}

// Judge evaluates one look of the schedule, by its number from 1.
func Judge(in Input, number int) (Result, error) {
	if number < 1 || number > len(in.Schedule) {
		return Result{}, fmt.Errorf("look %d is not one of the %d planned", number, len(in.Schedule))
	}
	look := in.Schedule[number-1]
	if len(in.Window) < look.Day {
		return Result{}, fmt.Errorf("%w: look %d needs %d days, %d are there", ErrWindowNotComplete, number, look.Day, len(in.Window))
	}
	in = in.upTo(look)

	r := Result{Method: Method, Look: look, Horizon: in.Schedule.Horizon(), Verdict: Collecting}
	from, to := baseline(in.History)
	r.Before = totals(in.Metric, in.History[from:to])
	r.After = totals(in.Metric, in.Window)
	history := totals(in.Metric, in.History)
	r.EarlyRead = history.Days < MinHistoryDays

	if err := r.read(in); err != nil {
		return Result{}, err
	}
	r.Prediction = predicted(in, r)
	r.Mix = mixOf(in.Metric, in.Known.Segments)
	r.Reason = minimum(in, r, history)
	r.decide(look.Day >= r.Horizon)
	r.Warnings = warnings(in, r)
	return r, nil
}

// read fills in the estimates. An input nothing can be estimated from leaves them nil; that is an answer, not an error.
func (r *Result) read(in Input) error {
	reading := func(in Input) (*Reading, error) {
		e, err := forecast(in)
		if err != nil {
			return nil, err
		}
		reading := newReading(in.Metric, e, r.Look.NominalP, r.Before, in.Window)
		return &reading, nil
	}
	var err error
	r.Reading, err = reading(in)
	switch {
	case errors.Is(err, ErrTooLittleHistory) || errors.Is(err, ErrEmptyWindow):
		return nil
	case err != nil:
		return fmt.Errorf("forecasting the window: %w", err)
	}

	for _, days := range otherHistories() {
		if days < r.Reading.HistoryDays {
			r.alternative(fmt.Sprintf("history_%d", days), in.withRecentHistory(days), reading)
		}
	}
	if r.Reading.controlled() {
		r.alternative("without_controls", in.withoutControls(), reading)
	}

	if guarded, some := in.withoutTrigger(); some {
		r.WithoutTrigger, err = reading(guarded)
		if err != nil && !errors.Is(err, ErrTooLittleHistory) {
			return fmt.Errorf("forecasting without the trigger days: %w", err)
		}
	}
	return nil
}

// alternative adds a reading on other grounds, where these allow one.
func (r *Result) alternative(name string, in Input, reading func(Input) (*Reading, error)) {
	if other, err := reading(in); err == nil {
		r.Sensitivity = append(r.Sensitivity, Alternative{Name: name, Reading: *other})
	}
}

// decide applies the verdict rules to what was read. Reason holds the minimum that is not met, if any.
func (r *Result) decide(last bool) {
	unmet := r.Reason
	direction := r.crossed()
	switch {
	case r.Reading == nil:
	case direction != 0 && unmet == ReasonNone && !r.Reading.sustained(r.Look.NominalP):
		r.Reason = ReasonSpike
	case direction < 0 && (unmet == ReasonNone || unmet == ReasonFewDays):
		r.Verdict, r.Reason = Regressed, ReasonNone
	case direction > 0 && unmet == ReasonNone:
		r.Verdict, r.Reason = Improved, ReasonNone
	case unmet == ReasonNone && last && r.nothingThere():
		r.Verdict, r.Reason = NoEffect, ReasonNone
	case unmet == ReasonNone && r.Reading.PValue <= r.Look.NominalP:
		r.Reason = ReasonGuard
	case unmet == ReasonNone:
		r.Reason = ReasonNotSignificant
	}
	if last && r.Verdict == Collecting {
		r.Verdict = Inconclusive
	}
}

// crossed is +1 or −1 when every reading passes the look's boundary on the same side, else 0.
func (r *Result) crossed() int {
	if r.Reading == nil {
		return 0
	}
	side := r.Reading.side(r.Look.NominalP)
	if r.WithoutTrigger != nil && r.WithoutTrigger.side(r.Look.NominalP) != side {
		return 0
	}
	return side
}

func (r *Result) nothingThere() bool {
	return r.Reading.negligible() && (r.WithoutTrigger == nil || r.WithoutTrigger.negligible())
}

// minimum names the first requirement of a verdict that the data does not meet.
func minimum(in Input, r Result, history Totals) Reason {
	expected := expectedVolume(in)
	switch {
	case r.EarlyRead:
		return ReasonShortHistory
	case r.After.Positive+r.After.Negative == 0:
		return ReasonZeroTraffic
	case 2*r.After.Days < len(in.Window), fellSilent(in),
		in.Metric == Ratio && r.After.Positive+r.After.Negative < brokenVolume*expected:
		return ReasonInstrumentation
	case in.Known.InstrumentationChanged != "":
		return ReasonInstrumentationChanged
	case in.Metric != Value && fewEvents(in.Metric, history, r.Before, r.After):
		return ReasonFewEvents
	case in.Known.OtherDeployments > 0:
		return ReasonOverlap
	case r.After.Days < in.minWindow():
		return ReasonFewDays
	}
	return ReasonNone
}

// fellSilent tells whether a count that was never near zero ends in days of nothing at all: what counts has stopped, not
// what is counted. Days without a signal of a ratio are days without data, which are asked for elsewhere.
func fellSilent(in Input) bool {
	if in.Metric != Count || len(in.Window) == 0 {
		return false
	}
	last := in.Window[len(in.Window)-1]
	if last.Missing || last.Positive > 0 {
		return false
	}
	from, to := baseline(in.History)
	before := totals(in.Metric, in.History[from:to])
	for _, day := range in.History[from:to] {
		if !day.Missing && day.Positive == 0 {
			return false
		}
	}
	return before.Days > 0 && before.Positive/float64(before.Days) >= vanishedEvents
}

// fewEvents tells whether either polarity is rarer than MinWeeklyEvents: before the deployment, or as it would be after
// it had nothing changed. The observed split after the deployment is not asked, or a fix that removes the negative
// signals altogether could never be verified.
func fewEvents(metric Metric, history, before, after Totals) bool {
	weekly := func(n float64, days int) float64 { return 7 * n / float64(max(1, days)) }
	for _, t := range []Totals{history, before} {
		if weekly(t.Positive, t.Days) < MinWeeklyEvents || metric == Ratio && weekly(t.Negative, t.Days) < MinWeeklyEvents {
			return true
		}
	}
	if metric == Count {
		return false
	}
	volume := weekly(after.Positive+after.Negative, after.Days)
	ratio := before.Ratio()
	return math.Min(volume*ratio, volume*(1-ratio)) < MinWeeklyEvents
}

// baseline is the stretch [from, to) of the history that stands for "before": its last four weeks, not counting a day of
// deployment that belongs to neither side.
func baseline(history []Day) (from, to int) {
	to = len(history)
	for to > 0 && history[to-1].Missing {
		to--
	}
	return max(0, to-baselineDays), to
}

func totals(metric Metric, days []Day) Totals {
	var t Totals
	for i, p := range points(metric, days) {
		if p.observed {
			t.Positive += days[i].Positive
			if metric == Ratio {
				t.Negative += days[i].Negative
			}
			t.Days++
		}
	}
	return t
}
