package scrub

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// findTokens looks for credentials that are recognisable wherever they stand.
func (s *scanner) findTokens(v view) {
	t := v.text
	run := 0 // where the run of letters, digits, - and _ ends that was read last
	for i := 0; i < len(t); i++ {
		if marks[t[i]]&mAlnum == 0 || i > 0 && (isAlnum(t[i-1]) || t[i-1] == '_') {
			continue
		}
		if end := tokenEnd(t, i, &run); end > 0 {
			s.hit(v, i, end, classSecret)
			i = end - 1
		}
	}
}

// beginsToken reports that a word's first bytes are those of a token.
func beginsToken(t []byte) bool {
	switch {
	case bytes.HasPrefix(t, []byte("eyJ")), bytes.HasPrefix(t, []byte("SK")):
		return true
	case t[0] == 'h' || t[0] == 'd' || t[0] == 'w':
		for _, h := range hooks {
			if bytes.HasPrefix(t, []byte(h)) {
				return true
			}
		}
	}
	tokens := tokensAt(t)
	for k := range tokens {
		if bytes.HasPrefix(t, []byte(tokens[k].prefix)) {
			return true
		}
	}
	return false
}

func tokenEnd(t []byte, i int, run *int) int {
	switch c := t[i]; {
	case c == 'e' && bytes.HasPrefix(t[i:], []byte("eyJ")):
		if *run <= i {
			*run = runEnd(t, i, "")
		}
		if end := jwtEnd(t, i, *run); end > 0 {
			return end
		}
		return 0
	case isDigit(c) && i+9 < len(t) && isDigit(t[i+6]):
		if end := telegramEnd(t, i); end > 0 {
			return end
		}
	case c == 'S' && i+1 < len(t) && t[i+1] == 'K': // Twilio
		if end := runEnd(t[:min(len(t), i+36)], i, ""); end-i == 34 && isIdentifier(t[i+2:end]) {
			return end
		}
		return 0
	case c == 'M' || c == 'N' || c == 'O':
		if end := discordEnd(t, i); end > 0 {
			return end
		}
	case c == 'h' || c == 'd' || c == 'w':
		if end := hookEnd(t, i); end > 0 {
			return end
		}
	}
	tokens := tokensAt(t[i:])
	for k := range tokens {
		token := &tokens[k]
		if !bytes.HasPrefix(t[i:], []byte(token.prefix)) {
			continue
		}
		if end := token.tokenAt(t, i); end > 0 {
			return end
		}
	}
	return 0
}

// hooks are addresses that let anybody who knows them post.
var hooks = []string{
	"hooks.slack.com/services/T", "hooks.slack.com/workflows/T", "hooks.slack.com/triggers/T", "discord.com/api/webhooks/",
	"discordapp.com/api/webhooks/", "webhook.office.com/webhookb2/", "hooks.zapier.com/hooks/catch/",
}

func hookEnd(t []byte, i int) int {
	for _, h := range hooks {
		if bytes.HasPrefix(t[i:], []byte(h)) {
			if end := runEnd(t, i, "./@"); end-i > len(h)+12 {
				return end
			}
		}
	}
	return 0
}

func runEnd(t []byte, i int, extra string) int {
	for i < len(t) && (marks[t[i]]&(mAlnum|mJoint) != 0 || strings.IndexByte(extra, t[i]) >= 0) {
		i++
	}
	return i
}

// jwtEnd accepts two to five dotted base64url parts that start as an encoded "{"
// (RFC 7519, RFC 7516).
func jwtEnd(t []byte, i, first int) int {
	if first-i < 10 || first >= len(t) || t[first] != '.' {
		return 0
	}
	end := runEnd(t, first+1, "")
	if end-first < 5 {
		return 0
	}
	for range 3 {
		if end < len(t) && t[end] == '.' {
			end = runEnd(t, end+1, "")
		}
	}
	return end
}

// discordEnd accepts three dotted parts of about 24, 6 and 27 or more characters, the
// first of which is a number in base64.
func discordEnd(t []byte, i int) int {
	a := runEnd(t[:min(len(t), i+30)], i, "")
	if n := a - i; n < 23 || n > 28 || a >= len(t) || t[a] != '.' {
		return 0
	}
	b := runEnd(t, a+1, "")
	if n := b - a - 1; n < 6 || n > 7 || b >= len(t) || t[b] != '.' {
		return 0
	}
	var id [24]byte
	if n, err := base64.RawURLEncoding.Decode(id[:], t[i:a]); err != nil || digitsEnd(id[:n], 0) != n {
		return 0
	}
	if end := runEnd(t, b+1, ""); end-b-1 >= 27 {
		return end
	}
	return 0
}

// telegramEnd accepts "<bot id>:<35 characters>", the first of which is an A.
func telegramEnd(t []byte, i int) int {
	colon := digitsEnd(t, i)
	if n := colon - i; n < 8 || n > 10 || colon+1 >= len(t) || t[colon] != ':' || t[colon+1] != 'A' {
		return 0
	}
	if end := runEnd(t, colon+1, ""); end-colon == 36 {
		return end
	}
	return 0
}

// findPEM cuts private keys out, to their end marker or to the end of the text.
func (s *scanner) findPEM(v view) {
	t, from := v.text, 0
	for {
		at := bytes.Index(t[from:], []byte("-----BEGIN "))
		if at < 0 {
			return
		}
		start := from + at
		head := t[start:min(len(t), start+64)]
		if !bytes.Contains(head, []byte("PRIVATE KEY")) {
			from = start + 11
			continue
		}
		end := len(t)
		if e := bytes.Index(t[start:], []byte("-----END ")); e >= 0 {
			e += start + 9
			if tail := bytes.Index(t[e:], []byte("-----")); tail >= 0 && tail < 48 {
				end = e + tail + 5
			}
		}
		s.hit(v, start, end, classSecret)
		from = end
	}
}

func decodesToCredentials(value []byte) bool {
	if len(value) < 6 || len(value) > 512 {
		return false
	}
	var plain [512]byte
	for _, enc := range [...]*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if n, err := enc.Decode(plain[:], value); err == nil {
			return bytes.IndexByte(plain[:n], ':') > 0
		}
	}
	return false
}

// tokenPaths are path segments in front of a one-time link's token.
var tokenPaths = set(`reset resetpassword passwordreset magiclink magic token tokens verify verifyemail
	confirm activate activation invite invitation unsubscribe login signin`)

// findPathTokens looks for tokens in paths: /reset/<token>.
func (s *scanner) findPathTokens(v view) {
	t := v.text
	for i := 0; i+1 < len(t); i++ {
		if t[i] != '/' || !mayBeginTokenPath(t[i+1]) {
			continue
		}
		end := runEnd(t, i+1, "")
		if end >= len(t) || t[end] != '/' || end == i+1 || end-i > 24 {
			continue
		}
		var folded [24]byte
		name := folded[:0]
		for _, c := range t[i+1 : end] {
			if isAlnum(c) {
				name = append(name, c|0x20)
			}
		}
		stop := runEnd(t, end+1, "~=.")
		value := t[end+1 : stop]
		if n := string(name); (n == "patient" || n == "patients") && countDigits(value) > 1 {
			s.hit(v, end+1, stop, classHealth)
			i = end - 1
			continue
		}
		if _, ok := tokenPaths[string(name)]; !ok {
			continue
		}
		strict := !bytes.Contains(name, []byte("reset")) && !bytes.Contains(name, []byte("token")) && !bytes.Contains(name, []byte("magic"))
		if looksRandom(value, 8) && (!strict || looksRandom(value, 16)) && (!strict || !isIdentifier(value)) {
			s.hit(v, end+1, stop, classSecret)
		}
		i = end - 1
	}
}

// mayBeginTokenPath reports the first letters of tokenPaths, and what is left out of a
// name.
func mayBeginTokenPath(c byte) bool {
	const first = 1<<('r'-'a') | 1<<('p'-'a') | 1<<('m'-'a') | 1<<('t'-'a') | 1<<('v'-'a') | 1<<('c'-'a') |
		1 | 1<<('i'-'a') | 1<<('u'-'a') | 1<<('l'-'a') | 1<<('s'-'a')
	if marks[c]&mLetter == 0 {
		return marks[c]&mJoint != 0
	}
	return first>>(c|0x20-'a')&1 != 0
}

// findMarkup looks for values of form fields and of telling elements in HTML and XML.
func (s *scanner) findMarkup(v view) {
	t := v.text
	looked := 0 // where the form fields were looked at that a tag was read from last
	for i := 0; ; i++ {
		next := bytes.IndexByte(t[min(i, len(t)):], '<')
		if i += next; next < 0 || i+1 >= len(t) {
			return
		}
		if !isLower(t[i+1] | 0x20) {
			continue
		}
		end := runEnd(t, i+1, ":.")
		name := t[i+1 : end]
		if len(name) > maxKeyBytes {
			continue
		}
		tagEnd := min(len(t), end+maxValueBytes)
		closing := bytes.IndexByte(t[end:tagEnd], '>')
		if closing >= 0 {
			tagEnd = end + closing
		}
		if isFormTag(name) { // also one that the text breaks off in
			s.valueAttribute(v, max(end, looked), tagEnd)
			looked = max(looked, tagEnd)
		}
		if closing < 0 {
			continue
		}
		class := s.judgeKey(name)
		if foldEqual(name, "textarea") || foldEqual(name, "option") {
			class = verdict{classForm, scalar}
		}
		if class.rule == keep {
			continue
		}
		stop := bytes.IndexByte(t[tagEnd:], '<')
		if stop < 0 {
			stop = len(t) - tagEnd
		}
		if value := bytes.TrimSpace(t[tagEnd+1 : tagEnd+max(stop, 1)]); len(value) > 0 && !bytes.HasPrefix(value, []byte(markerPrefix)) {
			s.hit(v, tagEnd+1, tagEnd+stop, class.class)
		}
		i = tagEnd
	}
}

func (s *scanner) valueAttribute(v view, from, to int) {
	t := v.text
	for i := from; i < to; i++ {
		if t[i] != ' ' || !hasPrefixFold(t[i+1:to], "value=") {
			continue
		}
		start := i + 7
		end := min(s.wordEnd(t, start), to)
		if q, ok := quoteAt(t, start); ok && !q.prefixed && q.start <= to {
			start = q.start
			if end = q.close(t); end < 0 {
				end = to
			}
		}
		if end > start && !bytes.HasPrefix(t[start:], []byte(markerPrefix)) {
			s.hit(v, start, end, classForm)
		}
	}
}

func foldEqual(b []byte, lower string) bool {
	return len(b) == len(lower) && hasPrefixFold(b, lower)
}
