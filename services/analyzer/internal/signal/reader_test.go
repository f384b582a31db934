package signal_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/storable"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// The one pass over a payload decides as encoding/json does what is an object, and
// leaves what the repair of pkg/storable would leave.
func FuzzPrepare(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"a" : [1, -0.5, true, null, "x"] , "b":{"c":{}}} `, `{"a":1e309}`, `{"a":1e2}`, `{"a":"\u0000"}`, `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`,
		`{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":tru}`, `{"a" 1}`, `{"a":1,}`, `{,}`, `{"a":1}}`, `[]`, `"x"`, ``, `{"a":"\x"}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", `{"ü":"ß"}`,
		`{"path":"/a","path":"/b"}`, `{"p\u0061th":"/c"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		s := signal.Signal{Type: "js_error", Payload: []byte(payload)}
		signal.NewReader().Prepare(&s)
		if want := storable.Object([]byte(payload)); string(want) != string(s.Payload) {
			t.Fatalf("%q became %q, not %q", payload, s.Payload, want)
		}
		var fields map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(payload), &fields) == nil && fields != nil
		if isObject != (signal.NewReader().Dimensions("x", []byte(payload), nil) != nil) {
			t.Fatalf("%q: an object: %v", payload, isObject)
		}
	})
}

// What a reader remembers of one payload never shows in another.
func TestReaderReadsEachPayloadByItself(t *testing.T) {
	t.Parallel()
	r := signal.NewReader()
	first := signal.Signal{Type: "js_error", Payload: []byte(`{"path":"/a","message":"boom 1","release":"1","browser":"Safari"}`)}
	second := signal.Signal{Type: "page_view", Payload: []byte(`{"url":"/b","message":"boom 1"}`)}
	third := signal.Signal{Type: "js_error", Payload: []byte(`{"path":"","url":"/c?x","message":"boom 2"}`)}
	for range 2 {
		for _, s := range []*signal.Signal{&first, &second, &third} {
			r.Prepare(s)
		}
	}
	require.Equal(t, signal.Fields{"/a", "", "boom <n>", "1", "Safari", "", ""}, first.Fields)
	require.Equal(t, signal.Fields{"/b", "", "", "", "", "", ""}, second.Fields)
	require.Equal(t, signal.Fields{"/c", "", "boom <n>", "", "", "", ""}, third.Fields)
	broken := signal.Signal{Type: "x", Payload: []byte(`{"path":"/a"`)}
	r.Prepare(&broken)
	require.Equal(t, "{}", string(broken.Payload))
	require.Equal(t, signal.Fields{}, broken.Fields)
}
