package refusal

import (
	"bytes"
	"strings"
)

// outline is what may be told of a text that is not whole, or no JSON: what stands in it,
// but no word of it. Whether a text is a name's value, an answer in a form or a secret is
// said by what is around it, and where that is broken nobody can know. Names in quotes
// stay, texts become "…", digits become zeros.
func outline(raw []byte) string {
	var b strings.Builder
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c <= ' ':
			for i < len(raw) && raw[i] <= ' ' {
				i++
			}
			b.WriteByte(' ')
		case isStructure(c):
			b.WriteByte(c)
			i++
		case c == '"':
			end := quoteEnd(raw, i+1)
			b.WriteString(quoted(raw, i, end))
			i = min(len(raw), end+1)
		default:
			start := i
			for i < len(raw) && raw[i] > ' ' && raw[i] != '"' && !isStructure(raw[i]) {
				i++
			}
			b.WriteString(bare(raw[start:i]))
		}
	}
	return strings.TrimSpace(shorten(b.String()))
}

// shorten keeps the beginning and the end, where the reading stopped.
func shorten(text string) string {
	const half = maxShown/2 - len("…")
	if len(text) <= maxShown {
		return text
	}
	end := text[len(text)-half:]
	return cut(text, half) + "…" + strings.ToValidUTF8(end, "")
}

func isStructure(c byte) bool { return strings.IndexByte("{}[],:", c) >= 0 }

// quoteEnd returns where the closing quote is, or the text ends.
func quoteEnd(raw []byte, i int) int {
	for ; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return min(i, len(raw))
}

// quoted shows the text between the quotes at start and end when it is the name of a
// value, and else that there is one.
func quoted(raw []byte, start, end int) string {
	switch text := raw[start+1 : max(start+1, end)]; {
	case end == len(raw):
		return `"…`
	case len(text) == 0:
		return `""`
	case isName(text) && bytes.HasPrefix(bytes.TrimLeft(raw[end+1:min(len(raw), end+16)], " \t\r\n"), []byte(":")):
		return string(raw[start : end+1])
	default:
		return `"…"`
	}
}

func isName(text []byte) bool {
	const longest = 40
	for i, c := range text {
		digit := c >= '0' && c <= '9' || c == '-'
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$'; !letter && (!digit || i == 0) {
			return false
		}
	}
	return len(text) <= longest
}

// bare shows a literal, and how a number is written.
func bare(word []byte) string {
	const longest = 24
	switch string(word) {
	case "true", "false", "null":
		return string(word)
	}
	if len(word) > longest || !bytes.ContainsAny(word, "0123456789") {
		return "…"
	}
	number := bytes.Clone(word)
	for i, c := range number {
		switch {
		case c >= '0' && c <= '9':
			number[i] = '0'
		case strings.IndexByte("+-.eE", c) < 0:
			return "…"
		}
	}
	return string(number)
}
