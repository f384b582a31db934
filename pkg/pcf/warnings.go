package pcf

import (
	"fmt"
	"slices"
	"time"
)

const (
	volumeShift    = .25
	scarceHistory  = 56 // days: below this the placebo distribution rests on few independent windows
	vanishedEvents = 10 // expected, in the window or of a count on a day, and none seen
	mixShift       = .1 // of the traffic
)

// Warning is something a reader of a verdict must know beside it.
type Warning struct {
	Code, Detail string
}

// notes collects warnings.
type notes []Warning

func (n *notes) add(code, format string, args ...any) {
	*n = append(*n, Warning{Code: code, Detail: fmt.Sprintf(format, args...)})
}

func warnings(in Input, r Result) []Warning {
	var n notes
	n.ofData(in, r)
	n.ofCalendar(in)
	n.ofVolume(in, r)
	n.ofEvidence(r)
	n.ofCircumstances(in.Known, r.Mix)
	return n
}

// ofData: how much there is to go by.
func (n *notes) ofData(in Input, r Result) {
	history := totals(in.Metric, in.History).Days
	unit := "days"
	if in.Weekly {
		unit = "weeks"
	}
	switch {
	case r.EarlyRead:
		n.add("early_read", "Only %d %s of history before the deployment; a verdict needs %d.", history, unit, MinHistoryDays)
	case history < scarceHistory:
		n.add("short_history", "Only %d %s of history before the deployment, so the comparison is wide.", history, unit)
	}
	if missing := in.missing(in.Window, len(in.History)); missing > 0 {
		n.add("missing_days", "%d of %d %s since the deployment have no data.", missing, len(in.Window), unit)
	}
	// The last entry may be the day of the deployment, which belongs to neither side.
	if from, to := firstKnown(in), len(in.History)-1; from >= 0 && from < to {
		if missing := in.missing(in.History[from:to], from); missing > 0 {
			n.add("missing_history", "%d %s before the deployment have no data.", missing, unit)
		}
	}
}

// ofCalendar: which days are compared.
func (n *notes) ofCalendar(in Input) {
	if !in.Weekly {
		if len(in.Window)%weekdays != 0 {
			n.add("partial_weeks", "The window is not made of whole weeks (days: %d); weekday effects are estimated.", len(in.Window))
		}
		first := weekdayOf(in.FirstWeekday, len(in.History))
		deployed := first
		if last := len(in.History) - 1; last >= 0 && in.History[last].Missing {
			deployed = weekdayOf(in.FirstWeekday, last)
		}
		if weekend(deployed) || weekend(first) {
			n.add("weekend", "The deployment was at a weekend, so the first days compare poorly with the ones before.")
		}
	}
	special := 0
	for _, day := range in.Known.Holidays {
		if day >= 0 && day < len(in.Window) {
			special++
		}
	}
	if special > 0 {
		n.add("holiday", "There are special days since the deployment, such as holidays: %d.", special)
	}
	if in.Known.ClockChanged {
		n.add("clock_change", "The clocks changed around the deployment; the days before and after it are not cut alike.")
	}
}

func weekend(day int) bool { return day == int(time.Saturday) || day == int(time.Sunday) }

// ofVolume: whether as much came as before.
func (n *notes) ofVolume(in Input, r Result) {
	if fellSilent(in) {
		n.add("fell_silent", "Nothing at all is counted any more; check that it is still measured.")
	}
	expected := expectedVolume(in)
	if in.Metric != Ratio || !(expected > 0) || r.After.Days == 0 {
		return
	}
	shift := (r.After.Positive+r.After.Negative)/expected - 1
	if abs(shift) > volumeShift {
		n.add("volume_shift", "%+.0f %% signals compared with the same weekdays before the deployment.", 100*shift)
	}
	if r.Before.Days == 0 {
		return
	}
	if r.After.Positive == 0 && expected*r.Before.Ratio() >= vanishedEvents {
		n.add("positive_vanished", "No positive signal arrived since the deployment; check that it is still sent.")
	}
	if r.After.Negative == 0 && expected*(1-r.Before.Ratio()) >= vanishedEvents {
		n.add("negative_vanished", "No negative signal arrived since the deployment; check that it is still sent.")
	}
}

// ofEvidence: what the readings say of each other.
func (n *notes) ofEvidence(r Result) {
	if r.Reading == nil {
		return
	}
	side := r.Reading.side(r.Look.NominalP)
	if r.WithoutTrigger != nil && r.WithoutTrigger.side(r.Look.NominalP) != side {
		n.add("trigger_days_matter", "With and without the days that led to the finding the answer is not the same.")
	}
	if side != 0 && !r.Reading.sustained(r.Look.NominalP) {
		n.add("spike", "A few days carry the change (a holiday, an outage, a campaign?); most of the others are as expected.")
	}
	for _, c := range r.Reading.Estimate.Controls {
		if c.Moved() {
			n.add("control_moved", "The control %q changed, too (%+.0f %%): something happened to both, or the deployment touched it.", c.Name, 100*c.Change.Mid)
		}
	}
	if r.Reading.controlled() && side != 0 {
		for _, other := range r.Sensitivity {
			if other.Name == "without_controls" && other.Reading.Estimate.D*r.Reading.Estimate.D < 0 {
				n.add("control_decides", "Without its controls the metric moved the other way.")
			}
		}
	}
}

// ofCircumstances: what no series tells.
func (n *notes) ofCircumstances(known Circumstances, mix *Mix) {
	if known.OtherDeployments > 0 {
		n.add("another_deployment", "Other deployments of this product shipped in the same days (%d); the effect may be theirs.", known.OtherDeployments)
	}
	if known.InstrumentationChanged != "" {
		n.add("instrumentation_changed", "The deployment changed what is counted: %s.", known.InstrumentationChanged)
	}
	for _, name := range known.VanishedTypes {
		n.add("type_vanished", "The signal type %q has not been seen since the deployment.", name)
	}
	for _, name := range known.NewTypes {
		n.add("type_new", "The signal type %q is new since the deployment.", name)
	}
	if mix != nil && mix.Moved >= mixShift {
		n.add("mix_shift", "Another mix came: %.0f %% of the signals belong to other segments than before. With the mix of before the odds changed by %+.1f %%.",
			100*mix.Moved, 100*mix.Reweighted)
	}
}

// missing counts the days without data of a stretch that begins at an index of the history, but for weekdays that never
// have any.
func (in Input) missing(days []Day, at int) int {
	open := openDays(points(in.Metric, in.History), in.FirstWeekday)
	missing := 0
	for i, p := range points(in.Metric, days) {
		if !p.observed && (in.Weekly || open[weekdayOf(in.FirstWeekday, at+i)]) {
			missing++
		}
	}
	return missing
}

// firstKnown is the index of the history's first day with data.
func firstKnown(in Input) int {
	return slices.IndexFunc(points(in.Metric, in.History), func(p point) bool { return p.observed })
}

// expectedVolume is how many signals the days with data in the window would have carried at the mean of their weekday
// over the last four weeks before the deployment.
func expectedVolume(in Input) float64 {
	from, to := baseline(in.History)
	var sums, counts [7]float64
	var sum, count float64
	for i, p := range points(in.Metric, in.History[from:to]) {
		if p.observed {
			weekday, total := weekdayOf(in.FirstWeekday, from+i), in.History[from+i].Total()
			sums[weekday] += total
			counts[weekday]++
			sum += total
			count++
		}
	}
	expected := 0.0
	for i, p := range points(in.Metric, in.Window) {
		if !p.observed {
			continue
		}
		weekday := weekdayOf(in.FirstWeekday, len(in.History)+i)
		switch {
		case counts[weekday] > 0:
			expected += sums[weekday] / counts[weekday]
		case count > 0:
			expected += sum / count
		}
	}
	return expected
}
