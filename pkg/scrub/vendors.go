package scrub

import "slices"

// vendorToken is a credential that can be told by its first characters.
type vendorToken struct {
	prefix string
	min    int    // length of the whole token
	extra  string // characters besides letters, digits, '_' and '-'
	hex    bool   // hexadecimal digits behind the prefix are a token and not the id of a thing
	shape  string // all of what is behind the prefix, where only that tells; see isShaped
}

const uuidShape = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"

// vendorTokens follow the vendors' published formats. Only "hex" can be told from a
// hash or a UUID behind a short name, and what is shaped is as long as that and no longer.
var vendorTokens = byStart([]vendorToken{
	// AWS; Bedrock; MWS
	{prefix: "AKIA", shape: "uuuuuuuuuuuuuuuu"}, {prefix: "ASIA", shape: "uuuuuuuuuuuuuuuu"},
	{prefix: "ABIA", shape: "uuuuuuuuuuuuuuuu"}, {prefix: "ACCA", shape: "uuuuuuuuuuuuuuuu"}, {prefix: "A3T", shape: "uuuuuuuuuuuuuuuuu"},
	{prefix: "ABSK", min: 60, extra: "+/="}, {prefix: "amzn.mws.", shape: uuidShape},
	// Google
	{prefix: "AIza", min: 35}, {prefix: "ya29.", min: 20, extra: "."}, {prefix: "GOCSPX-", min: 20}, {prefix: "1//0", min: 30},
	// Alibaba, Tencent
	{prefix: "LTAI", min: 20}, {prefix: "AKID", min: 30},
	// Stripe and those who write as they do
	{prefix: "sk_live_", min: 16, hex: true}, {prefix: "sk_test_", min: 16, hex: true}, {prefix: "rk_live_", min: 16, hex: true},
	{prefix: "rk_test_", min: 16, hex: true}, {prefix: "whsec_", min: 16, extra: "+/=", hex: true},
	// Square, Meta, Shopify, Flutterwave, Plaid, Braintree, Shippo, EasyPost, Duffel
	{prefix: "sq0atp-", min: 20}, {prefix: "sq0csp-", min: 20}, {prefix: "EAAA", min: 40}, {prefix: "EAAB", min: 40}, {prefix: "EAAC", min: 40}, {prefix: "IGQV", min: 40},
	{prefix: "shpat_", min: 20, hex: true}, {prefix: "shpss_", min: 20, hex: true}, {prefix: "shpca_", min: 20, hex: true}, {prefix: "shppa_", min: 20, hex: true},
	{prefix: "FLWSECK-", min: 20, hex: true}, {prefix: "FLWSECK_TEST-", min: 20, hex: true},
	{prefix: "access-sandbox-", shape: uuidShape}, {prefix: "access-development-", shape: uuidShape}, {prefix: "access-production-", shape: uuidShape},
	{prefix: "access_token$", min: 40, extra: "$", hex: true},
	{prefix: "shippo_live_", min: 30, hex: true}, {prefix: "shippo_test_", min: 30, hex: true}, {prefix: "EZAK", min: 40}, {prefix: "EZTK", min: 40},
	{prefix: "duffel_live_", min: 30}, {prefix: "duffel_test_", min: 30},
	// GitHub, GitLab, Bitbucket and Atlassian, Sourcegraph
	{prefix: "ghp_", min: 20}, {prefix: "gho_", min: 20}, {prefix: "ghu_", min: 20}, {prefix: "ghs_", min: 20, extra: "."}, {prefix: "ghr_", min: 20}, {prefix: "github_pat_", min: 22},
	{prefix: "glpat-", min: 20, extra: "."}, {prefix: "gldt-", min: 20}, {prefix: "glptt-", min: 20, hex: true}, {prefix: "glrt-", min: 20, extra: "."}, {prefix: "glcbt-", min: 20},
	{prefix: "gloas-", min: 20, hex: true}, {prefix: "glft-", min: 20}, {prefix: "glsoat-", min: 20}, {prefix: "glimt-", min: 20}, {prefix: "glagent-", min: 20}, {prefix: "glffct-", min: 20}, {prefix: "GR1348941", min: 20},
	{prefix: "ATATT3", min: 20, extra: "="}, {prefix: "ATCTT3", min: 20, extra: "="}, {prefix: "ATBB", min: 20}, {prefix: "sgp_", min: 40, hex: true},
	// Slack, Telegram has a shape of its own
	{prefix: "xoxb-", min: 16, hex: true}, {prefix: "xoxp-", min: 16, hex: true}, {prefix: "xoxa-", min: 16, hex: true}, {prefix: "xoxr-", min: 16, hex: true}, {prefix: "xoxs-", min: 16, hex: true}, {prefix: "xoxe", min: 16, extra: "."}, {prefix: "xapp-", min: 16, hex: true},
	// SendGrid, Mailgun, Resend, Brevo
	{prefix: "SG.", min: 40, extra: "."}, {prefix: "key-", shape: "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"}, {prefix: "re_", shape: "wwwwwwww_wwwwwwwwwwwwwwwwwwwwwwww"},
	{prefix: "xkeysib-", min: 60, hex: true}, {prefix: "xsmtpsib-", min: 60, hex: true},
	// model providers
	{prefix: "sk-ant-", min: 20}, {prefix: "sk-proj-", min: 20}, {prefix: "sk-lf-", shape: uuidShape}, {prefix: "sk-", min: 32, hex: true}, {prefix: "hf_", min: 20}, {prefix: "api_org_", min: 30},
	{prefix: "gsk_", min: 30}, {prefix: "r8_", min: 30}, {prefix: "pplx-", min: 30, hex: true}, {prefix: "xai-", min: 40}, {prefix: "tvly-", min: 20}, {prefix: "fw_", min: 24}, {prefix: "nvapi-", min: 30},
	{prefix: "pcsk_", min: 40}, {prefix: "lsv2_pt_", min: 30, hex: true}, {prefix: "lsv2_sk_", min: 30, hex: true}, {prefix: "jina_", min: 40, hex: true}, {prefix: "tgp_v1_", min: 30},
	// registries
	{prefix: "npm_", min: 20}, {prefix: "pypi-", min: 20}, {prefix: "rubygems_", min: 20, hex: true}, {prefix: "dckr_pat_", min: 20}, {prefix: "oy2", min: 46, hex: true},
	{prefix: "AKCp", min: 60}, {prefix: "cmVmd", min: 64}, {prefix: "CLOJARS_", min: 60, hex: true},
	// DigitalOcean, Vault, Doppler, Grafana, Databricks, Heroku, Tailscale, Fly, Render, Netlify, Vercel, Pulumi, Docker, OpenShift, Dynatrace, Prefect
	{prefix: "dop_v1_", min: 20, hex: true}, {prefix: "doo_v1_", min: 20, hex: true}, {prefix: "dor_v1_", min: 20, hex: true},
	{prefix: "hvs.", min: 20, extra: "."}, {prefix: "hvb.", min: 20, extra: "."}, {prefix: "hvr.", min: 20, extra: "."},
	{prefix: "dp.pt.", min: 30, extra: "."}, {prefix: "dp.st.", min: 30, extra: "."}, {prefix: "dp.ct.", min: 30, extra: "."}, {prefix: "dp.sa.", min: 30, extra: "."}, {prefix: "dp.scim.", min: 30, extra: "."},
	{prefix: "glsa_", min: 20}, {prefix: "glc_", min: 30, extra: "=+/"}, {prefix: "dapi", min: 36, hex: true}, {prefix: "HRKU-", min: 40}, {prefix: "tskey-", min: 20},
	{prefix: "fo1_", min: 30}, {prefix: "fm1_", min: 30, extra: "+/="}, {prefix: "fm2_", min: 30, extra: "+/="}, {prefix: "rnd_", min: 20}, {prefix: "nfp_", min: 20}, {prefix: "vercel_", min: 20},
	{prefix: "pul-", min: 40, hex: true}, {prefix: "SWMTKN-1-", min: 40, hex: true}, {prefix: "SWMKEY-1-", min: 40}, {prefix: "sha256~", min: 40},
	{prefix: "dt0c01.", min: 60, extra: "."}, {prefix: "pnu_", min: 36},
	// Supabase, PlanetScale, Neon, MongoDB, Contentful, Notion
	{prefix: "sbp_", min: 20, hex: true}, {prefix: "sb_secret_", min: 16}, {prefix: "pscale_", min: 20}, {prefix: "napi_", min: 40}, {prefix: "mdb_sa_sk_", min: 30},
	{prefix: "CFPAT-", min: 40}, {prefix: "secret_", min: 40, hex: true}, {prefix: "ntn_", min: 30},
	// Linear, Figma, Postman, New Relic, PostHog, Sentry, SonarQube, CircleCI, Buildkite, HubSpot, Typeform, ReadMe, WakaTime, Dropbox, Frame.io, Adobe, Defined
	{prefix: "lin_api_", min: 20}, {prefix: "figd_", min: 20}, {prefix: "PMAK-", min: 20, hex: true}, {prefix: "NRAK-", min: 20}, {prefix: "NRJS-", min: 20, hex: true}, {prefix: "NRII-", min: 30},
	{prefix: "phx_", min: 20}, {prefix: "sntrys_", min: 20, extra: "=+/"}, {prefix: "sntryu_", min: 20, hex: true}, {prefix: "squ_", min: 40, hex: true}, {prefix: "sqp_", min: 40, hex: true}, {prefix: "sqa_", min: 40, hex: true},
	{prefix: "CCIPAT_", min: 30, hex: true}, {prefix: "CCIPRJ_", min: 30, hex: true}, {prefix: "bkua_", min: 40, hex: true}, {prefix: "pat-na1-", shape: uuidShape}, {prefix: "pat-eu1-", shape: uuidShape},
	{prefix: "tfp_", min: 40}, {prefix: "rdme_", min: 40, hex: true}, {prefix: "waka_", shape: uuidShape}, {prefix: "sl.", min: 100}, {prefix: "fio-u-", min: 60},
	{prefix: "p8e-", shape: "llllllllllllllllllllllllllllllll"}, {prefix: "dnkey-", min: 60},
	// 1Password, age, our own
	{prefix: "ops_eyJ", min: 60, extra: "="}, {prefix: "AGE-SECRET-KEY-1", min: 40}, {prefix: "spk_", min: 20}, {prefix: "spt_", min: 20}, {prefix: "sph_", min: 20},
})

// tokenGroup are the tokens with the same second letter, after the same first.
type tokenGroup struct {
	second byte
	tokens []vendorToken
}

func byStart(list []vendorToken) (out [128][]tokenGroup) {
	for _, v := range list {
		groups := &out[v.prefix[0]]
		at := slices.IndexFunc(*groups, func(g tokenGroup) bool { return g.second == v.prefix[1] })
		if at < 0 {
			at = len(*groups)
			*groups = append(*groups, tokenGroup{second: v.prefix[1]})
		}
		(*groups)[at].tokens = append((*groups)[at].tokens, v)
	}
	return out
}

// tokensAt are those that may begin as the text does.
func tokensAt(t []byte) []vendorToken {
	if len(t) > 1 {
		for i := range vendorTokens[t[0]] {
			if g := &vendorTokens[t[0]][i]; g.second == t[1] {
				return g.tokens
			}
		}
	}
	return nil
}

// tokenProbe is how many bytes tell a token from words, at least.
const tokenProbe = 32

// tokenAt returns the end of this vendor's token at i, or 0.
func (v *vendorToken) tokenAt(t []byte, i int) int {
	body := i + len(v.prefix)
	if v.shape != "" {
		end := body + len(v.shape)
		if !isShaped(t[body:], v.shape) || isIdentifier(t[i:end]) || isName(t[body:end]) {
			return 0
		}
		return end
	}
	// What is enough to judge by; only a token is followed to its end.
	end := runEnd(t[:min(len(t), i+max(v.min, tokenProbe))], body, v.extra)
	if end-i < v.min || isName(t[body:end]) || !v.hex && isIdentifier(t[body:end]) {
		return 0
	}
	if len(t) >= body+len(uuidShape) && isUUID(t[body:body+len(uuidShape)]) {
		return 0 // "sk-6f1c9a52-…" is somebody's name for a thing
	}
	return runEnd(t, end, v.extra)
}

// isShaped compares the first bytes with a shape of h (a hexadecimal digit), l (a digit
// or small letter), u (a digit or capital), w (a digit or letter) and literals. Nothing
// of its kind may follow.
func isShaped(t []byte, shape string) bool {
	if len(t) < len(shape) || len(t) > len(shape) && isAlnum(t[len(shape)]) {
		return false
	}
	for i := range len(shape) {
		c := t[i]
		ok := c == shape[i]
		switch shape[i] {
		case 'h':
			ok = isDigit(c) || c >= 'a' && c <= 'f'
		case 'l':
			ok = isDigit(c) || isLower(c)
		case 'u':
			ok = isDigit(c) || isUpper(c)
		case 'w':
			ok = isAlnum(c)
		}
		if !ok {
			return false
		}
	}
	return true
}

// isName reports words, joined by - or _ or written in camelCase, as in
// "npm_config_user_agent" and "vercel_deploymentCreated". Of a million random tokens of
// 24 characters some two hundred look like that, of longer ones fewer. That tokens have
// a digit would tell less: those of some vendors have none.
func isName(b []byte) bool {
	var camel wordCount
	from := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && marks[b[i]]&mAlnum != 0 {
			continue
		}
		if !isNamePart(b[from:i], &camel) {
			return false
		}
		from = i + 1
	}
	// Words are longer than what random capitals make of letters, and can be said.
	return camel.letters >= 4*camel.words && 4*camel.vowels >= camel.letters
}

// wordCount is what there was of words in camelCase.
type wordCount struct{ words, letters, vowels, numbers int }

func isNamePart(part []byte, camel *wordCount) bool {
	const (
		longestWord    = 24 // in small letters
		longestCapital = 15 // in capitals, or of a word in camelCase
		longestAcronym = 5
		longestNumber  = 4
	)
	var upper, lower int
	for _, c := range part {
		upper += boolInt(isUpper(c))
		lower += boolInt(isLower(c))
	}
	numbers := len(part) - upper - lower
	switch {
	case upper == 0 || lower == 0:
		if numbers > 0 { // "2026", "v2"
			return len(part) <= longestNumber
		}
		return lower <= longestWord && upper <= longestCapital
	case numbers > 0: // "…V2"
		if camel.numbers++; camel.numbers > 1 || numbers > 2 || digitsEnd(part, len(part)-numbers) != len(part) {
			return false
		}
		part = part[:len(part)-numbers]
	}
	camel.letters += upper + lower
	for i := 0; i < len(part); {
		from := i
		for i < len(part) && isUpper(part[i]) {
			i++
		}
		capitals := i - from
		if capitals > 1 && i < len(part) {
			camel.words++ // an acronym, and the first letter of the word behind it
			capitals--
		}
		for i < len(part) && isLower(part[i]) {
			i++
		}
		if camel.words++; capitals > longestAcronym || i-from-capitals > longestCapital {
			return false
		}
	}
	for _, c := range part {
		switch c | 0x20 {
		case 'a', 'e', 'i', 'o', 'u', 'y':
			camel.vowels++
		}
	}
	return true
}
