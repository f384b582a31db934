package scrub

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// pieces trigger every detector, with pieces beside them that nearly do.
var pieces = []string{
	"password", "token", "=", ": ", ":", " ", "is ", "u'", "\\\"", "4242424242424242", "4242", "42", ",", "<b>", ",4242", " 42 42", "-", "--", "hunter2Zq9", "\"", "'", "\\", "@", "`", "https://",
	"example.com", "u:", "/", "?", "&", ";", "code", "Bearer ", "basic ", "dTpw", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0", "%3D", "%40", "\\u0034",
	"ö", "４", "<input value=", ">", "\n", "123-45-6789", "GB29NWBK60161331926819", "nhs ", "401 023 2137", "PID|", "DG1|", "|1|", "-----BEGIN PRIVATE KEY-----",
	"--password ", "-p ", "sshpass ", "mysql -p", "://u:a/b@", "reset", "a", "1", "AKIAIOSFODNN7EXAMPLE", "–", "\u00a0", "\u200b", "日本", "1EG4-TE5-MK73", "mbi ", "1EG4TE5MK73",
	"529.982.247-25", "11.222.333/0001-81", "RSSMRA85T10A562S", "HEGG560427MVZRRL04", "131052-308T", "AB 12 34 56 C", "11010519491231002X", "756.9217.0769.85",
	"1 85 05 78 006 084 91", "900101-1234568", "_", ".", "SK0123456789abcdef0123456789abcdef", "npm_EXAMPLEEXAMPLEEXAMPLE", "NDI0MjQyNDI0MjQyNDI0Mg",
	"NzkyNzE1NDU0MTk2MDg4ODQy.X-hvzA.Ovy4MCQywSkoMRRclStW4xAYK7I", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", "/reset/", "a1b2c3d4e5",
	"hooks.slack.com/services/T", "SG.", "&nbsp;", "&#52;", "&lt;", "%25", "pin ", "no ", "key ", "api ", "ssn ", "078051120", "passport ", "C01X00T47",
	"PAN", "CVC", "B4242424242424242^", ";4242424242424242=", "+", "*", "6f1c9a52-3f0e-4c57-9d0b-0b5d6a1d7f11", "\xff", "①", "4\ufe0f\u20e3", "e\u0301",
}

func anyText() *rapid.Generator[string] {
	piece := rapid.Custom(func(t *rapid.T) string {
		p := rapid.SampledFrom(pieces).Draw(t, "piece")
		switch rapid.IntRange(0, 9).Draw(t, "change") {
		case 0:
			return p[:rapid.IntRange(0, len(p)).Draw(t, "cut")]
		case 1:
			return strings.ToUpper(p)
		case 2:
			return rapid.StringN(0, 3, 8).Draw(t, "any")
		}
		return p
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 9).Draw(t, "pieces"), "")
	})
}

// TestTraitsLeaveOutOnlyWhatFindsNothing compares with all detectors running on
// everything.
func TestTraitsLeaveOutOnlyWhatFindsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(anyText().Draw(t, "text"))
		if message := differs(text); message != "" {
			t.Fatal(message)
		}
	})
}

func FuzzTraits(f *testing.F) {
	for _, p := range pieces {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if message := differs(text); message != "" {
			t.Fatal(message)
		}
	})
}

func differs(text []byte) string {
	f := traitsOf(text)
	everything := traits{
		digits: f.digits + 100, longestWord: 1000, longestRun: 1000, longestRow: 1000, tagged: true, seen: ^mark(0), assignment: true, sentence: true, option: true,
		token: true, dotted: true, number: true, rule: true, encoded: f.encoded,
	}
	some, all := scanner{words: &memory{}, emails: true}, scanner{words: &memory{}, emails: true}
	v := view{text: text}
	some.detect(v, &f)
	all.detect(v, &everything)
	if !slices.Equal(some.hits, all.hits) {
		return "found " + describe(text, some.hits) + ", but all detectors find " + describe(text, all.hits)
	}
	if f.clean() && len(all.hits) > 0 {
		return "said to be clean: " + describe(text, all.hits)
	}
	var seen mark
	for _, c := range text {
		seen |= marks[c]
	}
	if seen.harmless(len(text)) && (len(all.hits) > 0 || f.encoded) {
		return "said to be harmless: " + describe(text, all.hits)
	}
	decoded := some.decode(v, 0)
	if changed := string(decoded.text) != string(text); changed != f.encoded {
		return "whether it is encoded is said wrongly: " + string(text)
	}
	return ""
}

func describe(text []byte, hits []hit) string {
	var b strings.Builder
	for _, h := range hits {
		b.WriteString("[" + string(h.class.public()) + " " + string(text[h.start:h.end]) + "]")
	}
	return b.String() + " in " + string(text)
}

func TestPlainRuneAgreesWithItsTable(t *testing.T) {
	t.Parallel()
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if plainRune(r) != plainRuneByTable(r) {
			t.Fatalf("%U", r)
		}
	}
}

func TestDecomposeAgreesWithUnicode(t *testing.T) {
	t.Parallel()
	var buf [16]byte
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if char := string(r); string(decompose(buf[:0], []byte(char), r)) != norm.NFKD.String(char) {
			t.Fatalf("%U", r)
		}
	}
	for r := range lookAlikes {
		if r < firstLookAlike {
			t.Fatalf("%c comes before the first", r)
		}
	}
}

// TestMemoryChangesNothing asks for more names than fit, twice.
func TestMemoryChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := scanner{words: &memory{}}
		names := &memory{}
		for _, key := range rapid.SliceOfN(anyText(), 1, 40).Draw(t, "names") {
			raw := []byte(key)
			fresh := scanner{words: &memory{}}
			want := fresh.meaningOf(raw)
			p := parser{scan: &s, names: names}
			for range 2 {
				if got := p.meaning(raw, 0); got != want {
					t.Fatalf("%q: %v, not %v", key, got, want)
				}
			}
		}
	})
}

// TestCleanPayloadsCostNoAllocation looks behind the pool, which the race detector empties.
func TestCleanPayloadsCostNoAllocation(t *testing.T) {
	in := []byte(`{"url":"https://shop.example/p/42?page=2&sort=price","title":"Pricing – Shop","message":"TypeError: x is not a function\n    at a.js:1:2",` +
		`"id":"6f1c9a52-3f0e-4c57-9d0b-0b5d6a1d7f11","at":1778491812345,"element":{"tag":"button","id":"pay","text":"Pay now"},"list":[[1,2],["a","b"]]}`)
	w := newWalker()
	allocations := testing.AllocsPerRun(100, func() {
		w.reset(Options{MaxDepth: defaultMaxDepth}, in)
		if err := w.parse(); err != nil {
			t.Fatal(err)
		}
		w.walk()
		if out, report := w.result(); len(out) != len(in) || report.Total() > 0 {
			t.Fatalf("%s: %v", out, report)
		}
	})
	if allocations > 0 {
		t.Fatalf("%v allocations", allocations)
	}
}

func TestFewRandomTokensLookLikeNames(t *testing.T) {
	t.Parallel()
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ alphabet, length, perMillion int }{{62, 20, 1200}, {64, 20, 1200}, {62, 24, 500}, {64, 24, 500}, {62, 36, 60}, {52, 34, 9000}} {
		const tries = 100_000
		token := make([]byte, c.length)
		names := 0
		for range tries {
			for i := range token {
				token[i] = letters[random.IntN(c.alphabet)]
			}
			names += boolInt(isName(token))
		}
		t.Log(c, names*1e6/tries)
		if names > c.perMillion*tries/1e6 {
			t.Errorf("%d of %d of %d characters", names, tries, c.length)
		}
	}
}
