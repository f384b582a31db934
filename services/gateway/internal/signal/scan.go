package signal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// scanner reads one JSON text strictly (RFC 8259, I-JSON's unique names) where it stands: nothing
// is copied, a value is the piece of the text it was sent as. The text must be valid UTF-8; whoever
// makes a scanner has checked that.
type scanner struct {
	data   []byte
	pos    int
	limits Limits
	nodes  int    // values of the current signal
	loose  bool   // something read is not as compact would write it
	names  []name // of the objects being read, the innermost object's last
}

// name is one name of an object. The sum tells most names apart without looking at them.
type name struct {
	sum  uint64
	text []byte // unescaped
}

func (s *scanner) fail(detail string) *malformed {
	return &malformed{code: codeInvalid, detail: detail, offset: s.pos}
}

// over is a limit that is passed by well-formed JSON.
func (s *scanner) over(code, format string, args ...any) *malformed {
	return &malformed{code: code, detail: fmt.Sprintf(format, args...), offset: s.pos, wellFormed: true}
}

// peek skips white space and returns the next byte, 0 at the end (which no JSON text contains).
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' {
			return c
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.loose = true
		s.pos++
	}
	return 0
}

// value steps over the next value; depth counts the containers around it.
func (s *scanner) value(depth int) *malformed {
	if s.nodes++; s.nodes > s.limits.Nodes {
		return s.over("too_many_nodes", "more than %d values in one signal", s.limits.Nodes)
	}
	switch c := s.peek(); {
	case c == '"':
		_, err := s.text()
		return err
	case c == '{':
		return s.object(depth)
	case c == '[':
		return s.array(depth)
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	case c == 0 && s.pos == len(s.data):
		return s.fail("unexpected end of the JSON text")
	default:
		return s.fail("not a JSON value")
	}
}

func (s *scanner) object(depth int) *malformed {
	if err := s.open(depth); err != nil {
		return err
	}
	base := len(s.names)
	for {
		_, more, err := s.member(base)
		if err != nil {
			return err
		}
		if !more {
			s.names = s.names[:base]
			return nil
		}
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
}

// member steps to the next value of an object whose bracket open has taken, and returns its
// unescaped name; more is false behind the last one. base is where the object's names begin.
func (s *scanner) member(base int) (text []byte, more bool, err *malformed) {
	c := s.peek()
	switch {
	case c == '}':
		s.pos++
		return nil, false, nil
	case len(s.names) == base: // the first name has no comma before it
	case c == ',':
		s.pos++
		c = s.peek()
	default:
		return nil, false, s.fail("expected ',' or '}'")
	}
	if c != '"' {
		return nil, false, s.fail("an object name must be a string")
	}
	literal, err := s.text()
	if err != nil {
		return nil, false, err
	}
	if len(literal)-2 > s.limits.KeyBytes {
		return nil, false, s.over("key_too_long", "an object name longer than %d bytes", s.limits.KeyBytes)
	}
	text = literal[1 : len(literal)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(unquote(literal))
	}
	sum := sumOf(text)
	for i := base; i < len(s.names); i++ {
		if s.names[i].sum == sum && bytes.Equal(s.names[i].text, text) {
			return nil, false, s.over("duplicate_name", "the name %s appears twice in one object", literal)
		}
	}
	if len(s.names)-base >= s.limits.Keys {
		return nil, false, s.over("too_many_keys", "more than %d names in one object", s.limits.Keys)
	}
	s.names = append(s.names, name{sum, text})
	if s.peek() != ':' {
		return nil, false, s.fail("expected ':' after an object name")
	}
	s.pos++
	return text, true, nil
}

// sumOf mixes the length, the beginning and the end of a name.
func sumOf(text []byte) uint64 {
	const prime = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	var head, tail uint64
	if n := len(text); n >= 8 {
		head, tail = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	} else {
		for _, c := range text {
			head = head<<8 | uint64(c)
		}
	}
	return (head*prime ^ tail) + uint64(len(text))
}

func (s *scanner) array(depth int) *malformed {
	if err := s.open(depth); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if more, err := s.next(); err != nil || !more {
			return err
		}
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

// next steps over a comma between the elements of an array (more is true) or over its end.
func (s *scanner) next() (more bool, err *malformed) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, nil
	case ']':
		s.pos++
		return false, nil
	default:
		return false, s.fail("expected ',' or ']'")
	}
}

func (s *scanner) word(word string) *malformed {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return s.fail("not a JSON value")
	}
	s.pos += len(word)
	return nil
}

// text steps over the string literal at the current position and returns it as it was sent,
// quotes included.
func (s *scanner) text() ([]byte, *malformed) {
	start := s.pos
	s.pos++
	for {
		s.pos = plain(s.data, s.pos)
		if s.pos == len(s.data) {
			return nil, s.fail("unexpected end of the JSON text in a string")
		}
		switch s.data[s.pos] {
		case '"':
			s.pos++
			return s.data[start:s.pos], nil
		case '\\':
			length, sound := escape(s.data[s.pos:])
			if length == 0 {
				return nil, s.fail("not an escape sequence")
			}
			s.loose = s.loose || !sound
			s.pos += length
		default:
			return nil, s.fail("an unescaped control character in a string")
		}
	}
}

// plain returns the first place from i on that holds a quote, a backslash or a control character,
// eight bytes at a time (the bit tricks are those of "Determine if a word has a byte less than n",
// Bit Twiddling Hacks, S. E. Anderson; the lowest mark is always true).
func plain(data []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(data); i += 8 {
		w := binary.LittleEndian.Uint64(data[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		marks := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for ; i < len(data); i++ {
		if c := data[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return i
}

// skip steps over a value in which a limit was passed: it must be JSON, but may be as deep and as large as
// it likes, so that it costs nobody but itself.
func (s *scanner) skip() *malformed {
	var around []byte // the closing brackets that are to come
	for {
		opened, err := s.skipOne()
		if err != nil {
			return err
		}
		if opened != 0 {
			around = append(around, opened)
			if s.peek() != opened {
				if err := s.skipName(opened); err != nil {
					return err
				}
				continue
			}
		}
		for len(around) > 0 && s.peek() == around[len(around)-1] {
			s.pos++
			around = around[:len(around)-1]
		}
		if len(around) == 0 {
			return nil
		}
		if s.peek() != ',' {
			return s.fail("expected ',' or the end of an array or object")
		}
		s.pos++
		if err := s.skipName(around[len(around)-1]); err != nil {
			return err
		}
	}
}

// skipOne steps over a value that holds no others, or over the bracket that opens one that does, whose
// closing bracket it returns.
func (s *scanner) skipOne() (closing byte, err *malformed) {
	switch c := s.peek(); {
	case c == '{' || c == '[':
		s.pos++
		return c + 2, nil // } and ] are two after them in ASCII
	case c == '-' || '0' <= c && c <= '9':
		if err := s.number(); err != nil && !err.wellFormed {
			return 0, err
		}
		return 0, nil
	default:
		s.nodes = 0 // there may be as many as there are
		return 0, s.value(0)
	}
}

// skipName steps over the name of an object's next value; an array's has none.
func (s *scanner) skipName(closing byte) *malformed {
	if closing != '}' {
		return nil
	}
	if s.peek() != '"' {
		return s.fail("an object name must be a string")
	}
	if _, err := s.text(); err != nil {
		return err
	}
	if s.peek() != ':' {
		return s.fail("expected ':' after an object name")
	}
	s.pos++
	return nil
}

// unquoted returns what a literal without escapes holds.
func unquoted(literal []byte) (text []byte, ok bool) {
	return literal[1 : len(literal)-1], bytes.IndexByte(literal, '\\') < 0
}

// unquote returns the text of a string literal that text has read, with what cannot be stored
// replaced.
func unquote(literal []byte) string {
	if text, ok := unquoted(literal); ok {
		return string(text)
	}
	return strings.ReplaceAll(unescape(literal), "\x00", replacement)
}
