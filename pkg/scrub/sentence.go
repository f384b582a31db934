package scrub

import "bytes"

// flagAt judges "--password value", "-u user:password" and what commands of their own
// take for a password.
func (s *scanner) flagAt(v view, i int) int {
	t := v.text
	start := i
	for i < len(t) && t[i] == '-' && i-start < 2 {
		i++
	}
	from := i
	for i < len(t) && isKeyByte(t[i]) && i-from < maxKeyBytes {
		i++
	}
	if i == from {
		return 0
	}
	key := t[from:i]
	if from-start == 1 && key[0] == 'p' && from+1 < len(t) && t[from+1] != ' ' && !isLongOption(key) && s.command.takes(t, start)&gluedPassword != 0 {
		return s.argumentAt(v, from+1)
	}
	if i+1 >= len(t) || t[i] != ' ' || t[i+1] == '-' {
		return 0
	}
	end := s.wordEnd(t, i+1)
	if i-start == 2 && (key[0] == 'u') {
		if at := bytes.IndexByte(t[i+1:end], ':'); at > 0 && i+2+at < end && t[i+2+at] != '/' {
			if !bytes.HasPrefix(t[i+2+at:], []byte(markerPrefix)) {
				s.hit(v, i+2+at, end, classSecret)
			}
			return end
		}
		return 0
	}
	verdict := s.judgeKey(key)
	if from-start == 1 && len(key) == 1 && s.command.takes(t, start)&optionOf(key[0]) != 0 {
		return s.argumentAt(v, i+1)
	}
	if verdict.rule == keep || from-start < 2 && len(key) < 4 {
		return 0
	}
	return s.takeValue(v, valueRange{i + 1, end, false}, verdict, key, true)
}

// tellingWords may stand before a value without any delimiter.
var tellingWords = []string{
	"password", "passwd", "pwd", "secret", "token", "key", "apikey", "bearer", "basic", "code", "otp", "pin",
	"passcode", "passphrase", "credential", "credentials", "nhs", "ssn", "mrn", "passport", "aadhaar", "cpf", "cnpj",
	"dni", "nie", "nif", "pesel", "bsn", "nino", "tfn", "sin", "cpr", "hetu", "personnummer",
}

// sentenceAt judges a telling word at i followed by a value, as in "Bearer eyJ…",
// "the secret wJalr…" or "one-time code is 492817".
func (s *scanner) sentenceAt(v view, i int) int {
	t := v.text
	last := i
	for last < len(t) && marks[t[last]]&mAlnum != 0 {
		last++
	}
	word := tellingWord(t[i:last])
	at := i + len(word)
	if word == "" || at >= len(t) || t[at] != ' ' {
		return 0
	}
	at = skipSpaces(t, at)
	if hasPrefixFold(t[at:], "for ") { // "the password for bob is …"
		at = skipSpaces(t, at+4)
		for at < len(t) && t[at] != ' ' && t[at] != '\n' {
			at++
		}
		at = skipSpaces(t, at)
	}
	said := false
	for range 2 { // "number is"
		for _, link := range [...]string{"is ", "was ", "number ", "no ", "no. "} {
			if hasPrefixFold(t[at:], link) {
				at, said = skipSpaces(t, at+len(link)), true
				break
			}
		}
	}
	if q, ok := quoteAt(t, at); ok {
		at = q.start
	}
	end := at
	for end < len(t) && (isAlnum(t[end]) || bytes.IndexByte([]byte("._~+/=-!@$%^*"), t[end]) >= 0) {
		end++
	}
	for end > at && (t[end-1] == '.' || t[end-1] == '!') {
		end--
	}
	value := t[at:end]
	if len(value) == 0 {
		return 0
	}
	class := classSecret
	var yes bool
	switch word {
	case "bearer":
		yes = len(value) >= 8 && (countDigits(value) > 0 || len(value) >= 20)
	case "basic":
		yes = decodesToCredentials(value)
	case "code", "pin", "otp":
		yes = said && countDigits(value) >= 4 && s.judgeSentence(t, i, at, word)
	case "key":
		yes = looksRandom(value, 20) && !isIdentifier(value) || looksMixed(value) && afterWord(t, i, "api")
	case "nhs":
		class, end = classHealth, s.groupedEnd(t, at, end)
		yes = countDigits(t[at:end]) == 10
	case "mrn":
		class, yes = classHealth, said && countDigits(value) >= 5
	case "ssn":
		class, end = classGovID, s.groupedEnd(t, at, end)
		yes = countDigits(t[at:end]) == 9
	case "secret", "token", "apikey", "credential", "credentials":
		yes = looksRandom(value, 16) || said && looksRandom(value, 8) || looksMixed(value)
	case "passport":
		class, yes = classGovID, said && len(value) >= 7 && countDigits(value) >= 5
	case "aadhaar", "cpf", "cnpj", "dni", "nie", "nif", "pesel", "bsn", "nino", "tfn", "sin", "cpr", "hetu", "personnummer":
		class, end = classGovID, s.groupedEnd(t, at, end)
		yes = countDigits(t[at:end]) >= 7
	default:
		yes = looksRandom(value, 8)
	}
	if !yes {
		return 0
	}
	s.hit(v, at, end, class)
	return end
}

// judgeSentence asks whether the words before "is" name a secret: "verification code"
// does, "country code" does not.
func (s *scanner) judgeSentence(t []byte, i, at int, word string) bool {
	if word != "code" {
		return true
	}
	end := i + len(word)
	return at > end && s.judgeWords(t, end, t[i:end]).class == classSecret
}

func skipSpaces(t []byte, i int) int {
	for i < len(t) && (t[i] == ' ' || t[i] == ':') {
		i++
	}
	return i
}

// givenWords stand between a name and its value in messages.
var givenWords = set(`provided given supplied received used entered passed specified found`)

// plainWords follow a telling name in ordinary sentences and code.
var plainWords = set(`true false null nil undefined none yes no empty missing required invalid incorrect wrong
	expired optional must is are was not cannot can should too and or to the a an for of in on your this that
	string number object boolean int text type hidden masked redacted unknown n/a na unset default set
	enabled disabled accepted denied valid ok failed reset changed updated needed mismatch weak strong
	banner dismissed please enter field minimum at function async await new return`)

// isPlainWord reports values that say nothing: placeholders and, in sentences, words.
func isPlainWord(value []byte, sentence bool) bool {
	var folded [16]byte
	b := bytes.TrimRight(value, ".!?")
	if len(b) == 0 || len(b) > len(folded) {
		return len(b) == 0
	}
	w := folded[:len(b)]
	stars := true
	for i, c := range b {
		stars = stars && (c == '*' || c == 'x' || c == 'X' || c == '.')
		if isUpper(c) {
			c |= 0x20
		}
		w[i] = c
	}
	if stars {
		return true
	}
	if !sentence {
		switch string(w) {
		case "true", "false", "null", "nil", "undefined", "none", "yes", "no", "await", "async", "new", "function":
			return true
		}
		return false
	}
	_, ok := plainWords[string(w)]
	return ok
}

// looksRandom reports a run of at least n characters that mixes letters and digits.
func looksRandom(b []byte, n int) bool {
	if len(b) < n {
		return false
	}
	letter, number := false, false
	for _, c := range b {
		letter = letter || isLower(c|0x20)
		number = number || isDigit(c)
	}
	return letter && number
}

// looksMixed reports values that nobody writes by hand: digits and letters of both cases,
// without anything between them.
func looksMixed(b []byte) bool {
	upper, lower := false, false
	for _, c := range b {
		if !isAlnum(c) {
			return false
		}
		upper = upper || isUpper(c)
		lower = lower || isLower(c)
	}
	return upper && lower && looksRandom(b, 12)
}

// afterWord reports that the word before the one at i is this.
func afterWord(t []byte, i int, lower string) bool {
	start := i - 1 - len(lower)
	return start >= 0 && t[i-1] == ' ' && foldEqual(t[start:i-1], lower) && (start == 0 || !isAlnum(t[start-1]))
}

// isIdentifier reports UUIDs and hexadecimal hashes, which name things.
func isIdentifier(b []byte) bool {
	for _, c := range b {
		if hexDigit(c) < 0 && c != '-' {
			return false
		}
	}
	return true
}

func countDigits(b []byte) int {
	n := 0
	for _, c := range b {
		if isDigit(c) {
			n++
		}
	}
	return n
}

func hasSuffixFold(b []byte, lower string) bool {
	return len(b) >= len(lower) && hasPrefixFold(b[len(b)-len(lower):], lower)
}
