package signal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// replacement is U+FFFD, what becomes of a NUL and of a lone surrogate.
const replacement = "\uFFFD"

// scanner reads one JSON text strictly (RFC 8259, I-JSON's unique names) and copies values in a
// compact form. The text must be valid UTF-8; whoever makes a scanner has checked that.
type scanner struct {
	data   []byte
	pos    int
	limits Limits
	nodes  int // values of the current signal
}

func (s *scanner) fail(detail string) *malformed {
	return &malformed{code: codeInvalid, detail: detail, offset: s.pos}
}

func (s *scanner) over(code, format string, args ...any) *malformed {
	return &malformed{code: code, detail: fmt.Sprintf(format, args...), offset: s.pos}
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end (which no JSON text contains).
func (s *scanner) peek() byte {
	s.space()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// value appends the next value to dst; depth counts the containers around it.
func (s *scanner) value(dst []byte, depth int) ([]byte, *malformed) {
	if s.nodes++; s.nodes > s.limits.Nodes {
		return dst, s.over("too_many_nodes", "more than %d values in one signal", s.limits.Nodes)
	}
	switch c := s.peek(); {
	case c == '{':
		dst = append(dst, '{')
		first := true
		err := s.object(depth, func(literal []byte) *malformed {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, literal...), ':')
			var err *malformed
			dst, err = s.value(dst, depth+1)
			return err
		})
		return append(dst, '}'), err
	case c == '[':
		return s.array(dst, depth)
	case c == '"':
		literal, err := s.text()
		return append(dst, literal...), err
	case c == '-' || '0' <= c && c <= '9':
		return s.number(dst)
	case c == 't':
		return s.word(dst, "true")
	case c == 'f':
		return s.word(dst, "false")
	case c == 'n':
		return s.word(dst, "null")
	case c == 0 && s.pos == len(s.data):
		return dst, s.fail("unexpected end of the JSON text")
	default:
		return dst, s.fail("not a JSON value")
	}
}

// object reads an object at the current position and calls member after each name, which comes as
// a JSON string literal in repaired form. member reads the value.
func (s *scanner) object(depth int, member func(name []byte) *malformed) *malformed {
	if err := s.open(depth); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	var seen names
	for {
		if s.peek() != '"' {
			return s.fail("an object name must be a string")
		}
		start := s.pos
		name, err := s.text()
		if err != nil {
			return err
		}
		if s.pos-start-2 > s.limits.KeyBytes {
			return s.over("key_too_long", "an object name longer than %d bytes", s.limits.KeyBytes)
		}
		switch n, fresh := seen.add(name); {
		case !fresh:
			return s.over("duplicate_name", "the name %s appears twice in one object", name)
		case n > s.limits.Keys:
			return s.over("too_many_keys", "more than %d names in one object", s.limits.Keys)
		}
		if s.peek() != ':' {
			return s.fail("expected ':' after an object name")
		}
		s.pos++
		if err := member(name); err != nil {
			return err
		}
		if more, err := s.next('}'); err != nil || !more {
			return err
		}
	}
}

func (s *scanner) array(dst []byte, depth int) ([]byte, *malformed) {
	if err := s.open(depth); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	if s.peek() == ']' {
		s.pos++
		return append(dst, ']'), nil
	}
	for {
		var err *malformed
		if dst, err = s.value(dst, depth+1); err != nil {
			return dst, err
		}
		more, err := s.next(']')
		if err != nil {
			return dst, err
		}
		if !more {
			return append(dst, ']'), nil
		}
		dst = append(dst, ',')
	}
}

// open steps over the bracket of a container that has depth others around it.
func (s *scanner) open(depth int) *malformed {
	if depth >= s.limits.Depth {
		return s.over(codeTooDeep, "nested deeper than %d levels", s.limits.Depth)
	}
	s.pos++
	return nil
}

// next steps over a comma (more is true) or over the closing bracket.
func (s *scanner) next(closing byte) (more bool, err *malformed) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, nil
	case closing:
		s.pos++
		return false, nil
	default:
		return false, s.fail("expected ',' or '" + string(closing) + "'")
	}
}

func (s *scanner) word(dst []byte, word string) ([]byte, *malformed) {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return dst, s.fail("not a JSON value")
	}
	s.pos += len(word)
	return append(dst, word...), nil
}

// text reads the string literal at the current position, quotes included. What it returns is part
// of the scanned text unless something had to be replaced.
func (s *scanner) text() ([]byte, *malformed) {
	var repaired []byte
	start := s.pos // of what is not in repaired yet
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			if repaired == nil {
				return s.data[start:s.pos:s.pos], nil
			}
			return append(repaired, s.data[start:s.pos]...), nil
		case c < 0x20:
			return nil, s.fail("an unescaped control character in a string")
		case c != '\\':
			s.pos++
		default:
			length, sound := s.escape()
			if length == 0 {
				return nil, s.fail("not an escape sequence")
			}
			if !sound {
				repaired = append(append(repaired, s.data[start:s.pos]...), replacement...)
				start = s.pos + length
			}
			s.pos += length
		}
	}
	return nil, s.fail("unexpected end of the JSON text in a string")
}

// escape measures the escape sequence (a surrogate pair is one) at the current position; length 0
// means that it is none, sound is false for what must be replaced.
func (s *scanner) escape() (length int, sound bool) {
	rest := s.data[s.pos:]
	if len(rest) < 2 {
		return 0, false
	}
	if rest[1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, rest[1]) < 0 {
			return 0, false
		}
		return 2, true
	}
	r, ok := hexRune(rest)
	switch {
	case !ok:
		return 0, false
	case r == 0:
		return 6, false
	case !utf16.IsSurrogate(r):
		return 6, true
	}
	if low, ok := hexRune(rest[6:]); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		return 12, true
	}
	return 6, false
}

// hexRune reads a \u escape at the start of b.
func hexRune(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var raw [2]byte
	if _, err := hex.Decode(raw[:], b[2:6]); err != nil {
		return 0, false
	}
	return rune(raw[0])<<8 | rune(raw[1]), true
}

// unquote returns the text of a string literal that text has read.
func unquote(literal []byte) string {
	if bytes.IndexByte(literal, '\\') < 0 {
		return string(literal[1 : len(literal)-1])
	}
	var text string
	// Cannot fail: the literal was validated by the scanner.
	_ = json.Unmarshal(literal, &text)
	return text
}

// names is the set of names of one object. Few are compared one by one; many go into a map, so
// that a large object costs linear time.
type names struct {
	few  [][]byte
	many map[string]struct{}
	n    int
}

const fewNames = 16

// add returns the size of the set, and false when the name was there already, however it was
// escaped.
func (n *names) add(literal []byte) (size int, fresh bool) {
	if bytes.IndexByte(literal, '\\') >= 0 {
		literal = []byte(`"` + unquote(literal) + `"`)
	}
	n.n++
	if n.many == nil && n.n <= fewNames {
		for _, other := range n.few {
			if bytes.Equal(other, literal) {
				return n.n, false
			}
		}
		n.few = append(n.few, literal)
		return n.n, true
	}
	if n.many == nil {
		n.many = make(map[string]struct{}, 2*fewNames)
		for _, other := range n.few {
			n.many[string(other)] = struct{}{}
		}
	}
	before := len(n.many)
	n.many[string(literal)] = struct{}{}
	return n.n, len(n.many) > before
}
