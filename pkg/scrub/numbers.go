package scrub

import (
	"bytes"
	"slices"
)

// findNumbers looks for national ids, health insurance numbers and bank accounts that
// have a shape or a check digit of their own.
func (s *scanner) findNumbers(v view, f *traits) {
	t := v.text
	nhs := f.longestRun >= 10 && containsFold(t, "nhs")
	medicare := f.number && (containsFold(t, "mbi") || containsFold(t, "medicare"))
	residents := f.longestRun >= 18 && speaksOfResidents(t)
	for i := 0; i < len(t); i++ {
		if i > 0 && (isAlnum(t[i-1]) || t[i-1] == '-' && i > 1 && isAlnum(t[i-2])) {
			continue
		}
		if marks[t[i]]&mAlnum == 0 {
			continue
		}
		if end := nationalIDEnd(t, i); end > 0 {
			s.hit(v, i, end, classGovID)
			i = end - 1
			continue
		}
		switch {
		case isDigit(t[i]):
			switch {
			case residents && matches(t[i:], "999999999999999999") && isResidentID(t[i:i+18]):
				s.hit(v, i, i+18, classGovID)
				i += 17
			case isMBI(t, i):
				s.hit(v, i, i+13, classHealth)
				i += 12
			case medicare && t[i] != '0' && matches(t[i:], "9AN9AN9AA99"):
				s.hit(v, i, i+11, classHealth)
				i += 10
			case nhs:
				if end := nhsEnd(t, i); end > 0 {
					s.hit(v, i, end, classHealth)
					i = end - 1
				}
			}
		default:
			if end := ibanEnd(t, i); end > 0 {
				s.hit(v, i, end, classBank)
				i = end - 1
			}
		}
	}
}

// matches compares with a pattern of 9 (digit), A (letter), N (either) and literals.
func matches(t []byte, pattern string) bool {
	if len(t) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		c := t[i]
		ok := c == pattern[i]
		switch pattern[i] {
		case '9':
			ok = isDigit(c)
		case 'A':
			ok = isUpper(c)
		case 'N':
			ok = isDigit(c) || isUpper(c)
		}
		if !ok {
			return false
		}
	}
	return len(t) == len(pattern) || !isAlnum(t[len(pattern)]) &&
		(t[len(pattern)] != '-' || len(t) == len(pattern)+1 || !isAlnum(t[len(pattern)+1]))
}

// isMBI accepts Medicare beneficiary identifiers as printed, with dashes; without them
// they could be anything.
func isMBI(t []byte, i int) bool {
	if t[i] == '0' || !matches(t[i:], "9AN9-AN9-AA99") {
		return false
	}
	return !bytes.ContainsAny(t[i:i+13], "SLOIBZ")
}

// nhsEnd accepts ten digits as 3-3-4 with the check digit of the NHS number.
func nhsEnd(t []byte, i int) int {
	var d [10]byte
	n, at := 0, i
	for at < len(t) && n < 10 {
		switch {
		case isDigit(t[at]):
			d[n] = t[at] - '0'
			n++
		case (t[at] == ' ' || t[at] == '-') && (n == 3 || n == 6):
		default:
			return 0
		}
		at++
	}
	if n < 10 || at < len(t) && isAlnum(t[at]) {
		return 0
	}
	sum := 0
	for k := range 9 {
		sum += int(d[k]) * (10 - k)
	}
	if check := (11 - sum%11) % 11; check == 10 || check != int(d[9]) {
		return 0
	}
	return at
}

// ibanLengths is the registry of ISO 13616: an account number has the exact length its
// country uses.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
	"BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
	"ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
	"HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
	"LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
	"MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
	"QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
	"SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

func ibanEnd(t []byte, i int) int {
	if i+4 > len(t) || !isUpper(t[i+1]&^0x20) || !isDigit(t[i+2]) || !isDigit(t[i+3]) {
		return 0
	}
	country := [2]byte{t[i] &^ 0x20, t[i+1] &^ 0x20}
	length, ok := ibanLengths[string(country[:])]
	if !ok {
		return 0
	}
	var buf [34]byte
	n, at := 0, i
	for at < len(t) && n < length {
		switch c := t[at]; {
		case isDigit(c) || isUpper(c):
			buf[n] = c
			n++
		case isLower(c):
			buf[n] = c &^ 0x20
			n++
		case (c == ' ' || c == '-' || c == '+') && n%4 == 0:
		default:
			return 0
		}
		at++
	}
	if n < length || at < len(t) && isAlnum(t[at]) {
		return 0
	}
	// ISO 7064 mod 97-10 over the number with its first four characters moved behind.
	sum := 0
	for k := range length {
		c := buf[(k+4)%length]
		if isDigit(c) {
			sum = (sum*10 + int(c-'0')) % 97
		} else {
			sum = (sum*100 + int(c-'A') + 10) % 97
		}
	}
	if sum != 1 || isHexadecimal(t[i:at]) || insideUUID(t, i, at) {
		return 0
	}
	return at
}

// isHexadecimal reports hexadecimal digits that are not all decimal behind a country and
// its check digits: a hash.
func isHexadecimal(iban []byte) bool {
	return isIdentifier(iban) && bytes.IndexByte(iban, '-') < 0 && countDigits(iban[4:]) < len(iban)-4
}

// hl7Segments are those that name a patient or say what is wrong with them.
var hl7Segments = []string{"PID|", "NK1|", "DG1|", "AL1|", "OBX|", "IN1|", "IN2|", "GT1|", "RXE|", "RXO|", "RXA|", "PR1|", "IAM|", "PRB|"}

// findHL7 cuts these segments of HL7 v2 messages.
func (s *scanner) findHL7(v view) {
	t := v.text
	for i := 4; i < len(t); i++ {
		next := bytes.IndexByte(t[i-1:], '|')
		if next < 0 {
			return
		}
		i += next
		if i > 4 && isAlnum(t[i-5]) || !slices.Contains(hl7Segments, string(t[i-4:i])) {
			continue
		}
		end := s.ends.line.find(t, i, endsLine)
		rest := t[i:end]
		if bytes.Count(rest, []byte("|")) >= 3 || len(rest) > 2 && isDigit(rest[0]) && rest[1] == '|' {
			s.hit(v, i, end, classHealth)
		}
		i = end
	}
}

// assetEndings are file types behind an at sign ("sprite@2x.png").
var assetEndings = set(`png jpg jpeg gif svg webp avif ico css js mjs ts tsx jsx json map html htm php woff ttf`)

// findAddresses looks for credentials in URLs and for e-mail addresses.
func (s *scanner) findAddresses(v view) {
	t := v.text
	u := noAuthority
	for i := 0; ; i++ {
		next := bytes.IndexByte(t[i:], '@')
		if next < 0 {
			return
		}
		i += next
		if colon := u.passwordColon(t, i); colon >= 0 {
			if pw := t[colon+1 : i]; !bytes.HasPrefix(pw, []byte(markerPrefix)) {
				s.hit(v, colon+1, i, classSecret)
			}
			continue
		}
		if !s.emails {
			continue
		}
		if start, end, ok := emailAround(t, i); ok {
			s.hit(v, start, end, classEmail)
		}
	}
}

// authority is what a URL begins with: "scheme://user:password@host".
type authority struct {
	next  int // what comes before has been read
	start int // behind ://, -1 outside
	colon int // in front of what may be a password, -1 without one
	path  int // where a path, a query or a fragment may begin, -1 before
	ats   int // at signs so far
}

var noAuthority = authority{start: -1, colon: -1, path: -1}

// passwordColon returns the colon in front of the password that ends at the at sign at i,
// or -1. A text is read once, however many at signs it has.
func (a *authority) passwordColon(t []byte, i int) int {
	for k := a.next; k < i; k++ {
		switch t[k] {
		case ':':
			if k+2 < len(t) && t[k+1] == '/' && t[k+2] == '/' {
				*a = noAuthority
				a.start = k + 3
				k += 2
			} else if a.start >= 0 && a.colon < 0 && a.path < 0 {
				a.colon = k
			}
		case '/', '?', '#':
			if a.path < 0 {
				a.path = k
			}
		case ' ', '\n', '"', '\'', '<', '>':
			*a = noAuthority
		}
	}
	a.next = max(a.next, i)
	a.ats++
	if a.start < 0 || a.colon < 0 || a.path >= 0 && !a.hasPathInPassword(t) || bytes.HasPrefix(t[i+1:], []byte("sha256:")) {
		return -1
	}
	return a.colon
}

// hasPathInPassword reports that a password goes on over what looks like the beginning
// of a path. Behind the first at sign, and behind a host's port, it is one.
func (a *authority) hasPathInPassword(t []byte) bool {
	return a.ats == 1 && digitsEnd(t, a.colon+1) < a.path && bytes.IndexByte(t[a.start:a.colon], '[') < 0
}

func emailAround(t []byte, at int) (start, end int, ok bool) {
	start = at
	for start > 0 && at-start < 64 && (isAlnum(t[start-1]) || t[start-1] >= 0x80 || bytes.IndexByte([]byte("._%+-'"), t[start-1]) >= 0) {
		start--
	}
	for start < at && (t[start] == '\'' || t[start] == '.' || t[start] == '%' || t[start] == '-') {
		start++
	}
	end = at + 1
	for end < len(t) && end-at < 254 && (isAlnum(t[end]) || t[end] >= 0x80 || t[end] == '.' || t[end] == '-') {
		end++
	}
	for end > at+1 && (t[end-1] == '.' || t[end-1] == '-') {
		end--
	}
	dot := bytes.LastIndexByte(t[at+1:end], '.')
	if start == at || dot < 1 || foldEqual(t[start:at], "git") {
		return 0, 0, false
	}
	tld := t[at+1+dot+1 : end]
	if len(tld) < 2 || countDigits(tld) > 0 && !bytes.HasPrefix(tld, []byte("xn--")) {
		return 0, 0, false
	}
	var folded [8]byte
	if len(tld) <= len(folded) {
		w := folded[:0]
		for _, c := range tld {
			w = append(w, c|0x20)
		}
		if _, asset := assetEndings[string(w)]; asset {
			return 0, 0, false
		}
	}
	return start, end, true
}
