package storable

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Numbers stay within what a jsonb value holds and any reader prints. The gateway takes no others
// (services/gateway/internal/signal), so that nothing it accepted is lost here.
const (
	maxMagnitude = 308  // digits before the point, less one
	maxPlaces    = 1000 // digits behind it
)

// replacement is U+FFFD as JSON text.
const replacement = `\ufffd`

// Text is text as Postgres can keep it: valid UTF-8 without NUL.
func Text(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// Object is a JSON object as Postgres can read it: a NUL or lone surrogate, for which jsonb has no
// room, becomes U+FFFD. What cannot be repaired (no JSON, no object, a number nobody can print)
// becomes an empty object.
func Object(payload []byte) []byte {
	payload = bytes.ToValidUTF8(payload, []byte("\uFFFD"))
	if !json.Valid(payload) || !isObject(payload) || hugeNumber(payload) {
		return []byte("{}")
	}
	if !bytes.Contains(payload, []byte(`\u`)) {
		return payload
	}
	out := make([]byte, 0, len(payload))
	for i := 0; i < len(payload); {
		if payload[i] != '\\' {
			out = append(out, payload[i])
			i++
			continue
		}
		n, ok := escape(payload[i:])
		if ok {
			out = append(out, payload[i:i+n]...)
		} else {
			out = append(out, replacement...)
		}
		i += n
	}
	return out
}

func isObject(text []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) }

// escape returns the length of the escape sequence that valid JSON text begins with, both
// halves of a surrogate pair together, and whether jsonb has room for what it stands for.
func escape(text []byte) (n int, ok bool) {
	if text[1] != 'u' {
		return 2, true
	}
	switch first := unit(text); {
	case first == 0:
		return 6, false
	case !utf16.IsSurrogate(first):
		return 6, true
	case len(text) >= 12 && text[6] == '\\' && text[7] == 'u' && utf16.DecodeRune(first, unit(text[6:])) != '\uFFFD':
		return 12, true
	default:
		return 6, false
	}
}

// unit is the UTF-16 code unit of a \u escape.
func unit(text []byte) rune {
	code, _ := strconv.ParseUint(string(text[2:6]), 16, 16) // valid JSON text has four hex digits
	return rune(code)
}

// hugeNumber tells whether valid JSON text holds a number whose exponent makes it print at great
// length.
func hugeNumber(text []byte) bool {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && '0' <= c && c <= '9':
			n := numberLength(text[i:])
			if huge(text[i : i+n]) {
				return true
			}
			i += n - 1
		}
	}
	return false
}

func numberLength(text []byte) int {
	n := 0
	for n < len(text) && bytes.IndexByte([]byte("0123456789.eE+-"), text[n]) >= 0 {
		n++
	}
	return n
}

// huge judges an unsigned JSON number by where its first and last digit stand when it is written out.
// Without an exponent it is as long as it was sent.
func huge(number []byte) bool {
	e := bytes.IndexAny(number, "eE")
	if e < 0 {
		return false
	}
	exponent, err := strconv.Atoi(string(number[e+1:]))
	if err != nil {
		return true
	}
	whole, fraction, _ := bytes.Cut(number[:e], []byte("."))
	significant := len(bytes.TrimLeft(bytes.Join([][]byte{whole, fraction}, nil), "0"))
	last := exponent - len(fraction)
	return last+max(significant, 1)-1 > maxMagnitude || last < -maxPlaces
}
