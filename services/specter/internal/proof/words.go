package proof

import (
	"fmt"

	"github.com/draftlabs/specter/pkg/pcf"
)

// sentence says the answer in words.
func (a Answer) sentence(r pcf.Result) string {
	switch pcf.Verdict(a.Verdict) {
	case pcf.Improved:
		return fmt.Sprintf("%s rose by more than it does by itself: %s.", a.subject(), a.change())
	case pcf.Regressed:
		return fmt.Sprintf("%s fell by more than it does by itself: %s.", a.subject(), a.change())
	case pcf.NoEffect:
		return fmt.Sprintf("%s did not change by more than ±%.0f %%: %s.", a.subject(), 100*pcf.NoEffectWithin, a.change())
	case pcf.Inconclusive, pcf.Collecting:
	}
	text := a.why(r)
	if !a.Final {
		text += fmt.Sprintf(" The file ends before the test does: the next look is on %s %d of %d.", a.Unit, *a.NextLook, a.Horizon)
	}
	return text
}

func (a Answer) why(r pcf.Result) string {
	switch pcf.Reason(a.ReasonCode) {
	case pcf.ReasonShortHistory:
		return fmt.Sprintf("Too little history: a verdict needs %d %ss with data before the change.", pcf.MinHistoryDays, a.Unit)
	case pcf.ReasonZeroTraffic:
		return "There is nothing but zeros or gaps since the change."
	case pcf.ReasonInstrumentation:
		return "Most of the usual data is missing since the change, so the measuring is in doubt before the change is."
	case pcf.ReasonFewEvents:
		return fmt.Sprintf("Too few events: at least %d a week of either outcome are needed.", pcf.MinWeeklyEvents)
	case pcf.ReasonFewDays:
		return fmt.Sprintf("Too few %ss with data since the change (%d).", a.Unit, r.After.Days)
	case pcf.ReasonSpike:
		return fmt.Sprintf("A few %ss carry the change (%s) and the others are as expected: a holiday or an outage?", a.Unit, a.change())
	default:
		if a.Effect == nil {
			return "Nothing could be estimated."
		}
		return fmt.Sprintf("The change (%s) is within what happens by itself; one of about %s could have been seen.", a.change(), Signed(*a.MDE))
	}
}

func (a Answer) subject() string {
	if a.Metric == "ratio" {
		return "The odds of " + a.Column
	}
	return a.Column
}

func (a Answer) change() string {
	if a.Effect == nil {
		return "no number"
	}
	return fmt.Sprintf("%s, %.1f %% interval %s to %s", Signed(*a.Effect), 100*a.IntervalLevel, Signed(*a.EffectLow), Signed(*a.EffectHigh))
}

// Signed says a change in percent while that is readable, as a factor beyond a tenfold.
func Signed(x float64) string {
	if x >= 10 {
		return fmt.Sprintf("×%.3g", 1+x)
	}
	return fmt.Sprintf("%+.1f %%", 100*x)
}
