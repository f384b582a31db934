package scrub

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// view is a text as a detector reads it, with the way back: byte i of text comes from
// byte off[i] of the original. A nil off means that text is the original.
type view struct {
	text []byte
	off  []int
}

func (v view) origin(i int) int {
	if v.off == nil {
		return i
	}
	return v.off[i]
}

type hit struct {
	start, end int
	class      Class
}

// scanner finds what must go from one text. It is reused.
type scanner struct {
	hits        []hit
	name        name
	emails      bool
	cardContext bool
	// bufs hold decoded views, one pair a level.
	bufs [maxDecodings]struct {
		text []byte
		off  []int
	}
}

// maxDecodings is how many layers of encoding are undone: a URL in a query value in a
// JSON text in a log line is three.
const maxDecodings = 4

// scan returns the sorted, disjoint parts of the text that must go; the slice is valid
// until the next call.
func (s *scanner) scan(text []byte, emails, cardContext bool) []hit {
	s.hits, s.emails, s.cardContext = s.hits[:0], emails, cardContext
	v := view{text: text}
	s.detect(v)
	for level := range maxDecodings {
		var changed bool
		if v, changed = s.decode(v, level); !changed {
			break
		}
		s.detect(v)
	}
	if len(s.hits) > 1 {
		s.merge()
	}
	return s.hits
}

// hit records a part of a view.
func (s *scanner) hit(v view, start, end int, c Class) {
	a, b := v.origin(start), v.origin(end)
	if a < b {
		s.hits = append(s.hits, hit{a, b, c})
	}
}

// merge joins overlapping parts; the first of them gives its class.
func (s *scanner) merge() {
	slices.SortStableFunc(s.hits, func(a, b hit) int { return a.start - b.start })
	out := s.hits[:1]
	for _, h := range s.hits[1:] {
		if last := &out[len(out)-1]; h.start < last.end {
			last.end = max(last.end, h.end)
		} else {
			out = append(out, h)
		}
	}
	s.hits = out
}

// traits say which detectors can find anything, from one look at every byte.
type traits struct {
	digits, letters               int
	at, assign, space, tag, slash bool
	longestWord                   int
}

func traitsOf(t []byte) traits {
	var f traits
	word := 0
	for _, c := range t {
		switch {
		case isDigit(c):
			f.digits++
			word++
		case isUpper(c) || isLower(c) || c == '_' || c == '-':
			f.letters++
			word++
		default:
			f.longestWord = max(f.longestWord, word)
			word = 0
			switch c {
			case '@':
				f.at = true
			case '=', ':':
				f.assign = true
			case ' ':
				f.space = true
			case '<':
				f.tag = true
			case '/':
				f.slash = true
			}
		}
	}
	f.longestWord = max(f.longestWord, word)
	return f
}

func (s *scanner) detect(v view) {
	f := traitsOf(v.text)
	if f.digits >= 13 {
		if !s.cardContext {
			s.cardContext = containsFold(v.text, "card") || containsFold(v.text, "visa")
		}
		s.findCards(v)
	}
	if f.assign || f.space {
		s.findAssignments(v, f)
	}
	if f.longestWord >= 12 || f.digits >= 8 {
		s.findTokens(v)
	}
	if f.slash && f.digits > 0 {
		s.findPathTokens(v)
	}
	if f.tag {
		s.findMarkup(v)
	}
	if f.digits >= 5 {
		s.findNumbers(v)
	}
	if f.at {
		s.findAddresses(v)
	}
	if bytes.Contains(v.text, []byte("PID|")) {
		s.findHL7(v)
	}
	if bytes.Contains(v.text, []byte("-----BEGIN ")) {
		s.findPEM(v)
	}
}

// decode undoes one layer: percent-encoding, JSON escapes, and Unicode forms of digits,
// dashes, spaces and invisible characters. The result is only looked at, never stored.
func (s *scanner) decode(v view, level int) (view, bool) {
	if !bytes.ContainsAny(v.text, "%\\&") && isASCII(v.text) {
		return v, false
	}
	b := &s.bufs[level]
	b.text, b.off = b.text[:0], b.off[:0]
	changed := false
	t := v.text
	for i := 0; i < len(t); {
		from := i
		var r rune
		switch c := t[i]; {
		case c == '%' && i+2 < len(t) && hexDigit(t[i+1]) >= 0 && hexDigit(t[i+2]) >= 0:
			b.text = append(b.text, byte(hexDigit(t[i+1])<<4|hexDigit(t[i+2])))
			b.off = append(b.off, v.origin(from))
			i += 3
			changed = true
			continue
		case c == '&' && entityLength(t[i:]) > 0:
			r = ' '
			if t[i+1] != 'n' && t[i+1] != '#' {
				r = '"'
			}
			i += entityLength(t[i:])
			changed = true
		case c == '\\' && i+1 < len(t):
			r, i = unescapeOne(t, i)
			changed = changed || i > from+1
		case c < utf8.RuneSelf:
			b.text = append(b.text, c)
			b.off = append(b.off, v.origin(from))
			i++
			continue
		default:
			var size int
			r, size = utf8.DecodeRune(t[i:])
			i += size
			plain := plainRune(r)
			changed = changed || plain != r
			if r = plain; r == dropRune {
				continue
			}
			if size == 1 { // not UTF-8, from a percent escape
				b.text = append(b.text, t[from])
				b.off = append(b.off, v.origin(from))
				continue
			}
		}
		n := len(b.text)
		b.text = utf8.AppendRune(b.text, r)
		for range len(b.text) - n {
			b.off = append(b.off, v.origin(from))
		}
	}
	b.off = append(b.off, v.origin(len(t)))
	return view{b.text, b.off}, changed
}

// entityLength is the length of a space or a quote written as an HTML entity, or 0.
func entityLength(t []byte) int {
	for _, e := range [...]string{"&nbsp;", "&#160;", "&#32;", "&#xa0;", "&quot;"} {
		if hasPrefixFold(t, e) {
			return len(e)
		}
	}
	return 0
}

// unescapeOne reads one backslash escape at i.
func unescapeOne(t []byte, i int) (r rune, next int) {
	switch c := t[i+1]; c {
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
		if i+5 < len(t) {
			if h := hex4(t[i+2 : i+6]); h >= 0 {
				return rune(h), i + 6
			}
		}
	case 'x':
		if i+3 < len(t) && hexDigit(t[i+2]) >= 0 && hexDigit(t[i+3]) >= 0 {
			return rune(hexDigit(t[i+2])<<4 | hexDigit(t[i+3])), i + 4
		}
	case '"', '\'', '\\', '/':
		return rune(c), i + 2
	}
	return '\\', i + 1
}

const dropRune rune = -1

// plainRune maps look-alikes of ASCII digits, dashes, spaces, letters and signs to
// ASCII and drops characters that are not visible.
func plainRune(r rune) rune {
	switch {
	case unicode.Is(unicode.Nd, r):
		zero := r
		for unicode.Is(unicode.Nd, zero-1) && r-zero < 9 {
			zero--
		}
		// Digits come in runs of ten; the mathematical alphabets stand back to back.
		if r >= 0x1d7ce && r <= 0x1d7ff {
			return '0' + (r-0x1d7ce)%10
		}
		return '0' + (r - zero)
	case unicode.Is(unicode.Pd, r), r == '\u2212':
		return '-'
	case unicode.Is(unicode.Z, r):
		return ' '
	case unicode.Is(unicode.Cf, r):
		return dropRune
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xff01 + '!'
	case r == '\u00b7' || r == '\u2022':
		return '-'
	case r == '\u2018' || r == '\u2019':
		return '\''
	case r == '\u201c' || r == '\u201d':
		return '"'
	}
	return r
}

func containsFold(t []byte, lower string) bool {
	for i := 0; i+len(lower) <= len(t); i++ {
		if hasPrefixFold(t[i:], lower) {
			return true
		}
	}
	return false
}

func hasPrefixFold(t []byte, lower string) bool {
	if len(t) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := t[i]
		if isUpper(c) {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
