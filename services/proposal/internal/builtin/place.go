package builtin

import (
	"strings"
	"unicode/utf8"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const (
	// maxQuoted and maxShort are in characters; longer names are cut, and say so by an ellipsis. The short ones are for titles.
	maxQuoted = 80
	maxShort  = 40
	// maxPlaces is how many conditions are written out.
	maxPlaces = 3
)

// conditions of the place: the leading segment's, else of the series that gave the alarm.
func conditions(b proposal.Brief) []proposal.Condition {
	if s, ok := b.Evidence.Lead(); ok && len(s.Conditions) > 0 {
		return s.Conditions
	}
	return b.Evidence.Subject.Conditions
}

// placeOf says where, such as: on “button#pay” at “/checkout”, release “2.3.1”.
func placeOf(b proposal.Brief) string { return phrase(conditions(b), quote) }

func titlePlace(b proposal.Brief) string {
	list := usable(conditions(b))
	return phrase(list[:min(len(list), 2)], short)
}

// at puts a title's area and place together.
func at(b proposal.Brief) string { return strings.TrimSpace(titleArea(b) + " " + titlePlace(b)) }

func placeWithout(b proposal.Brief, dimension string) string {
	var rest []proposal.Condition
	for _, c := range conditions(b) {
		if c.Dimension != dimension {
			rest = append(rest, c)
		}
	}
	return phrase(rest, quote)
}

// places is the order in which a place is said, and how.
var places = []struct{ dimension, words string }{
	{"element", "on "}, {"path", "at "}, {"error", "with the error "}, {"release", "release "}, {"browser", "browser "}, {"country", "country "},
}

func phrase(list []proposal.Condition, quote func(string) string) string {
	list = usable(list)
	list = list[:min(len(list), maxPlaces)]
	var near, far []string
	for _, p := range places {
		for _, c := range list {
			switch {
			case c.Dimension != p.dimension:
			case strings.HasPrefix(p.words, p.dimension):
				far = append(far, p.words+quote(c.Value))
			default:
				near = append(near, p.words+quote(c.Value))
			}
		}
	}
	for _, c := range list {
		if !isPlace(c.Dimension) {
			near = append(near, "where "+quote(c.Dimension)+" is "+quote(c.Value))
		}
	}
	switch {
	case len(far) == 0:
		return strings.Join(near, " ")
	case len(near) == 0:
		return "in " + strings.Join(far, ", ")
	default:
		return strings.Join(near, " ") + ", " + strings.Join(far, ", ")
	}
}

func isPlace(dimension string) bool {
	for _, p := range places {
		if p.dimension == dimension {
			return true
		}
	}
	return false
}

func usable(list []proposal.Condition) []proposal.Condition {
	var out []proposal.Condition
	for _, c := range list {
		if named(c.Dimension) && named(c.Value) {
			out = append(out, c)
		}
	}
	return out
}

// value of the place in a dimension, or "".
func value(b proposal.Brief, dimension string) string {
	for _, c := range conditions(b) {
		if c.Dimension == dimension && named(c.Value) {
			return c.Value
		}
	}
	return ""
}

func orHere(place string, b proposal.Brief) string {
	if place != "" {
		return place
	}
	return "in " + area(b)
}

// capital begins a sentence with a text that begins with a letter or a digit.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func firstType(b proposal.Brief) string {
	s, _ := b.Evidence.Lead()
	return s.Type
}

func leadType(b proposal.Brief, otherwise string) string {
	if t := firstType(b); named(t) {
		return quote(t)
	}
	return otherwise
}

func area(b proposal.Brief) string { return areaBy(b, quote) }

func titleArea(b proposal.Brief) string { return areaBy(b, short) }

func areaBy(b proposal.Brief, quote func(string) string) string {
	if named(b.Context.Name) {
		return quote(b.Context.Name)
	}
	return "this context"
}

func named(name string) bool { return proposal.PlainName(name) != "" }

func quote(name string) string { return quoteUpTo(name, maxQuoted) }

func short(name string) string { return quoteUpTo(name, maxShort) }

func quoteUpTo(name string, most int) string {
	name = proposal.PlainName(name)
	if utf8.RuneCountInString(name) > most {
		name = string([]rune(name)[:most-1]) + "…"
	}
	return "“" + name + "”"
}

// list joins with commas and a final "and".
func list(parts []string) string { return join(parts, " and ") }

// either joins the first few with commas and a final "or".
func either(parts []string) string { return join(first(parts), " or ") }

func first(parts []string) []string { return parts[:min(len(parts), maxListed)] }

func join(parts []string, last string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + last + parts[len(parts)-1]
}
