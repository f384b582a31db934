package proposal

import (
	"slices"
	"strings"
	"unicode"

	"github.com/draftlabs/specter/pkg/scrub"
)

// redact returns b with every text that people or signals chose looked through once more, and how many parts went. It was
// scrubbed on its way in; rules may have been added since, and what leaves here may leave the house.
func redact(b Brief) (Brief, int) {
	scrubber := scrub.New(scrub.Options{})
	removed := 0
	clean := func(s string) string {
		out, report := scrubber.Text(printable(s))
		removed += report.Total()
		return out
	}
	cleanAll := func(list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			list[i] = clean(list[i])
		}
		return list
	}
	conditions := func(list []Condition) []Condition {
		list = slices.Clone(list)
		for i, c := range list {
			list[i] = Condition{Dimension: clean(c.Dimension), Value: clean(c.Value)}
		}
		return list
	}
	b.Context = Context{Name: clean(b.Context.Name), PositiveTypes: cleanAll(b.Context.PositiveTypes), NegativeTypes: cleanAll(b.Context.NegativeTypes)}
	if b.Shipped != nil {
		shipped := *b.Shipped
		shipped.Title, shipped.Version = clean(shipped.Title), clean(shipped.Version)
		b.Shipped = &shipped
	}
	e := &b.Evidence
	e.Subject.Name, e.Subject.Conditions = clean(e.Subject.Name), conditions(e.Subject.Conditions)
	e.Segments = slices.Clone(e.Segments)
	for i := range e.Segments {
		s := &e.Segments[i]
		s.Type, s.Conditions = clean(s.Type), conditions(s.Conditions)
	}
	e.Types = slices.Clone(e.Types)
	for i := range e.Types {
		e.Types[i].Type = clean(e.Types[i].Type)
	}
	e.RuledOut = slices.Clone(e.RuledOut)
	for i := range e.RuledOut {
		e.RuledOut[i].Dimension = clean(e.RuledOut[i].Dimension)
	}
	if e.FirstSeen != nil {
		first := *e.FirstSeen
		first.Dimension, first.Value, first.Type = clean(first.Dimension), clean(first.Value), clean(first.Type)
		e.FirstSeen = &first
	}
	if e.Funnel != nil {
		funnel := *e.Funnel
		funnel.Steps, funnel.From, funnel.To = cleanAll(funnel.Steps), clean(funnel.From), clean(funnel.To)
		e.Funnel = &funnel
	}
	return b, removed
}

// printable is s on one line, without characters that are not seen or that turn the reading direction.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.TrimSpace(s)
}
