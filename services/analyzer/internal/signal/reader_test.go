package signal_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
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

// What a reader remembers is small, whatever it has read: values and types come from
// outside, and a type is part of its whole message's text.
func TestReaderHoldsOnToLittle(t *testing.T) { //nolint:paralleltest // it weighs the heap
	before := heap()
	r := signal.NewReader()
	for i := range 300 {
		text := strconv.Itoa(i) + strings.Repeat("x", 30_000)
		for _, payload := range []string{`{"message":%q}`, `{"message":{"message":%q}}`, `{"element":%q}`, `{"path":%q}`} {
			r.Prepare(&signal.Signal{Type: "js_error", Payload: fmt.Appendf(nil, payload, text)})
		}
		for _, kind := range []string{text[:10], text} {
			r.Prepare(&signal.Signal{Type: kind, Payload: []byte(`{"message":"boom"}`)})
		}
	}
	held := heap() - before
	runtime.KeepAlive(r)
	require.Less(t, held, int64(1<<20))
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
