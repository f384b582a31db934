package signal

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxValue bounds a dimension's value in bytes.
const maxValue = 200

// What differs between two occurrences of the same error, in the order it is
// replaced: the long and specific before the short and general.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\s+`), " "}, // first: what follows reads a line
	{regexp.MustCompile(`(?:https?|wss?|file|blob|webpack|chrome-extension)://[^\s'"()<>]+`), "<url>"},
	{regexp.MustCompile(`\b[\w.+-]+@[\w-]+\.[\w.]+`), "<email>"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<id>"},
	{regexp.MustCompile("\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`|“[^”\n]{0,200}”"), "<text>"},
	// An apostrophe opens a quotation only at the start of a word: "can't read 'x'".
	{regexp.MustCompile(`(^|[\s(=:,\[])'[^'\n]{1,200}'`), "$1<text>"},
	{regexp.MustCompile(`(?i)\b0x[0-9a-f]+\b`), "<n>"},
	// Hashes and tokens: long, hexadecimal, and with a digit, which words lack.
	{regexp.MustCompile(`(?i)\b[0-9a-f]*[0-9][0-9a-f]{11,}\b`), "<id>"},
	{regexp.MustCompile(`[-+]?\b\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?`), "<n>"},
}

// Fingerprint makes one error of many occurrences: numbers, ids, addresses and
// quoted text are replaced by what they are. It is stable: the fingerprint of a
// fingerprint is itself.
func Fingerprint(message string) string {
	// Longer messages are cut first: a stack trace must not cost unbounded time.
	message = strings.TrimSpace(cut(message, 2_000))
	for _, v := range volatile {
		message = v.pattern.ReplaceAllString(message, v.with)
	}
	return cut(strings.TrimSpace(message), maxValue)
}

// cut shortens to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// clean makes text storable: valid UTF-8 without NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
