package scrub

import "unicode/utf8"

// mark says what one byte can be part of.
type mark uint16

const (
	mLetter    mark = 1 << iota
	mDigit          // 0-9
	mSpace          // the space alone
	mJoint          // - and _, which hold the parts of an identifier together
	mDash           // - alone
	mSlash          // /
	mSeparator      // what may stand between two groups of a card number
	mAssign         // = and :
	mAt             // @
	mTag            // <
	mPipe           // |
	mCode           // % \ &, which may begin an encoded character
	mWide           // not ASCII
	mStop           // what a JSON string cannot simply go on with: " \ and control characters

	mAlnum = mLetter | mDigit
	// mOdd are the bytes outside words that need a look of their own.
	mOdd = mAssign | mAt | mTag | mPipe | mCode | mWide
)

var marks = func() (m [256]mark) {
	for c := range m {
		switch b := byte(c); {
		case isDigit(b):
			m[c] = mDigit
		case isUpper(b) || isLower(b):
			m[c] = mLetter
		case b >= 0x80:
			m[c] = mWide
		case b < 0x20:
			m[c] = mStop
		}
	}
	for set, bytes := range map[mark]string{
		mSpace: " ", mJoint: "-_", mDash: "-", mSlash: "/", mSeparator: " -._/+\n\r\t*|", mAssign: "=:", mAt: "@", mTag: "<",
		mPipe: "|", mCode: "%\\&", mStop: "\"\\",
	} {
		for _, b := range []byte(bytes) {
			m[b] |= set
		}
	}
	return m
}()

// shortest is the length of the shortest text in which a detector that needs none of
// the odd bytes and no option ("--pw x") finds anything: "pin is 1234".
const shortest = 11

// shortestToken is the length of the shortest token: "eyJ…" in two parts.
const shortestToken = 15

// harmless reports that no detector can find anything in a text of n bytes that has
// only bytes of these marks.
func (m mark) harmless(n int) bool {
	switch {
	case m&mOdd != 0:
		return false
	case n < shortest:
		return m&(mSpace|mDash) != mSpace|mDash
	}
	return n < shortestToken && m&(mDigit|mSpace) == 0
}

// traits say which detectors can find anything in a text, from one look at every byte.
type traits struct {
	digits      int
	longestWord int // letters, digits, - and _
	longestRun  int // digits that may be one number, with what separates the groups of one
	longestRow  int // digits in a row of groups, none of them of two, whatever is between them
	seen        mark
	assignment  bool // a = or : that is not part of ://
	sentence    bool // a telling word before a space
	option      bool // a - where an option may begin
	token       bool // a word that begins like a vendor's token
	dotted      bool // a word that begins like a token of three dotted parts, or like digits in base64
	number      bool // a word that begins like a national id or an account number
	rule        bool // a row of dashes, as around a key
	encoded     bool // something that decode would change
	tagged      bool // a digit before a tag
}

// clean reports that no detector would run.
func (f *traits) clean() bool {
	return !f.encoded && !f.assignment && !f.sentence && !f.option && f.seen&(mAt|mTag|mPipe) == 0 && !f.rule &&
		!f.mayHoldCard() && !f.mayHoldEncodedCard() && !f.mayHoldToken() && !f.mayHoldPathToken() && !f.mayHoldNumber()
}

func (f *traits) mayHoldCard() bool {
	return f.longestRun >= 13 || f.longestRow >= 13 || f.tagged && f.digits >= 13
}

func (f *traits) mayHoldEncodedCard() bool { return f.dotted && f.longestWord >= 18 }

func (f *traits) mayHoldToken() bool {
	return f.token || f.dotted && f.longestWord >= 23
}

func (f *traits) mayHoldPathToken() bool { return f.seen&mSlash != 0 && f.digits > 0 }

func (f *traits) mayHoldNumber() bool { return f.digits >= 5 && (f.number || f.longestRun >= 10) }

// traitsOf reads a text as words of letters and digits with gaps between them.
func traitsOf(t []byte) traits {
	var f traits
	run, row, word := 0, 0, 0
	for i := 0; i < len(t); {
		from := i
		var gap mark
		for i < len(t) {
			m := marks[t[i]]
			if m&mAlnum != 0 {
				break
			}
			gap |= m
			if m&mJoint == 0 {
				word = -1
			}
			if m&mSeparator == 0 {
				run = 0
			}
			word++
			f.longestWord = max(f.longestWord, word)
			i++
		}
		f.seen |= gap
		if gap&(mOdd|mDash) != 0 {
			f.gap(t, from, i, gap)
		}
		if i == len(t) {
			break
		}
		from = i
		numbers := 0
		for i < len(t) {
			m := marks[t[i]]
			if m&mAlnum == 0 {
				break
			}
			numbers += int(m&mDigit) >> 1
			i++
		}
		f.digits += numbers
		word += i - from
		f.longestWord = max(f.longestWord, word)
		if numbers == 0 {
			run, row = 0, 0
			f.letters(t, from, i)
		} else {
			run, row = f.figures(t, from, i, numbers, run, row)
		}
	}
	return f
}

// gap looks at what stands between two words.
func (f *traits) gap(t []byte, from, to int, seen mark) {
	if to-from >= 5 && seen&mDash != 0 {
		f.rule = true
	}
	if seen&mTag != 0 && from > 0 && isDigit(t[from-1]) {
		f.tagged = true
	}
	for i := from; i < to; i++ {
		switch c := t[i]; {
		case c == '-':
			if i == 0 || t[i-1] == ' ' || t[i-1] == '\'' || t[i-1] == '"' {
				f.option = true
			}
		case c == ':':
			if i+2 >= len(t) || t[i+1] != '/' || t[i+2] != '/' {
				f.assignment = true
			}
		case c == '=':
			f.assignment = true
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(t[i:])
			if r != utf8.RuneError && plainRune(r) != r {
				f.encoded = true
			}
			i += size - 1
		case c == '%' || c == '\\' || c == '&':
			f.encoded = f.encoded || isEncoded(t, i)
		}
	}
}

// letters looks at a word without digits.
func (f *traits) letters(t []byte, from, to int) {
	first := t[from] | 0x20
	if to < len(t) && t[to] == ' ' {
		if tellingLengths[first-'a']>>(to-from)&1 != 0 && isTelling(t[from:to]) {
			f.sentence = true
		}
		if to-from == 2 && to+1 < len(t) && isDigit(t[to+1]) && isUpper(t[from]) {
			f.number = true // NINO
		}
	}
	f.tokenStart(t, from)
}

// figures looks at a word with digits and returns how many of them a number that goes
// on behind it has so far, and a row of groups.
func (f *traits) figures(t []byte, from, to, numbers, run, row int) (newRun, newRow int) {
	n := to - from
	f.tokenStart(t, from)
	if numbers == n {
		run += n
		f.longestRun = max(f.longestRun, run)
		row = extend(row, n)
		f.longestRow = max(f.longestRow, row)
		if to < len(t) {
			switch c := t[to]; {
			case n == 3 && c == '-', n == 6 && (c == '-' || c == '+'):
				f.number = true
			case c == ':' && n >= 8 && n <= 10:
				f.token = true
			}
		}
		return run, row
	}
	f.number = f.number || mayBeNumber(t[from:to])
	lead := digitsEnd(t, from) - from
	f.longestRun = max(f.longestRun, run+lead)
	f.longestRow = max(f.longestRow, row+lead)
	if numbers >= 13 {
		for i := from; i < to; i++ {
			end := digitsEnd(t, i)
			f.longestRun = max(f.longestRun, end-i)
			i = end
		}
	}
	run = 0
	for to > from && isDigit(t[to-1]) {
		to--
		run++
	}
	return run, extend(0, run)
}

// extend is a row of groups with one more.
func extend(row, digits int) int {
	if digits == 2 {
		return 0
	}
	return row + digits
}

// mayBeNumber reports words of letters and digits that may be, or may begin, a national
// id, a health insurance number or an account number.
func mayBeNumber(w []byte) bool {
	if len(w) < 4 {
		return false
	}
	if isDigit(w[2]) && isDigit(w[3]) && marks[w[0]]&marks[w[1]]&mLetter != 0 {
		return true // IBAN
	}
	switch len(w) {
	case 4: // MBI
		return isUpper(w[1])
	case 11: // MBI without dashes, HETU
		return isUpper(w[1]) || isUpper(w[6])
	case 16, 18: // codice fiscale, CURP
		return isUpper(w[0]) && isDigit(w[6])
	}
	return false
}

// tokenStart looks at a word's first letters.
func (f *traits) tokenStart(t []byte, from int) {
	if c := t[from]; c == 'M' || c == 'N' || c == 'O' {
		f.dotted = true
	}
	if from > 0 && t[from-1] == '_' || from+3 > len(t) {
		return
	}
	if tokenStarts.has(t[from], t[from+1], t[from+2]) && beginsToken(t[from:]) {
		f.token = true
	}
}

// starts is a set of the first three bytes of words. It also has some that fall together
// with them.
type starts [256]uint64

func (s *starts) add(word string) {
	h := startHash(word[0], word[1], word[2])
	s[h>>6] |= 1 << (h & 63)
}

func (s *starts) has(a, b, c byte) bool {
	h := startHash(a, b, c)
	return s[h>>6]>>(h&63)&1 != 0
}

// within reports that one of the words may begin somewhere in this one.
func (s *starts) within(word []byte) bool {
	for i := 2; i < len(word); i++ {
		if s.has(word[i-2], word[i-1], word[i]) {
			return true
		}
	}
	return false
}

func startHash(a, b, c byte) uint32 {
	return (uint32(a) | uint32(b)<<8 | uint32(c)<<16) * 0x9e3779b1 >> 18
}

// tokenStarts has the tokens that tokenEnd knows.
var tokenStarts = func() (s starts) {
	for _, groups := range vendorTokens {
		for _, g := range groups {
			for k := range g.tokens {
				s.add(g.tokens[k].prefix)
			}
		}
	}
	for _, start := range append(hooks, "eyJ") {
		s.add(start)
	}
	for _, c := range []byte("0123456789abcdefABCDEF-") {
		s.add("SK" + string(c))
	}
	return s
}()

// tellingLengths has, for each first letter, a bit for each length of a telling word.
var tellingLengths = func() (set [26]uint16) {
	for _, w := range tellingWords {
		set[w[0]-'a'] |= 1 << len(w)
	}
	return set
}()

func isTelling(word []byte) bool {
	return tellingWord(word) != ""
}

// tellingWord returns the entry of tellingWords, or nothing.
func tellingWord(word []byte) string {
	if len(word) > 15 || !isLower(word[0]|0x20) || tellingLengths[word[0]|0x20-'a']>>len(word)&1 == 0 {
		return ""
	}
	for _, w := range tellingWords {
		if foldEqual(word, w) {
			return w
		}
	}
	return ""
}

// isEncoded reports that decode would undo what begins with the byte at i.
func isEncoded(t []byte, i int) bool {
	switch t[i] {
	case '%':
		return i+2 < len(t) && hexDigit(t[i+1]) >= 0 && hexDigit(t[i+2]) >= 0
	case '&':
		_, length := entityAt(t[i:])
		return length > 0
	case '\\':
		if i+1 < len(t) {
			_, next := unescapeOne(t, i)
			return next > i+1
		}
	}
	return false
}
