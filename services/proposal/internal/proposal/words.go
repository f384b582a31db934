package proposal

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a text says in words alone: numbers, names it does not quote, and times.

var word = regexp.MustCompile(`[A-Za-z\x{c0}-\x{24f}]+(?:['’][A-Za-z]+)?`)

var possessive = regexp.MustCompile(`['’]s$`)

// small numbers that add up ("twenty-one"), and the powers that multiply them.
var (
	small = map[string]float64{
		"zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
		"twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
		"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	}
	powers = map[string]float64{"hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9}
	// factors and parts, which stand alone.
	parts = map[string]float64{
		"half": 0.5, "halves": 0.5, "halved": 0.5, "quarter": 0.25, "quarters": 0.25, "thirds": 1. / 3, "fifths": 0.2, "tenth": 0.1, "tenths": 0.1,
		"twice": 2, "double": 2, "doubled": 2, "doubles": 2, "doubling": 2, "twofold": 2, "thrice": 3, "triple": 3, "tripled": 3, "triples": 3, "threefold": 3,
		"quadruple": 4, "quadrupled": 4, "fourfold": 4, "fivefold": 5, "tenfold": 10, "hundredfold": 100, "dozen": 12,
	}
	// vague ones claim a size that nothing bears out.
	vague = []string{"dozens", "hundreds", "thousands", "millions", "billions", "manifold", "majority"}
	// relative times depend on when they are read.
	relative = []string{
		"yesterday", "today", "tonight", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
		"january", "february", "april", "june", "july", "august", "september", "october", "november", "december",
	}
	// common words with capitals that name nothing of the product.
	common = []string{
		"I", "UTC", "API", "APIs", "CDN", "CSP", "CSS", "DNS", "DOM", "HTML", "HTTP", "HTTPS", "ID", "IDs", "JSON", "JavaScript", "OK", "SDK", "Specter", "TLS", "UI",
		"URL", "URLs", "UX",
	}
	// likely inventions: browsers, systems, vendors and countries that a text could blame without evidence, also where a
	// capital does not give them away. When the evidence names one, it is quoted.
	likely = []string{
		"chrome", "firefox", "safari", "chromium", "webkit", "iphone", "ipad", "android", "ios", "macos", "linux", "samsung", "huawei",
		"paypal", "stripe", "klarna", "adyen", "braintree", "mastercard", "cloudflare", "akamai", "fastly", "vercel", "netlify", "github", "gitlab",
		"kubernetes", "docker", "nginx", "google", "facebook", "amazon", "aws", "azure", "microsoft", "shopify", "wordpress", "sentry", "datadog",
		"intercom", "auth0", "okta", "firebase", "supabase", "postgres", "mysql", "redis", "mongodb", "jquery", "angular", "nextjs",
		"germany", "france", "spain", "italy", "china", "india", "japan", "brazil", "canada", "mexico", "russia", "poland", "netherlands", "austria",
		"switzerland", "britain", "england", "sweden", "norway", "denmark", "europe", "america", "asia", "africa", "australia",
	}
)

func (f Facts) checkWords(rest string, add func(kind, text string)) {
	all := word.FindAllStringIndex(rest, -1)
	for i := 0; i < len(all); i++ {
		text := rest[all[i][0]:all[i][1]]
		lower := strings.ToLower(text)
		next := ""
		if i+1 < len(all) && joined(rest[all[i][1]:all[i+1][0]]) {
			next = strings.ToLower(rest[all[i+1][0]:all[i+1][1]])
		}
		switch {
		case slices.Contains(vague, lower):
			add(WrongNumber, text)
		case slices.Contains(relative, lower):
			add(WrongTime, text)
		case slices.Contains(likely, possessive.ReplaceAllString(lower, "")):
			add(BareName, text)
		case lower == "double" && (strings.HasPrefix(next, "click") || strings.HasPrefix(next, "tap") || strings.HasPrefix(next, "submi") || next == "check"):
			// a double-click is one thing
		case lower == "third" && !strings.HasPrefix(next, "part") && (next == "of" || i > 0 && strings.EqualFold(rest[all[i-1][0]:all[i-1][1]], "a")):
			if !f.has(1./3, coarsest/3, 0, false) {
				add(WrongNumber, text)
			}
		case parts[lower] != 0:
			if value := parts[lower]; !f.has(value, coarsest*value, 0, false) {
				add(WrongNumber, text)
			}
		case isNumberWord(lower) && (lower != "one" || powers[next] != 0 || next == "percent"):
			last := f.checkSpelled(rest, all, i, add)
			i = last
		case bareName(rest, all[i], text):
			add(BareName, text)
		}
	}
}

// joined reports whether the words on both sides of between are one expression.
func joined(between string) bool { return between == " " || between == "-" }

func isNumberWord(w string) bool {
	_, ok := small[w]
	return ok || powers[w] != 0 || w == "one"
}

// checkSpelled reads the number that begins with word i and returns its last word.
func (f Facts) checkSpelled(rest string, all [][]int, i int, add func(kind, text string)) int {
	first, total, group := i, 0., 0.
	for {
		w := strings.ToLower(rest[all[i][0]:all[i][1]])
		switch power := powers[w]; {
		case w == "one":
			group++
		case power == 100:
			group = max(group, 1) * power
		case power > 0:
			total, group = total+max(group, 1)*power, 0
		default:
			group += small[w]
		}
		if i+1 == len(all) || !joined(rest[all[i][1]:all[i+1][0]]) {
			break
		}
		next := strings.ToLower(rest[all[i+1][0]:all[i+1][1]])
		if !isNumberWord(next) {
			break
		}
		i++
	}
	percent := strings.HasPrefix(strings.TrimLeft(rest[all[i][1]:], " \u00a0"), "%")
	if i+1 < len(all) && joined(rest[all[i][1]:all[i+1][0]]) {
		next := strings.ToLower(rest[all[i+1][0]:all[i+1][1]])
		percent = percent || next == "percent" || next == "per"
	}
	if !f.has(total+group, 1e-9, 0, percent) {
		add(WrongNumber, rest[all[first][0]:all[i][1]])
	}
	return i
}

// bareName reports whether the word at place could only be a name: a capital that does not begin a sentence, or one
// within the word.
func bareName(rest string, place []int, text string) bool {
	text = possessive.ReplaceAllString(text, "")
	if slices.Contains(common, text) {
		return false
	}
	first, size := utf8.DecodeRuneInString(text)
	if strings.ContainsFunc(text[size:], unicode.IsUpper) {
		return true
	}
	return unicode.IsUpper(first) && !beginsSentence(rest[:place[0]])
}

func beginsSentence(before string) bool {
	before = strings.TrimRight(before, " (\u00a0")
	return before == "" || strings.ContainsAny(before[len(before)-1:], ".!?:\n")
}
