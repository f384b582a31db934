package signal

import "unicode/utf8"

// maxDepth is encoding/json's own bound.
const maxDepth = 10_000

// scanner reads JSON text once: it checks it as strictly as encoding/json does,
// tells the members of the outermost object, and notices what Postgres may have no
// room for.
type scanner struct {
	text []byte
	at   int
	wide bool // has bytes beyond ASCII
	odd  bool // has a \u escape or an exponent
}

// scan walks the members of the object that is the whole of text. member gets the
// key without its quotes and the value, both as they are written. ok is false when
// text is no JSON object; plain is true when Postgres has room for all of it as it is.
func scan(text []byte, member func(key, value []byte)) (ok, plain bool) {
	s := scanner{text: text}
	s.space()
	if s.at == len(text) || text[s.at] != '{' || !s.object(1, member) {
		return false, false
	}
	s.space()
	return s.at == len(text), !s.odd && (!s.wide || utf8.Valid(text))
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// next skips space and takes the byte c.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(depth int, member func(key, value []byte)) bool {
	s.at++ // {
	if s.next('}') {
		return true
	}
	for {
		s.space()
		start := s.at
		if !s.quoted() {
			return false
		}
		key := s.text[start+1 : s.at-1]
		if !s.next(':') {
			return false
		}
		s.space()
		start = s.at
		if !s.value(depth) {
			return false
		}
		if member != nil {
			member(key, s.text[start:s.at])
		}
		if s.next(',') {
			continue
		}
		return s.next('}')
	}
}

func (s *scanner) array(depth int) bool {
	s.at++ // [
	if s.next(']') {
		return true
	}
	for {
		s.space()
		if !s.value(depth) {
			return false
		}
		if s.next(',') {
			continue
		}
		return s.next(']')
	}
}

// value takes the value that begins here, inside depth objects and arrays.
func (s *scanner) value(depth int) bool {
	if s.at == len(s.text) {
		return false
	}
	switch c := s.text[s.at]; c {
	case '"':
		return s.quoted()
	case '{':
		return depth < maxDepth && s.object(depth+1, nil)
	case '[':
		return depth < maxDepth && s.array(depth+1)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *scanner) word(w string) bool {
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

// quoted takes a string.
func (s *scanner) quoted() bool {
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return false
	}
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return true
		case c == '\\':
			i++
			if i == len(s.text) {
				return false
			}
			switch s.text[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				s.odd = true
				if len(s.text)-i <= 4 || !hex(s.text[i+1]) || !hex(s.text[i+2]) || !hex(s.text[i+3]) || !hex(s.text[i+4]) {
					return false
				}
				i += 4
			default:
				return false
			}
		case c < ' ':
			return false
		case c >= utf8.RuneSelf:
			s.wide = true
		}
	}
	return false
}

func hex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// number takes a number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?
func (s *scanner) number() bool {
	s.take('-', '-')
	if !s.take('0', '0') && !s.digits() {
		return false
	}
	if s.take('.', '.') && !s.digits() {
		return false
	}
	if s.take('e', 'e') || s.take('E', 'E') {
		s.odd = true
		if !s.take('+', '+') {
			s.take('-', '-')
		}
		return s.digits()
	}
	return true
}

// take takes one byte from low to high.
func (s *scanner) take(low, high byte) bool {
	if s.at < len(s.text) && low <= s.text[s.at] && s.text[s.at] <= high {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	if !s.take('0', '9') {
		return false
	}
	for s.take('0', '9') {
	}
	return true
}
