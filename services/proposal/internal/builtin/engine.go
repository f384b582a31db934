package builtin

import (
	"context"
	"strings"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// Engine implements proposal.Engine.
type Engine struct{}

// Name implements proposal.Engine.
func (Engine) Name() string { return "built-in" }

// Version implements proposal.Engine; it changes whenever a template does.
func (Engine) Version() string { return "1" }

// Draft implements proposal.Engine.
func (Engine) Draft(_ context.Context, b proposal.Brief) (proposal.Draft, error) {
	t := templateOf(b.Family)
	return proposal.Draft{
		Title:           t.title(b),
		Diagnosis:       paragraph(t.diagnosis(b)...),
		SuggestedChange: paragraph(t.change(b)...),
	}, nil
}

// template is one family's way of saying things; each returned string is a sentence, empty ones are left out.
type template struct {
	title     func(proposal.Brief) string
	diagnosis func(proposal.Brief) []string
	change    func(proposal.Brief) []string
}

func templateOf(family string) template {
	switch family {
	case proposal.RatioWorsening:
		return template{ratioTitle, ratioDiagnosis, ratioChange}
	case proposal.ErrorSpike:
		return template{errorTitle, ratioDiagnosis, errorChange}
	case proposal.RageClicks:
		return template{rageTitle, ratioDiagnosis, rageChange}
	case proposal.FunnelDrop:
		return template{funnelTitle, ratioDiagnosis, funnelChange}
	case proposal.Silence, proposal.VolumeCollapse:
		return template{silenceTitle, silenceDiagnosis, silenceChange}
	case proposal.DeploymentRegressed:
		return template{regressedTitle, regressedDiagnosis, regressedChange}
	default:
		return template{genericTitle, ratioDiagnosis, ratioChange}
	}
}

func paragraph(sentences ...string) string {
	var kept []string
	for _, s := range sentences {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, " ")
}

func ratioTitle(b proposal.Brief) string {
	if place := where(b); place != "" {
		return "Fix what got worse " + place + " in " + area(b)
	}
	return "Find out why " + area(b) + " got worse"
}

func errorTitle(b proposal.Brief) string {
	if message := condition(b, "error"); message != "" {
		return "Fix the error " + quote(message) + " in " + area(b)
	}
	if place := where(b); place != "" {
		return "Fix the errors " + place + " in " + area(b)
	}
	return "Fix the errors in " + area(b)
}

func rageTitle(b proposal.Brief) string {
	if element := condition(b, "element"); element != "" {
		return "Make " + quote(element) + " respond in " + area(b)
	}
	if place := where(b); place != "" {
		return "Make what people click " + place + " respond in " + area(b)
	}
	return "Make what people click in " + area(b) + " respond"
}

func funnelTitle(b proposal.Brief) string {
	if place := where(b); place != "" {
		return "Remove the obstacle " + place + " in " + area(b)
	}
	return "Remove the obstacle in " + area(b)
}

func silenceTitle(b proposal.Brief) string {
	if b.Family == proposal.Silence {
		return "Check why no signals arrive from " + area(b)
	}
	return "Find out why " + area(b) + " has become quiet"
}

func regressedTitle(b proposal.Brief) string {
	if b.Shipped != nil && b.Shipped.Title != "" {
		return "Roll back " + quote(b.Shipped.Title) + " in " + area(b)
	}
	return "Roll back the last deployment in " + area(b)
}

func genericTitle(b proposal.Brief) string {
	if place := where(b); place != "" {
		return "Look into what changed " + place + " in " + area(b)
	}
	return "Look into what changed in " + area(b)
}

// ratioDiagnosis serves every family about the share of positive signals.
func ratioDiagnosis(b proposal.Brief) []string {
	return []string{level(b), leadSentence(b), typesSentence(b), sessionsSentence(b), ruledOutSentence(b)}
}

func ratioChange(b proposal.Brief) []string {
	return []string{
		startHere(b),
		"Compare what people see there now with what they saw before " + moment(b.StartedAt) +
			": a release, a configuration or a third party changed around that time.",
		"Undo or repair that change first, then improve on it.",
	}
}

func errorChange(b proposal.Brief) []string {
	return []string{
		startHere(b),
		"Reproduce the error with one of the examples in the evidence and look at what went out just before " + moment(b.StartedAt) + ".",
		"Fix the cause, or put the previous version back until it is fixed.",
		"Let the page say what happened and what to do next instead of failing silently, and add a test that would have caught it.",
	}
}

func rageChange(b proposal.Brief) []string {
	return []string{
		startHere(b),
		"People click again and again when nothing seems to happen: check that the handler is attached, that it is not " +
			"waiting for something slow, and that nothing lies on top of the element.",
		"Show at once that the click was received, disable the element while it works, and say so when it fails.",
	}
}

func funnelChange(b proposal.Brief) []string {
	return []string{
		startHere(b),
		"Walk through the step as a new visitor on the devices named in the evidence and note where it stops.",
		"Remove what was added or moved around " + moment(b.StartedAt) + ", or make the next action the most visible thing on the page again.",
	}
}

func silenceDiagnosis(b proposal.Brief) []string {
	w := b.Evidence.Counts.Window
	return []string{
		"From " + moment(b.Evidence.Window.From) + " to " + moment(b.Evidence.Window.To) + ", " + area(b) + " sent " +
			count(w.Positive) + " positive and " + count(w.Negative) + " negative signals.",
		"From " + moment(b.Evidence.Baseline.From) + " to " + moment(b.Evidence.Baseline.To) + " there were " +
			count(b.Evidence.Counts.Baseline.Positive) + " and " + count(b.Evidence.Counts.Baseline.Negative) + ".",
		ruledOutSentence(b),
	}
}

func silenceChange(b proposal.Brief) []string {
	return []string{
		"Open a page of this area and check that the script tag is there, that its key has not been revoked, and that the " +
			"browser's network panel shows signals being accepted.",
		"If signals do arrive, look for what keeps people away since " + moment(b.StartedAt) + ": an outage, a broken link, a changed address.",
	}
}

func regressedDiagnosis(b proposal.Brief) []string {
	sentences := []string{}
	if b.Shipped != nil {
		s := "The deployment of " + quote(b.Shipped.Title)
		if b.Shipped.Version != "" {
			s += " (version " + quote(b.Shipped.Version) + ")"
		}
		sentences = append(sentences, s+" on "+moment(b.Shipped.DeployedAt)+" made "+area(b)+" worse.")
	} else {
		sentences = append(sentences, "A deployment on "+moment(b.StartedAt)+" made "+area(b)+" worse.")
	}
	if d := b.Evidence.Deployment; d != nil {
		sentences = append(sentences, "The odds of a positive signal changed by "+signedPercent(d.Effect)+
			" (from "+signedPercent(d.EffectLow)+" to "+signedPercent(d.EffectHigh)+"), as the look on day "+count(d.LookDay)+" found.")
	}
	return append(sentences, level(b), leadSentence(b), sessionsSentence(b))
}

func regressedChange(b proposal.Brief) []string {
	return []string{
		"Roll the deployment back now and report it as rolled back; the numbers should return to what they were before it.",
		startHere(b),
		"Find out which part of the change caused this before trying again, and ship the next attempt in smaller steps.",
	}
}
