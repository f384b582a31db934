package proposal

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// TimeLayout is how a time of the evidence is written in a proposal's text, in UTC.
const TimeLayout = "2 Jan 2006 15:04 UTC"

// ErrUngrounded means that a text says something the evidence does not.
var ErrUngrounded = errors.New("the text is not grounded in the evidence")

// Violation is one thing in a draft that may not be there. Text is the draft's own.
type Violation struct {
	Field string // title, diagnosis, suggested_change; "" when the answer as a whole is meant
	Kind  string // see the constants
	Text  string
}

// Kinds of a Violation.
const (
	WrongForm      = "form"       // missing, too long, or no text
	WrongNumber    = "number"     // not in the evidence
	WrongName      = "name"       // not in the evidence
	WrongTime      = "time"       // not in the evidence, or not written as its times are
	WrongCharacter = "character"  // markup, addresses, code, other scripts
	BareName       = "bare_name"  // a name outside of quotes, where none can be checked
	WrongQuotes    = "quotation"  // quotes other than “ ”, or one without its other
	WrongToken     = "identifier" // letters, digits and points run together
)

// String says where and what kind; the text itself may be a visitor's and stays out of logs and errors.
func (v Violation) String() string { return strings.TrimSpace(v.Field + " " + v.Kind) }

// fact is one number that a text may show. A share (0–1) may be shown as a percentage, a change only with its sign or none.
type fact struct {
	value float64
	share bool
}

// Facts are what a proposal's text may say: the numbers, names and times of the evidence. Numbers come from the fields
// that the analyzer computed and from nowhere else: digits inside a name, which whoever sends signals can choose, ground
// no number.
type Facts struct {
	numbers []fact
	names   []string
	times   []string
}

// NewFacts collects the facts of a brief.
func NewFacts(b Brief) Facts {
	f := Facts{numbers: b.Evidence.numbers()}
	e := b.Evidence
	f.addNames(b.Context.Name)
	f.addNames(b.Context.PositiveTypes...)
	f.addNames(b.Context.NegativeTypes...)
	f.addNames(e.Subject.Name)
	f.addConditions(e.Subject.Conditions)
	for _, s := range e.Segments {
		f.addNames(s.Type)
		f.addConditions(s.Conditions)
	}
	for _, t := range e.Types {
		f.addNames(t.Type)
	}
	for _, r := range e.RuledOut {
		f.addNames(r.Dimension)
	}
	f.addTimes(b.StartedAt, b.StartedLow, b.StartedHigh, b.DetectedAt, e.AsOf, e.Window.From, e.Window.To, e.Baseline.From, e.Baseline.To)
	if v := e.Volume; v != nil && v.LastSignalAt != nil {
		f.addTimes(*v.LastSignalAt)
	}
	if s := e.FirstSeen; s != nil {
		f.addNames(s.Dimension, s.Value, s.Type)
		f.addTimes(s.FirstAt)
	}
	if u := e.Funnel; u != nil {
		f.addNames(u.Steps...)
		f.addNames(u.From, u.To)
	}
	if b.Shipped != nil {
		f.addNames(b.Shipped.Title, b.Shipped.Version)
		f.addTimes(b.Shipped.DeployedAt)
	}
	return f
}

func (f *Facts) addNames(names ...string) {
	for _, n := range names {
		if n = PlainName(n); n != "" {
			f.names = append(f.names, n)
		}
	}
}

func (f *Facts) addConditions(conditions []Condition) {
	for _, c := range conditions {
		f.addNames(c.Dimension, c.Value)
	}
}

func (f *Facts) addTimes(times ...time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			f.times = append(f.times, t.UTC().Format(TimeLayout))
		}
	}
}

// numbers of the evidence that a text may show.
func (e Evidence) numbers() []fact {
	var out []fact
	counts := func(values ...float64) {
		for _, v := range values {
			out = append(out, fact{value: v})
		}
	}
	shares := func(values ...float64) {
		for _, v := range values {
			out = append(out, fact{value: v, share: true})
		}
	}
	optional := func(add func(...float64), v *float64) {
		if v != nil {
			add(*v)
		}
	}
	tally := func(t Tally) {
		counts(t.Positive, t.Negative, t.total())
		optional(counts, t.Sessions)
	}
	if e.Metric != MetricConversion {
		tally(e.Counts.Window)
		tally(e.Counts.Baseline)
	}
	shares(e.Counts.Window.Share(), e.Counts.Baseline.Share())
	shares(e.Ratio.Window, e.Ratio.Baseline, e.Ratio.Expected, e.Ratio.Low, e.Ratio.High)
	for _, s := range e.Segments {
		// More than all of it reads as all of it: other segments became better.
		shares(s.ShareOfChange, math.Min(1, s.ShareOfChange), s.ShareOfTraffic)
		optional(shares, s.ShareOfSessions)
		shares(s.Counts.Window.Share(), s.Counts.Baseline.Share())
		if !e.OfSample() {
			counts(s.Window, s.Expected, s.Excess, share(s.Window, s.Expected))
			tally(s.Counts.Window)
			tally(s.Counts.Baseline)
		}
	}
	for _, t := range e.Types {
		counts(t.Window, t.Expected, t.Excess)
	}
	optional(counts, e.AffectedSessions)
	if d := e.Deployment; d != nil {
		shares(d.Effect, d.EffectLow, d.EffectHigh)
		counts(d.LookDay)
	}
	if v := e.Volume; v != nil {
		counts(v.Window, v.Expected, v.Low, v.High)
		shares(share(v.Window, v.Expected))
	}
	if s := e.FirstSeen; s != nil {
		counts(s.Count)
		optional(counts, s.Sessions)
		optional(shares, s.ShareOfSessions)
	}
	if u := e.Funnel; u != nil {
		counts(u.Window.Entered, u.Window.Continued, u.Baseline.Entered, u.Baseline.Continued)
		shares(u.Window.Share(), u.Baseline.Share(), u.Expected, u.Low, u.High)
	}
	if c := e.Counterfactual; c != nil {
		shares(c.Now, c.Then)
	}
	return out
}

// Judge returns what is wrong with a draft; nothing means that it may be shown.
func (f Facts) Judge(d Draft) []Violation {
	var all []Violation
	for _, part := range []struct {
		field, text string
		most        int
	}{{"title", d.Title, maxTitle}, {"diagnosis", d.Diagnosis, maxText}, {"suggested_change", d.SuggestedChange, maxText}} {
		var found []Violation
		switch n := utf8.RuneCountInString(part.text); {
		case strings.TrimSpace(part.text) == "":
			found = []Violation{{Kind: WrongForm, Text: "it is empty"}}
		case !utf8.ValidString(part.text):
			found = []Violation{{Kind: WrongForm, Text: "it is not UTF-8"}}
		case n > part.most:
			found = []Violation{{Kind: WrongForm, Text: fmt.Sprintf("it has %d characters, %d are allowed", n, part.most)}}
		case part.field == "title" && strings.Contains(part.text, "\n"):
			found = []Violation{{Kind: WrongForm, Text: "it has several lines"}}
		default:
			found = f.Check(part.text)
		}
		for _, v := range found {
			v.Field = part.field
			all = append(all, v)
		}
	}
	return all
}

const (
	// taken stands where a name or a time was that has been checked.
	taken = '\uFFFC'
	// leastBeginning is how many characters a name that was cut must still show.
	leastBeginning = 4
	// maxShown of a violation's text.
	maxShown = 60
)

var (
	quoted = regexp.MustCompile(`“[^“”]*”`)
	moment = regexp.MustCompile(`\b\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2} UTC\b`)
	number = regexp.MustCompile(`(\d[\d,]*(?:\.\d+)?)([ \x{a0}\x{202f}]?%|[ \x{a0}]per ?cent\b|x\b|×)?`)
	// span joins the two numbers of a range, whose first borrows the second's percent sign.
	span = regexp.MustCompile(`^ ?(?:[-–—]|to|and) ?[+−-]?$`)
)

// Check verifies a text. What stands in “quotes” must be a name of the evidence (or the beginning of one, before "…"),
// times must be its times, and every number left, in digits or in words, must be one of its numbers at the precision it
// is written in. Outside of quotes there may be plain English words and nothing that could be a name, an address or markup.
func (f Facts) Check(text string) []Violation {
	var all []Violation
	add := func(kind, text string) {
		if utf8.RuneCountInString(text) > maxShown {
			text = string([]rune(text)[:maxShown]) + "…"
		}
		all = append(all, Violation{Kind: kind, Text: text})
	}
	if strings.ContainsRune(text, taken) {
		add(WrongCharacter, string(taken))
		return all
	}
	rest := quoted.ReplaceAllStringFunc(text, func(q string) string {
		if name := strings.TrimSuffix(strings.TrimPrefix(q, "“"), "”"); !f.knows(name) {
			add(WrongName, name)
		}
		return string(taken)
	})
	rest = moment.ReplaceAllStringFunc(rest, func(t string) string {
		if !slices.Contains(f.times, t) {
			add(WrongTime, t)
		}
		return string(taken)
	})
	checkCharacters(rest, add)
	f.checkNumbers(rest, add)
	f.checkWords(rest, add)
	return all
}

func (f Facts) knows(name string) bool {
	beginning, cut := strings.CutSuffix(name, "…")
	return slices.ContainsFunc(f.names, func(known string) bool {
		return known == name || cut && utf8.RuneCountInString(beginning) >= leastBeginning && strings.HasPrefix(known, beginning)
	})
}

// checkCharacters allows what plain English is written in.
func checkCharacters(rest string, add func(kind, text string)) {
	runes := []rune(rest)
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return '\n'
		}
		return runes[i]
	}
	for i, r := range runes {
		before, after := at(i-1), at(i+1)
		switch {
		case isLetter(r), isDigit(r), strings.ContainsRune(" \n\u00a0\u202f,;!?()%…×", r):
		case r == taken:
			if isLetter(before) || isDigit(before) || isLetter(after) || isDigit(after) {
				add(WrongToken, around(runes, i))
			}
		case r == '\'', r == '’':
			if !isLetter(before) && before != taken { // an apostrophe, no quote
				add(WrongQuotes, around(runes, i))
			}
		case strings.ContainsRune("\"`«»„‟‘‹›“”", r):
			add(WrongQuotes, around(runes, i))
		case r == '.', r == ':':
			if isLetter(after) && !abbreviated(runes, i) || isDigit(after) && !isDigit(before) || r == ':' && isDigit(after) {
				add(WrongToken, around(runes, i))
			}
		case r == '-', r == '–', r == '—':
			if before == '\n' { // a bullet
				add(WrongCharacter, around(runes, i))
			}
		case r == '+', r == '−':
			if !isDigit(after) || isLetter(before) || isDigit(before) {
				add(WrongCharacter, around(runes, i))
			}
		default:
			add(WrongCharacter, string(r))
		}
	}
}

// abbreviated reports whether the point at i is the first of "e.g." or "i.e.".
func abbreviated(runes []rune, i int) bool {
	if i < 1 || i+2 >= len(runes) {
		return false
	}
	word := strings.ToLower(string(runes[i-1 : i+3]))
	return word == "e.g." || word == "i.e."
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// isLetter knows the Latin letters; a letter of another script would hide a name or a number.
func isLetter(r rune) bool { return r < 0x250 && unicode.IsLetter(r) }

// around shows the word at i.
func around(runes []rune, i int) string {
	from, to := i, i+1
	for from > 0 && i-from < 20 && !unicode.IsSpace(runes[from-1]) {
		from--
	}
	for to < len(runes) && to-i < 20 && !unicode.IsSpace(runes[to]) {
		to++
	}
	return strings.Trim(string(runes[from:to]), string(taken))
}

func (f Facts) checkNumbers(rest string, add func(kind, text string)) {
	found := number.FindAllStringSubmatchIndex(rest, -1)
	for i, m := range found {
		shown := rest[m[0]:m[1]]
		unit := ""
		if m[4] >= 0 {
			unit = strings.TrimLeft(rest[m[4]:m[5]], " \u00a0\u202f")
		}
		percent := unit == "%" || strings.HasPrefix(unit, "per")
		if unit == "" && i+1 < len(found) && span.MatchString(rest[m[1]:found[i+1][0]]) {
			percent = strings.HasSuffix(rest[found[i+1][0]:found[i+1][1]], "%") || strings.HasSuffix(rest[found[i+1][0]:found[i+1][1]], "cent")
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:m[0]])
		after, _ := utf8.DecodeRuneInString(rest[m[1]:])
		chained := len(rest) > m[1]+1 && strings.ContainsRune(".,", after) && isDigit(rune(rest[m[1]+1])) // 1.2.3 is no number
		if isLetter(before) || isLetter(after) || chained {
			add(WrongToken, around([]rune(rest), utf8.RuneCountInString(rest[:m[0]])))
			continue
		}
		if !f.occurs(strings.TrimSuffix(rest[m[2]:m[3]], ","), sign(rest[:m[0]]), percent) {
			add(WrongNumber, shown)
		}
	}
}

// sign that a number has whose text before it is given: a hyphen between words or numbers is none.
func sign(before string) rune {
	r, size := utf8.DecodeLastRuneInString(before)
	switch r {
	case '+':
		return '+'
	case '−':
		return '-'
	case '-':
		if prior, _ := utf8.DecodeLastRuneInString(before[:len(before)-size]); prior == utf8.RuneError || unicode.IsSpace(prior) || prior == '(' {
			return '-'
		}
	}
	return 0
}

var grouped = regexp.MustCompile(`^(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?$`)

// occurs reports whether the evidence has a number that reads like digits.
func (f Facts) occurs(digits string, sign rune, percent bool) bool {
	if !grouped.MatchString(digits) {
		return false
	}
	said, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
	if err != nil {
		return false
	}
	decimals := 0
	if _, fraction, ok := strings.Cut(digits, "."); ok {
		decimals = len(fraction)
	}
	return f.has(said, 0.5*math.Pow10(-decimals)+1e-9, sign, percent)
}

const (
	// coarsest is how much rounding may change a number, as a share of it: two significant digits.
	coarsest = 0.05
	// least is what reads as nothing.
	least = 1e-6
)

func (f Facts) has(said, tolerance float64, sign rune, percent bool) bool {
	return slices.ContainsFunc(f.numbers, func(known fact) bool {
		v := known.value
		if percent {
			if !known.share {
				return false
			}
			v *= 100
		}
		if sign == '+' && v < 0 || sign == '-' && v > 0 {
			return false
		}
		off := math.Abs(math.Abs(v) - said)
		return off <= tolerance && off <= coarsest*math.Abs(v)+least
	})
}

// PlainName is a name as it may stand in quotes: on one line and without the quotes themselves.
func PlainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '“' || r == '”' {
			return '"'
		}
		return r
	}, printable(s))
}
