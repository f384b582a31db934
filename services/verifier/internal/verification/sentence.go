package verification

import (
	"fmt"

	"github.com/draftlabs/specter/pkg/pcf"
)

// sentence says the result in words, with the raw counts.
func sentence(m Measure, j pcf.Result) string {
	w := m.wording()
	switch j.Verdict {
	case pcf.Improved, pcf.Regressed:
		word := "improved"
		if j.Verdict == pcf.Regressed {
			word = "got worse"
		}
		return fmt.Sprintf("%s %s: %s in %s, where %s was expected (%s). %s changed by %s.",
			sentenceCase(m.Name()), word, amount(m, j.Reading.Observed), days(j.Look.Day), amount(m, j.Reading.Expected.Mid), rawCounts(w, j),
			sentenceCase(w.effect), change(j.Reading.Change))
	case pcf.NoEffect:
		return fmt.Sprintf("No effect: %s changed by %s in %s, which is within ±%.0f %% (%s).",
			w.effect, change(j.Reading.Change), days(j.Look.Day), 100*pcf.NoEffectWithin, rawCounts(w, j))
	case pcf.Inconclusive:
		return "No verdict: " + why(w, j)
	}
	return fmt.Sprintf("Look %d after %s, %d days in all: no verdict yet; %s", j.Look.Number, days(j.Look.Day), j.Horizon, why(w, j))
}

// why says what stands in the way of a verdict and what would settle it.
func why(w wording, j pcf.Result) string {
	switch j.Reason {
	case pcf.ReasonShortHistory:
		return fmt.Sprintf("there was too little history before the deployment; %d days with data are needed.", pcf.MinHistoryDays)
	case pcf.ReasonZeroTraffic:
		return "nothing has arrived since the deployment; check that signals are still sent."
	case pcf.ReasonInstrumentation:
		return fmt.Sprintf("most of the usual signals are missing since the deployment (%s), so the instrumentation is in doubt; check that they are still sent.", rawCounts(w, j))
	case pcf.ReasonFewEvents:
		return fmt.Sprintf("there is too little to go by (%s); at least %d a week of either side are needed.", rawCounts(w, j), pcf.MinWeeklyEvents)
	case pcf.ReasonInstrumentationChanged:
		return fmt.Sprintf("the deployment changed what is counted, so before and after cannot be compared (%s). Send what was sent before, and report a deployment from then on.", rawCounts(w, j))
	case pcf.ReasonOverlap:
		return fmt.Sprintf("another deployment shipped in the same days, so the change (%s) cannot be credited to this one; two weeks with this one alone would tell.", rawCounts(w, j))
	case pcf.ReasonSpike:
		return fmt.Sprintf("the change (%s) is carried by a few days and the others are as expected, so it may be a holiday or an outage; a longer window would tell.",
			change(j.Reading.Change))
	case reasonSpecialDays:
		return fmt.Sprintf("the change (%s) rests on days on which far more or fewer signals came than usual, such as holidays; %d ordinary days are needed.",
			change(j.Reading.Change), pcf.MinWindowDays)
	case reasonRefused:
		return fmt.Sprintf("signals were refused since the deployment, and of days on which they were nothing is known; %s with data are there (%s), and %d are needed.",
			days(j.After.Days), rawCounts(w, j), pcf.MinWindowDays)
	case reasonCanary:
		return fmt.Sprintf("too little of the traffic has the change (%s) for all of it to tell; let more have it.", rawCounts(w, j))
	case pcf.ReasonFewDays:
		return fmt.Sprintf("%s with data are there; %d are needed.", days(j.After.Days), pcf.MinWindowDays)
	case pcf.ReasonGuard:
		return fmt.Sprintf("the change (%s) shows only against the bad days that led to the finding, so it may be a return to normal; a longer time between finding and deployment would tell.",
			change(j.Reading.Change))
	}
	return fmt.Sprintf("the change (%s) is within what happens by itself (%s). This test could have shown a change of %s of about %s or more; more signals or a steadier history would show less.",
		change(j.Reading.Change), rawCounts(w, j), w.effect, odds(j.Reading.MDE))
}

func rawCounts(w wording, j pcf.Result) string {
	if w.bad == "" {
		return fmt.Sprintf("before %.0f %s in %s, after %.0f in %s", j.Before.Positive, w.good, days(j.Before.Days), j.After.Positive, days(j.After.Days))
	}
	return fmt.Sprintf("before %.0f %s and %.0f %s in %s, after %.0f and %.0f in %s",
		j.Before.Positive, w.good, j.Before.Negative, w.bad, days(j.Before.Days), j.After.Positive, j.After.Negative, days(j.After.Days))
}

// amount of a measure in its unit.
func amount(m Measure, x float64) string {
	if m.scale() == pcf.Count {
		return fmt.Sprintf("%.0f a day", x)
	}
	return percent(x)
}

func change(r pcf.Range) string {
	return fmt.Sprintf("%s, interval %s to %s", odds(r.Mid), odds(r.Low), odds(r.High))
}

// odds says a change of odds in percent while percents are readable, as a factor beyond a doubling.
func odds(x float64) string {
	if x >= 1 {
		return fmt.Sprintf("×%.1f", 1+x)
	}
	return fmt.Sprintf("%+.0f %%", 100*x)
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
