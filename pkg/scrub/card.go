package scrub

import "encoding/base64"

// findCards reports payment card numbers in any formatting: an issuer's range, a
// length that issuer uses and a valid check digit (ISO/IEC 7812). Numbers inside UUIDs,
// longer runs, decimal fractions and words are none.
func (s *scanner) findCards(v view) {
	t := v.text
	for i := 0; i < len(t); i++ {
		if !isDigit(t[i]) {
			continue
		}
		end := digitsEnd(t, i)
		if i > 0 && isAlnum(t[i-1]) && !isTrackStart(t, i) && !afterCardWord(t, i) {
			i = end - 1
			continue
		}
		if end == i+1 && isSeries(t, i) {
			for i+1 < len(t) && marks[t[i+1]]&(mDigit|mSeparator) != 0 {
				i++
			}
			continue
		}
		next := s.cardAt(v, i, end)
		if next == 0 {
			next = s.groupedCardAt(v, i, end)
		}
		i = max(next, end) - 1
	}
}

// isSeries reports more single digits one after the other than there is in anything
// written about a card: a row of data.
func isSeries(t []byte, i int) bool {
	const longest = 64
	n := 0
	for ; i < len(t) && n <= longest && isDigit(t[i]) && digitsEnd(t, i) == i+1; n++ {
		i = separatorEnd(t, i+1)
	}
	return n > longest
}

// cardNumber is what has been read of a number that may be a card's.
type cardNumber struct {
	digits [19]byte
	total  int
	groups int
	start  int
	end    int
	single bool // every group is one digit
	wide   bool // every group but the last has at least four
	fours  bool // every group but the last has four
	last   int  // digits in the last group
}

func (n *cardNumber) add(t []byte, from, to int) bool {
	if n.total+to-from > len(n.digits) {
		return false
	}
	n.wide = n.wide && (n.groups == 0 || n.last >= 4)
	n.fours = n.fours && (n.groups == 0 || n.last == 4)
	n.last = to - from
	n.single = n.single && n.last == 1
	n.total += copy(n.digits[n.total:], t[from:to])
	n.groups++
	n.end = to
	return true
}

// shaped accepts the groupings people write: all single digits, or groups of at least
// four, only the last of which may be shorter. Dates, times and versions have none. The
// long numbers are written in fours; two others with a dot are the id of a visitor.
func (n *cardNumber) shaped() bool {
	return n.groups == 1 || n.single || n.wide && n.last >= 3 && (n.total <= 16 || n.fours)
}

// cardAt tries a number that starts with the group at from; it returns where the number
// ends, or 0.
func (s *scanner) cardAt(v view, from, end int) int {
	t := v.text
	n := cardNumber{start: from, single: true, wide: true, fours: true}
	best := 0
	for n.add(t, from, end) {
		if n.total >= 13 && n.shaped() && s.acceptCard(t, &n) {
			best = n.end
		}
		if !n.single && !n.wide {
			break
		}
		from = separatorEnd(t, n.end)
		if from == n.end || from >= len(t) || !isDigit(t[from]) {
			break
		}
		end = digitsEnd(t, from)
	}
	if best == 0 {
		return 0
	}
	start, stop := n.start, best
	from = start
	if best < len(t) && t[best] == 'D' {
		stop = digitsEnd(t, best+1)
	}
	if isTrackStart(t, from) {
		// Track data (ISO/IEC 7813) carries the holder and the service code behind the number.
		start--
		if start > 0 && t[start] != ';' && t[start-1] == '%' {
			start--
		}
		for stop < len(t) && t[stop] != '?' && t[stop] != '\n' && stop-best < 80 {
			stop++
		}
	}
	s.hit(v, start, stop, classCard)
	return stop
}

// findEncodedCards reports card numbers in base64. Digits begin with M, N or O there.
func (s *scanner) findEncodedCards(v view) {
	t := v.text
	for i := 0; i < len(t); i++ {
		if c := t[i]; c != 'M' && c != 'N' && c != 'O' || i > 0 && marks[t[i-1]]&mAlnum != 0 {
			continue
		}
		end := runEnd(t, i, "+/")
		var plain [24]byte
		if n := end - i; n >= 18 && n <= 32 {
			size, err := base64.RawStdEncoding.Decode(plain[:], t[i:end])
			if d := plain[:size]; err == nil && countDigits(d) == size && size >= 13 && size <= 19 && issuedAs(d, s.cardContext) && luhn(d) {
				for end < len(t) && t[end] == '=' {
					end++
				}
				s.hit(v, i, end, classCard)
			}
		}
		i = end - 1
	}
}

func (s *scanner) acceptCard(t []byte, n *cardNumber) bool {
	d := n.digits[:n.total]
	if !issuedAs(d, s.cardContext) || !luhn(d) {
		return false
	}
	if n.end < len(t) {
		if c := t[n.end]; isAlnum(c) && !beforeCardWord(t, n.end) || c == '.' && n.end+1 < len(t) && isDigit(t[n.end+1]) && n.groups == 1 {
			return false
		}
	}
	if n.start >= 2 && t[n.start-1] == '.' && isDigit(t[n.start-2]) && n.groups == 1 {
		return false // the fraction of a decimal number
	}
	if n.start > 0 && t[n.start-1] == '+' && n.total <= 15 && !afterDigit(t, n.start-1) {
		return false // an international phone number has at most 15 digits (E.164)
	}
	return !insideUUID(t, n.start, n.end) && !afterTraceID(t, n.start)
}

// afterTraceID reports the second id of a trace's header (W3C Trace Context).
func afterTraceID(t []byte, i int) bool {
	const length = 32
	if i <= length || t[i-1] != '-' {
		return false
	}
	for _, c := range t[i-1-length : i-1] {
		if hexDigit(c) < 0 {
			return false
		}
	}
	return true
}

func afterDigit(t []byte, i int) bool { return i > 0 && isDigit(t[i-1]) }

// cardWords may stand directly against a card number ("PAN4242…", "…4242CVC123").
var cardWords = set(`card cardnumber cardno number pan cc ccnumber ccnum visa mastercard amex maestro discover no nr num n`)

func afterCardWord(t []byte, i int) bool {
	var folded [16]byte
	start := i
	for start > 0 && i-start < len(folded) && isLower(t[start-1]|0x20) && !isDigit(t[start-1]) {
		start--
	}
	if start > 0 && isAlnum(t[start-1]) {
		return false
	}
	w := folded[:0]
	for _, c := range t[start:i] {
		w = append(w, c|0x20)
	}
	_, ok := cardWords[string(w)]
	return ok
}

// beforeCardWord accepts what follows a number at once: a code, an expiry, or the rest
// of track 2 as terminals write it ("…4242D3012101…").
func beforeCardWord(t []byte, i int) bool {
	if hasPrefixFold(t[i:], "cvv") || hasPrefixFold(t[i:], "cvc") || hasPrefixFold(t[i:], "exp") {
		return true
	}
	return t[i] == 'D' && digitsEnd(t, i+1)-i > 7
}

// isTrackStart recognises "%B4242…", "B4242…^" and ";4242…=".
func isTrackStart(t []byte, i int) bool {
	if i >= 1 && (t[i-1] == 'B' || t[i-1] == 'b') && (i < 2 || !isAlnum(t[i-2])) {
		end := digitsEnd(t, i)
		return i >= 2 && t[i-2] == '%' || end < len(t) && t[end] == '^'
	}
	if i < 1 || t[i-1] != ';' {
		return false
	}
	end := digitsEnd(t, i)
	return end < len(t) && t[end] == '=' && end+4 < len(t) && isDigit(t[end+1])
}

func digitsEnd(t []byte, i int) int {
	for i < len(t) && isDigit(t[i]) {
		i++
	}
	return i
}

// separatorEnd skips what may stand between two groups: up to three of these.
func separatorEnd(t []byte, i int) int {
	for n := 0; n < 3 && i < len(t); n++ {
		switch t[i] {
		case ' ', '-', '.', '_', '/', '+', '\n', '\r', '\t', '*', '|':
			i++
		default:
			return i
		}
	}
	return i
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// issuedAs checks the issuer identification number against the lengths that issuer
// uses. Rare forms (13-digit Visa, long Maestro, 17 and 18 digits) look like timestamps,
// order numbers and ids and count only where the name or the text around speaks of a card.
func issuedAs(d []byte, cardContext bool) bool {
	n := len(d)
	p := func(k int) int {
		v := 0
		for _, c := range d[:k] {
			v = v*10 + int(c-'0')
		}
		return v
	}
	p1, p2, p3, p4 := p(1), p(2), p(3), p(4)
	switch {
	case p1 == 4: // Visa
		return n == 16 || n == 19 || n == 13 && cardContext
	case p2 == 34 || p2 == 37: // American Express
		return n == 15
	case p2 == 36 || p2 == 38 || p2 == 39 || p3 >= 300 && p3 <= 305 || p4 == 3095: // Diners Club
		return n == 14 || n == 16 || n == 19 && cardContext
	case p4 >= 3528 && p4 <= 3589: // JCB
		return n == 16 || n == 19
	case p4 >= 2221 && p4 <= 2720, p4 >= 2200 && p4 <= 2205: // Mastercard, Mir
		return n == 16
	case p2 >= 51 && p2 <= 55: // Mastercard
		return n == 16
	case p2 == 62 || p2 == 81: // UnionPay
		return n == 16 || n == 19 || n > 16 && cardContext
	case p2 == 60 || p2 == 64 || p2 == 65: // Discover, RuPay, Hipercard, Elo, BCcard
		return n == 16 || n == 19
	case p3 == 506 || p4 == 5078 || p4 == 5079: // Verve, Elo
		return n == 16 || n == 19 || n == 18 && cardContext
	case p2 == 50 || p2 >= 56 && p2 <= 58 || p2 == 63 || p2 == 67 || p2 == 61 || p2 == 69: // Maestro, Dankort, Verve
		return n == 16 || cardContext
	case p2 == 82 || p2 == 66 || p4 == 9792, p4 == 8600, p4 == 9860: // RuPay, Troy, Uzcard, Humo
		return n == 16
	}
	return false
}

// insideUUID reports whether the digits lie in an 8-4-4-4-12 identifier.
func insideUUID(t []byte, start, end int) bool {
	from := start
	for from > 0 && start-from < 36 && (hexDigit(t[from-1]) >= 0 || t[from-1] == '-') {
		from--
	}
	for ; from <= start && from+36 <= len(t); from++ {
		if from+36 >= end && isUUID(t[from:from+36]) {
			return true
		}
	}
	return false
}

func isUUID(b []byte) bool {
	for i, c := range b {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if hexDigit(c) < 0 {
			return false
		}
	}
	return true
}
