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
	i := len(p.nodes)
	p.nodes = append(p.nodes, node{kind: p.in[at], start: int32(at)})
	switch c := p.in[at]; {
	case c == '"':
		var seen mark
		from := at
		if at, seen = stringEnd(p.in, at); at > 0 {
			p.nodes[i].clean = p.isCleanText(p.in[from+1:at-1], seen)
		}
	case c == '{' || c == '[':
		if depth >= p.maxDepth {
			return 0, ErrDepth
		}
		var err error
		if at, err = p.container(i, at, depth, c == '{'); err != nil {
			return 0, err
		}
	case c == '-' || c >= '0' && c <= '9':
		p.nodes[i].kind = '0'
		from := at
		if at = numberEnd(p.in, at); at > 0 {
			p.nodes[i].clean = p.isCleanNumber(p.in[from:at])
		}
	default:
		p.nodes[i].kind, at = literal(p.in, at)
	}
	if at < 0 {
		return 0, ErrInvalid
	}
	p.nodes[i].end, p.nodes[i].next = int32(at), int32(len(p.nodes))
	return at, nil
}

func (p *parser) container(i, at, depth int, object bool) (int, error) {
	closing := byte(']')
	if object {
		closing = '}'
	}
	at = skipSpace(p.in, at+1)
	if at < len(p.in) && p.in[at] == closing {
		return at + 1, nil
	}
	var all said
	for {
		if object {
			if at >= len(p.in) || p.in[at] != '"' {
				return 0, ErrInvalid
			}
			end, seen := stringEnd(p.in, at)
			if end < 0 {
				return 0, ErrInvalid
			}
			m := p.meaning(p.in[at+1:end-1], seen)
			all |= m.said
			p.force = p.force || m.force.rule != keep
			p.nodes = append(p.nodes, node{kind: '"', start: int32(at), end: int32(end), next: int32(len(p.nodes) + 1), said: m.said, force: m.force})
			at = skipSpace(p.in, end)
			if at >= len(p.in) || p.in[at] != ':' {
				return 0, ErrInvalid
			}
			at = skipSpace(p.in, at+1)
		}
		if !object && at < len(p.in) && p.in[at] == '[' {
			all |= hasList
		}
		var err error
		if at, err = p.value(at, depth+1); err != nil {
			return 0, err
		}
		at = skipSpace(p.in, at)
		if at >= len(p.in) {
			return 0, ErrInvalid
		}
		switch p.in[at] {
		case closing:
			if !object && p.isTellingList(i) {
				all |= hasList
			}
			p.nodes[i].said = all
			p.said |= all
			return at + 1, nil
		case ',':
			at = skipSpace(p.in, at+1)
		default:
			return 0, ErrInvalid
		}
	}
}

// meaning is what a member's name says, remembered for the next time.
func (p *parser) meaning(raw []byte, seen mark) meaning {
	if m, ok := p.names.find(raw); ok {
		return m
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

// isTellingList reports lists that may be a card number in groups.
func (p *parser) isTellingList(i int) bool {
	first := p.nodes[i+1]
	return (first.kind == '0' || first.kind == '"') && first.end-first.start <= 9 && int(first.next) < len(p.nodes) &&
		countDigits(p.in[first.start:first.end]) >= 3
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
	for at++; at < len(in); at++ {
		m := marks[in[at]]
		if m&mStop == 0 {
			seen |= m
			continue
		}
		switch in[at] {
		case '"':
			return at + 1, seen
		case '\\':
			seen |= m
			if at = escapeEnd(in, at+1); at < 0 {
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
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
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
func appendQuoted(dst []byte, text string) []byte {
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
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
