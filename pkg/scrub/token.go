package scrub

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// vendorToken is a credential that can be told by its first characters.
type vendorToken struct {
	prefix string
	min    int    // length of the whole token
	extra  string // characters besides letters, digits, '_' and '-'
}

// vendorTokens follow the vendors' published formats.
var vendorTokens = byFirst([]vendorToken{
	{"AKIA", 20, ""}, {"ASIA", 20, ""}, {"ABIA", 20, ""}, {"ACCA", 20, ""}, // AWS
	{"AIza", 35, ""}, {"ya29.", 20, "."}, {"GOCSPX-", 20, ""}, {"1//0", 30, "/"}, // Google
	{"sk_live_", 16, ""}, {"sk_test_", 16, ""}, {"rk_live_", 16, ""}, {"rk_test_", 16, ""}, {"whsec_", 16, "+/="}, // Stripe
	{"ghp_", 20, ""}, {"gho_", 20, ""}, {"ghu_", 20, ""}, {"ghs_", 20, ""}, {"ghr_", 20, ""}, {"github_pat_", 22, ""}, // GitHub
	{"glpat-", 20, "."}, {"gldt-", 20, ""}, {"glptt-", 20, ""}, {"glrt-", 20, ""}, {"glcbt-", 20, ""}, // GitLab
	{"gloas-", 20, ""}, {"glft-", 20, ""}, {"glsoat-", 20, ""}, {"glimt-", 20, ""}, {"glagent-", 20, ""}, {"glffct-", 20, ""}, {"GR1348941", 20, ""},
	{"xoxb-", 16, ""}, {"xoxp-", 16, ""}, {"xoxa-", 16, ""}, {"xoxr-", 16, ""}, {"xoxs-", 16, ""}, {"xoxe", 16, "."}, {"xapp-", 16, ""}, // Slack
	{"SG.", 40, "."}, {"key-", 36, ""}, {"re_", 24, ""}, // SendGrid, Mailgun, Resend
	{"sk-ant-", 20, ""}, {"sk-proj-", 20, ""}, {"sk-", 32, ""}, {"hf_", 20, ""}, {"gsk_", 30, ""}, {"r8_", 30, ""}, {"pplx-", 30, ""}, // model providers
	{"xai-", 40, ""}, {"tvly-", 20, ""}, {"fw_", 24, ""}, {"nvapi-", 30, ""}, {"ABSK", 60, "+/="},
	{"A3T", 20, ""}, {"LTAI", 20, ""}, {"AKID", 30, ""}, // clouds
	{"npm_", 20, ""}, {"pypi-", 20, ""}, {"rubygems_", 20, ""}, {"dckr_pat_", 20, ""}, {"oy2", 46, ""}, // registries
	{"shpat_", 20, ""}, {"shpss_", 20, ""}, {"shpca_", 20, ""}, {"shppa_", 20, ""}, {"sq0atp-", 20, ""}, {"sq0csp-", 20, ""}, {"EAAA", 40, ""}, // shops
	{"dop_v1_", 20, ""}, {"doo_v1_", 20, ""}, {"dor_v1_", 20, ""}, {"hvs.", 20, "."}, {"hvb.", 20, "."}, {"hvr.", 20, "."}, {"dp.pt.", 30, "."}, {"dp.st.", 30, "."}, {"dp.ct.", 30, "."}, {"dp.sa.", 30, "."}, {"dp.scim.", 30, "."}, {"glsa_", 20, ""}, {"glc_", 30, "=+/"}, // infrastructure
	{"sbp_", 20, ""}, {"sb_secret_", 16, ""}, {"nfp_", 20, ""}, {"vercel_", 20, ""}, {"pscale_", 20, ""}, {"dapi", 36, ""},
	{"lin_api_", 20, ""}, {"figd_", 20, ""}, {"ATATT3", 20, "="}, {"ATBB", 20, ""}, {"PMAK-", 20, ""}, {"NRAK-", 20, ""}, {"secret_", 40, ""}, {"ntn_", 30, ""},
	{"EAAC", 40, ""}, {"EAAB", 40, ""}, {"IGQV", 40, ""}, {"AGE-SECRET-KEY-1", 40, ""}, {"tskey-", 20, ""}, {"phx_", 20, ""}, {"sntrys_", 20, "=+/"}, {"sntryu_", 20, ""},
	{"NRJS-", 20, ""}, {"EZAK", 40, ""}, {"EZTK", 40, ""}, {"AKCp", 60, ""}, {"CCIPAT_", 30, ""}, {"CCIPRJ_", 30, ""}, {"fo1_", 30, ""}, {"fm1_", 30, "+/="}, {"fm2_", 30, "+/="}, {"rnd_", 20, ""},
	{"pul-", 40, ""}, {"SWMTKN-1-", 40, ""}, {"ops_eyJ", 60, "="}, {"squ_", 40, ""}, {"sqp_", 40, ""}, {"sqa_", 40, ""}, {"CFPAT-", 40, ""}, {"sgp_", 40, ""},
	{"shippo_live_", 30, ""}, {"shippo_test_", 30, ""}, {"mdb_sa_sk_", 30, ""},
	{"spk_", 20, ""}, {"spt_", 20, ""}, // our own
})

func byFirst(list []vendorToken) (out [128][]vendorToken) {
	for _, v := range list {
		out[v.prefix[0]] = append(out[v.prefix[0]], v)
	}
	return out
}

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
	for _, k := range vendorTokens[t[0]] {
		if bytes.HasPrefix(t, []byte(k.prefix)) {
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
	for _, k := range vendorTokens[t[i]] {
		if !bytes.HasPrefix(t[i:], []byte(k.prefix)) {
			continue
		}
		// What is enough to judge by; only a token is followed to its end.
		end := runEnd(t[:min(len(t), i+max(k.min, tokenProbe))], i, k.extra)
		if end-i >= k.min && !isSlug(t[i+len(k.prefix):end]) {
			return runEnd(t, end, k.extra)
		}
	}
	return 0
}

// tokenProbe is how many bytes tell a token from words, at least.
const tokenProbe = 24

// isSlug reports words joined by - or _, as in "npm_config_user_agent".
func isSlug(b []byte) bool {
	const longestWord = 15
	parts, size, letters := 1, 0, true
	for i := 0; i <= len(b); i++ {
		if i == len(b) || marks[b[i]]&mJoint != 0 {
			if size > longestWord || !letters && size > 4 {
				return false
			}
			if i < len(b) {
				parts, size, letters = parts+1, 0, true
			}
			continue
		}
		if isUpper(b[i]) || marks[b[i]]&mAlnum == 0 {
			return false
		}
		letters = letters && isLower(b[i])
		size++
	}
	return parts > 1
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

// discordEnd accepts three dotted parts of about 24, 6 and 27 or more characters.
func discordEnd(t []byte, i int) int {
	a := runEnd(t[:min(len(t), i+30)], i, "")
	if n := a - i; n < 23 || n > 28 || a >= len(t) || t[a] != '.' {
		return 0
	}
	b := runEnd(t, a+1, "")
	if n := b - a - 1; n < 6 || n > 7 || b >= len(t) || t[b] != '.' {
		return 0
	}
	if end := runEnd(t, b+1, ""); end-b-1 >= 27 {
		return end
	}
	return 0
}

// telegramEnd accepts "<bot id>:<35 characters>".
func telegramEnd(t []byte, i int) int {
	colon := digitsEnd(t, i)
	if n := colon - i; n < 8 || n > 10 || colon >= len(t) || t[colon] != ':' {
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
