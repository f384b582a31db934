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

// escape measures the escape sequence at the start of rest (a surrogate pair is one); length 0 means
// that it is none, sound is false for what must be replaced.
func escape(rest []byte) (length int, sound bool) {
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

// unescape decodes a validated string literal.
func unescape(literal []byte) string {
	var text string
	_ = json.Unmarshal(literal, &text) // cannot fail: the scanner has read it
	return text
}

// appendQuoted appends text as a string literal with the escapes that JSON demands and no others:
// encoding/json's many for HTML would count against the limits of whoever sends some.
func appendQuoted(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// compact appends a value that a scanner has read without its white space, and with what cannot be
// stored replaced.
func compact(dst, value []byte) []byte {
	for i := 0; i < len(value); {
		switch c := value[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '"':
			s := scanner{data: value, pos: i}
			literal, _ := s.text() // read before
			dst = appendRepaired(dst, literal)
			i = s.pos
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

func appendRepaired(dst, literal []byte) []byte {
	for from := 0; ; {
		i := bytes.IndexByte(literal[from:], '\\')
		if i < 0 {
			return append(dst, literal[from:]...)
		}
		dst = append(dst, literal[from:from+i]...)
		from += i
		length, sound := escape(literal[from:])
		if sound {
			dst = append(dst, literal[from:from+length]...)
		} else {
			dst = append(dst, replacement...)
		}
		from += length
	}
}
