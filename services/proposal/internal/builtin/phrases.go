package builtin

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const (
	// maxQuoted is in characters; longer names are cut, and say so by an ellipsis.
	maxQuoted = 60
	// maxListed is how many names of a list are written out.
	maxListed = 4
)

// level says how the context does now and how it should.
func level(b proposal.Brief) string {
	e := b.Evidence
	if e.Counts.Window.Positive+e.Counts.Window.Negative == 0 {
		return ""
	}
	s := "Since " + moment(b.StartedAt) + ", " + percent(e.Ratio.Window) + " of the signals that count in " + area(b) + " were positive (" +
		count(e.Counts.Window.Positive) + " positive, " + count(e.Counts.Window.Negative) + " negative)"
	if e.Ratio.Expected > 0 {
		s += "; going by its own history, " + percent(e.Ratio.Expected) + " was to be expected"
		if e.Ratio.High > e.Ratio.Low {
			s += " (" + percent(e.Ratio.Low) + " to " + percent(e.Ratio.High) + ")"
		}
	}
	return s + "."
}

// leadSentence says which segment explains the change.
func leadSentence(b proposal.Brief) string {
	s, ok := b.Evidence.Lead()
	if !ok {
		return "No single segment explains the change."
	}
	out := quote(s.Type)
	if place := where(b); place != "" {
		out += " " + place
	}
	if s.ShareOfChange > 0 {
		out += " explains " + percent(math.Min(1, s.ShareOfChange)) + " of the change"
	} else {
		out += " stands out"
	}
	out += ": " + count(s.Window) + " where " + count(s.Expected) + " were expected"
	if s.RateRatio > 1 && !s.FirstSeen {
		out += ", " + times(s.RateRatio) + " times the usual rate"
	}
	if s.ShareOfTraffic > 0 && s.ShareOfTraffic <= 1 {
		out += ", on " + percent(s.ShareOfTraffic) + " of the traffic"
	}
	out += "."
	// New is the place (a release, an error), not the type: what was expected there comes from the rest.
	if s.FirstSeen && len(s.Conditions) > 0 {
		out += " Nothing was seen there before."
	}
	return out
}

// Below these a difference is what any two weeks show, and naming it would be noise.
const (
	leastExcess = 1   // signals
	leastShift  = 0.2 // of what was expected
)

func changed(t proposal.TypeChange) bool {
	return math.Abs(t.Excess) >= leastExcess && math.Abs(t.Window-t.Expected) >= leastShift*t.Expected
}

// typesSentence names the signal types that changed, when the lead does not say it all.
func typesSentence(b proposal.Brief) string {
	lead, _ := b.Evidence.Lead()
	var parts []string
	for _, t := range b.Evidence.Types {
		if t.Type == lead.Type || !changed(t) || len(parts) == maxListed {
			continue
		}
		parts = append(parts, quote(t.Type)+" ("+count(t.Window)+" where "+count(t.Expected)+" were expected)")
	}
	if len(parts) == 0 {
		return ""
	}
	return "Also changed: " + list(parts) + "."
}

func sessionsSentence(b proposal.Brief) string {
	n := b.Evidence.AffectedSessions
	if n == nil || *n < 1 {
		return ""
	}
	if *n == 1 {
		return count(*n) + " session was affected."
	}
	return count(*n) + " sessions were affected."
}

func ruledOutSentence(b proposal.Brief) string {
	var names []string
	for _, r := range b.Evidence.RuledOut {
		if r.Dimension != "" && len(names) < maxListed {
			names = append(names, quote(r.Dimension))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Nothing stands out by " + list(names) + "."
}

// startHere points at the leading segment.
func startHere(b proposal.Brief) string {
	place := where(b)
	if place == "" {
		return "Look first at the examples in the evidence."
	}
	return "Look first at what happens " + place + "."
}

// where says the leading segment's conditions as a place.
func where(b proposal.Brief) string {
	lead, ok := b.Evidence.Lead()
	if !ok {
		return ""
	}
	var parts []string
	for _, c := range lead.Conditions {
		if c.Value == "" {
			continue
		}
		v := quote(c.Value)
		switch c.Dimension {
		case "element":
			parts = append(parts, "at the element "+v)
		case "path":
			parts = append(parts, "on the page "+v)
		case "error":
			parts = append(parts, "with the error "+v)
		case "release":
			parts = append(parts, "in release "+v)
		case "browser":
			parts = append(parts, "in the browser "+v)
		case "country":
			parts = append(parts, "for visitors from "+v)
		default:
			parts = append(parts, "where "+quote(c.Dimension)+" is "+v)
		}
	}
	return strings.Join(parts, " ")
}

// condition returns the leading segment's value of a dimension, or "".
func condition(b proposal.Brief, dimension string) string {
	lead, _ := b.Evidence.Lead()
	for _, c := range lead.Conditions {
		if c.Dimension == dimension {
			return c.Value
		}
	}
	return ""
}

func area(b proposal.Brief) string { return quote(b.Context.Name) }

func quote(name string) string {
	name = proposal.PlainName(name)
	if utf8.RuneCountInString(name) > maxQuoted {
		name = string([]rune(name)[:maxQuoted-1]) + "…"
	}
	return "“" + name + "”"
}

func moment(t time.Time) string { return t.UTC().Format(proposal.TimeLayout) }

// percent shows a share with one decimal, and more of them when it would read as nothing.
func percent(share float64) string {
	decimals := 1
	for math.Abs(share) > 0 && math.Abs(share)*100 < math.Pow10(-decimals) && decimals < 4 {
		decimals++
	}
	return strconv.FormatFloat(share*100, 'f', decimals, 64) + " %"
}

func signedPercent(change float64) string {
	switch text := percent(math.Abs(change)); {
	case change > 0:
		return "+" + text
	case change < 0:
		return "−" + text
	default:
		return text
	}
}

// count shows how many, with thousands separated; an expected count may have one decimal.
func count(n float64) string {
	if n != math.Trunc(n) && n < 10 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func times(x float64) string {
	if x >= 10 {
		return count(math.Round(x))
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}

// list joins with commas and a final "and".
func list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
