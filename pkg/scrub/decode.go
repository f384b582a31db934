package scrub

import (
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
		case c == '&' && entityLength(t[i:]) > 0:
			r = ' '
			if t[i+1] != 'n' && t[i+1] != '#' {
				r = '"'
			}
			i += entityLength(t[i:])
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
	case r < 0x058a, r > 0x30a0 && r < 0xa620, r >= 0xac00 && r < 0xd7a4:
		return r // Latin, Greek, Cyrillic; kana and ideographs; Hangul
	}
	return plainRuneByTable(r)
}

func plainRuneByTable(r rune) rune {
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
