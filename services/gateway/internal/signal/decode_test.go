package signal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

var (
	now     = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	context = uuid.MustParse("019cafe0-0000-7000-8000-000000000001")
)

func receipt() Receipt {
	return Receipt{At: now, HasContext: func(id uuid.UUID) bool { return id == context }}
}

// Every case is decoded by one decoder, so that what a batch leaves behind meets the next.
var shared = NewDecoder(DefaultLimits(), NewID)

func decodeBody(body []byte, r Receipt) ([]Signal, error) { return unpooled(shared.Decode(body, r)) }
func decodeLenient(body []byte, r Receipt) ([]Signal, error) {
	return unpooled(shared.DecodeLenient(body, r))
}
func decodeForm(body []byte, r Receipt) ([]Signal, error) {
	return unpooled(shared.DecodeForm(body, r))
}

// unpooled copies the signals and releases their batch.
func unpooled(b *Batch, err error) ([]Signal, error) {
	if err != nil {
		return nil, err
	}
	defer b.Release()
	signals := slices.Clone(b.Signals)
	for i := range signals {
		signals[i].Payload = bytes.Clone(signals[i].Payload)
	}
	return signals, nil
}

func decode(t *testing.T, body string) []Signal {
	t.Helper()
	signals, err := decodeBody([]byte(body), receipt())
	require.NoError(t, err)
	return signals
}

func refused(t *testing.T, body string) *fault.Error {
	t.Helper()
	signals, err := decodeBody([]byte(body), receipt())
	require.Empty(t, signals)
	problem := fault.As(err)
	require.NotNil(t, problem, "%v", err)
	return problem
}

func TestOneObjectIsOneSignal(t *testing.T) {
	t.Parallel()
	r := receipt()
	r.AccountID, r.ProductID, r.Source = uuid.New(), uuid.New(), Script
	id := uuid.New()
	signals, err := decodeBody([]byte(`
		{"type": "page_view", "payload": { "path" : "/a b" , "n" : [1, 2.50] }, "context_id": "`+context.String()+`",
		 "id": "`+id.String()+`", "session_id": "s1", "unknown": {"kept": false}}`), r)
	require.NoError(t, err)
	require.Len(t, signals, 1)
	got := signals[0]
	require.EqualValues(t, 7, got.ID.Version())
	got.ID, got.sent = uuid.Nil, nil
	require.Equal(t, Signal{
		ClientID: id, AccountID: r.AccountID, ProductID: r.ProductID, ContextID: context, Type: "page_view",
		Payload: []byte(`{"path":"/a b","n":[1,2.50]}`), OccurredAt: now, ReceivedAt: now,
		SessionID: "s1", Source: Script, TimeMark: TimeReceived,
	}, got)
}

func TestABatchKeepsItsOrderAndItsPayloads(t *testing.T) {
	t.Parallel()
	var parts []string
	for i := range 1000 {
		parts = append(parts, fmt.Sprintf(`{"type":"t%d","payload":{"i":%d}}`, i, i))
	}
	signals := decode(t, "["+strings.Join(parts, ",")+"]")
	require.Len(t, signals, 1000)
	ids := map[uuid.UUID]bool{}
	for i, s := range signals {
		require.Equal(t, fmt.Sprintf("t%d", i), s.Type)
		require.JSONEq(t, fmt.Sprintf(`{"i":%d}`, i), string(s.Payload))
		ids[s.ID] = true
	}
	require.Len(t, ids, 1000)
}

func TestNullMeansAbsent(t *testing.T) {
	t.Parallel()
	got := decode(t, `{"type":"x","payload":null,"context_id":null,"id":null,"timestamp":null,"session_id":null}`)[0]
	require.Nil(t, got.Payload)
	require.Equal(t, TimeReceived, got.TimeMark)
}

func TestRefusedBodies(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return `{"type":"x","payload":` + strings.Repeat(`{"a":`, n-1) + `{}` + strings.Repeat("}", n)
	}
	require.Len(t, decode(t, deep(32)), 1)
	long := func(n int) string { return strings.Repeat("é", n) }
	require.Len(t, decode(t, `{"type":"`+long(100)+`"}`), 1, "characters, not bytes")

	for name, c := range map[string]struct {
		body, code, pointer, field string
		kind                       fault.Kind
	}{
		"empty":                  {body: "", code: "invalid_json"},
		"blank":                  {body: " \n", code: "invalid_json"},
		"byte order mark":        {body: "\uFEFF{}", code: "invalid_json", field: "invalid_json"},
		"not UTF-8":              {body: "{\"type\":\"\xff\"}", code: "invalid_json"},
		"empty batch":            {body: "[]", code: "invalid_json"},
		"two values":             {body: `{"type":"a"}{"type":"b"}`, code: "invalid_json", field: "invalid_json"},
		"half a batch":           {body: `[{"type":"a"},{"type":"b"`, code: "invalid_json", pointer: "/1", field: "invalid_json"},
		"a scalar":               {body: `42`, code: "invalid_json", field: "not_an_object"},
		"a string in a batch":    {body: `[{"type":"a"},"b"]`, code: "invalid_json", pointer: "/1", field: "not_an_object"},
		"no type":                {body: `[{"type":"a"},{"payload":{}}]`, code: "missing_type", pointer: "/1/type", field: "missing_type"},
		"no type, one object":    {body: `{}`, code: "missing_type", pointer: "/type", field: "missing_type"},
		"empty type":             {body: `{"type":""}`, code: "missing_type", pointer: "/type", field: "missing_type"},
		"number as type":         {body: `{"type":7}`, code: "missing_type", pointer: "/type", field: "missing_type"},
		"long type":              {body: `{"type":"` + long(101) + `"}`, code: "type_too_long", pointer: "/type", field: "type_too_long"},
		"payload is no object":   {body: `{"type":"a","payload":[1]}`, code: "invalid_json", pointer: "/payload", field: "not_an_object"},
		"large payload":          {body: `[{"type":"a","payload":{"x":"` + strings.Repeat("x", 32<<10) + `"}}]`, code: "payload_too_large", pointer: "/0/payload", field: "payload_too_large", kind: fault.TooLarge},
		"unknown context":        {body: `{"type":"a","context_id":"` + uuid.NewString() + `"}`, code: "unknown_context", pointer: "/context_id", field: "unknown_context"},
		"context is no uuid":     {body: `{"type":"a","context_id":"checkout"}`, code: "invalid_json", pointer: "/context_id", field: "invalid_uuid"},
		"id is no uuid":          {body: `{"type":"a","id":12}`, code: "invalid_json", pointer: "/id", field: "invalid_uuid"},
		"id of all zeros":        {body: `{"type":"a","id":"` + uuid.Nil.String() + `"}`, code: "invalid_json", pointer: "/id", field: "invalid_uuid"},
		"timestamp is no time":   {body: `{"type":"a","timestamp":"yesterday"}`, code: "invalid_json", pointer: "/timestamp", field: "invalid_timestamp"},
		"long session":           {body: `{"type":"a","session_id":"` + long(65) + `"}`, code: "invalid_json", pointer: "/session_id", field: "session_id_too_long"},
		"session is no string":   {body: `{"type":"a","session_id":1}`, code: "invalid_json", pointer: "/session_id", field: "not_a_string"},
		"a name twice":           {body: `{"type":"a","type":"b"}`, code: "invalid_json", field: "duplicate_name"},
		"a name twice, escaped":  {body: `{"type":"a","\u0074ype":"b"}`, code: "invalid_json", field: "duplicate_name"},
		"twice after repair":     {body: `{"type":"a","payload":{"\u0000":1,"\ud800":2}}`, code: "invalid_json", field: "duplicate_name"},
		"twice in the payload":   {body: `[{"type":"a","payload":{"a":{"b":1,"b":1}}}]`, code: "invalid_json", pointer: "/0", field: "duplicate_name"},
		"another case":           {body: `{"type":"a","Type":"b"}`, code: "invalid_json", pointer: "/Type", field: "misspelt_name"},
		"too deep":               {body: deep(33), code: "too_deep", field: "too_deep"},
		"too deep, not ours":     {body: `{"type":"a","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, code: "too_deep", field: "too_deep"},
		"many brackets":          {body: strings.Repeat("[", 100_000), code: "too_deep", pointer: "/0", field: "too_deep"},
		"many names":             {body: `{"type":"a","payload":{` + numbered(257, `"k%d":0`) + `}}`, code: "invalid_json", field: "too_many_keys"},
		"many values":            {body: `{"type":"a","payload":{"x":[` + numbered(2000, `%d`) + `]}}`, code: "invalid_json", field: "too_many_nodes"},
		"long name":              {body: `{"type":"a","payload":{"` + strings.Repeat("k", 129) + `":0}}`, code: "invalid_json", field: "key_too_long"},
		"huge number":            {body: `{"type":"a","payload":{"x":1e131071}}`, code: "invalid_json", field: "number_out_of_range"},
		"too many signals":       {body: "[" + numbered(1001, `{"type":"t%d"}`) + "]", code: "batch_too_large", kind: fault.TooLarge},
		"syntax before meaning":  {body: `[{"payload":{}},{"type":"a",}]`, code: "invalid_json", pointer: "/1", field: "invalid_json"},
		"the first problem wins": {body: `[{"type":"` + long(101) + `"},{}]`, code: "type_too_long", pointer: "/0/type", field: "type_too_long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problem := refused(t, c.body)
			if c.kind == fault.Internal {
				c.kind = fault.Invalid
			}
			require.Equal(t, c.kind, problem.Kind)
			require.Equal(t, c.code, problem.Code, problem.Detail)
			if c.field == "" {
				require.Empty(t, problem.Fields)
				return
			}
			require.Equal(t, c.pointer, problem.Fields[0].Pointer)
			require.Equal(t, c.field, problem.Fields[0].Code)
		})
	}
}

func numbered(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, ",")
}

func TestTheErrorNamesEveryBadElementUpToTen(t *testing.T) {
	t.Parallel()
	problem := refused(t, `[{"type":"a"},{},{"type":"a"},{"type":"a","id":"x"}]`)
	require.Equal(t, "Signal 1: type is missing; it must be a string that is not empty.", problem.Detail)
	require.Equal(t, []string{"/1/type", "/3/id"}, []string{problem.Fields[0].Pointer, problem.Fields[1].Pointer})
	require.Len(t, refused(t, "["+numbered(500, `{"n":%d}`)+"]").Fields, 10)
}

func TestWhatPostgresCannotKeepIsReplaced(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`"\u0000"`:              "\uFFFD",
		`"a\u0000b"`:            "a\uFFFDb",
		`"\ud83d"`:              "\uFFFD",
		`"\ude00\ud83d"`:        "\uFFFD\uFFFD",
		`"\ud83dx\ud83d\ude00"`: "\uFFFDx😀",
		`"\uD888\u1234"`:        "\uFFFD\u1234",
		`"\\u0000"`:             `\u0000`,
		`"\\\u0000"`:            "\\\uFFFD",
		`"\u0012"`:              "\x12",
	} {
		got := decode(t, `{"type":"a","payload":{"v":`+sent+`}}`)[0]
		var payload map[string]string
		require.NoError(t, json.Unmarshal(got.Payload, &payload))
		require.Equal(t, want, payload["v"], sent)
		require.Equal(t, want, decode(t, `{"type":`+sent+`}`)[0].Type, sent)
	}
	require.JSONEq(t, `{"a\ufffdb":0}`, string(decode(t, `{"type":"a","payload":{"a\u0000b":0}}`)[0].Payload))
}

func TestNumbersKeepTheirText(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"0", "-0", "9007199254740993", "1.50", "1E22", "1e-2", "0e+1", "1e308", "1.7976931348623157e308", "-1e-999",
		"0." + strings.Repeat("0", 80) + "1", strings.Repeat("9", 64),
	} {
		got := decode(t, `{"type":"a","payload":{"v":`+number+`}}`)[0]
		require.Equal(t, `{"v":`+number+`}`, string(got.Payload))
	}
	for _, number := range []string{
		"1e309", "1.8e308", "-1e400", "1e-1001", "0e99999", "1e99999999999999999999", strings.Repeat("9", 65),
		"01", "+1", ".5", "1.", "1e", "1e+", "-", "NaN", "Infinity", "0x10", "1_000",
	} {
		require.Equal(t, "invalid_json", refused(t, `{"type":"a","payload":{"v":`+number+`}}`).Code, number)
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	hour := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		sent string // the timestamp
		skew time.Duration
		want time.Time
		mark TimeMark
	}{
		"RFC 3339":                      {sent: `"2026-03-02T10:00:00+01:00"`, want: hour},
		"milliseconds":                  {sent: fmt.Sprint(hour.UnixMilli()), want: hour},
		"fractions of a millisecond":    {sent: fmt.Sprint(hour.UnixMilli()) + ".5", want: hour.Add(500 * time.Microsecond)},
		"a little ahead":                {sent: fmt.Sprint(now.Add(4 * time.Minute).UnixMilli()), want: now},
		"far ahead":                     {sent: fmt.Sprint(now.Add(6 * time.Minute).UnixMilli()), want: now, mark: TimeClampedFuture},
		"the year 9999":                 {sent: `"9999-12-31T23:59:59Z"`, want: now, mark: TimeClampedFuture},
		"beyond every calendar":         {sent: `1e300`, want: now, mark: TimeClampedFuture},
		"1970":                          {sent: `0`, want: now.Add(-24 * time.Hour), mark: TimeClampedOld},
		"before every calendar":         {sent: `-1e300`, want: now.Add(-24 * time.Hour), mark: TimeClampedOld},
		"25 hours old":                  {sent: fmt.Sprint(now.Add(-25 * time.Hour).UnixMilli()), want: now.Add(-24 * time.Hour), mark: TimeClampedOld},
		"a clock that is an hour ahead": {sent: fmt.Sprint(now.UnixMilli()), skew: time.Hour, want: hour},
		"a clock that is two days late": {sent: fmt.Sprint(now.Add(-49 * time.Hour).UnixMilli()), skew: -48 * time.Hour, want: hour},
		"a request that took a second":  {sent: fmt.Sprint(hour.UnixMilli()), skew: -time.Second, want: hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receipt()
			if c.skew != 0 {
				r.SentAt = now.Add(c.skew)
			}
			signals, err := decodeBody([]byte(`{"type":"a","timestamp":`+c.sent+`}`), r)
			require.NoError(t, err)
			require.Equal(t, c.want, signals[0].OccurredAt.UTC())
			require.Equal(t, c.mark, signals[0].TimeMark)
			require.Equal(t, now, signals[0].ReceivedAt)
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	one := `{"id":"019cafe0-0000-7000-8000-00000000000a","type":"page_view","payload":{"url":"https://shop.example/checkout/pay","path":"/checkout/pay","release":"2026.3.1","element":"main > form.checkout > button.primary","text":"Pay now"},"session_id":"019cafe0-0000-7000-8000-00000000000b","timestamp":1772445600000}`
	for _, n := range []int{1, 20, 1000} {
		body := []byte("[" + strings.Repeat(one+",", n-1) + one + "]")
		b.Run(fmt.Sprintf("signals=%d", n), func(b *testing.B) {
			d := NewDecoder(DefaultLimits(), NewID)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				batch, err := d.Decode(body, receipt())
				if err != nil {
					b.Fatal(err)
				}
				batch.Release()
			}
		})
	}
}

// What is JSON but beyond a limit costs one element, and never its neighbours.
func TestAnElementBeyondALimitCostsItself(t *testing.T) {
	t.Parallel()
	r := receipt()
	r.Partial = true
	deep := strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000)
	for name, c := range map[string]struct {
		body     string
		taken    int
		rejected []string
	}{
		"a number alone":          {`1e999`, 0, []string{"invalid_json"}},
		"a number with space":     {` 1e999 `, 0, []string{"invalid_json"}},
		"a number in an array":    {`[1e999,{"type":"a"}]`, 1, []string{"invalid_json"}},
		"a number in a payload":   {`{"type":"a","payload":{"x":-1e999}}`, 0, []string{"invalid_json"}},
		"a very deep element":     {`[{"type":"a"},` + deep + `,{"type":"b"}]`, 2, []string{"too_deep"}},
		"a very deep payload":     {`[{"type":"a","payload":{"x":` + deep + `}},{"type":"b"}]`, 1, []string{"too_deep"}},
		"a very deep body":        {`{"type":"a","payload":{"x":` + deep + `}}`, 0, []string{"too_deep"}},
		"too many values":         {`[{"type":"a","payload":{"x":[1` + strings.Repeat(`,"x",true,{}`, 1000) + `]}},{"type":"b"}]`, 1, []string{"invalid_json"}},
		"all kinds after a limit": {`[{"a":1,"a":2,"b":[],"c":{},"d":["x",{"e":null}],"f":-0.5e-7,"g":true,"h":false}]`, 0, []string{"invalid_json"}},
	} {
		batch, err := shared.Decode([]byte(c.body), r)
		require.NoError(t, err, name)
		require.Len(t, batch.Signals, c.taken, name)
		var codes []string
		for _, one := range batch.Rejected {
			codes = append(codes, one.Code)
		}
		require.Equal(t, c.rejected, codes, name)
		batch.Release()
	}
	for _, body := range []string{`1e`, `1e999,`, `[1e999`, `[1e999}`, `{"a":1,"a":2`, `{"a":1,"a":2,}`, `{"a":1,"a"2}`, `{"a":1,"a":2,"b":[1,]}`, `{"a":1,"a":2,3:4}`, `{"a":1,"a":tru}`, `{"a":1,"a":"\q"}`, `{"a":1,"a":01}`, deep + `]`} {
		_, err := shared.Decode([]byte(body), r)
		require.Equal(t, fault.Invalid, fault.As(err).Kind, body[:min(len(body), 30)])
	}
}
