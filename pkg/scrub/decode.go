package scrub

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// decode undoes one layer: percent-encoding, JSON escapes, and Unicode forms of digits,
// dashes, spaces and invisible characters. The result is only looked at, never stored.
func (s *scanner) decode(v view, level int) view {
	b := &s.bufs[level]
	b.text, b.off = b.text[:0], b.off[:0]
	t := v.text
	for i := 0; i < len(t); {
		from := i
		var r rune
		switch c := t[i]; {
		case c == '%' && i+2 < len(t) && hexDigit(t[i+1]) >= 0 && hexDigit(t[i+2]) >= 0:
			b.text = append(b.text, byte(hexDigit(t[i+1])<<4|hexDigit(t[i+2])))
			b.off = append(b.off, v.origin(from))
			i += 3
			continue
		case c == '&':
			entity, length := entityAt(t[i:])
			if length == 0 {
				entity, length = '&', 1
			}
			r = plainOf(entity)
			i += length
			if r == dropRune {
				continue
			}
		case c == '\\' && i+1 < len(t):
			r, i = unescapeOne(t, i)
		case c < utf8.RuneSelf:
			b.text = append(b.text, c)
			b.off = append(b.off, v.origin(from))
			i++
			continue
		default:
			var size int
			r, size = utf8.DecodeRune(t[i:])
			i += size
			if r = plainRune(r); r == dropRune {
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
	return view{b.text, b.off}
}

// entities are the named characters of HTML that stand in numbers and in front of values.
var entities = map[string]rune{
	"nbsp": ' ', "ensp": ' ', "emsp": ' ', "thinsp": ' ', "hairsp": ' ', "numsp": ' ', "puncsp": ' ', "tab": ' ', "newline": '\n',
	"ndash": '-', "mdash": '-', "minus": '-', "hyphen": '-', "dash": '-', "shy": dropRune, "zwnj": dropRune, "zwj": dropRune,
	"quot": '"', "apos": '\'', "lt": '<', "gt": '>', "amp": '&', "equals": '=', "colon": ':', "commat": '@', "period": '.',
	"sol": '/', "middot": '-', "lowbar": '_',
}

// entityAt reads a character written as an HTML entity; length is 0 when it is none.
func entityAt(t []byte) (r rune, length int) {
	const longest = 10
	end := bytes.IndexByte(t[:min(len(t), longest)], ';')
	if end < 3 {
		return 0, 0
	}
	name := t[1:end]
	if name[0] != '#' {
		var buf [longest]byte
		r, known := entities[string(appendLower(buf[:0], name))]
		if !known {
			return 0, 0
		}
		return r, end + 1
	}
	base := 10
	if name = name[1:]; name[0]|0x20 == 'x' {
		name, base = name[1:], 16
	}
	code := 0
	for _, c := range name {
		d := hexDigit(c)
		if d < 0 || d >= base {
			return 0, 0
		}
		code = code*base + d
	}
	if len(name) == 0 || code == 0 || code > unicode.MaxRune {
		return 0, 0
	}
	return rune(code), end + 1
}

// plainOf is plainRune for any character.
func plainOf(r rune) rune {
	if r == dropRune || r < utf8.RuneSelf {
		return r
	}
	return plainRune(r)
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
	case r < 0xc0:
		switch r {
		case '\u00a0':
			return ' '
		case '\u00ad':
			return dropRune
		case '\u00b7':
			return '-'
		}
		return r
	case r < 0x0300, r > 0x036f && r < 0x058a, r > 0x30a0 && r < 0xa620, r >= 0xac00 && r < 0xd7a4:
		return r // Latin, Greek, Cyrillic; kana and ideographs; Hangul
	case r >= '\u2010' && r <= '\u2027':
		switch {
		case r <= '\u2015' || r == '\u2022':
			return '-'
		case r == '\u2018' || r == '\u2019':
			return '\''
		case r == '\u201c' || r == '\u201d':
			return '"'
		}
		return r
	}
	return plainRuneByTable(r)
}

func plainRuneByTable(r rune) rune {
	switch {
	case r >= 0x0300 && r <= 0x036f, r >= 0x20d0 && r <= 0x20ff, r >= 0xfe00 && r <= 0xfe0f:
		return dropRune // accents and frames around a character
	case r >= '①' && r <= '⑨':
		return '1' + r - '①'
	case r == '⓪':
		return '0'
	case r == '⁰' || r >= '⁴' && r <= '⁹':
		return '0' + r - '⁰'
	case r >= '₀' && r <= '₉':
		return '0' + r - '₀'
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
