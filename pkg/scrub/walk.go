package scrub

import (
	"bytes"
	"strconv"
	"strings"
)

// walker turns a parsed payload into a clean one. Everything kept is copied from the
// input in long pieces; only what goes is written anew.
type walker struct {
	parser
	o        Options
	out      []byte
	copied   int // input before this is in out
	budget   int // bytes the output may still grow
	counts   counts
	pointers []string
	path     []step
	cleaned  [2][]byte // a text before and after a round of cleaning
	quoted   []byte
	names    []byte
}

// step is one level of the path to the current value: a member's name, or the index of
// a list's element when node is 0 (the root is no name).
type step struct {
	node  int
	index int
}

// place is what the containers around a value say about it.
type place struct {
	force    verdict // a telling name above: every value goes
	identity bool    // inside user or traits: e-mail addresses stay
	card     bool    // the name speaks of a card
}

func newWalker() *walker {
	s := &scanner{words: &memory{}}
	return &walker{parser: parser{scan: s, names: &memory{}}}
}

func (w *walker) reset(o Options, in []byte) {
	w.o = o
	w.in, w.nodes, w.maxDepth = in, w.nodes[:0], o.MaxDepth
	w.said, w.force = 0, false
	w.out, w.copied = nil, 0
	w.budget = len(in) / growthShare
	w.counts, w.pointers = counts{}, nil
	w.path = w.path[:0]
}

func (w *walker) walk() { w.value(0, place{}) }

func (w *walker) result() ([]byte, Report) {
	if w.out == nil {
		return w.in, Report{}
	}
	return append(w.out, w.in[w.copied:]...), w.counts.report(w.pointers)
}

func (w *walker) value(i int, p place) {
	switch n := w.nodes[i]; n.kind {
	case '{':
		w.object(i, p)
	case '[':
		w.array(i, p)
	default:
		w.leaf(i, p)
	}
}

func (w *walker) object(i int, p place) {
	if (p.force.rule == keep || p.force.rule == digits) && w.splitCard(i, p.card) {
		p.force = verdict{classCard, scalar}
	}
	form := w.formOf(i)
	health := p.force.rule == keep && (w.isFHIR(i) || w.isCoded(i))
	pairVerdict := w.pairVerdict(i)
	for k := i + 1; k < int(w.nodes[i].next); {
		v := k + 1
		said := w.nodes[k].said
		inner := place{
			force:    w.nodes[k].force,
			identity: p.identity || said&saysPerson != 0,
			card:     p.card || said&saysCard != 0,
		}
		switch {
		case p.force.rule != keep && p.force.rule != ownText:
			inner.force = inherited(p.force, inner.force, said)
		case health && said&saysSystem == 0 && !foldEqual(w.text(k), "resourcetype"):
			inner.force = isHealth
		case form.holds(said):
			inner.force = verdict{classForm, scalar}
		case pairVerdict.rule != keep && said&saysValue != 0:
			inner.force = pairVerdict
		}
		if said&hasHits != 0 {
			w.cleanKey(k, w.text(k))
		}
		w.path = append(w.path, step{node: k})
		w.value(v, inner)
		w.path = w.path[:len(w.path)-1]
		k = int(w.nodes[v].next)
	}
}

// inherited is what holds for a member below a telling name: the stronger of both. A
// card's number goes wherever it lies in {"card": …}, but not the time it was added.
func inherited(outer, own verdict, s said) verdict {
	switch outer.rule {
	case digits:
		if own.rule != keep || s&saysAbout != 0 {
			return own
		}
	case texts, scalar:
		if own.rule == fact || own.rule == scalar && own.class != outer.class {
			return own
		}
	}
	return outer
}

func (w *walker) array(i int, p place) {
	if (p.force.rule == keep || p.force.rule == digits) && w.splitCard(i, p.card) {
		p.force = verdict{classCard, scalar}
	}
	raw := p.force.rule == keep && w.parent()&saysHeaders != 0
	index := 0
	var before verdict
	var option verdict // of "--password", whose value is the next element
	for k := i + 1; k < int(w.nodes[i].next); k = int(w.nodes[k].next) {
		inner := p
		if raw && index%2 == 1 && before.rule != keep {
			inner.force = before
		}
		if option.rule != keep && p.force.rule == keep {
			inner.force = option
		}
		option = verdict{}
		if w.nodes[k].kind == '"' {
			text := w.text(k)
			if raw {
				before = w.scan.judge(text)
			}
			if w.nodes[k].clean && isOption(text) {
				option = w.scan.judgeKey(text)
			}
		}
		w.path = append(w.path, step{index: index})
		if v, ok := w.listPair(k); ok && inner.force.rule == keep {
			// ["Authorization", "Bearer …"] in a list of such pairs.
			w.path = append(w.path, step{index: 1})
			w.value(v.node, place{force: v.verdict, identity: p.identity})
			w.path = w.path[:len(w.path)-1]
		} else {
			w.value(k, inner)
		}
		w.path = w.path[:len(w.path)-1]
		index++
	}
}

// leaf judges a text, number, boolean or null.
func (w *walker) leaf(i int, p place) {
	n := w.nodes[i]
	if n.clean && p.force.rule == keep {
		return
	}
	switch n.kind {
	case 'n':
		return
	case 't':
		if p.force.rule == fact {
			w.replaceAll(n, p.force.class)
		}
		return
	case '0':
		w.number(n, p)
		return
	}
	text := w.text(i)
	if len(text) == 0 || isMarker(text) {
		return
	}
	switch p.force.rule {
	case scalar, texts, ownText:
		if p.force.class == classForm || !isSwitch(text) && (p.force.class != classSecret || !isVersion(text)) {
			w.replaceAll(n, p.force.class)
		}
		return
	case fact:
		w.replaceAll(n, p.force.class)
		return
	case digits:
		if countDigits(text) >= 8 {
			w.replaceAll(n, p.force.class)
			return
		}
	}
	hits := w.scan.scan(text, !w.o.KeepEmails && !p.identity, p.card)
	if len(hits) == 0 {
		return
	}
	clean := w.clean(text, hits, !w.o.KeepEmails && !p.identity, p.card)
	w.note()
	w.quoted = appendQuoted(w.quoted[:0], clean)
	w.splice(n, w.quoted)
}

func (w *walker) number(n node, p place) {
	raw := w.in[n.start:n.end]
	if len(raw) == 1 && raw[0] == '0' {
		return // says nothing, and is what a short number is emptied to
	}
	switch p.force.rule {
	case scalar, fact:
		if p.force.class != classSecret || len(raw) > 2 { // a number of two digits counts something
			w.replaceAll(n, p.force.class)
		}
		return
	case digits:
		if countDigits(raw) >= 8 {
			w.replaceAll(n, p.force.class)
			return
		}
	}
	if isCardAsNumber(raw, p.card) {
		w.replaceAll(n, classCard)
	}
}

// isSwitch reports texts that say that something is there, and nothing about it.
func isSwitch(text []byte) bool {
	var buf [16]byte
	if len(text) > len(buf) {
		return false
	}
	switch string(appendLower(buf[:0], text)) {
	case "on", "off", "yes", "no", "true", "false", "enabled", "disabled", "none", "null", "undefined":
		return true
	}
	return false
}

// isVersion reports a plain version number, as in a list of dependencies, some of which
// are named after what they deal in: {"jsonwebtoken": "^9.0.2"}.
func isVersion(text []byte) bool {
	text = bytes.TrimLeft(text, "^~<>=v ")
	for part := range 3 {
		end := digitsEnd(text, 0)
		if end == 0 || end > 5 || part < 2 && (end == len(text) || text[end] != '.') {
			return false
		}
		text = text[min(len(text), end+boolInt(part < 2)):]
	}
	if len(text) == 0 || string(text) == "+incompatible" {
		return true
	}
	for _, stage := range []string{"-alpha", "-beta", "-rc", "-next", "-canary", "-preview", "-dev"} {
		if rest, ok := bytes.CutPrefix(text, []byte(stage)); ok {
			rest = bytes.TrimLeft(rest, ".")
			return len(rest) <= 4 && digitsEnd(rest, 0) == len(rest)
		}
	}
	return false
}

// isOption reports "--password" among the arguments of a command.
func isOption(text []byte) bool {
	return len(text) > 3 && len(text) <= maxKeyBytes && text[0] == '-' && text[1] == '-' && runEnd(text, 0, ".") == len(text)
}

// isCardAsNumber reports a JSON number that is a payment card's.
func isCardAsNumber(raw []byte, cardContext bool) bool {
	if len(raw) < 13 && bytes.IndexByte(raw, 'e') < 0 && bytes.IndexByte(raw, 'E') < 0 {
		return false
	}
	d := wholeDigits(bytes.TrimPrefix(raw, []byte("-")))
	return len(d) >= 13 && len(d) <= 19 && issuedAs(d, cardContext) && luhn(d)
}

// wholeDigits returns the digits of a number without a fraction, however it is written.
func wholeDigits(raw []byte) []byte {
	if countDigits(raw) == len(raw) {
		return raw
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < 1e12 || f >= 1e19 {
		return nil
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if strings.ContainsAny(text, ".-") {
		return nil
	}
	return []byte(text)
}

// cleanKey replaces what must go from a member's name.
func (w *walker) cleanKey(k int, key []byte) {
	hits := w.scan.scan(key, !w.o.KeepEmails, false)
	if len(hits) == 0 {
		return
	}
	w.quoted = appendQuoted(w.quoted[:0], w.clean(key, hits, !w.o.KeepEmails, false))
	w.splice(w.nodes[k], w.quoted)
}

// cleanText scrubs a bare text.
func (w *walker) cleanText(text string, emails bool) string {
	w.scratch = append(w.scratch[:0], text...)
	hits := w.scan.scan(w.scratch, emails, false)
	if len(hits) == 0 {
		return text
	}
	return string(w.clean(w.scratch, hits, emails, false))
}

// maxRounds is how often a text is cleaned until it has settled.
const maxRounds = 4

// clean replaces the hits. What comes out is judged again, because cutting one thing can
// complete another; a text that does not settle goes as a whole. The result is valid
// until the next call.
func (w *walker) clean(text []byte, hits []hit, emails, card bool) []byte {
	current := text
	for round := 0; ; round++ {
		next := w.cleaned[round%2][:0]
		if round == maxRounds {
			return append(next, w.spend(len(current), classSecret)...)
		}
		from := 0
		for _, h := range hits {
			next = append(next, current[from:h.start]...)
			next = append(next, w.spend(h.end-h.start, h.class)...)
			w.counts[h.class]++
			from = h.end
		}
		next = append(next, current[from:]...)
		w.cleaned[round%2], current = next, next
		if hits = w.scan.scan(current, emails, card); len(hits) == 0 {
			return current
		}
	}
}

// spend returns the marker, or nothing when the output would grow too much.
func (w *walker) spend(old int, c class) string {
	m := marker(c)
	if growth := len(m) - old; growth > 0 {
		if growth > w.budget {
			return ""
		}
		w.budget -= growth
	}
	return m
}

// replaceAll puts a marker in a leaf's place.
func (w *walker) replaceAll(n node, c class) {
	old := int(n.end - n.start)
	if n.kind == '"' {
		old -= 2
	}
	m := w.spend(old-2*boolInt(n.kind != '"'), c)
	w.counts[c]++
	w.note()
	if m == "" && n.kind != '"' {
		w.quoted = append(w.quoted[:0], emptied(old)...)
	} else {
		w.quoted = append(append(append(w.quoted[:0], '"'), m...), '"') // a marker needs no escapes
	}
	w.splice(n, w.quoted)
}

// emptied is the shortest JSON that says nothing and is not longer than what it replaces.
func emptied(old int) string {
	if old >= 4 {
		return "null"
	}
	if old >= 2 {
		return `""`
	}
	return "0"
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *walker) splice(n node, with []byte) {
	if w.out == nil {
		w.out = make([]byte, 0, len(w.in)+len(w.in)/growthShare)
	}
	w.out = append(w.out, w.in[w.copied:n.start]...)
	w.out = append(w.out, with...)
	w.copied = int(n.end)
}

// parent is what the name of the innermost value around says, which is nothing for an
// element of a list.
func (w *walker) parent() said {
	if len(w.path) == 0 || w.path[len(w.path)-1].node == 0 {
		return 0
	}
	return w.nodes[w.path[len(w.path)-1].node].said
}

// name returns the member's name of a step; valid until the next call when it had escapes.
func (w *walker) name(s step) []byte {
	if s.node == 0 {
		return nil
	}
	n := w.nodes[s.node]
	raw := w.in[n.start+1 : n.end-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	w.names = unescape(w.names[:0], raw)
	return w.names
}

// text returns the text of a string node; valid until the next call when it had escapes.
func (w *walker) text(i int) []byte {
	n := w.nodes[i]
	raw := w.in[n.start+1 : n.end-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	w.scratch = unescape(w.scratch[:0], raw)
	return w.scratch
}

func isMarker(text []byte) bool {
	switch string(text) {
	case "[redacted:card]", "[redacted:secret]", "[redacted:health]", "[redacted:gov-id]", "[redacted:bank]",
		"[redacted:email]", "[redacted:form]":
		return true
	}
	return false
}

// note records where something was removed.
func (w *walker) note() {
	if len(w.pointers) >= maxPointers {
		return
	}
	b := w.quoted[:0]
	for _, s := range w.path {
		b = append(b, '/')
		if s.node == 0 {
			b = strconv.AppendInt(b, int64(s.index), 10)
			continue
		}
		name := w.name(s)
		if w.nodes[s.node].said&hasHits != 0 {
			// What was removed from a name must not come back in the report.
			if hits := w.scan.scan(name, true, false); len(hits) > 0 {
				name = append(append(w.names[:0], name[:hits[0].start]...), marker(hits[0].class)...)
			}
		}
		for _, c := range name {
			switch c {
			case '~':
				b = append(b, "~0"...)
			case '/':
				b = append(b, "~1"...)
			default:
				b = append(b, c)
			}
		}
	}
	w.quoted = b
	w.pointers = append(w.pointers, string(b))
}
