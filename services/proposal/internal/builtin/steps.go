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
		return "Click " + v + " with the browser's network panel open: is its handler attached, does a request hang or answer slowly, does anything lie on top of the element?"
	case "path":
		return "List what shipped for the page " + v + " around " + moment(b.StartedAt) + ": templates, scripts, experiments and third-party tags, also by others."
	case "error":
		return "Reproduce " + v + " with one of the example signals and follow it to the topmost frame of your own code."
	case "release":
		return "Compare release " + v + " with the release before it, what touches this place first; if the cause is not found soon, roll it back."
	case "browser":
		return "Repeat it in the browser " + v + ", in the versions people have: a missing feature, a blocked cookie or a layout that hides the control shows only there."
	case "country":
		return "Repeat it as a visitor from " + v + ": the CDN's nearest edge, the payment providers offered there, currency, address formats and translations."
	default:
		return "Compare a session where " + quote(c.Dimension) + " is " + v + " with another where it is not, step by step, and note the first difference."
	}
}

// beside is where an error may come from when no release is named.
func beside(b proposal.Brief) string {
	if value(b, "release") != "" {
		return ""
	}
	for _, r := range b.Evidence.RuledOut {
		if r.Dimension == "release" && !r.Unjudged() {
			return "The releases are ruled out, so look at what the page calls: the answers of your services and the third-party scripts that changed by themselves."
		}
	}
	return "See whether a release went out just before; if none did, look at the answers of the services and the third-party scripts that the page calls."
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
	switch {
	case !ok || !named(s.Type) || s.Window <= s.Expected || s.Expected < 0:
	case s.Expected < 1:
		return "It is repaired when " + quote(s.Type) + " does not come from there any more."
	default:
		return "It is repaired when the same length of time brings about " + figure.Count(s.Expected) + " " + quote(s.Type) + " signals there instead of " + figure.Count(s.Window) + "."
	}
	if e := b.Evidence.Ratio; e.Expected > 0 {
		return "It is repaired when the positive ratio of " + area(b) + " is back at about " + figure.Ratio(e.Expected) + "."
	}
	return ""
}

func funnelDone(b proposal.Brief) string {
	if f := b.Evidence.Funnel; f != nil && named(f.To) && f.Expected > 0 {
		return "It is repaired when about " + figure.Ratio(f.Expected) + " of the sessions go on to " + quote(f.To) + " again."
	}
	return doneWhen(b)
}

func volumeDone(b proposal.Brief) string {
	if v := b.Evidence.Volume; v != nil && v.High > v.Low {
		return "It is over when the same length of time brings " + figure.Count(v.Low) + " to " + figure.Count(v.High) + " again."
	}
	return ""
}
