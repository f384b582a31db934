package signal

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

var seeds = []string{
	`{"type":"a"}`, `[{"type":"a","payload":{"x":[1,-2.5e3,true,null,"\ud83d\ude00"]}}]`,
	`{"type":"\u0000","payload":{"\ud800":"\\u0000"}}`, `{"type":"a","timestamp":1e300}`, `[]`, `[[]]`, `{"a":1,"a":2}`,
	`{"event":"a","data":"{\"x\":1}"}`, `{"type":"a","payload":{"x":0.4e00669999999999999}}`, "\uFEFF{}", "{\"type\":\"\xff\"}",
}

// FuzzDecode: whatever the bytes, the answer is either a client's error or signals that keep every
// promise of the package, and what was accepted is JSON that encoding/json reads alike.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, decode := range []func([]byte, Receipt) ([]Signal, error){decodeBody, decodeLenient, decodeForm} {
			signals, err := decode(body, receipt())
			if err != nil {
				problem := fault.As(err)
				require.NotNil(t, problem, "%v", err)
				require.Contains(t, []fault.Kind{fault.Invalid, fault.TooLarge}, problem.Kind)
				continue
			}
			require.NotEmpty(t, signals)
			for _, s := range signals {
				check(t, s)
			}
		}
		signals, err := decodeBody(body, receipt())
		if err == nil {
			require.True(t, json.Valid(body), "accepted, but encoding/json refuses it")
			if len(signals) == 1 && signals[0].Payload != nil {
				again, err := decodeBody([]byte(`{"type":"a","payload":`+string(signals[0].Payload)+`}`), receipt())
				require.NoError(t, err, "what came out must go in again")
				require.Equal(t, string(signals[0].Payload), string(again[0].Payload))
			}
		}
	})
}

// FuzzPartial: leaving bad elements out never changes what is made of the good ones, and every
// element is either taken or named, once.
func FuzzPartial(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`[{"type":"a"},{"type":""},{"type":"b","payload":{"a":1,"a":2}},7,{"type":"c"}]`))
	f.Add([]byte(`[{"type":"a","payload":{"x":1e999}},{"type":"b"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := receipt()
		r.Partial = true
		batch, err := shared.Decode(body, r)
		whole, strictErr := decodeBody(body, receipt())
		if err != nil {
			require.Error(t, strictErr, "what is too broken to take in part is too broken to take whole")
			return
		}
		defer batch.Release()
		if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > 10_000 {
			return // deeper, perhaps, than encoding/json goes
		}
		require.True(t, json.Valid(body))
		if strictErr == nil {
			require.Empty(t, batch.Rejected)
			require.Len(t, batch.Signals, len(whole))
		} else {
			require.NotEmpty(t, batch.Rejected)
		}
		var elements []json.RawMessage
		if json.Unmarshal(body, &elements) != nil {
			elements = []json.RawMessage{body}
		}
		require.Len(t, elements, len(batch.Signals)+len(batch.Rejected))
		for _, s := range batch.Signals {
			check(t, s)
		}
		last := -1
		for _, rejected := range batch.Rejected {
			require.Greater(t, rejected.Index, last)
			last = rejected.Index
			require.NotEmpty(t, rejected.Code)
			require.Equal(t, string(bytes.TrimSpace(elements[rejected.Index])), string(bytes.TrimSpace(rejected.Element)))
			_, err := decodeBody(elements[rejected.Index], receipt())
			require.Error(t, err, "alone it is refused as well")
		}
	})
}

// FuzzSkip: what is stepped over is what encoding/json takes for a value.
func FuzzSkip(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(` {"a":[{},[],"b",-1.5e9,tr\u0065],"c":null } `))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 10_000 {
			return
		}
		d := decoding{scanner: scanner{data: text, limits: DefaultLimits()}}
		sound := d.skip() == nil && d.end() == nil
		require.Equal(t, json.Valid(text), sound)
	})
}

func check(t *testing.T, s Signal) {
	require.NotEqual(t, uuid.Nil, s.ID)
	require.NotEmpty(t, s.Type)
	require.LessOrEqual(t, utf8.RuneCountInString(s.Type), 100)
	require.LessOrEqual(t, utf8.RuneCountInString(s.SessionID), 64)
	for _, text := range []string{s.Type, s.SessionID, string(s.Payload)} {
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\x00")
	}
	require.False(t, s.OccurredAt.After(now))
	require.False(t, s.OccurredAt.Before(now.Add(-maxAge)))
	if s.Payload != nil {
		require.True(t, json.Valid(s.Payload))
		require.EqualValues(t, '{', s.Payload[0])
	}
}
