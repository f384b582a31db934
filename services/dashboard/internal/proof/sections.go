package proof

import (
	"fmt"
	"strconv"
	"strings"
)

// fact is one line of a list of facts.
type fact struct{ Name, Text string }

// table is a table with its rows as they are shown. Names tells that each begins with words, which may be broken.
type table struct {
	Caption string
	Names   bool
	Head    []string
	Rows    [][]string
}

// The sections that the page and the Markdown share.

// subtitle says where, which version and when.
func (p *Proof) subtitle() string {
	var parts []string
	if p.Context != "" {
		parts = append(parts, p.Context)
	}
	if p.Version != "" {
		parts = append(parts, p.Version)
	}
	if p.DeployedAt != nil {
		parts = append(parts, "shipped "+p.moment(*p.DeployedAt))
	}
	return strings.Join(parts, " · ")
}

// decided says when the verdict fell, or that there is none yet.
func (p *Proof) decided() string {
	switch {
	case p.DecidedAt == nil:
		return ""
	case p.Status == Stopped:
		return "Stopped on " + p.moment(*p.DecidedAt)
	default:
		return "Decided on " + p.moment(*p.DecidedAt)
	}
}

func (p *Proof) numbers() []fact {
	var out []fact
	add := func(name, text string) { out = append(out, fact{name, text}) }
	if e := p.Effect; e != nil {
		add("Effect on the "+e.Of, change(&e.Mid))
		add("Interval ("+level(e.Level)+")", change(&e.Low)+" to "+change(&e.High))
		if e.Points != nil {
			text := points(e.Points) + " points"
			if e.PointsLow != nil && e.PointsHigh != nil {
				text += " (" + points(e.PointsLow) + " to " + points(e.PointsHigh) + ")"
			}
			add("In points, at the ratio before", text)
		}
		add("Probability that it improved", probability(e.ProbabilityImproved))
		if e.MinimumDetectable != nil {
			text := change(e.MinimumDetectable)
			if e.MinimumDetectablePoints != nil {
				text += " (" + points(e.MinimumDetectablePoints) + " points)"
			}
			add("Smallest effect this test could show", text)
		}
		observed := p.amount(e.Observed)
		if e.Expected != nil {
			observed += ", where " + p.amount(e.Expected) + " was expected"
			if e.ExpectedLow != nil && e.ExpectedHigh != nil {
				observed += " (" + p.amount(e.ExpectedLow) + " to " + p.amount(e.ExpectedHigh) + ")"
			}
		}
		add("Measured since", observed)
	}
	if c := p.Counts; c != nil {
		add("Before", p.count(c.Before))
		add("After", p.count(c.After))
	}
	if r := p.Prediction; r != nil {
		add("Predicted", amountOf(r.Metric, &r.Low)+" to "+amountOf(r.Metric, &r.High)+", most likely "+amountOf(r.Metric, &r.Predicted))
		if r.Observed != nil {
			text := amountOf(r.Metric, r.Observed)
			if words := fitWords(r.Fit); words != "" {
				text += ": " + words
			}
			add("Came of it", text)
		}
	}
	return out
}

func (p *Proof) registered() []fact {
	if p.Plan == nil {
		return nil
	}
	var out []fact
	add := func(name, text string) {
		if text != "" {
			out = append(out, fact{name, text})
		}
	}
	plan := p.Plan
	add("Registered", p.moment(plan.RegisteredAt)+p.late())
	if plan.Revision > 1 {
		add("Plan", fmt.Sprintf("number %d: %s", plan.Revision, plan.RevisedBecause))
	}
	add("Measured", p.Measure.Described)
	add("Why this", p.Measure.Because)
	if plan.HistoryFrom != nil && plan.HistoryTo != nil {
		add("Before", p.span(*plan.HistoryFrom, *plan.HistoryTo))
	}
	if plan.WindowFrom != nil {
		add("After", "from "+p.date(*plan.WindowFrom)+" on; days are cut in "+p.TimeZone)
	}
	if plan.TriggerFrom != nil && plan.TriggerTo != nil {
		add("Days that led to the finding", p.span(*plan.TriggerFrom, *plan.TriggerTo)+"; a verdict must hold without them")
	}
	add("Counted as positive", strings.Join(plan.PositiveTypes, ", "))
	add("Counted as negative", strings.Join(plan.NegativeTypes, ", "))
	add("Controls", strings.Join(plan.Controls, ", "))
	if plan.CanaryShare != nil {
		add("Traffic with the change", strconv.FormatFloat(*plan.CanaryShare, 'f', -1, 64)+percentSign)
	}
	add("Rules", p.rules())
	add("Method", plan.Method)
	return out
}

// late says so when the deployment was reported with a time in the past.
func (p *Proof) late() string {
	if len(p.Looks) == 0 || !p.Plan.RegisteredAt.After(p.Looks[0].At) {
		return ""
	}
	return ", when the deployment was reported with a time in the past; nothing after that time was read for it"
}

// rules are the thresholds in words.
func (p *Proof) rules() string {
	plan := p.Plan
	if plan.Alpha == 0 {
		return ""
	}
	return fmt.Sprintf("at most %s false verdicts over all looks together; at least %s before, %s after and %d events of either side a week; no effect means within ±%s",
		level(plan.Alpha), days(plan.MinHistoryDays), days(plan.MinWindowDays), plan.MinWeeklyEvents, level(plan.NoEffectWithin))
}

func (p *Proof) looksTable() table {
	t := table{Caption: "Planned looks", Head: []string{"Look", "After", "Boundary", "p", "Effect", "Interval"}}
	for _, l := range p.Looks {
		row := []string{fmt.Sprint(l.Number), days(l.Day), pvalue(&l.NominalP), "not taken", "", ""}
		switch {
		case l.Taken:
			row[3], row[4] = pvalue(l.PValue), change(l.Effect)
			if l.Low != nil && l.High != nil {
				row[5] = change(l.Low) + " to " + change(l.High)
			}
		case p.NextLook != nil && p.NextLook.Number == l.Number:
			row[3] = "next, " + p.date(l.At)
		case !p.Status.Final():
			row[3] = "planned"
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (p *Proof) readingsTable() table {
	t := table{Caption: "The same test on other grounds", Names: true, Head: []string{"Reading", "Effect", "Interval", "p"}}
	for _, r := range p.Sensitivity.Readings {
		t.Rows = append(t.Rows, []string{readingName(r), change(&r.Effect), change(&r.Low) + " to " + change(&r.High), pvalue(&r.PValue)})
	}
	return t
}

func (p *Proof) placeboTable() table {
	t := table{Caption: "The whole test at earlier dates, when nothing of this shipped", Head: []string{"Date", "Effect", "Interval", "p", "Would have been a verdict"}}
	for _, d := range p.Sensitivity.PlaceboDates {
		crossed := "no"
		if d.Crossed {
			crossed = "yes"
		}
		t.Rows = append(t.Rows, []string{d.Date, change(&d.Effect), change(&d.Low) + " to " + change(&d.High), pvalue(&d.PValue), crossed})
	}
	return t
}

// remarks are what else says how far the result can be trusted.
func (p *Proof) remarks() []string {
	s := p.Sensitivity
	if s == nil {
		return nil
	}
	var out []string
	if s.PlaceboWindows > 0 {
		out = append(out, p.placeboSentence())
	}
	if p.Plan.TriggerFrom != nil && len(s.PlaceboDates) > 0 {
		out = append(out, fmt.Sprintf("Earlier dates around the days that led to the finding (%s) are no placebos: something did change.", p.span(*p.Plan.TriggerFrom, *p.Plan.TriggerTo)))
	}
	for _, c := range s.Controls {
		text := fmt.Sprintf("The control “%s” changed by %s over the same days", c.Name, change(&c.Change))
		if c.Beta == 0 {
			text += " and was not used"
		}
		if c.Moved {
			text += "; it left its own course"
		}
		out = append(out, text+".")
	}
	if m := s.Mix; m != nil {
		out = append(out, fmt.Sprintf("Who came, by %s: %s of the traffic moved. Of the change, %s points are from another mix and %s from within; with the mix of before, the effect on the odds is %s.",
			m.Dimension, percent(m.Moved), points(&m.Composition), points(&m.Within), change(&m.Reweighted)))
	}
	return out
}

func (p *Proof) dailyTable() table {
	t := table{Caption: "By day", Head: []string{"Day", "Measured", "Expected", "Range", "Counted"}}
	for _, d := range p.Daily {
		row := []string{d.Date, p.amount(d.Value), "", "", thousands(d.Positive)}
		if _, bad := p.Measure.sides(); bad != "" {
			row[4] = thousands(d.Positive) + " / " + thousands(d.Negative)
		}
		if d.Expected != nil {
			row[2] = p.amount(d.Expected)
		}
		if d.Low != nil && d.High != nil {
			row[3] = p.amount(d.Low) + " to " + p.amount(d.High)
		}
		if d.Between {
			row[0] += " (shipped)"
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
