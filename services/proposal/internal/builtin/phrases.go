package builtin

import (
	"math"
	"strings"
	"time"

	"github.com/draftlabs/specter/services/proposal/internal/figure"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const (
	// maxListed is how many names of a list are written out.
	maxListed = 4
	// mostOfIt is the share of the change that the analyzer calls an explanation.
	mostOfIt = 0.6
)

// lead says which part of the traffic explains the change, and how much of it.
func lead(b proposal.Brief) string {
	s, ok := b.Evidence.Lead()
	place := placeOf(b)
	switch {
	case !ok && b.Evidence.Metric == proposal.MetricErrorFree:
		return "" // without sessions its parts cannot be compared
	case !ok || place == "":
		return "No part of the traffic stands out: the change runs through all of " + area(b) + "."
	}
	out := capital(place) + ", " + came(b, s) + most(b, s)
	if b.Evidence.OfSample() {
		out = part(b, s, place)
	}
	// New is the place (a release, an error), not the type: what was expected there comes from the rest.
	if s.FirstSeen && b.Evidence.FirstSeen == nil {
		out += " Nothing was seen there before."
	}
	if !s.Explains && s.ShareOfChange > 0 && s.ShareOfChange < mostOfIt {
		out += " The rest of the change is spread over other parts."
	}
	return out
}

// part says what part of the change a segment has whose counts are a sample's.
func part(b proposal.Brief, s proposal.Segment, place string) string {
	share := capital(figure.Part(s.ShareOfChange))
	switch {
	case s.ShareOfChange <= 0:
		return ""
	case b.Evidence.Metric == proposal.MetricConversion:
		return share + " of the extra sessions that stop here are " + place + "; of all that get this far, " + figure.Part(s.ShareOfTraffic) + " are."
	default:
		return share + " of the rise is " + place + "."
	}
}

// came says how many signals a segment has, and what part of the change that is.
func came(b proposal.Brief, s proposal.Segment) string {
	kind, change := "negative signals", "the extra ones"
	switch b.Evidence.Metric {
	case proposal.MetricVolume:
		kind, change = counted(b), "what is missing"
	case proposal.MetricTypeShare:
		kind = typed(s.Type)
	}
	out := figure.Count(s.Window) + " " + kind + " came where " + expected(s.Expected)
	if s.Sampled {
		out = "about " + out
	}
	if s.ShareOfChange <= 0 {
		return out + "."
	}
	out += ": " + figure.Part(s.ShareOfChange) + " of " + change
	switch {
	case b.Evidence.Metric == proposal.MetricVolume: // of little it says nothing that little of it is here
	case s.ShareOfSessions != nil && *s.ShareOfSessions > 0 && *s.ShareOfSessions <= 1:
		out += ", from " + figure.Part(*s.ShareOfSessions) + " of the sessions"
	case s.ShareOfTraffic > 0 && s.ShareOfTraffic <= 1:
		out += ", from " + figure.Part(s.ShareOfTraffic) + " of the traffic"
	}
	return out + "."
}

// most names the most frequent of a segment's negative signals, which is known for its first condition.
func most(b proposal.Brief, s proposal.Segment) string {
	if b.Evidence.Metric != proposal.MetricRatio || !named(s.Type) {
		return ""
	}
	if len(usable(s.Conditions)) == 1 {
		return " Most frequent among them is " + quote(s.Type) + "."
	}
	if first := phrase(s.Conditions[:1], quote); first != "" {
		return " The most frequent negative signal " + first + " is " + quote(s.Type) + "."
	}
	return ""
}

func reach(b proposal.Brief) string {
	switch n := b.Evidence.AffectedSessions; {
	case n == nil || *n < 1:
		return ""
	case *n == 1:
		return "1 session was affected."
	default:
		return figure.Count(*n) + " sessions were affected."
	}
}

// onset is began for a text that has said since when: what is left to say is how sure that is.
func onset(b proposal.Brief) string {
	if !uncertain(b) {
		return ""
	}
	return began(b)
}

func uncertain(b proposal.Brief) bool {
	return b.StartedLow.Before(b.StartedHigh) && !b.StartedLow.IsZero()
}

// began says since when, and how sure that is.
func began(b proposal.Brief) string {
	out := "It began on " + moment(b.StartedAt)
	if uncertain(b) {
		out += " (between " + moment(b.StartedLow) + " and " + moment(b.StartedHigh) + ")"
	}
	return out + "."
}

// level says how the area does now, and how it should.
func level(b proposal.Brief) string {
	e := b.Evidence
	all := e.Counts.Window.Positive + e.Counts.Window.Negative
	switch {
	case all == 0:
		return ""
	case e.Metric == proposal.MetricTypeShare:
		return typeLevel(b, all)
	case e.Metric != proposal.MetricRatio:
		return ""
	}
	out := "Since then " + figure.Ratio(e.Counts.Window.Share()) + " of the signals that count in " + area(b) + " were positive (" +
		figure.Count(e.Counts.Window.Positive) + " of " + figure.Count(all) + ")"
	if e.Ratio.Expected > 0 {
		expected := figure.Ratio(e.Ratio.Expected)
		if e.Ratio.High > e.Ratio.Low {
			expected += " (" + figure.Ratio(e.Ratio.Low) + " to " + figure.Ratio(e.Ratio.High) + ")"
		}
		if b.Family == proposal.DeploymentRegressed {
			out += "; without the deployment it would be " + expected
		} else {
			out += ", where its own history predicted " + expected
		}
	}
	out += "."
	if s, _ := e.Lead(); s.Explains && e.Counterfactual != nil && e.Counterfactual.Then > e.Counterfactual.Now {
		out += " Had this part stayed as it was, the ratio would be " + figure.Ratio(e.Counterfactual.Then) + "."
	}
	return out
}

// typeLevel is level for the share that one type has of all signals.
func typeLevel(b proposal.Brief, all float64) string {
	name := b.Evidence.Subject.Name
	if !named(name) {
		return ""
	}
	out := "Since then " + figure.Count(b.Evidence.Counts.Window.Negative) + " of the " + figure.Count(all) + " signals in " + area(b) + " were " + quote(name)
	for _, t := range b.Evidence.Types {
		if t.Type == name {
			out += ", where " + expected(t.Expected)
		}
	}
	return out + "."
}

// alarm names the series that gave it, where the rest of the text would not.
func alarm(b proposal.Brief) string {
	s, l := b.Evidence.Subject, firstType(b)
	switch {
	case s.Kind == proposal.SubjectType && named(s.Name) && s.Name != l:
		return "What gave it away was the share of " + quote(s.Name) + " among all signals."
	case s.Kind == proposal.SubjectSegment && len(s.Conditions) > 0 && phrase(s.Conditions, quote) != placeOf(b):
		return "It was noticed first in what happens " + phrase(s.Conditions, quote) + "."
	}
	return ""
}

// Below these a difference is what any two weeks show, and naming it would be noise.
const (
	leastExcess = 1   // signals
	leastShift  = 0.2 // of what was expected
)

func changed(t proposal.TypeChange) bool {
	return math.Abs(t.Excess) >= leastExcess && math.Abs(t.Window-t.Expected) >= leastShift*t.Expected
}

// byType names the signal types that changed.
func byType(b proposal.Brief) string {
	if b.Evidence.Metric != proposal.MetricRatio {
		return ""
	}
	var parts []string
	for _, t := range b.Evidence.Types {
		if named(t.Type) && changed(t) && len(parts) < maxListed {
			parts = append(parts, quote(t.Type)+" ("+figure.Count(t.Window)+" where "+expected(t.Expected)+")")
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "By type, in all of " + area(b) + ": " + list(parts) + "."
}

// ruledOut names the dimensions that do not explain it, and those that cannot be judged.
func ruledOut(b proposal.Brief) string {
	var even, single []string
	for _, r := range b.Evidence.RuledOut {
		switch {
		case !named(r.Dimension):
		case r.Unjudged():
			single = append(single, quote(r.Dimension))
		default:
			even = append(even, quote(r.Dimension))
		}
	}
	var out []string
	if len(even) > 0 {
		verb := "worsened"
		if b.Evidence.Metric == proposal.MetricVolume {
			verb = "fell"
		}
		out = append(out, "Ruled out: no value of "+either(even)+" "+verb+" more than the rest by more than chance.")
	}
	if len(single) > 0 {
		out = append(out, "Could not be judged, because only one value was seen: "+list(first(single))+".")
	}
	return strings.Join(out, " ")
}

// firstSeen tells of an error that nobody had before.
func firstSeen(b proposal.Brief) string {
	f := b.Evidence.FirstSeen
	if f == nil || !named(f.Value) || f.FirstAt.IsZero() {
		return ""
	}
	out := quote(f.Value) + " was never seen before " + moment(f.FirstAt) + " and has come " + figure.Count(f.Count) + " times since"
	if f.Count == 1 {
		out = quote(f.Value) + " was never seen before " + moment(f.FirstAt) + " and has come 1 time since"
	}
	if f.Sessions != nil && *f.Sessions >= 1 {
		out += ", in about " + figure.Count(*f.Sessions) + " sessions"
		if f.ShareOfSessions != nil && *f.ShareOfSessions > 0 && *f.ShareOfSessions <= 1 {
			out += " (" + figure.Part(*f.ShareOfSessions) + " of all)"
		}
	}
	return out + "."
}

// step says how a funnel's step goes now, and how it should.
func step(b proposal.Brief) string {
	f := b.Evidence.Funnel
	if f == nil || !named(f.From) || !named(f.To) || f.Window.Entered <= 0 {
		return ""
	}
	out := "Of " + figure.Count(f.Window.Entered) + " sessions with " + quote(f.From) + ", " + figure.Count(f.Window.Continued) + " went on to " + quote(f.To) +
		": " + figure.Ratio(f.Window.Share())
	if f.Expected > 0 {
		out += ", where " + figure.Ratio(f.Expected) + " was to be expected"
		if f.High > f.Low {
			out += " (" + figure.Ratio(f.Low) + " to " + figure.Ratio(f.High) + ")"
		}
	}
	out += "."
	if f.Baseline.Entered > 0 {
		out += " Before, " + figure.Count(f.Baseline.Continued) + " of " + figure.Count(f.Baseline.Entered) + " did (" + figure.Ratio(f.Baseline.Share()) + ")."
	}
	return out
}

// volume says how much came, and how much should have.
func volume(b proposal.Brief) string {
	e := b.Evidence
	v := e.Volume
	if v == nil {
		w, before := e.Counts.Window, e.Counts.Baseline
		return "From " + moment(e.Window.From) + " to " + moment(e.Window.To) + " " + area(b) + " sent " + figure.Count(w.Positive) + " positive and " +
			figure.Count(w.Negative) + " negative signals; from " + moment(e.Baseline.From) + " to " + moment(e.Baseline.To) + " there were " +
			figure.Count(before.Positive) + " and " + figure.Count(before.Negative) + "."
	}
	out := area(b) + " sent " + figure.Count(v.Window) + " " + counted(b) + " from " + moment(e.Window.From) + " to " + moment(e.Window.To) + ", where " +
		expected(v.Expected)
	if v.High > v.Low {
		out += " (" + figure.Count(v.Low) + " to " + figure.Count(v.High) + ")"
	}
	if v.Window > 0 && v.Expected > v.Window {
		out += ": " + figure.Part(v.Window/v.Expected) + " of the usual"
	}
	out += "."
	if v.LastSignalAt != nil && !v.LastSignalAt.IsZero() && v.Window == 0 {
		out += " The last ones came in the hour from " + moment(*v.LastSignalAt) + "."
	}
	return out
}

// counted is what a volume counts.
func counted(b proposal.Brief) string {
	if s := b.Evidence.Subject; s.Kind == proposal.SubjectType {
		return typed(s.Name)
	}
	return "signals"
}

func typed(name string) string {
	if named(name) {
		return quote(name) + " signals"
	}
	return "signals"
}

// shipped names the deployment that made things worse.
func shipped(b proposal.Brief) string {
	if b.Shipped == nil {
		return "A deployment on " + moment(b.StartedAt) + " made " + area(b) + " worse."
	}
	out := "The deployment"
	if named(b.Shipped.Title) {
		out += " of " + quote(b.Shipped.Title)
	}
	if named(b.Shipped.Version) {
		out += ", version " + quote(b.Shipped.Version) + ","
	}
	return out + " on " + moment(b.Shipped.DeployedAt) + " made " + area(b) + " worse."
}

// verdict is the before and after test's.
func verdict(b proposal.Brief) string {
	d := b.Evidence.Deployment
	if d == nil {
		return ""
	}
	return "The odds of a positive signal changed by " + figure.Signed(d.Effect) + " (" + figure.Signed(d.EffectLow) + " to " + figure.Signed(d.EffectHigh) +
		") by day " + figure.Count(d.LookDay) + " of its verification."
}

// expected says how many should have come; less than half a signal reads as none.
func expected(n float64) string {
	switch {
	case n >= 0 && n < 0.5:
		return "next to none were expected"
	case n == 1:
		return "1 was expected"
	default:
		return figure.Count(n) + " were expected"
	}
}

func moment(t time.Time) string { return t.UTC().Format(proposal.TimeLayout) }
