package builtin

import (
	"context"
	"strings"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// version changes whenever a template does.
const version = "3"

// frameMark stands in an error's name before the frame that threw it.
const frameMark = " @ "

// Engine implements proposal.Engine.
type Engine struct{}

// Author implements proposal.Engine.
func (Engine) Author() proposal.Author { return proposal.Author{Engine: "built-in", Version: version} }

// Draft implements proposal.Engine.
func (Engine) Draft(_ context.Context, b proposal.Brief) (proposal.Draft, error) {
	t := templateOf(b.Family)
	return proposal.Draft{
		Title:           t.title(b),
		Diagnosis:       lines(t.diagnosis(b)),
		SuggestedChange: lines(t.steps(b)),
	}, nil
}

// template is one family's way of saying things. A diagnosis is a list of paragraphs and the change a list of steps; empty
// ones are left out.
type template struct {
	title     func(proposal.Brief) string
	diagnosis func(proposal.Brief) []string
	steps     func(proposal.Brief) []string
}

func templateOf(family string) template {
	switch family {
	case proposal.RatioWorsening:
		return template{worseTitle, ratioDiagnosis, worseSteps}
	case proposal.SlowWorsening:
		return template{slowTitle, slowDiagnosis, slowSteps}
	case proposal.ErrorSpike:
		return template{errorTitle, ratioDiagnosis, errorSteps}
	case proposal.NewError:
		return template{newErrorTitle, newErrorDiagnosis, errorSteps}
	case proposal.RageClicks:
		return template{rageTitle, ratioDiagnosis, rageSteps}
	case proposal.BrokenRelease:
		return template{releaseTitle, ratioDiagnosis, releaseSteps}
	case proposal.FunnelDrop:
		return template{funnelTitle, funnelDiagnosis, funnelSteps}
	case proposal.Silence:
		return template{silenceTitle, silenceDiagnosis, silenceSteps}
	case proposal.VolumeCollapse:
		return template{volumeTitle, volumeDiagnosis, volumeSteps}
	case proposal.DeploymentRegressed:
		return template{regressedTitle, regressedDiagnosis, regressedSteps}
	default:
		return template{otherTitle, ratioDiagnosis, worseSteps}
	}
}

func lines(parts []string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n")
}

// sentences joins what belongs into one paragraph.
func sentences(parts ...string) string { return strings.ReplaceAll(lines(parts), "\n", " ") }

// ratioDiagnosis serves every family about the share of positive signals.
func ratioDiagnosis(b proposal.Brief) []string {
	return []string{
		sentences(lead(b), reach(b)),
		sentences(began(b), level(b)),
		sentences(alarm(b), byType(b)),
		ruledOut(b),
	}
}

func worseTitle(b proposal.Brief) string {
	if value(b, "error") != "" {
		return errorTitle(b)
	}
	if titlePlace(b) == "" {
		return "Find out why " + titleArea(b) + " got worse"
	}
	return "Repair " + at(b)
}

func worseSteps(b proposal.Brief) []string {
	if value(b, "error") != "" {
		return errorSteps(b)
	}
	return append(placeSteps(b), wholeArea(b), justBefore(b), doneWhen(b))
}

func otherTitle(b proposal.Brief) string {
	return "Look into what changed in " + at(b)
}

func slowTitle(b proposal.Brief) string {
	return "Stop the slow decline of " + at(b)
}

func slowDiagnosis(b proposal.Brief) []string {
	out := ratioDiagnosis(b)
	out[1] = sentences(out[1], "It crept in: each hour alone looked ordinary, and it took until "+moment(b.DetectedAt)+" for them to add up to more than chance.")
	return out
}

func slowSteps(b proposal.Brief) []string {
	return append(placeSteps(b),
		"Look for what grows with time rather than for one bad release: a table or a cache that fills up, response times, a gradual rollout, "+
			"an experiment whose share is being raised, a certificate or a stock that runs out.",
		"Lay response times and rollout percentages over the hours since "+moment(b.StartedAt)+" and keep what bends at the same time.",
		doneWhen(b))
}

func errorTitle(b proposal.Brief) string {
	if message := value(b, "error"); message != "" {
		return "Fix the error " + short(message) + " in " + titleArea(b)
	}
	return "Fix the errors of " + at(b)
}

func newErrorTitle(b proposal.Brief) string {
	if message := value(b, "error"); message != "" {
		return "Fix the new error " + short(message) + " in " + titleArea(b)
	}
	if f := b.Evidence.FirstSeen; f != nil && named(f.Value) {
		return "Fix the new error " + short(f.Value) + " in " + titleArea(b)
	}
	return "Fix the new error in " + titleArea(b)
}

func newErrorDiagnosis(b proposal.Brief) []string {
	first, since := firstSeen(b), onset(b)
	if first == "" {
		since = began(b)
	}
	return []string{
		sentences(first, lead(b)),
		since,
		ruledOut(b),
	}
}

func errorSteps(b proposal.Brief) []string {
	message := value(b, "error")
	if f := b.Evidence.FirstSeen; message == "" && f != nil {
		message = f.Value
	}
	steps := []string{}
	if named(message) {
		step := "Reproduce " + quote(message)
		if place := placeWithout(b, "error"); place != "" {
			step += " " + place
		}
		step += ": the example signals hold the addresses and messages it came with."
		if strings.Contains(message, frameMark) {
			step += " The error names the frame it was thrown in: begin there."
		}
		steps = append(steps, step)
	} else {
		steps = append(steps, "Group the errors "+orHere(placeOf(b), b)+" by message and by the topmost frame of your own code, and begin with the most frequent.")
	}
	return append(append(steps, placeStepsWithout(b, "error")...),
		beside(b),
		"Handle the failing case so that people read what to do next, and keep the reproduction as a test.",
		doneWhen(b))
}

func rageTitle(b proposal.Brief) string {
	if element := value(b, "element"); element != "" {
		title := "Make " + short(element)
		if path := value(b, "path"); path != "" {
			title += " at " + short(path)
		}
		return title + " respond in " + titleArea(b)
	}
	return "Find what does not respond to clicks in " + at(b)
}

func rageSteps(b proposal.Brief) []string {
	steps := placeSteps(b)
	if value(b, "element") == "" {
		steps = append(steps, "See in the example signals which elements were clicked again and again, and look for a control that seems ready and does nothing.")
	}
	return append(steps,
		"Show at once that a click was taken: disable the control while it works, and say so when it fails.",
		doneWhen(b))
}

func releaseTitle(b proposal.Brief) string {
	if release := value(b, "release"); release != "" {
		return "Roll back or repair release " + short(release) + " in " + titleArea(b)
	}
	return "Roll back or repair the newest release in " + titleArea(b)
}

func releaseSteps(b proposal.Brief) []string {
	release := "the newest release"
	if v := value(b, "release"); v != "" {
		release = "release " + quote(v)
	}
	compare := "Read what changed between " + release + " and the one before it, dependencies and build settings included"
	if place := placeWithout(b, "release"); place != "" {
		compare += "; begin with the code behind what people do " + place
	}
	return append([]string{
		"Stop the rollout of " + release + " and go back to the one before it: that ends it soonest.",
		compare + ".",
	}, append(placeStepsWithout(b, "release"),
		"Give the repaired release to a small share of the traffic first, and watch "+leadType(b, "the negative signals")+" there before all get it.",
		ratioBack(b))...)
}

func funnelTitle(b proposal.Brief) string {
	if f := b.Evidence.Funnel; f != nil && named(f.From) && named(f.To) {
		return "Find what keeps people from " + short(f.To) + " after " + short(f.From) + " in " + titleArea(b)
	}
	return "Remove the obstacle in " + at(b)
}

func funnelDiagnosis(b proposal.Brief) []string {
	return []string{
		sentences(step(b), began(b)),
		lead(b),
		ruledOut(b),
	}
}

func funnelSteps(b proposal.Brief) []string {
	way := "Walk through the step as a new visitor"
	if f := b.Evidence.Funnel; f != nil && named(f.From) && named(f.To) {
		way = "Walk from " + quote(f.From) + " to " + quote(f.To) + " as a new visitor"
	}
	if place := placeOf(b); place != "" {
		way += ", " + place
	}
	return append([]string{
		way + ", with the browser's console and network panel open, and note where it stops.",
		"Check the step's usual obstacles: a field that became required, a validation that refuses good input, a sign-in or a consent that was put in between, " +
			"a price or a fee that appears late, a button below the fold, a payment method that is gone.",
	}, append(placeSteps(b),
		"Undo what was added to this step around "+moment(b.StartedAt)+", or make the way onward the most visible thing on the page again.",
		funnelDone(b))...)
}

func silenceTitle(b proposal.Brief) string {
	return "Repair the integration of " + titleArea(b) + ": its signals stopped"
}

func silenceDiagnosis(b proposal.Brief) []string {
	return []string{
		sentences(volume(b), "People who lose interest leave a trickle. Where everything stops at once the integration broke, not the users, and what they do is not seen."),
		onset(b),
	}
}

func silenceSteps(b proposal.Brief) []string {
	return []string{
		"Open a page of " + area(b) + " and search its source for the script tag: a deployment around " + moment(b.StartedAt) + " may have removed the snippet or the bundle that holds the SDK.",
		"Look at the refused signals and at the key: what is sent with a revoked or rolled key, or from an origin that is not allowed, is counted there.",
		"Look in the browser's console for a content security policy that blocks the script or the address it sends to.",
		"Load the page with an ad blocker and without: if only the blocker silences it, serve the script from a path of your own.",
		"If a server sends the signals, check that its job still runs and that it reaches Specter.",
		"It is repaired when the live view shows signals of " + area(b) + " again. What happened meanwhile was not recorded: look for it in your own logs.",
	}
}

func volumeTitle(b proposal.Brief) string {
	if s := b.Evidence.Subject; s.Kind == proposal.SubjectType && named(s.Name) {
		return "Find out why " + short(s.Name) + " has become rare in " + titleArea(b)
	}
	return "Find out where the traffic of " + titleArea(b) + " went"
}

func volumeDiagnosis(b proposal.Brief) []string {
	return []string{
		sentences(volume(b), onset(b)),
		lead(b),
		ruledOut(b),
	}
}

func volumeSteps(b proposal.Brief) []string {
	var steps []string
	if s := b.Evidence.Subject; s.Kind == proposal.SubjectType && named(s.Name) {
		steps = append(steps, "Do yourself what sends "+quote(s.Name)+" and watch the live view: if nothing comes, the call that sends it was lost around "+
			moment(b.StartedAt)+", and not the visitors.")
	}
	return append(append(steps,
		"Follow the ways that lead to "+area(b)+" as a visitor: a menu entry, a link in an e-mail or a redirect that broke around "+moment(b.StartedAt)+" takes people elsewhere.",
		"Ask whether a campaign, a partner's link or a search ranking ended then: if so, the fall is real and nothing is broken.",
		"Check whether a consent banner was added or changed: whoever declines may send nothing any more.",
		"Look for an outage or slow answers of whatever serves these pages since then, the CDN and the name servers included.",
	), append(placeSteps(b), volumeDone(b))...)
}

func regressedTitle(b proposal.Brief) string {
	if b.Shipped != nil && named(b.Shipped.Title) {
		return "Roll back " + quote(b.Shipped.Title) + " in " + titleArea(b)
	}
	return "Roll back the last deployment in " + titleArea(b)
}

func regressedDiagnosis(b proposal.Brief) []string {
	return append([]string{sentences(shipped(b), verdict(b))}, sentences(lead(b), reach(b)), sentences(level(b), byType(b)), ruledOut(b))
}

func regressedSteps(b proposal.Brief) []string {
	version := "the deployment"
	if b.Shipped != nil && named(b.Shipped.Version) {
		version = "version " + quote(b.Shipped.Version)
	}
	return append([]string{
		"Roll " + version + " back and report it as rolled back; the positive ratio should then return to what it was before.",
	}, append(placeSteps(b),
		"Find out which part of the change did it: ship the parts one after the other, each with its own deployment report, instead of trying the whole again.",
		doneWhen(b))...)
}
