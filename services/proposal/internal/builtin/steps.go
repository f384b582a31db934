package builtin

import (
	"github.com/draftlabs/specter/services/proposal/internal/figure"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// placeSteps are what to do about each part of the place.
func placeSteps(b proposal.Brief) []string { return placeStepsWithout(b, "") }

func placeStepsWithout(b proposal.Brief, without string) []string {
	var steps []string
	list := usable(conditions(b))
	for _, c := range list[:min(len(list), maxPlaces)] {
		if c.Dimension != without {
			steps = append(steps, placeStep(b, c))
		}
	}
	return steps
}

func placeStep(b proposal.Brief, c proposal.Condition) string {
	v := quote(c.Value)
	switch c.Dimension {
	case "element":
		return "Click " + v + " with the browser's network panel open: does its handler run, does a request hang or fail, does anything lie on top of the element?"
	case "path":
		return "List what changed on the page " + v + " around " + moment(b.StartedAt) + ": templates, scripts, experiments and third-party tags, those of other teams included."
	case "error":
		return "Reproduce " + v + " from one of the example signals and follow it to the topmost frame of your own code."
	case "release":
		return "Compare release " + v + " with the one before it, beginning with the code behind this place, and roll it back if the cause is not found soon."
	case "browser":
		return "Walk through " + area(b) + " in " + v + ", in the versions your visitors have: look for a feature it lacks, a cookie it blocks, or a layout that hides a control."
	case "country":
		return "Walk through " + area(b) + " as a visitor from " + v + ": check the CDN's nearest edge, the payment methods offered, currency, address formats and translations."
	default:
		return "Compare a session where " + quote(c.Dimension) + " is " + v + " with one where it is not, step by step, and note the first difference."
	}
}

// beside is where an error may come from when no release is named.
func beside(b proposal.Brief) string {
	if value(b, "release") != "" {
		return ""
	}
	for _, r := range b.Evidence.RuledOut {
		if r.Dimension == "release" && !r.Unjudged() {
			return "No release stands out, so look at what the page calls: the answers of your services, and third-party scripts that change on their own."
		}
	}
	return "See whether a release went out just before; if none did, look at what the page calls: the answers of your services, and third-party scripts."
}

// justBefore is where to read what people wanted.
func justBefore(b proposal.Brief) string {
	if t := firstType(b); named(t) {
		return "Read the example signals, and see what these visitors tried just before " + quote(t) + "."
	}
	return ""
}

// wholeArea is where to begin when no place stands out.
func wholeArea(b proposal.Brief) string {
	if len(usable(conditions(b))) > 0 {
		return ""
	}
	return "Since all of " + area(b) + " is touched, begin with what all of it shares: a release, a configuration, a shared service or a third party that changed around " +
		moment(b.StartedAt) + "."
}

// doneWhen says how to know that it is over.
func doneWhen(b proposal.Brief) string {
	s, ok := b.Evidence.Lead()
	kind := "negative signals"
	if b.Evidence.Metric == proposal.MetricTypeShare {
		kind = typed(s.Type)
	}
	switch f := b.Evidence.FirstSeen; {
	case f != nil && named(f.Value):
		return "It is repaired when " + quote(f.Value) + " does not come any more."
	case !ok || b.Evidence.OfSample() || s.Window <= s.Expected || s.Expected < 0:
	case s.Expected < 1:
		return "It is repaired when no " + kind + " come from there any more."
	default:
		return "It is repaired when about " + figure.Count(s.Expected) + " " + kind + " come from there in the same length of time, instead of " + figure.Count(s.Window) + "."
	}
	return ratioBack(b)
}

// ratioBack says it by the whole: of a release that is rolled back nothing comes, good or bad.
func ratioBack(b proposal.Brief) string {
	e := b.Evidence
	back := e.Ratio.Expected
	if s, _ := e.Lead(); s.Explains && e.Counterfactual != nil {
		back = e.Counterfactual.Then
	}
	if e.Metric != proposal.MetricRatio || back <= 0 {
		return ""
	}
	return "It is repaired when the positive ratio of " + area(b) + " is back at about " + figure.Ratio(back) + "."
}

func funnelDone(b proposal.Brief) string {
	if f := b.Evidence.Funnel; f != nil && named(f.To) && f.Expected > 0 {
		return "It is repaired when about " + figure.Ratio(f.Expected) + " of the sessions go on to " + quote(f.To) + " again."
	}
	return doneWhen(b)
}

func volumeDone(b proposal.Brief) string {
	v := b.Evidence.Volume
	if v == nil || v.High <= v.Low {
		return ""
	}
	return "It is over when " + figure.Count(v.Low) + " to " + figure.Count(v.High) + " " + counted(b) + " come in the same length of time again."
}
