package scrub_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/scrub"
)

func TestCleanPayloadIsReturnedAsItIs(t *testing.T) {
	t.Parallel()
	in := []byte("{ \"type\" : \"page_view\",\n\t\"n\": 1.50e3, \"s\": \"\\u00e4\\/\" }")
	out, report, err := scrub.New(scrub.Options{}).JSON(in)
	require.NoError(t, err)
	require.Equal(t, string(in), string(out))
	require.Zero(t, report.Total())
	require.Empty(t, report.Pointers)
}

func TestReportSaysWhatAndWhere(t *testing.T) {
	t.Parallel()
	in := []byte(`{"a/b":[{"password":"hunter2-Zq9"}],"m":"card 4242424242424242 and 5555555555554444, thanks for paying"}`)
	out, report, err := scrub.New(scrub.Options{}).JSON(in)
	require.NoError(t, err)
	require.JSONEq(t, `{"a/b":[{"password":"[redacted:secret]"}],"m":"card [redacted:card] and [redacted:card], thanks for paying"}`, string(out))
	require.Equal(t, map[scrub.Class]int{scrub.Secret: 1, scrub.Card: 2}, report.Counts)
	require.Equal(t, []string{"/a~1b/0/password", "/m"}, report.Pointers)
}

func TestReportNeverRepeatsASecretInAPointer(t *testing.T) {
	t.Parallel()
	_, report, err := scrub.New(scrub.Options{}).JSON([]byte(`{"x 4242424242424242 y":{"password":"hunter2-Zq9"}}`))
	require.NoError(t, err)
	require.NotContains(t, strings.Join(report.Pointers, " "), "4242424242424242")
}

func TestWhatCannotBeJudgedIsDropped(t *testing.T) {
	t.Parallel()
	s := scrub.New(scrub.Options{})
	for name, in := range map[string]string{
		"empty": "", "cut": `{"password":"x`, "two values": `1 2`, "not UTF-8": "\"\xff\"", "control": "\"\x01\"",
		"bad escape": `"\q"`, "bad number": "01", "trailing comma": `[1,]`, "no value": `{"a"}`,
	} {
		out, _, err := s.JSON([]byte(in))
		require.ErrorIs(t, err, scrub.ErrInvalid, name)
		require.Nil(t, out, name)
	}
	_, _, err := s.JSON([]byte(strings.Repeat("[", 33) + strings.Repeat("]", 33)))
	require.ErrorIs(t, err, scrub.ErrDepth)
}

func TestText(t *testing.T) {
	t.Parallel()
	s := scrub.New(scrub.Options{})
	for in, want := range map[string]string{
		"GET https://api.example/v1?access_token=hunter2Zq9abc 500": "GET https://api.example/v1?access_token=[redacted:secret] 500",
		"https://u:hunter2Zq9@app.example/x":                        "https://u:[redacted:secret]@app.example/x",
		"user jane+tag@example.co.uk not found":                     "user [redacted:email] not found",
		"plain text stays":                                          "plain text stays",
	} {
		out, report := s.Text(in)
		require.Equal(t, want, out)
		require.Equal(t, in != want, report.Total() > 0)
	}
}

func TestCharactersAreNotCutInTwo(t *testing.T) {
	t.Parallel()
	s := scrub.New(scrub.Options{})
	for pad := range 4 {
		for _, before := range []string{"diagnosis: ", "%B4242424242424242^", "password: "} {
			in, err := json.Marshal(map[string]string{"v": before + strings.Repeat("x", pad) + strings.Repeat("ключ", 1200)})
			require.NoError(t, err)
			out, _, err := s.JSON(in)
			require.NoError(t, err)
			require.True(t, utf8.Valid(out), "%s, %d", before, pad)
		}
	}
}

func TestOneScrubberServesManyGoroutines(t *testing.T) {
	t.Parallel()
	s := scrub.New(scrub.Options{})
	in := []byte(`{"m":"token=abcdef123456 and more words to make room","n":["x","\u0041 4242424242424242"]}`)
	want, _, err := s.JSON(in)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				got, _, err := s.JSON(in)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("got %s, %v", got, err)
					return
				}
			}
		})
	}
	group.Wait()
}

// hostile are texts that make a detector begin over and over.
var hostile = []string{
	"?code=", "?token=[redacted:", " Cookie: ?", "?card=", "?key=", "token:", "card::", "cards: ", "Cookie: required ", "?code=x ", "token=>", ";sid=",
	"a: ", "#sig=!", "@", "4242,", "4242<b>", "4<b>", "42 ", "4,", "card 4, ", "4242:", " -p", "mysql -p ", "mysql -pa ", "://a:/@", "a:/@",
	"cookie: ", "password=", "a@", "4 ", "4242-", "://a:", "-----BEGIN PRIVATE KEY ", "<input value=", "eyJ", "eyJ-", "/reset/",
	"%25", "\\\\", "PID|", "nhs 1", "key is ", "--p ", "'", "\"password\":\"", "DE89 ", "１", "token: [", "x.",
	"?code=abcdefghij&", "diagnosis: ", "<password>", "%2540", "\\u0022", "//a:b@", "token=[redacted:", "4111 ", "0000-", "AB12 ",
	"secret ", "authorization: 'x", "Bearer 1", "/reset/a1", "--u a:", "password=\"[redacted:", "<textarea ", "nhs 123 ",
	"1EG4-TE5-MK73-", "M1-", "MTIz", "SK-", "sk-", "npm_-", "whsec_-", "glpat-.", "key-a-", "secret_-", "xoxe.", "1//0", "hooks.slack.com/services/T", "|1|", "DG1|1|", "&#52;", "&lt;", "sshpass -p ", "resourceType:\"Patient", "x[value=",
	"\u0301", "4\ufe0f", "1 85 05 78 ", "123456-", "/patient/1", "API key provided: ", "number is ", "=:=:", "a: b: ", "12345678:",
}

// everyLayer begins a text that is looked through once more for each layer of encoding
// that is undone, and for what a URL has.
const everyLayer = "%25252541 http://"

// TestHostileTextsTakeLinearTime would take many times as long when a text of twice the
// length took four times as long. Its limit has room for the race detector;
// BenchmarkHostile has the figures.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	s := scrub.New(scrub.Options{})
	const size = 64 << 10 // twice a payload
	for _, piece := range hostile {
		in, err := json.Marshal(map[string]string{"v": everyLayer + strings.Repeat(piece, size/len(piece))})
		require.NoError(t, err)
		takesLittle(t, piece, func() {
			_, _, err = s.JSON(in)
			require.NoError(t, err)
		})
	}
}

// TestHostileNamesTakeLinearTime has names that are given as values, which may be long.
func TestHostileNamesTakeLinearTime(t *testing.T) {
	s := scrub.New(scrub.Options{})
	const size = 64 << 10
	for _, name := range []string{
		strings.Repeat("pw_", size/3) + "strength",
		strings.Repeat("pw_", size/6) + "has" + strings.Repeat("_x", size/4),
		"password" + strings.Repeat("x", size),
	} {
		in, err := json.Marshal(map[string]string{"name": name, "value": "x"})
		require.NoError(t, err)
		takesLittle(t, name[:20], func() {
			_, _, err = s.JSON(in)
			require.NoError(t, err)
		})
	}
}

// takesLittle fails when something takes longer than it may.
func takesLittle(t *testing.T, what string, do func()) {
	t.Helper()
	const limit = 700 * time.Millisecond
	best := time.Hour
	for range 5 {
		start := processorTime(t)
		do()
		if best = min(best, processorTime(t)-start); best < limit {
			return
		}
	}
	require.Less(t, best, limit, what)
}

// processorTime counts what this process was given of a machine that others use too.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// fragments are what the generator builds texts from: every detector's trigger, next to
// harmless neighbours.
var fragments = []string{
	"password", "token", "=", ": ", " ", "is", "u'", "\\\"", "4242424242424242", "4242", "42", ",", "<b>", "-", "hunter2Zq9", "\"", "'", "\\", "@",
	"example.com", "https://", "u:", "/", "?", "&", ";", "code", "Bearer ", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0",
	"[redacted:secret]", "[redacted:card]", "%3D", "%40", "\\u0034", "ö", "４", "<input value=", ">", "\n", "Cookie: ",
	"123-45-6789", "GB29NWBK60161331926819", "nhs ", "401 023 2137", "PID|", "|||", "-----BEGIN PRIVATE KEY-----", "{", "}",
	"[", "]", ",", "diagnosis: ", "\f", "\b", "/patients/P-99812", "11.222.333/0001-81", "131052-308T", "AB 12 34 56 C", "DG1|1|", "&#52;", "&lt;",
	"NDI0MjQyNDI0MjQyNDI0Mg==", "resourceType\":\"Patient\"", "[value=", "sshpass -p ", "mysql -p", "postgres://u:a/b@h", "API key provided: ", "yes", "http://snomed.info/sct", "--password ", "-u ", "reset", "a", "1", "AKIAIOSFODNN7EXAMPLE",
}

var keys = []string{
	"password", "v", "name", "value", "key", "tag", "element", "card", "diagnosis", "user", "text", "resourceType",
	"token", "tokens", "headers", "contenteditable", "type", "p@ssword", "patient_id", "url", "4242424242424242",
}

func anyValue(depth int) *rapid.Generator[any] {
	text := rapid.Custom(func(t *rapid.T) any {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 12).Draw(t, "text"), "")
	})
	leaf := rapid.OneOf(text, text,
		rapid.SampledFrom([]any{nil, true, 1, 4242424242424242, 1.5, "input", "Patient", "--password", "off", "4242", 4242, "value", "Authorization", "password", "textarea"}))
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf,
		rapid.Custom(func(t *rapid.T) any {
			return rapid.MapOfN(rapid.SampledFrom(keys), anyValue(depth-1), 0, 4).Draw(t, "object")
		}),
		rapid.Custom(func(t *rapid.T) any {
			return rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "list")
		}))
}

func TestPromisesHoldForAnyPayload(t *testing.T) {
	t.Parallel()
	s := scrub.New(scrub.Options{})
	rapid.Check(t, func(t *rapid.T) {
		in, err := json.Marshal(anyValue(4).Draw(t, "payload"))
		if err != nil {
			t.Fatal(err)
		}
		out, report, err := s.JSON(in)
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if err := promises(s, in, out, report); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"password":"hunter2-Zq9","a":[1,true,null,"x=1&token=abc"]}`, `"4242 4242 4242 4242"`, `[["Authorization","Bearer x"]]`,
		`{"m":"{\\\"number\\\":\\\"4242424242424242\\\"}"}`, `{"u":"https://a:b@c.example/?p%61ssword=x#y"}`,
	} {
		f.Add([]byte(seed))
	}
	s := scrub.New(scrub.Options{})
	f.Fuzz(func(t *testing.T, in []byte) {
		out, report, err := s.JSON(in)
		if err != nil {
			if out != nil {
				t.Fatal("output in spite of an error")
			}
			return
		}
		if !json.Valid(in) {
			t.Fatalf("accepted %q", in)
		}
		if err := promises(s, in, out, report); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, seed := range fragments {
		f.Add(seed)
	}
	s := scrub.New(scrub.Options{})
	f.Fuzz(func(t *testing.T, in string) {
		out, _ := s.Text(in)
		if again, _ := s.Text(out); again != out {
			t.Fatalf("second pass changed %q to %q", out, again)
		}
	})
}
