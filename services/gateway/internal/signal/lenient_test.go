package signal

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

func TestLenientNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, typ, payload string }{
		"our own names":              {`{"type":"a","payload":{"x":1}}`, "a", `{"x":1}`},
		"event and data":             {`{"event":"a","data":{"x":1}}`, "a", `{"x":1}`},
		"event_type and properties":  {`{"event_type":"a","properties":{"x":1}}`, "a", `{"x":1}`},
		"type goes before event":     {`{"event":"b","type":"a","payload":{}}`, "a", `{}`},
		"null is not there":          {`{"type":null,"event":"a","payload":null,"data":{"x":1}}`, "a", `{"x":1}`},
		"payload goes before others": {`{"type":"a","data":{"x":2},"payload":{"x":1}}`, "a", `{"x":1}`},
		"the rest is the payload":    {`{"type":"a","plan":"pro","n":[1, 2]}`, "a", `{"plan":"pro","n":[1,2]}`},
		"the rest keeps other names": {`{"type":"a","event":"b","id":7}`, "a", `{"event":"b","id":7}`},
		"no rest, no payload":        {`{"type":"a"}`, "a", ``},
		"a string of JSON":           {`{"type":"a","data":"{\"x\": 1}"}`, "a", `{"x":1}`},
		"a string":                   {`{"type":"a","data":"hello"}`, "a", `{"value":"hello"}`},
		"an array":                   {`{"type":"a","data":[1]}`, "a", `{"value":[1]}`},
		"no context chosen":          {`{"type":"a","context_id":"","payload":{}}`, "a", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signals, err := decodeLenient([]byte(c.body), receipt())
			require.NoError(t, err)
			require.Len(t, signals, 1)
			require.Equal(t, c.typ, signals[0].Type)
			if c.payload == "" {
				require.Nil(t, signals[0].Payload)
				return
			}
			require.Equal(t, c.payload, string(signals[0].Payload))
		})
	}
}

func TestLenientIsStrictAboutJSONAndContexts(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]string{
		`{"type":"a","type":"b"}`:              "invalid_json",
		`{"type":"a"} trailing`:                "invalid_json",
		`{"name":"a"}`:                         "missing_type",
		`{"type":"a","context_id":"checkout"}`: "invalid_json",
		`{"type":"a","context_id":"019cafe0-0000-7000-8000-0000000000ff"}`: "unknown_context",
		`{"event":"a","data":{"x":"` + string(make([]byte, 0)) + `\q"}}`:   "invalid_json",
	} {
		_, err := decodeLenient([]byte(body), receipt())
		require.Equal(t, code, fault.As(err).Code, body)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ form, typ, payload string }{
		"fields":           {"event=lead&name=Ann+Lee&plan=pro", "lead", `{"name":"Ann Lee","plan":"pro"}`},
		"a payload":        {"type=lead&payload=%7B%22x%22%3A1%7D", "lead", `{"x":1}`},
		"repeated fields":  {"type=lead&tag=a&tag=b", "lead", `{"tag":["a","b"]}`},
		"an empty context": {"type=lead&context_id=", "lead", ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signals, err := decodeForm([]byte(c.form), receipt())
			require.NoError(t, err)
			require.Equal(t, c.typ, signals[0].Type)
			require.Equal(t, c.payload, string(signals[0].Payload))
		})
	}
	html := strings.Repeat("<>&\u2028", 2000)
	signals, err := decodeForm([]byte(url.Values{"type": {"lead"}, "<b>": {html}}.Encode()), receipt())
	require.NoError(t, err, "a field counts as it is, not as it could be written")
	require.JSONEq(t, `{"<b>":"`+html+`"}`, string(signals[0].Payload))
	require.LessOrEqual(t, len(signals[0].Payload), len(html)+20)
	for _, form := range []string{"type=%zz", "type=a&x=%ff", "%ff=1"} {
		_, err := decodeForm([]byte(form), receipt())
		require.Equal(t, "invalid_json", fault.As(err).Code, form)
	}
}
