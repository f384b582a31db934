package pcf

import "fmt"

const (
	volumeShift    = .25
	scarceHistory  = 56 // days: below this the placebo distribution rests on few independent windows
	vanishedEvents = 10 // expected in the window, none seen
)

// Warning is something a reader of a verdict must know beside it.
type Warning struct {
	Code, Detail string
}

func warnings(in Input, r Result) []Warning {
	var out []Warning
	add := func(code, format string, args ...any) {
		out = append(out, Warning{Code: code, Detail: fmt.Sprintf(format, args...)})
	}

	if r.EarlyRead {
		add("early_read", "Only %d days of history before the deployment; a verdict needs %d.",
			totals(in.Metric, in.History).Days, MinHistoryDays)
	} else if days := totals(in.Metric, in.History).Days; days < scarceHistory {
		add("short_history", "Only %d days of history before the deployment, so the comparison is wide.", days)
	}
	if missing := len(in.Window) - r.After.Days; missing > 0 {
		add("missing_days", "%d of %d days since the deployment have no data.", missing, len(in.Window))
	}
	if missing := missingInside(in.Metric, in.History); missing > 0 {
		add("missing_history", "%d days before the deployment have no data.", missing)
	}
	if len(in.Window)%7 != 0 {
		add("partial_weeks", "The window of %d days is not made of whole weeks; weekday effects are estimated.", len(in.Window))
	}
	if expected := expectedVolume(in); in.Metric == Ratio && expected > 0 && r.After.Days > 0 {
		shift := (r.After.Positive+r.After.Negative)/expected - 1
		if shift < -volumeShift || shift > volumeShift {
			add("volume_shift", "%+.0f %% signals compared with the same weekdays before the deployment.", 100*shift)
		}
		if before := r.Before; before.Days > 0 {
			if r.After.Positive == 0 && expected*before.Ratio() >= vanishedEvents {
				add("positive_vanished", "No positive signal arrived since the deployment; check that it is still sent.")
			}
			if r.After.Negative == 0 && expected*(1-before.Ratio()) >= vanishedEvents {
				add("negative_vanished", "No negative signal arrived since the deployment; check that it is still sent.")
			}
		}
	}
	if r.WithoutTrigger != nil && r.Reading != nil && r.WithoutTrigger.side(r.Look.NominalP) != r.Reading.side(r.Look.NominalP) {
		add("trigger_days_matter", "With and without the days that led to the finding the answer is not the same.")
	}
	return out
}

// missingInside counts the days without data after the first one with data. The last entry is not counted: it may be the
// day of the deployment, which belongs to neither side.
func missingInside(metric Metric, history []Day) int {
	inside, missing := false, 0
	series := points(metric, history)
	for i, p := range series {
		inside = inside || p.observed
		if inside && !p.observed && i < len(series)-1 {
			missing++
		}
	}
	return missing
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
