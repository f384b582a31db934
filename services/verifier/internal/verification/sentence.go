package verification

import (
	"fmt"

	"github.com/draftlabs/specter/pkg/pcf"
)

// sentence says the result in words, with the raw counts.
func sentence(j pcf.Result) string {
	switch j.Verdict {
	case pcf.Improved, pcf.Regressed:
		word := "improved"
		if j.Verdict == pcf.Regressed {
			word = "got worse"
		}
		return fmt.Sprintf("The positive ratio %s: %s in %s, where %s was expected (%s). The odds of a positive signal changed by %s.",
			word, percent(j.Reading.Observed), days(j.Look.Day), percent(j.Reading.Expected.Mid), rawCounts(j), change(j.Reading.Change))
	case pcf.NoEffect:
		return fmt.Sprintf("No effect: the odds of a positive signal changed by %s in %s, which is within ±%.0f %% (%s).",
			change(j.Reading.Change), days(j.Look.Day), 100*pcf.NoEffectWithin, rawCounts(j))
	case pcf.Inconclusive:
		return "No verdict: " + why(j)
	}
	return fmt.Sprintf("Look %d after %s, %d days in all: no verdict yet; %s", j.Look.Number, days(j.Look.Day), j.Horizon, why(j))
}

// why says what stands in the way of a verdict and what would settle it.
func why(j pcf.Result) string {
	switch j.Reason {
	case pcf.ReasonShortHistory:
		return fmt.Sprintf("there was too little history before the deployment; %d days with data are needed.", pcf.MinHistoryDays)
	case pcf.ReasonZeroTraffic:
		return "no signal has arrived since the deployment."
	case pcf.ReasonInstrumentation:
		return fmt.Sprintf("most of the usual signals are missing since the deployment (%s), so the instrumentation is in doubt; check that they are still sent.", rawCounts(j))
	case pcf.ReasonFewEvents:
		return fmt.Sprintf("there are too few signals (%s); at least %d positive and %d negative ones a week are needed.",
			rawCounts(j), pcf.MinWeeklyEvents, pcf.MinWeeklyEvents)
	case pcf.ReasonInstrumentationChanged:
		return fmt.Sprintf("the deployment changed what is counted, so before and after cannot be compared (%s).", rawCounts(j))
	case pcf.ReasonOverlap:
		return fmt.Sprintf("another deployment shipped in the same days, so the change (%s) cannot be credited to this one.", rawCounts(j))
	case pcf.ReasonSpike:
		return fmt.Sprintf("the change (%s) is carried by a few days and the others are as expected, so it may be a holiday or an outage; a longer window would tell.",
			change(j.Reading.Change))
	case pcf.ReasonFewDays:
		return fmt.Sprintf("%s with data are there; %d are needed.", days(j.After.Days), pcf.MinWindowDays)
	case pcf.ReasonGuard:
		return fmt.Sprintf("the change (%s) shows only against the bad days that led to the finding, so it may be a return to normal; a longer time between finding and deployment would tell.",
			change(j.Reading.Change))
	}
	return fmt.Sprintf("the change (%s) is within what happens by itself (%s). This test could have shown a change of the odds of about %s or more; more signals or a steadier history would show less.",
		change(j.Reading.Change), rawCounts(j), odds(j.Reading.MDE))
}

func rawCounts(j pcf.Result) string {
	return fmt.Sprintf("before %.0f positive and %.0f negative in %s, after %.0f and %.0f in %s",
		j.Before.Positive, j.Before.Negative, days(j.Before.Days), j.After.Positive, j.After.Negative, days(j.After.Days))
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
