package proof

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // time zones must resolve in an image that carries none
	"unicode"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

const (
	metricRatio  = "positive_ratio" // the one metric of tests that do not name theirs
	metricVolume = "share_of_usual_volume"
)

// New makes the proof of a deployment. scrub takes out of a text what must not be shown, such as an e-mail address. It fails
// when a stored document cannot be read.
func New(src Source, scrub func(string) string) (Proof, error) {
	d := src.Deployment
	clean := func(text string) string { return scrub(tidy(text)) }
	p := Proof{
		clean: clean,
		Title: clean(d.Title), Context: clean(d.ContextName), Version: clean(d.Version), DeployedAt: utc(d.DeployedAt), RolledBackAt: utc(d.RolledBackAt),
		Status: Waiting, TimeZone: time.UTC.String(), zone: time.UTC,
		Looks: []Look{}, Warnings: []Warning{}, Daily: []Day{}, Reproduce: []string{},
	}
	if d.Verification == nil {
		p.Headline, p.Sentence = p.Status.word(), unverified(d)
		return p, nil
	}
	v := d.Verification
	plan, err := decode[planDocument]("plan", v.Document)
	if err != nil {
		return p, err
	}
	result, err := decode[resultDocument]("result", v.Result)
	if err != nil {
		return p, err
	}
	inputs, err := decode[inputsDocument]("look", src.Inputs)
	if err != nil {
		return p, err
	}
	p.Status, p.DecidedAt = Status(v.Status), utc(v.DecidedAt)
	p.Method = clean(v.Method)
	if zone, err := time.LoadLocation(plan.TimeZone); err == nil && plan.TimeZone != "" {
		p.TimeZone, p.zone = plan.TimeZone, zone
	}
	p.register(plan, *v)
	if len(v.Looks) > 0 {
		p.read(result)
		p.predict(plan, result)
		p.ResultSHA256 = hex.EncodeToString(src.ResultSHA256)
		p.series = newSeries(inputs)
	} else {
		p.predict(plan, resultDocument{})
	}
	if err := p.schedule(plan, *v); err != nil {
		return p, err
	}
	p.Headline = p.Status.word()
	p.Sentence = p.say(result)
	p.Reproduce = p.steps()
	return p, nil
}

// unverified says why there is no test yet.
func unverified(d deployment.Deployment) string {
	switch deployment.Status(d.State) {
	case deployment.Planned:
		return "The change has not shipped yet, so there is nothing to compare."
	case deployment.Cancelled:
		return "The change was cancelled before it shipped, so there is nothing to compare."
	case deployment.RolledBack:
		return "The change was taken back before its test was registered, so there is nothing to compare."
	default:
		return "The change has shipped. Its test is being registered; the first look comes a day after."
	}
}

// register copies the plan in force.
func (p *Proof) register(plan planDocument, v deployment.Verification) {
	p.Measure = &Measure{Metric: plan.Metric, Described: p.clean(plan.Described), Because: p.clean(plan.Because), Unit: Share}
	if p.Measure.Metric == "" {
		p.Measure.Metric = metricRatio
	}
	if p.Measure.Described == "" {
		p.Measure.Described = "The positive ratio"
	}
	if plan.Metric == metricVolume {
		p.Measure.Unit = PerDay
	}
	t := plan.Thresholds
	p.Plan = &Plan{
		RegisteredAt: v.RegisteredAt.UTC(), Revision: max(1, v.Revision), RevisedBecause: p.clean(plan.RevisedBecause), Method: p.clean(first(plan.Method, v.Method)),
		HistoryFrom: utc(plan.HistoryFrom), HistoryTo: utc(plan.HistoryTo), WindowFrom: utc(plan.WindowFrom),
		PositiveTypes: p.cleanAll(plan.PositiveTypes), NegativeTypes: p.cleanAll(plan.NegativeTypes), ControlRule: p.clean(plan.ControlRule), CanaryShare: plan.CanaryShare,
		Alpha: t.Alpha, MinHistoryDays: t.MinHistoryDays, MinWindowDays: t.MinWindowDays, MinWeeklyEvents: t.MinWeeklyEvents, NoEffectWithin: t.NoEffectWithin,
	}
	if plan.Trigger != nil {
		p.Plan.TriggerFrom, p.Plan.TriggerTo = utc(&plan.Trigger.From), utc(&plan.Trigger.To)
	}
	for _, c := range plan.Controls {
		p.Plan.Controls = append(p.Plan.Controls, p.clean(c.Name))
	}
}

// read copies what the newest look found.
func (p *Proof) read(r resultDocument) {
	p.Method = p.clean(first(r.Method, p.Method))
	if r.Described != "" {
		p.Measure.Described = p.clean(r.Described)
	}
	p.Counts = &Counts{Before: r.Before, After: r.After, HistoryDays: r.HistoryDays, PostDays: r.PostDays}
	if r.Effect != nil && r.EffectLow != nil && r.EffectHigh != nil {
		p.Effect = &Effect{
			Of: "odds", Mid: *r.Effect, Low: *r.EffectLow, High: *r.EffectHigh, Level: r.IntervalLevel,
			Points: r.Points, PointsLow: r.PointsLow, PointsHigh: r.PointsHigh,
			Observed: r.Observed, Expected: r.ExpectedRatio, ExpectedLow: r.ExpectedLow, ExpectedHigh: r.ExpectedHigh,
			ProbabilityImproved: r.ProbabilityImproved, PValue: r.PValue, NominalP: r.NominalP,
			MinimumDetectable: r.MinimumDetectableEffect, MinimumDetectablePoints: r.MinimumDetectablePoints,
		}
		if p.Measure.Unit == PerDay {
			p.Effect.Of = "number"
		}
		if p.Effect.Observed == nil {
			p.Effect.Observed = r.RatioAfter
		}
	}
	p.Sensitivity = &Sensitivity{Readings: []Reading{}, PlaceboDates: []PlaceboDate{}, PlaceboWindows: len(r.Placebos), PlaceboShare: r.PlaceboShare, Mix: r.Mix}
	if r.Guard != nil {
		guard := *r.Guard
		guard.Name = "without_trigger"
		p.Sensitivity.Readings = append(p.Sensitivity.Readings, guard)
	}
	for _, s := range r.Sensitivity {
		s.Name = p.clean(s.Name)
		p.Sensitivity.Readings = append(p.Sensitivity.Readings, s)
	}
	for _, d := range r.PlaceboDates {
		d.Date = tidy(d.Date)
		p.Sensitivity.PlaceboDates = append(p.Sensitivity.PlaceboDates, d)
	}
	for _, c := range r.Controls {
		c.Name = p.clean(c.Name)
		p.Sensitivity.Controls = append(p.Sensitivity.Controls, c)
	}
	if p.Sensitivity.Mix != nil {
		p.Sensitivity.Mix.Dimension = p.clean(p.Sensitivity.Mix.Dimension)
	}
	for i, text := range r.Warnings {
		w := Warning{Text: p.clean(text)}
		if i < len(r.WarningCodes) {
			w.Code = p.clean(r.WarningCodes[i])
		}
		p.Warnings = append(p.Warnings, w)
	}
	for _, d := range r.Daily {
		d.Date = tidy(d.Date)
		for i := range d.Refused {
			d.Refused[i].Code = p.clean(d.Refused[i].Code)
		}
		if d.Value == nil && p.Measure.Unit == Share && d.Positive+d.Negative > 0 { // days of old carry counts alone
			ratio := float64(d.Positive) / float64(d.Positive+d.Negative)
			d.Value = &ratio
		}
		p.Daily = append(p.Daily, d)
	}
	p.placebos = r.Placebos
}

// predict holds what was promised against what came. Before a look it is the promise alone.
func (p *Proof) predict(plan planDocument, r resultDocument) {
	p.predictionDrawn = plan.Promised == nil
	if m := r.Promised; m != nil {
		p.Prediction = &Prediction{
			Metric: p.clean(m.Metric), Low: m.Low, Predicted: m.Predicted, High: m.High, Observed: &m.Observed, Expected: &m.Expected, Fit: p.clean(m.Fit), Share: m.Share,
		}
		return
	}
	if promised := plan.PromisedRange; promised != nil {
		metric := p.Measure.Metric
		if plan.Promised != nil {
			metric = p.clean(plan.Promised.Metric)
		}
		p.Prediction = &Prediction{Metric: metric, Low: promised.Low, Predicted: promised.Mid, High: promised.High}
	}
}

// schedule lists the planned looks with what the taken ones read, and finds the next.
func (p *Proof) schedule(plan planDocument, v deployment.Verification) error {
	taken := map[int]deployment.Look{}
	last := 0
	for _, l := range v.Looks {
		taken[l.Day] = l
		last = max(last, l.Day)
	}
	for i, planned := range plan.Looks {
		look := Look{Number: planned.Number, Day: planned.Day, At: planned.AsOf.UTC(), NominalP: planned.NominalP}
		if look.Number == 0 {
			look.Number = i + 1
		}
		if l, ok := taken[planned.Day]; ok {
			r, err := decode[resultDocument]("look", l.Result)
			if err != nil {
				return err
			}
			look.Taken, look.Outcome = true, p.clean(r.Outcome)
			look.Effect, look.Low, look.High, look.PValue = r.Effect, r.EffectLow, r.EffectHigh, r.PValue
		} else if p.Status == Collecting && p.NextLook == nil && planned.Day > last {
			p.NextLook = &NextLook{Number: look.Number, Of: len(plan.Looks), Day: look.Day, At: look.At}
		}
		p.Looks = append(p.Looks, look)
	}
	return nil
}

// say is the sentence below the headline.
func (p *Proof) say(r resultDocument) string {
	var parts []string
	switch {
	case p.Status == Stopped:
		parts = append(parts, "The change was taken back before there was a verdict, so the test was stopped.")
	case p.Status == Collecting && p.Counts == nil:
		parts = append(parts, "There is no verdict yet, and nothing was looked at so far.")
	case r.Reason != "":
		parts = append(parts, p.clean(r.Reason))
	case p.Counts != nil:
		parts = append(parts, p.Status.plain(), p.rawCounts()+".")
	default:
		parts = append(parts, p.Status.plain())
	}
	if n := p.NextLook; n != nil {
		parts = append(parts, fmt.Sprintf("The next look is number %d of %d, after %s: when %s has ended and its data has settled.", n.Number, n.Of, days(n.Day), p.date(n.At.Add(-time.Second))))
	}
	if p.Status.Final() && p.RolledBackAt != nil && p.Status != Stopped {
		parts = append(parts, fmt.Sprintf("The change was taken back on %s.", p.date(*p.RolledBackAt)))
	}
	return strings.Join(parts, " ")
}

// tidy keeps a text from breaking a line, from being no XML, and from turning the direction of what follows.
func tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r >= '\u200b' && r <= '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2060' && r <= '\u206f', r == '\ufeff', r == '\u061c', r == '\ufffe', r == '\uffff':
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "\ufffd"))
	return strings.Join(strings.Fields(text), " ")
}

func (p *Proof) cleanAll(texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, p.clean(text))
	}
	return out
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
