package scrub

import "bytes"

const (
	maxKeyBytes = 64
	// maxValueBytes is the most an unquoted value is followed; a secret that long is cut
	// out whole by the detectors of shapes.
	maxValueBytes = 4096
	// maxNumberBytes is how far a number goes on, with all that separates its digits.
	maxNumberBytes = 64
)

// findAssignments looks for names with values inside a text: query parameters, form
// bodies, headers, JSON and YAML, connection strings, command lines, markup and plain
// sentences ("the password is …").
func (s *scanner) findAssignments(v view, f *traits) {
	t := v.text
	done := 0
	if !f.sentence && !f.option {
		for i := nextAssign(t, 0); i < len(t); i = nextAssign(t, max(i+1, done)) {
			done = s.assignmentAt(v, i)
		}
		return
	}
	for i := 0; i < len(t); i++ {
		if i < done {
			continue
		}
		m := marks[t[i]]
		switch {
		case m&mAssign != 0:
			done = max(done, s.assignmentAt(v, i))
		case m&mDash != 0 && (i == 0 || t[i-1] == ' ' || t[i-1] == '\'' || t[i-1] == '"'):
			done = max(done, s.flagAt(v, i))
		case m&mLetter != 0 && f.sentence && (i == 0 || marks[t[i-1]]&mAlnum == 0):
			done = max(done, s.sentenceAt(v, i))
		}
	}
}

// nextAssign is where the next = or : is, or the end.
func nextAssign(t []byte, i int) int {
	for i < len(t) && marks[t[i]]&mAssign == 0 {
		i++
	}
	return i
}

func (s *scanner) judgeKey(key []byte) verdict { return s.meaningInText(key).force }

// meaningInText is what a name in a text says, remembered for the next time.
func (s *scanner) meaningInText(key []byte) meaning {
	var seen mark
	for _, c := range key {
		seen |= marks[c]
	}
	if seen&(mLetter|mWide) == 0 {
		return meaning{} // line numbers, times of day
	}
	if m := s.words.find(key); m != nil {
		return *m
	}
	m := meaning{force: s.name.judgeKey(key), said: saidByParameter(key)}
	s.words.keep(key, m)
	return m
}

// assignmentAt judges "name=value" and "name: value" with the delimiter at i and
// returns the end of what it took.
func (s *scanner) assignmentAt(v view, i int) int {
	t := v.text
	if t[i] == ':' && i+2 < len(t) && t[i+1] == '/' && t[i+2] == '/' {
		return 0
	}
	key, quoted, before := keyBefore(t, i)
	if len(key) == 0 || t[i] == ':' && hasSuffixFold(key, markerPrefix[:len(markerPrefix)-1]) {
		return 0
	}
	if t[i] == ':' && !quoted && isAddressGroup(t, i, key, before) {
		return 0
	}
	parameter := t[i] == '=' && !quoted && (before == '?' || before == '&' || before == ';' || before == '#')
	if string(key) == "resourceType" {
		return s.resourceAt(v, i)
	}
	if t[i] == '=' && hasSuffixFold(key, "[value") {
		// a selector: input[value="Jane"]
		start, end, wasQuoted := s.valueAfter(t, i, verdict{classForm, scalar}, key, 0)
		return s.takeValue(v, valueRange{start, end, wasQuoted}, verdict{classForm, scalar}, key, false)
	}
	meaning := s.meaningInText(key)
	verdict := meaning.force
	if verdict.rule == keep && parameter {
		verdict = s.judgeParameter(t, meaning.said, i)
	}
	guessed := false
	if verdict.rule == keep && !quoted && !parameter {
		verdict = s.judgeWords(t, i, key)
		guessed = verdict.class == classSecret
	}
	if verdict.rule == keep {
		return 0
	}
	start, end, wasQuoted := s.valueAfter(t, i, verdict, key, before)
	if v := t[start:end]; guessed && len(v) < 16 && !looksRandom(v, 6) && countDigits(v) < 4 {
		return 0 // "Your password must contain: letters"
	}
	return s.takeValue(v, valueRange{start, end, wasQuoted}, verdict, key, t[i] == ':')
}

// isAddressGroup reports a part of an IPv6 or a hardware address, as in "cc:56:b3:8c:52:19"
// and "…:c2fa:88bb:…", for the name that it might be.
func isAddressGroup(t []byte, i int, key []byte, before byte) bool {
	const longest = 4
	if len(key) > longest || !isIdentifier(key) {
		return false
	}
	end := i + 1
	for end < len(t) && end-i <= longest && hexDigit(t[end]) >= 0 {
		end++
	}
	return end > i+1 && (before == ':' || end < len(t) && t[end] == ':')
}

// resourceAt cuts what follows the type of an HL7 FHIR resource written as text.
func (s *scanner) resourceAt(v view, i int) int {
	t := v.text
	start := skipSpaces(t, i+1)
	if start >= len(t) || t[start] != '"' {
		return 0
	}
	end := start + 1
	for end < len(t) && isAlnum(t[end]) {
		end++
	}
	if !isFHIRType(t[start+1:end]) || bytes.HasPrefix(t[min(end+1, len(t)):], []byte(markerPrefix)) {
		return 0
	}
	s.hit(v, min(end+1, len(t)), len(t), classHealth)
	return len(t)
}

type valueRange struct {
	start, end int
	quoted     bool
}

func (s *scanner) takeValue(v view, r valueRange, verdict verdict, key []byte, natural bool) int {
	value := v.text[r.start:r.end]
	if len(value) == 0 || bytes.HasPrefix(value, []byte(markerPrefix)) {
		return 0
	}
	if verdict.rule == digits && !s.hasNumber(v.text, r.start, r.end) || verdict.rule == texts && digitsEnd(value, 0) == len(value) {
		return 0
	}
	if natural && !r.quoted && isHeaderName(key) && isPlainWord(firstWord(value), true) && s.ends.numeral.find(v.text, r.start, isNumeral) >= r.end {
		return 0 // "Authorization: required in every request"
	}
	if isPlainWord(value, natural && !r.quoted) && verdict.class != classHealth || verdict.class == classSecret && isVersion(value) {
		return 0
	}
	if natural && !r.quoted && hasSuffixFold(key, "token") && !s.ends.mixes(v.text, r.start, r.end, 8) {
		return 0 // "Unexpected token: punc"
	}
	s.hit(v, r.start, r.end, verdict.class)
	return r.end
}

// hasNumber reports a number of at least eight digits, whatever separates them.
func (s *scanner) hasNumber(t []byte, from, to int) bool {
	first := s.ends.numeral.find(t, from, isNumeral)
	return first < to && countDigits(t[first:min(to, first+maxNumberBytes)]) >= 8
}

// keyBefore returns the name that ends before the delimiter, whether it was quoted, and
// the byte in front of it.
func keyBefore(t []byte, i int) (key []byte, quoted bool, before byte) {
	end := i
	for end > 0 && (t[end-1] == ' ' || t[end-1] == '\t') && i-end < 3 {
		end--
	}
	if end == 0 {
		return nil, false, 0
	}
	if q := t[end-1]; q == '"' || q == '\'' || q == '`' {
		end--
		for end > 0 && t[end-1] == '\\' {
			end--
		}
		start := end
		for start > 0 && t[start-1] != q && end-start <= maxKeyBytes {
			start--
		}
		if start == 0 || end-start > maxKeyBytes {
			return nil, true, 0
		}
		return t[start:end], true, 0
	}
	start := end
	for start > 0 && isKeyByte(t[start-1]) && end-start < maxKeyBytes {
		start--
	}
	if start > 0 {
		before = t[start-1]
	}
	if inMarker(t, start) {
		return nil, false, 0
	}
	return t[start:end], false, before
}

// inMarker reports that the word at i is the class inside a marker.
func inMarker(t []byte, i int) bool {
	return i >= len(markerPrefix) && string(t[i-len(markerPrefix):i]) == markerPrefix
}

func isKeyByte(c byte) bool {
	return isAlnum(c) || c >= 0x80 || c == '_' || c == '-' || c == '.' || c == '$' || c == '[' || c == ']' || c == '%'
}

// firstWord returns the first word, or what there is of one that is no word.
func firstWord(b []byte) []byte {
	b = b[:min(len(b), maxKeyBytes)]
	if at := bytes.IndexByte(b, ' '); at > 0 {
		return b[:at]
	}
	return b
}

// judgeWords reads up to two more words in front of an unquoted name: "card number:",
// "blood type:", "one-time code is", "API key provided:".
func (s *scanner) judgeWords(t []byte, i int, key []byte) verdict {
	end := i
	for end > 0 && t[end-1] == ' ' {
		end--
	}
	start := end - len(key)
	if _, given := givenWords[string(key)]; given && start > 1 && t[start-1] == ' ' {
		end = start - 1
	}
	for range 2 {
		if start < 2 || t[start-1] != ' ' || !isKeyByte(t[start-2]) {
			break
		}
		start--
		for start > 0 && isKeyByte(t[start-1]) && end-start < maxKeyBytes {
			start--
		}
		if inMarker(t, start) {
			break
		}
		if verdict := s.judgeKey(t[start:end]); verdict.rule != keep {
			return verdict
		}
	}
	return verdict{}
}

// saidByParameter knows the short names login flows put into URLs (RFC 6749, SAML).
func saidByParameter(key []byte) said {
	var folded [maxKeyBytes]byte
	if len(key) > len(folded) {
		return 0
	}
	name := folded[:0]
	for _, c := range key {
		if isAlnum(c) {
			if isUpper(c) {
				c |= 0x20
			}
			name = append(name, c)
		}
	}
	if string(name) == "code" {
		return saysCode
	}
	if _, ok := parameterNames[string(name)]; ok {
		return saysLogin
	}
	return 0
}

// judgeParameter judges a parameter by what its name says and by what it holds.
func (s *scanner) judgeParameter(t []byte, says said, i int) verdict {
	if says&(saysLogin|saysCode) == 0 {
		return verdict{}
	}
	start := i + 1
	end := s.ends.parameter.find(t, start, endsParameter)
	if says&saysLogin != 0 && end-i > 6 {
		return isSecret
	}
	// An authorization code comes with a state, or is long; a coupon is neither.
	if says&saysCode != 0 && end-i > 8 && (s.ends.mixes(t, start, end, 12) || s.hasState(t, i, end)) {
		return isSecret
	}
	return verdict{}
}

// hasState reports a state near the parameter with the delimiter at i.
func (s *scanner) hasState(t []byte, i, end int) bool {
	const state = "state="
	return s.ends.state.findFold(t, max(0, i-256), state)+len(state) <= min(len(t), end+64)
}

// valueAfter returns where the value behind the delimiter lies, without its quotes.
func (s *scanner) valueAfter(t []byte, i int, verdict verdict, key []byte, before byte) (start, end int, quoted bool) {
	start = i + 1
	if start < len(t) && (t[i] == '=' && t[start] == '>' || t[i] == ':' && t[start] == '=') {
		start++
	}
	parameter := t[i] == '=' && (before == '?' || before == '&' || before == '#' || before == ';')
	if !parameter {
		for n := 0; n < 4 && start < len(t) && (t[start] == ' ' || t[start] == '\t'); n++ {
			start++
		}
	}
	if q, ok := quoteAt(t, start); ok && (!q.prefixed || q.char != before) {
		if end = q.close(t); end < 0 {
			end = s.ends.line.find(t, q.start, endsLine)
		}
		return q.start, end, true
	}
	switch {
	case isHeaderName(key) && !parameter:
		end = s.headerEnd(t, start, before)
	case parameter && before == ';':
		end = s.ends.matrix.find(t, start, endsMatrix)
	case parameter:
		end = s.ends.parameter.find(t, start, endsParameter)
	default:
		end = s.wordEnd(t, start)
	}
	switch {
	case verdict.class == classHealth && t[i] == ':' && start < len(t) && !isDigit(t[start]):
		end = phraseEnd(t, start)
	case verdict.class != classSecret:
		end = s.groupedEnd(t, start, end)
	}
	return start, end, false
}

// phraseEnd is where "diagnosis: type 2 diabetes" ends: illnesses and names of people
// are several words.
func phraseEnd(t []byte, i int) int {
	from := i
	for ; i < len(t) && i-from < 80; i++ {
		switch t[i] {
		case ',', ';', '\n', '\r', '"', '\'', '|', ')', '(', '<', '>', '&', '{', '}', ']':
			return i
		case '.':
			if i+1 == len(t) || t[i+1] == ' ' {
				return i
			}
		}
	}
	return i
}

// quote is an opening quote.
type quote struct {
	char     byte
	escapes  int  // backslashes in front of it
	start    int  // behind it
	prefixed bool // with letters in front that say what kind of text it is: b'…', N'…'
}

func quoteAt(t []byte, i int) (q quote, ok bool) {
	const longestPrefix = 2
	from := i
	for i < len(t) && i-from < longestPrefix && bytes.IndexByte([]byte("bBuUrRfFNEL@$#"), t[i]) >= 0 {
		i++
	}
	q.prefixed = i > from
	for i < len(t) && t[i] == '\\' {
		i++
		q.escapes++
	}
	if i == len(t) || t[i] != '"' && t[i] != '\'' && t[i] != '`' {
		return quote{}, false
	}
	q.char, q.start = t[i], i+1
	return q, true
}

// close returns where the text in the quotes ends, or -1. A quote in the text has more
// backslashes in front of it than the one that ends it, which has as many as the first.
func (q quote) close(t []byte) int {
	for i := q.start; ; i++ {
		at := bytes.IndexByte(t[i:], q.char)
		if at < 0 {
			return -1
		}
		i += at
		escapes := 0
		for i-escapes > q.start && t[i-escapes-1] == '\\' {
			escapes++
		}
		// Within n backslashes for each quote, n+1 are one of the text.
		if escapes <= q.escapes || (escapes-q.escapes)/(q.escapes+1)%2 == 0 {
			return i - min(escapes, q.escapes)
		}
	}
}

func isHeaderName(key []byte) bool {
	return hasSuffixFold(key, "authorization") || hasSuffixFold(key, "cookie")
}

// headerEnd is the end of the line, or of the quotes that the header stands in.
func (s *scanner) headerEnd(t []byte, i int, before byte) int {
	end := s.ends.line.find(t, i, endsLine)
	if before == '"' || before == '\'' || before == '`' {
		if at := bytes.IndexByte(t[i:end], before); at >= 0 {
			return i + at
		}
	}
	return end
}

func (s *scanner) wordEnd(t []byte, i int) int {
	if i < len(t) && (t[i] == '{' || t[i] == '[') && !bytes.HasPrefix(t[i:], []byte(markerPrefix)) {
		closing := byte(']')
		if t[i] == '{' {
			closing = '}'
		}
		if at := bytes.IndexByte(t[i:min(len(t), i+maxValueBytes)], closing); at >= 0 {
			return i + at
		}
	}
	return min(s.ends.word.findWord(t, i), i+maxValueBytes)
}

// groupedEnd goes on over groups of digits ("078 05 1123") that belong to one number.
func (s *scanner) groupedEnd(t []byte, start, end int) int {
	for end+1 < len(t) && end-start < 32 && end > start && isDigit(t[end-1]) &&
		(t[end] == ' ' || t[end] == '-') && isDigit(t[end+1]) {
		end = s.wordEnd(t, end+1)
	}
	return end
}
