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

// name is a key taken apart: words of lower case without accents, which buf holds
// together. It is reused from key to key.
type name struct {
	buf      []byte
	words    []span
	around   surroundings
	surveyed bool // around is of these words
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
	foreign := n.splitUnicode(key, nil)
	if v := n.judge(); v.rule != keep || !foreign || !hasLatin(n.buf) {
		return v
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
		if bearings[string(n.word(i))]&(attribute|reference) != 0 {
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
// then cuts at everything that is no letter or digit. It reports whether the name may
// have look-alikes of Latin letters.
func (n *name) splitUnicode(key []byte, replace map[rune]rune) (foreign bool) {
	var buf [3 * utf8.UTFMax]byte
	prevLower := false
	for len(key) > 0 {
		r, size := utf8.DecodeRune(key)
		foreign = foreign || r >= firstLookAlike
		part := key[:size]
		if size > 1 {
			part = decompose(buf[:0], part, r)
		}
		for len(part) > 0 {
			r, size := utf8.DecodeRune(part)
			if to, ok := replace[r]; ok {
				r = to
			}
			prevLower = n.add(r, prevLower)
			part = part[size:]
		}
		key = key[size:]
	}
	n.cut()
	return foreign
}

// decompose is NFKD of one character. It needs no memory, which matters where names come
// from outside; that accents may be out of order does not, as they go.
func decompose(buf, char []byte, r rune) []byte {
	const first, last, vowels, tails = '가', '힣', 21, 28
	if r >= first && r <= last { // the Unicode Standard, section 3.12
		i := r - first
		buf = utf8.AppendRune(buf, 'ᄀ'+i/(vowels*tails))
		buf = utf8.AppendRune(buf, 'ᅡ'+i%(vowels*tails)/tails)
		if tail := i % tails; tail > 0 {
			buf = utf8.AppendRune(buf, 'ᆧ'+tail)
		}
		return buf
	}
	if d := norm.NFKD.Properties(char).Decomposition(); d != nil {
		return d
	}
	return char
}

// add takes the next character, which has been decomposed, and reports whether it is a
// lower-case letter. What is not visible changes nothing.
func (n *name) add(r rune, prevLower bool) bool {
	lower, upper, other := isLower(byte(r)), isUpper(byte(r)), isDigit(byte(r))
	if r >= utf8.RuneSelf {
		if unicode.In(r, unicode.Mn, unicode.Cf) {
			return prevLower
		}
		lower, upper, other = unicode.IsLower(r), unicode.IsUpper(r), unicode.In(r, unicode.L, unicode.Nd, unicode.Mc)
	}
	if !lower && !upper && !other {
		n.cut()
		return false
	}
	if upper && prevLower {
		n.cut()
	}
	n.buf = appendFolded(n.buf, r)
	return lower
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
	n.surveyed = false
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

// surroundings say where in a name the words are that turn another word in it into a
// statement about something: the last one of each kind that does so from behind, the
// first one of each that does so from the front.
type surroundings struct {
	attribute, healthAttribute, reference, check int
	question, fact, count                        int
	holds                                        bool // the name ends as one of a value
}

func (n *name) survey() {
	s := surroundings{
		attribute: -1, healthAttribute: -1, reference: -1, check: -1,
		question: len(n.words), fact: len(n.words), count: len(n.words),
	}
	for i := range n.words {
		w := n.word(i)
		b := bearings[string(w)]
		s.holds = b&holding != 0
		if b&attribute != 0 {
			s.attribute = i
		}
		if b&healthAttribute != 0 {
			s.healthAttribute = i
		}
		if b&reference != 0 {
			s.reference = i
		}
		if string(w) == "check" {
			s.check = i
		}
		if b&questioning != 0 {
			s.question = min(s.question, i)
		}
		if b&factual != 0 {
			s.fact = min(s.fact, i)
		}
		if b&counting != 0 {
			s.count = min(s.count, i)
		}
	}
	n.around, n.surveyed = s, true
}

// aboutOnly reports names that mention something without holding it: an attribute
// after it ("password_strength") or a question before it ("has_password").
func (n *name) aboutOnly(from, to int, c class) bool {
	if !n.surveyed {
		n.survey()
	}
	s := &n.around
	if last := len(n.words) - 1; last > to && s.holds {
		return false
	}
	switch c {
	case classHealth:
		if s.healthAttribute >= to {
			return true
		}
	case classCard:
		if s.check >= to { // {"cvc_check": "pass"}
			return true
		}
		fallthrough
	default:
		if s.attribute >= to || s.reference >= to && c != classGovID && c != classBank {
			return true
		}
	}
	word := n.buf[n.words[to-1].start:n.words[to-1].end]
	counted := word[len(word)-1] == 's' || string(word) == "token"
	return s.question < from || s.fact < from && c != classHealth || s.count < from && counted
}

// aboutRemainder is the same judgement for words written together ("passwordless").
func aboutRemainder(rest []byte, c class) bool {
	about := attribute
	if c == classHealth {
		about = healthAttribute
	}
	for rest = rest[max(0, len(rest)-longestBearing):]; len(rest) > 0; rest = rest[1:] {
		if bearings[string(rest)]&about != 0 {
			return true
		}
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
