package scrub

import (
	"bytes"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// node is one JSON value in document order. Members of an object are a string node
// (the name) followed by the value. next is the index behind the whole subtree, which
// makes skipping and looking ahead cheap.
type node struct {
	start, end int32
	next       int32
	said       said    // of a name; of an object, what all its names say together
	force      verdict // of a name
	kind       byte    // one of { [ " 0 (number) t (true, false) n (null)
	clean      bool    // by its shape; what the names around say is another matter
}

type parser struct {
	in       []byte
	nodes    []node
	maxDepth int
	scan     *scanner
	names    *memory
	scratch  []byte
	said     said // by all names
	force    bool // a name has a verdict
}

// parse fills nodes; it accepts exactly RFC 8259. That the input is UTF-8 has been
// checked before.
func (p *parser) parse() error {
	if len(p.in) > math.MaxInt32 {
		return ErrInvalid
	}
	at, err := p.value(skipSpace(p.in, 0), 0)
	if err != nil {
		return err
	}
	if skipSpace(p.in, at) != len(p.in) {
		return ErrInvalid
	}
	return nil
}

func (p *parser) value(at, depth int) (int, error) {
	if at >= len(p.in) {
		return 0, ErrInvalid
	}
	n := node{kind: p.in[at], start: int32(at), next: int32(len(p.nodes) + 1)}
	var end int
	switch c := n.kind; {
	case c == '"':
		var seen mark
		if end, seen = stringEnd(p.in, at); end > 0 {
			n.clean = p.isCleanText(p.in[at+1:end-1], seen)
		}
	case c == '{' || c == '[':
		if depth >= p.maxDepth {
			return 0, ErrDepth
		}
		return p.container(n, depth)
	case c == '-' || isDigit(c):
		n.kind = '0'
		if end = numberEnd(p.in, at); end > 0 {
			n.clean = p.isCleanNumber(p.in[at:end])
		}
	default:
		n.kind, end = literal(p.in, at)
	}
	if end < 0 {
		return 0, ErrInvalid
	}
	n.end = int32(end)
	p.nodes = append(p.nodes, n)
	return end, nil
}

func (p *parser) container(n node, depth int) (int, error) {
	i := len(p.nodes)
	p.nodes = append(p.nodes, n)
	var at int
	var err error
	if n.kind == '{' {
		at, n.said, err = p.members(int(n.start), depth)
	} else {
		at, n.said, err = p.elements(int(n.start), depth)
	}
	if err != nil {
		return 0, err
	}
	p.said |= n.said
	n.end, n.next = int32(at), int32(len(p.nodes))
	p.nodes[i] = n
	return at, nil
}

// members parses an object; all is what its names say together.
func (p *parser) members(at, depth int) (end int, all said, err error) {
	at = skipSpace(p.in, at+1)
	if at < len(p.in) && p.in[at] == '}' {
		return at + 1, 0, nil
	}
	first := len(p.nodes) + 1
	for count := 1; ; count++ {
		if at >= len(p.in) || p.in[at] != '"' {
			return 0, 0, ErrInvalid
		}
		end, seen := stringEnd(p.in, at)
		if end < 0 {
			return 0, 0, ErrInvalid
		}
		m := p.meaning(p.in[at+1:end-1], seen)
		all |= m.said
		p.force = p.force || m.force.rule != keep
		p.nodes = append(p.nodes, node{
			kind: '"', start: int32(at), end: int32(end), next: int32(len(p.nodes) + 1), said: m.said, force: m.force,
		})
		at = skipSpace(p.in, end)
		if at >= len(p.in) || p.in[at] != ':' {
			return 0, 0, ErrInvalid
		}
		if at, err = p.value(skipSpace(p.in, at+1), depth+1); err != nil {
			return 0, 0, err
		}
		var more bool
		if at, more, err = p.next(at, '}'); err != nil {
			return 0, 0, err
		}
		if !more {
			if p.maySplitCard(first, count) {
				all |= hasList
			}
			return at, all, nil
		}
	}
}

// elements parses a list.
func (p *parser) elements(at, depth int) (end int, all said, err error) {
	first := len(p.nodes)
	at = skipSpace(p.in, at+1)
	if at < len(p.in) && p.in[at] == ']' {
		return at + 1, 0, nil
	}
	for count := 1; ; count++ {
		if at < len(p.in) && p.in[at] == '[' || at+2 < len(p.in) && string(p.in[at:at+3]) == `"--` {
			all |= hasList // it may be a pair, or an option before its value
		}
		if at, err = p.value(at, depth+1); err != nil {
			return 0, 0, err
		}
		var more bool
		if at, more, err = p.next(at, ']'); err != nil {
			return 0, 0, err
		}
		if !more {
			if p.maySplitCard(first, count) {
				all |= hasList
			}
			return at, all, nil
		}
	}
}

// next reads what stands behind a value: a comma, with more to come, or the end.
func (p *parser) next(at int, closing byte) (after int, more bool, err error) {
	at = skipSpace(p.in, at)
	if at >= len(p.in) {
		return 0, false, ErrInvalid
	}
	switch p.in[at] {
	case closing:
		return at + 1, false, nil
	case ',':
		return skipSpace(p.in, at+1), true, nil
	}
	return 0, false, ErrInvalid
}

// meaning is what a member's name says, remembered for the next time.
func (p *parser) meaning(raw []byte, seen mark) meaning {
	if m := p.names.find(raw); m != nil {
		return *m
	}
	key := raw
	if seen&mCode != 0 && bytes.IndexByte(raw, '\\') >= 0 {
		p.scratch = unescape(p.scratch[:0], raw)
		key = p.scratch
	}
	m := p.scan.meaningOf(key)
	if m.said&hasHits == 0 {
		p.names.keep(raw, m)
	}
	return m
}

// isCleanText reports a text in which no detector finds anything, whatever is around it.
func (p *parser) isCleanText(raw []byte, seen mark) bool {
	if seen.harmless(len(raw)) {
		return true
	}
	text := raw
	if seen&mCode != 0 && bytes.IndexByte(raw, '\\') >= 0 {
		p.scratch = unescape(p.scratch[:0], raw)
		text = p.scratch
	}
	if len(p.scan.scan(text, true, true)) == 0 {
		return true
	}
	p.said |= hasHitsInValue
	return false
}

func (p *parser) isCleanNumber(raw []byte) bool {
	if !isCardAsNumber(raw, true) {
		return true
	}
	p.said |= hasHitsInValue
	return false
}

// maySplitCard reports that a list or an object of so many values, the first of which is
// given, may be a card number in groups.
func (p *parser) maySplitCard(first, count int) bool {
	if count < 3 || count > 5 {
		return false
	}
	n := p.nodes[first]
	return (n.kind == '0' || n.kind == '"') && n.end-n.start <= 6 && countDigits(p.in[n.start:n.end]) == 4
}

func skipSpace(in []byte, at int) int {
	for at < len(in) && (in[at] == ' ' || in[at] == '\n' || in[at] == '\r' || in[at] == '\t') {
		at++
	}
	return at
}

// stringEnd returns the index behind the closing quote, or -1, and which bytes the
// string has.
func stringEnd(in []byte, at int) (end int, seen mark) {
	text := in[at+1:]
	for i := 0; i < len(text); i++ {
		m := marks[text[i]]
		if m&mStop == 0 {
			seen |= m
			continue
		}
		switch text[i] {
		case '"':
			return at + i + 2, seen
		case '\\':
			seen |= m
			if i = escapeEnd(text, i+1); i < 0 {
				return -1, 0
			}
		default:
			return -1, 0
		}
	}
	return -1, 0
}

// escapeEnd returns the index of the last byte of an escape, whose second is at.
func escapeEnd(in []byte, at int) int {
	if at >= len(in) {
		return -1
	}
	switch in[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at
	case 'u':
		if at+4 < len(in) && hex4(in[at+1:at+5]) >= 0 {
			return at + 4
		}
	}
	return -1
}

func numberEnd(in []byte, at int) int {
	digits := func() bool {
		from := at
		for at < len(in) && isDigit(in[at]) {
			at++
		}
		return at > from
	}
	if in[at] == '-' {
		at++
	}
	if at < len(in) && in[at] == '0' {
		at++
	} else if !digits() {
		return -1
	}
	if at < len(in) && in[at] == '.' {
		at++
		if !digits() {
			return -1
		}
	}
	if at < len(in) && (in[at] == 'e' || in[at] == 'E') {
		at++
		if at < len(in) && (in[at] == '+' || in[at] == '-') {
			at++
		}
		if !digits() {
			return -1
		}
	}
	return at
}

func literal(in []byte, at int) (kind byte, end int) {
	for _, l := range [...]struct {
		text string
		kind byte
	}{{"true", 't'}, {"false", 't'}, {"null", 'n'}} {
		if len(in)-at >= len(l.text) && string(in[at:at+len(l.text)]) == l.text {
			return l.kind, at + len(l.text)
		}
	}
	return 0, -1
}

func hex4(b []byte) int {
	v := 0
	for _, c := range b[:4] {
		d := hexDigit(c)
		if d < 0 {
			return -1
		}
		v = v<<4 | d
	}
	return v
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// unescape appends the text of a checked string literal without its quotes. A lone
// surrogate becomes U+FFFD.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if next := bytes.IndexByte(raw[i:], '\\'); next != 0 {
			if next < 0 {
				return append(dst, raw[i:]...)
			}
			dst = append(dst, raw[i:i+next]...)
			i += next
		}
		i++
		switch raw[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := rune(hex4(raw[i+1 : i+5]))
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					low = rune(hex4(raw[i+3 : i+7]))
				}
				r = utf16.DecodeRune(r, low)
				if r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, raw[i])
		}
	}
	return dst
}

// appendQuoted appends the text as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
