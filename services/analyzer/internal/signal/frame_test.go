package signal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// errorOf is the error read from a payload.
func errorOf(payload map[string]any) string {
	text, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	for _, d := range signal.NewReader().Dimensions("js_error", text, nil) {
		if d.Name == signal.Error {
			return d.Value
		}
	}
	return ""
}

func TestErrorsAreToldByTheirFrame(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stack, want string }{
		"Chrome":                     {"TypeError: x is not a function\n    at pay (https://shop.example/assets/checkout.js?v=3:12:34)\n    at HTMLButtonElement.<anonymous> (https://shop.example/assets/app.js:1:2)", "pay (checkout.js)"},
		"the SDK's one line":         {"at render (https://shop.example.com/app.js:120:7)", "render (app.js)"},
		"Firefox":                    {"pay@https://shop.example/assets/checkout.js:12:34\n@https://shop.example/assets/app.js:1:2", "pay (checkout.js)"},
		"a closure in Firefox":       {"Cart/pay/<@https://shop.example/checkout.js:12:34", "pay (checkout.js)"},
		"Safari":                     {"pay@https://shop.example/checkout.js:12:34\nglobal code@https://shop.example/a.js:1:1", "pay (checkout.js)"},
		"Safari without a name":      {"https://shop.example/checkout.js:12:34", "checkout.js"},
		"no name":                    {"    at https://shop.example/checkout.js:12:34", "checkout.js"},
		"methods, constructors":      {"at async new Cart.pay [as submit] (https://shop.example/checkout.js:1:1)", "pay (checkout.js)"},
		"a minifier's name":          {"at t.e (https://shop.example/checkout.js:1:1)", "checkout.js"},
		"libraries first":            {"at Object.invoke (https://shop.example/react-dom.production.min.js:1:1)\nat a (webpack:///./node_modules/x/y.js:1:1)\nat run (node:internal/timers:1:1)\nat pay (webpack:///./src/pay.ts:3:4)", "pay (pay.ts)"},
		"extensions, evals":          {"at x (chrome-extension://abc/inject.js:1:1)\nat eval (eval at run (https://a.example/b.js:1:1), <anonymous>:1:1)\nat Array.map (<anonymous>)\nat pay (/srv/app/pay.js:3:4)", "pay (pay.js)"},
		"an extension alone":         {"at inject (moz-extension://abc/inject.js:1:1)", ""},
		"a hash":                     {"at pay (https://shop.example/app.3f2a9c.js:1:1)", "pay (app.<id>.js)"},
		"a bundler's hash":           {"at pay (https://shop.example/assets/index-BxT4k9Qz.js:1:1)", "pay (index-<id>.js)"},
		"a hash with a dash":         {"at pay (https://shop.example/assets/index-Dk_vQ-Zl.js:1:1)", "pay (index-<id>.js)"},
		"a name of eight letters":    {"at pay (https://shop.example/main-HomePage.js:1:1)", "pay (main-HomePage.js)"},
		"a chunk":                    {"at pay (https://shop.example/12.chunk.js:1:1)", "pay (<n>.chunk.js)"},
		"a page's own script":        {"at pay (https://shop.example/orders/12345?x=1:10:3)", "pay (/orders/:id)"},
		"the front page":             {"at pay (https://shop.example:10:3)", "pay (/)"},
		"Java":                       {"java.lang.IllegalStateException: no\n\tat java.util.Optional.get(Optional.java:5)\n\tat org.springframework.web.Foo.bar(Foo.java:1)\n\tat com.shop.Cart.pay(Cart.java:12)", "pay (Cart.java)"},
		"Python, the innermost last": {"Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in main\n    pay()\n  File \"/app/pay.py\", line 9, in pay\n    x()\n  File \"/usr/lib/python3.12/json/decoder.py\", line 1, in decode\nValueError: no", "pay (pay.py)"},
		"Windows":                    {`at pay (C:\app\pay.js:3:4)`, "pay (pay.js)"},
		"only a message":             {"TypeError: mail a@b.example at 10:30 failed", ""},
		"nothing":                    {"", ""},
	} {
		want := "boom <n>"
		if c.want != "" {
			want += " @ " + c.want
		}
		require.Equal(t, want, errorOf(map[string]any{"message": "boom 7", "stack": c.stack}), name)
	}
}

func TestErrorsWithoutAStack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		payload map[string]any
		want    string
	}{
		"a source":              {map[string]any{"message": "boom", "source": "https://shop.example/assets/pay.3f2a9c.js?v=1", "line": 3}, "boom @ pay.<id>.js"},
		"a file":                {map[string]any{"message": "boom", "filename": "src/pay.go"}, "boom @ pay.go"},
		"a source of something": {map[string]any{"message": "boom", "source": "newsletter"}, "boom"},
		"more words":            {map[string]any{"message": "boom", "source": "e.g. this"}, "boom"},
		"a stack that says nothing": {
			map[string]any{"message": "boom", "stack": "at <anonymous>", "source": "/pay.js"}, "boom @ pay.js",
		},
		"an error object": {map[string]any{"error": map[string]any{"message": "boom", "stack": "Error: boom\n at pay (/srv/pay.js:1:2)"}}, "boom @ pay (pay.js)"},
		"no message":      {map[string]any{"stack": "at pay (/srv/pay.js:1:2)"}, ""},
		"no text":         {map[string]any{"message": "boom", "stack": []int{1}, "source": 7}, "boom"},
		"a long message": {
			map[string]any{"message": strings.Repeat("long ", 60), "source": "/pay.js"}, strings.TrimSpace(strings.Repeat("long ", 20)) + " @ pay.js",
		},
		"a huge stack": {map[string]any{"message": "boom", "stack": "Error: boom\n at pay (/srv/pay.js:1:2)\n" + strings.Repeat(` at x (/srv/"y".js:1:1)`+"\n", 5000)}, "boom @ pay (pay.js)"},
	} {
		require.Equal(t, c.want, errorOf(c.payload), name)
	}
	require.Equal(t, []signal.Dimension{}, signal.NewReader().Dimensions("page_view", []byte(`{"message":"hi","stack":"at pay (/pay.js:1:1)"}`), nil), "no error")
}

func TestBareFingerprint(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 60)
	for value, want := range map[string]string{
		"boom @ pay (checkout.js)":           "boom",
		"boom @ app.<id>.js":                 "boom",
		"boom @ pay (/orders/:id)":           "boom",
		"boom":                               "boom",
		"sent @ noon":                        "sent @ noon",
		"sent @ noon to a b":                 "sent @ noon to a b",
		"sent @ noon @ pay (checkout.js)":    "sent @ noon",
		signal.Fingerprint(long):             signal.BareFingerprint(signal.Fingerprint(long)),
		signal.Fingerprint(long) + " @ a.js": signal.BareFingerprint(signal.Fingerprint(long)),
		"":                                   "",
	} {
		require.Equal(t, want, signal.BareFingerprint(value), value)
	}
}

// What is sent without a frame has for its whole what the same has for its message with
// one.
func TestErrorNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 60)
	for value, want := range map[string][2]string{
		"boom":                            {"boom", ""},
		"boom @ pay (checkout.js)":        {"boom @ pay (checkout.js)", "boom"},
		"sent @ noon":                     {"sent @ noon", ""},
		"sent @ 1.js":                     {"sent @ 1.js", "sent"}, // it may be either
		"sent @ 1.js @ pay (checkout.js)": {"sent @ 1.js @ pay (checkout.js)", "sent @ 1.js"},
		signal.Fingerprint(long):          {strings.TrimSpace(long[:100]), ""},
	} {
		whole, message := signal.ErrorNames(value)
		require.Equal(t, want, [2]string{whole, message}, value)
	}
}

// Of any frame that was read, the same is read again; the value is bounded, and without
// the frame it is the message's.
func TestFramesAreStableAndBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		message := rapid.OneOf(rapid.String(), rapid.StringMatching(`([A-Za-z]{1,8}[ @:('"/.0-9-]{0,3}){0,40}`)).Draw(rt, "message")
		stack := rapid.OneOf(rapid.String(), rapid.StringMatching(`( at |File "|)[A-Za-z$_.<>/ ]{0,60}[@(]?(https://[a-z.]{1,20}/)?[A-Za-z0-9._/ -]{0,90}(\.js|\.py)?(:[0-9]{1,3}){0,2}\)?`)).Draw(rt, "stack")
		with, without := errorOf(map[string]any{"message": message, "stack": stack}), errorOf(map[string]any{"message": message})
		checkFrame(rt, with, without)
	})
}

func checkFrame(t require.TestingT, with, without string) {
	require.LessOrEqual(t, len(with), 200)
	require.True(t, utf8.ValidString(with))
	if with == without {
		return
	}
	bare := signal.BareFingerprint(with)
	require.True(t, strings.HasPrefix(without, bare), "%q of %q", bare, with)
	require.LessOrEqual(t, len(bare), 100)
	frame := strings.TrimPrefix(with[len(bare):], " @ ")
	if len(frame) < 60 { // a cut may leave half of a hash
		require.Equal(t, with, errorOf(map[string]any{"message": without, "stack": "at " + frame}), "of its own frame")
	}
	_, message := signal.ErrorNames(with)
	whole, _ := signal.ErrorNames(without)
	require.Equal(t, whole, message, "one error with and without its frame")
}

func FuzzFrame(f *testing.F) {
	f.Add("boom", "at pay (https://shop.example/a.3f2a9c.js:1:2)")
	f.Add("a @ b", "x/<@webpack:///a-b_c.js?x:1")
	f.Add("a", "Traceback\n File \"/a b(c).py\", line 3, in pay")
	f.Fuzz(func(t *testing.T, message, stack string) {
		message, stack = strings.ToValidUTF8(message, "?"), strings.ToValidUTF8(stack, "?") // JSON has no room for other
		with, without := errorOf(map[string]any{"message": message, "stack": stack}), errorOf(map[string]any{"message": message})
		if signal.Fingerprint(without) != without {
			return // a cut left half of a mark: what is held here holds for whole ones
		}
		checkFrame(t, with, without)
	})
}

func BenchmarkPrepare(b *testing.B) {
	r := signal.NewReader()
	var payloads [][]byte
	for i := range 10_000 { // more than is remembered
		payloads = append(payloads, fmt.Appendf(nil, `{"url":"https://shop.example/checkout","path":"/checkout","release":"1.4","browser":"Chrome","message":"Cannot read properties of undefined (reading 'item%d')","stack":"at render (https://shop.example.com/app.js:%d:%d)"}`, i%5, i, i%80))
	}
	for n := range b.N {
		s := signal.Signal{Type: "js_error", Payload: payloads[n%len(payloads)]}
		r.Prepare(&s)
	}
}
