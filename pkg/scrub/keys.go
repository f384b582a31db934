package scrub

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// rule says which values below a name go.
type rule uint8

const (
	keep    rule = iota
	scalar       // texts and numbers; a boolean under a secret's name hides nothing
	fact         // booleans too: {"pregnant": true} is health information
	texts        // texts, not numbers: "tokens" are counted as well
	ownText      // texts directly under the name: "auth" may be a group of settings
	digits       // values that hold at least eight digits, whatever else is in them
)

// verdict is what a name says about its value.
type verdict struct {
	class class
	rule  rule
}

// name is a key taken apart. words are lower case without accents; compact is all of
// them together. It is reused from key to key.
type name struct {
	buf   []byte
	words []span
}

type span struct{ start, end int }

// cut ends the current word, if it has begun.
func (n *name) cut() {
	start := 0
	if len(n.words) > 0 {
		start = n.words[len(n.words)-1].end
	}
	if len(n.buf) > start {
		n.words = append(n.words, span{start, len(n.buf)})
	}
}

func (n *name) word(i int) []byte { return n.buf[n.words[i].start:n.words[i].end] }

// judgeKey tells what a key, header, parameter or form field name says about its value.
func (n *name) judgeKey(key []byte) verdict {
	if len(key) == 0 {
		return verdict{}
	}
	if bytes.Contains(key, []byte(markerPrefix)) {
		key = withoutMarkers(key)
	}
	n.buf, n.words = n.buf[:0], n.words[:0]
	if isASCII(key) {
		n.splitASCII(key)
		v := n.judge()
		if v.rule == keep && isLeetPassword(key) {
			return isSecret
		}
		return v
	}
	n.splitUnicode(key, nil)
	if v := n.judge(); v.rule != keep {
		return v
	}
	if !hasLatin(n.buf) {
		return verdict{}
	}
	// Latin letters mixed with look-alikes of other scripts are a disguise.
	n.buf, n.words = n.buf[:0], n.words[:0]
	n.splitUnicode(key, lookAlikes)
	return n.judge()
}

// mentions reports a name with a word that says something about a thing or refers to it.
func (n *name) mentions(key []byte) bool {
	n.buf, n.words = n.buf[:0], n.words[:0]
	n.splitASCII(key)
	for i := range n.words {
		if _, ok := attributeWords[string(n.word(i))]; ok {
			return true
		}
		if _, ok := referenceWords[string(n.word(i))]; ok {
			return true
		}
	}
	return false
}

// withoutMarkers puts a space in the place of each marker, so that the class in it is
// not read as part of the name.
func withoutMarkers(key []byte) []byte {
	var out []byte
	for {
		at := bytes.Index(key, []byte(markerPrefix))
		if at < 0 {
			return append(out, key...)
		}
		end := at + len(markerPrefix)
		for end < len(key) && (isLower(key[end]) || key[end] == '-') {
			end++
		}
		if end < len(key) && key[end] == ']' {
			out = append(append(out, key[:at]...), ' ')
			end++
		} else {
			out = append(out, key[:end]...)
		}
		key = key[end:]
	}
}

// isLeetPassword recognises "p@ssw0rd" and "pa$$word" as names.
func isLeetPassword(key []byte) bool {
	if len(key) < 8 || len(key) > 32 || !bytes.ContainsAny(key, "@$0453") {
		return false
	}
	var folded [32]byte
	for i, c := range key {
		switch c {
		case '@', '4':
			c = 'a'
		case '$', '5':
			c = 's'
		case '0':
			c = 'o'
		}
		folded[i] = c
	}
	return containsFold(folded[:len(key)], "password")
}

// splitASCII cuts at everything that is no letter or digit, between letters and digits,
// and at the humps of camelCase, keeping acronyms together ("APIKey" is api, key).
func (n *name) splitASCII(key []byte) {
	var prev byte
	for i, c := range key {
		switch {
		case isUpper(c):
			nextLower := i+1 < len(key) && isLower(key[i+1])
			if !isUpper(prev) || nextLower {
				n.cut()
			}
			n.buf = append(n.buf, c|0x20)
		case isLower(c):
			if isDigit(prev) {
				n.cut()
			}
			n.buf = append(n.buf, c)
		case isDigit(c):
			if !isDigit(prev) {
				n.cut()
			}
			n.buf = append(n.buf, c)
		default:
			n.cut()
		}
		prev = c
	}
	n.cut()
}

// splitUnicode folds compatibility forms, accents, case and invisible characters away,
// then cuts at everything that is no letter or digit.
func (n *name) splitUnicode(key []byte, replace map[rune]rune) {
	prevLower := false
	for _, r := range string(norm.NFKD.Bytes(key)) {
		if unicode.In(r, unicode.Mn, unicode.Cf) || r == '\u034f' {
			continue
		}
		if to, ok := replace[r]; ok {
			r = to
		}
		if !unicode.In(r, unicode.L, unicode.Nd, unicode.Mc) {
			n.cut()
			prevLower = false
			continue
		}
		if unicode.IsUpper(r) && prevLower {
			n.cut()
		}
		prevLower = unicode.IsLower(r)
		n.buf = appendFolded(n.buf, r)
	}
	n.cut()
}

// appendFolded appends the lower-case base letter; NFKD leaves these letters whole.
func appendFolded(dst []byte, r rune) []byte {
	switch r = unicode.ToLower(r); r {
	case 'ł':
		r = 'l'
	case 'ς':
		r = 'σ'
	case 'ð':
		r = 'd'
	case 'ø':
		r = 'o'
	case 'đ':
		r = 'd'
	case 'ı':
		r = 'i'
	case 'ß':
		return append(dst, 's', 's')
	case 'æ':
		return append(dst, 'a', 'e')
	}
	return utf8.AppendRune(dst, r)
}

// foldWord brings a table entry into the form that names are compared in.
func foldWord(w string) string {
	var n name
	n.splitUnicode([]byte(w), nil)
	return string(n.buf)
}

func (n *name) judge() verdict {
	if len(n.words) == 0 {
		return verdict{}
	}
	if v, ok := wholeNames.find(n.buf); ok {
		return v
	}
	if len(n.words) == len(n.buf) && len(n.words) >= 6 { // "p a s s w o r d"
		v, _ := singleWords.find(n.buf)
		return v
	}
	after := 0 // words before this have been taken together
	for i := range n.words {
		if i < after {
			continue
		}
		v, used, ok := n.judgeAt(i)
		if !ok {
			after = i + used
			continue
		}
		if n.aboutOnly(i, i+used, v.class) {
			continue
		}
		return v
	}
	return verdict{}
}

// judgeAt looks for a telling word, or sequence of two or three words, at i and
// returns how many words it took.
func (n *name) judgeAt(i int) (v verdict, used int, ok bool) {
	for used = min(3, len(n.words)-i); used >= 2; used-- {
		both := n.buf[n.words[i].start:n.words[i+used-1].end]
		if v, ok = sequences.findAny(both); ok {
			return v, used, v != isHarmless
		}
	}
	w := n.word(i)
	if v, ok = singleWords.findAny(w); ok {
		return v, 1, true
	}
	if len(w) < 6 || !stemStarts.within(w) {
		return verdict{}, 0, false
	}
	for _, g := range gluedStems {
		at := strings.Index(string(w), g.stem)
		if at < 0 || g.suffixOnly && at+len(g.stem) != len(w) {
			continue
		}
		if aboutRemainder(w[at+len(g.stem):], g.v.class) {
			continue
		}
		return g.v, 1, true
	}
	return verdict{}, 0, false
}

// aboutOnly reports names that mention something without holding it: an attribute
// after it ("password_strength") or a question before it ("has_password").
func (n *name) aboutOnly(from, to int, c class) bool {
	after := attributeWords
	if c == classHealth {
		after = healthAttributeWords
	}
	if last := len(n.words) - 1; last > to {
		if _, holds := valueWords[string(n.word(last))]; holds {
			return false
		}
	}
	for i := to; i < len(n.words); i++ {
		if c == classCard && string(n.word(i)) == "check" {
			return true // {"cvc_check": "pass"}
		}
		if _, ok := after[string(n.word(i))]; ok {
			return true
		}
		if c != classHealth && c != classGovID && c != classBank {
			if _, ok := referenceWords[string(n.word(i))]; ok {
				return true
			}
		}
	}
	word := n.buf[n.words[to-1].start:n.words[to-1].end]
	counted := word[len(word)-1] == 's' || string(word) == "token"
	for i := range from {
		if _, ok := questionWords[string(n.word(i))]; ok {
			return true
		}
		if _, ok := factWords[string(n.word(i))]; ok && c != classHealth {
			return true
		}
		if _, ok := countWords[string(n.word(i))]; ok && counted {
			return true
		}
	}
	return false
}

// aboutRemainder is the same judgement for words written together ("passwordless").
func aboutRemainder(rest []byte, c class) bool {
	after := attributeWords
	if c == classHealth {
		after = healthAttributeWords
	}
	for len(rest) > 0 {
		if _, ok := after[string(rest)]; ok {
			return true
		}
		rest = rest[1:]
	}
	return false
}

func hasLatin(b []byte) bool {
	for _, c := range b {
		if isLower(c) {
			return true
		}
	}
	return false
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isUpper(c) || isLower(c) }
