package signal_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

func TestFingerprintMakesOneOfMany(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"Order 123 not found", "Order 98765 not found", "Order <n> not found"},
		{"GET https://a.example/x?y=1 failed", "GET https://b.example/z failed", "GET <url> failed"},
		{`Cannot read properties of undefined (reading 'foo')`, `Cannot read properties of undefined (reading 'bar')`, "Cannot read properties of undefined (reading <text>)"},
		{`Unexpected token "<" at 12:34`, `Unexpected token "{" at 1:2`, "Unexpected token <text> at <n>"},
		{"session 3f2504e0-4f89-11d3-9a0c-0305e82c3301 expired", "session 7d444840-9dc0-11d1-b245-5ffdce74fad2 expired", "session <id> expired"},
		{"object 5f1d7a2b9c3e4d5f6a7b8c9d missing", "object 0a1b2c3d4e5f60718293a4b5 missing", "object <id> missing"},
		{"can't load  the\n page", "can't load the page", "can't load the page"},
		{`A""A"A"`, `A"x"A""`, "A<text>A<text>"},
		{"got \"a\nb\" there", `got "" there`, "got <text> there"},
		{"timeout after 1.5s", "timeout after 30s", "timeout after <n>s"},
	} {
		require.Equal(t, c.want, signal.Fingerprint(c.a))
		require.Equal(t, c.want, signal.Fingerprint(c.b))
	}
	require.NotEqual(t, signal.Fingerprint("TypeError: x is not a function"), signal.Fingerprint("TypeError: x is undefined"))
}

func TestFingerprintIsStableAndBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		message := rapid.OneOf(rapid.String(), rapid.StringMatching(`([A-Za-z]{1,8}[ :('"/.0-9-]{0,3}){0,60}`)).Draw(rt, "message")
		once := signal.Fingerprint(message)
		require.LessOrEqual(rt, len(once), 200)
		if utf8.ValidString(message) {
			require.True(rt, utf8.ValidString(once))
		}
		if len(once) < 190 { // a cut may leave half of a mark
			require.Equal(rt, once, signal.Fingerprint(once))
		}
	})
}

func TestDimensions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, kind, payload string
		extra               []string
		want                []signal.Dimension
	}{
		{"the script's", "rage_click", `{"url":"https://shop.example/cart","path":"/cart","element":"button#pay","text":"Pay","release":"1.2.3"}`, nil,
			[]signal.Dimension{{"path", "/cart"}, {"element", "button#pay"}, {"release", "1.2.3"}}},
		{"an error", "js_error", `{"path":"/cart","message":"order 12 failed","source":"/a.js","line":3}`, nil,
			[]signal.Dimension{{"path", "/cart"}, {"error", "order <n> failed @ a.js"}}},
		{"a message that is no error", "chat_sent", `{"message":"hello"}`, nil, []signal.Dimension{}},
		{"an address without a path key", "page_view", `{"url":"https://shop.example/orders/123456/items/3f2504e0-4f89-11d3-9a0c-0305e82c3301?x=1#y"}`, nil,
			[]signal.Dimension{{"path", "/orders/:id/items/:id"}}},
		{"years are not ids", "page_view", `{"path":"/blog/2024/hello-world/"}`, nil, []signal.Dimension{{"path", "/blog/2024/hello-world"}}},
		{"an error object", "exception", `{"error":{"message":"boom 7","stack":"…"}}`, nil, []signal.Dimension{{"error", "boom <n>"}}},
		{"own keys, numbers and booleans too", "x", `{"plan":"pro","seats":5,"trial":true,"deep":{"a":1},"path":"/"}`, []string{"plan", "seats", "trial", "deep", "path", "absent"},
			[]signal.Dimension{{"path", "/"}, {"plan", "pro"}, {"seats", "5"}, {"trial", "true"}}},
		{"no object", "x", `[1,2]`, nil, nil},
		{"nothing", "x", ``, nil, nil},
		{"NUL is not storable", "x", `{"element":"a\u0000b"}`, nil, []signal.Dimension{{"element", "a\uFFFDb"}}},
	} {
		require.Equal(t, c.want, signal.NewReader().Dimensions(c.kind, []byte(c.payload), c.extra), c.name)
	}
}

func FuzzDimensions(f *testing.F) {
	f.Add(`{"url":"https://a/b?c","message":"x 1","element":"#a"}`)
	f.Add(`{"path":"///","error":{"message":"'"}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		for _, d := range signal.NewReader().Dimensions("js_error", []byte(payload), []string{"a"}) {
			if d.Value == "" || len(d.Value) > 200 || strings.ContainsRune(d.Value, 0) || !utf8.ValidString(d.Value) {
				t.Fatalf("%s = %q", d.Name, d.Value)
			}
		}
	})
}

func TestPolarityIsTheContextsOfNow(t *testing.T) {
	t.Parallel()
	c := signal.Context{PositiveTypes: []string{"purchase"}, NegativeTypes: []string{"js_error"}}
	require.Equal(t, signal.Positive, c.Polarity("purchase"))
	require.Equal(t, signal.Negative, c.Polarity("js_error"))
	require.Equal(t, signal.Neutral, c.Polarity("page_view"))
}

// batch draws signals of a few contexts, hours and values.
func batch(rt *rapid.T) []signal.Placed {
	reader := signal.NewReader()
	contexts := []*signal.Context{{ID: uuid.UUID{1}, ProductID: uuid.UUID{9}}, {ID: uuid.UUID{2}, ProductID: uuid.UUID{9}}}
	start := time.Date(2026, 1, 31, 20, 0, 0, 0, time.UTC)
	n := rapid.IntRange(1, 300).Draw(rt, "n")
	out := make([]signal.Placed, n)
	for i := range out {
		payload := fmt.Sprintf(`{"path":"/p/%s","element":"#e%d"}`, strings.Repeat("x", rapid.IntRange(0, 90).Draw(rt, "path")), rapid.IntRange(0, 3).Draw(rt, "element"))
		out[i] = signal.Placed{
			Context: contexts[rapid.IntRange(0, 1).Draw(rt, "context")],
			Signal: &signal.Signal{
				ID: uuid.New(), ProductID: uuid.UUID{9}, Type: fmt.Sprintf("t%d", rapid.IntRange(0, 2).Draw(rt, "type")), Payload: []byte(payload),
				At:        start.Add(time.Duration(rapid.IntRange(0, 600).Draw(rt, "minute")) * time.Minute),
				SessionID: rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(rt, "session"),
				Source:    rapid.SampledFrom([]signal.Source{signal.Script, signal.SDK, signal.Webhook, signal.REST}).Draw(rt, "source"),
				TimeMark:  rapid.SampledFrom([]string{"", "received", "clamped_old", "clamped_future"}).Draw(rt, "mark"),
				Imported:  rapid.Bool().Draw(rt, "imported"),
			},
		}
		out[i].ReceivedAt = out[i].At.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(rt, "delay")) * time.Microsecond)
		if rapid.Bool().Draw(rt, "own id") {
			out[i].ClientID = uuid.New()
		}
		reader.Prepare(out[i].Signal)
	}
	return out
}

// Sums of the bounded rows equal the signals, whatever was stored before.
func TestBoundKeepsSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		list := batch(rt)
		counted := signal.Count(list, signal.NewReader())
		counts := counted.Values
		stored := make(signal.Kept)
		for _, c := range counts {
			if stored[c.Group] == nil {
				stored[c.Group] = map[string]bool{}
				for i := range rapid.IntRange(0, signal.MaxValues).Draw(rt, "stored") {
					stored[c.Group][fmt.Sprintf("old%d", i)] = true
				}
				if rapid.Bool().Draw(rt, "knows other") {
					stored[c.Group][signal.Other] = true
				}
			}
		}
		bounded := signal.Bound(counts, stored)

		sums := func(list []signal.ValueCount) map[signal.Group]int64 {
			out := map[signal.Group]int64{}
			for _, c := range list {
				out[c.Group] += c.N
			}
			return out
		}
		require.Equal(rt, sums(counts), sums(bounded))
		rows := map[signal.Group]map[string]bool{}
		for g, values := range stored {
			rows[g] = map[string]bool{}
			for v := range values {
				rows[g][v] = true
			}
		}
		for _, c := range bounded {
			rows[c.Group][c.Value] = true
		}
		for g, values := range rows {
			require.LessOrEqual(rt, len(values), signal.MaxValues+1, g)
		}
		var total int64
		for _, c := range counted.Types {
			total += c.N
		}
		require.EqualValues(rt, len(list), total)
	})
}

// Bounding types keeps the sums of each hour, in all and by dimension, whatever is
// there already; what counts by its own type does so everywhere.
func TestBoundTypesKeepsSums(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		list := batch(rt)
		kinds := rapid.IntRange(1, 300).Draw(rt, "kinds")
		for i := range list {
			list[i].Type = fmt.Sprintf("t%d", rapid.IntRange(0, kinds).Draw(rt, "type")) // often many types
		}
		list[0].Type = signal.Other // what no gateway sends
		counted := signal.Count(list, signal.NewReader())
		kept := signal.Kept{}
		for _, c := range counted.Types {
			g := signal.Group{ContextID: c.ContextID, Hour: c.Hour}
			if kept[g] == nil {
				kept[g] = map[string]bool{}
				for i := range rapid.IntRange(0, signal.MaxTypes).Draw(rt, "kept") {
					kept[g][fmt.Sprintf("t%d", 2*i)] = true
				}
				if rapid.Bool().Draw(rt, "knows other") {
					kept[g][signal.Other] = true
				}
			}
		}
		named := func(_ uuid.UUID, kind string) bool { return strings.HasSuffix(kind, "7") }
		bounded, _ := counted.BoundTypes(kept, named)

		type row struct {
			signal.Group
			value string
		}
		sums := func(c signal.Counts) map[signal.Group]int64 {
			out := map[signal.Group]int64{}
			for _, t := range c.Types {
				out[signal.Group{ContextID: t.ContextID, Hour: t.Hour}] += t.N
			}
			for _, v := range c.Values {
				out[signal.Group{ContextID: v.ContextID, Hour: v.Hour, Dimension: v.Dimension}] += v.N
			}
			return out
		}
		require.Equal(rt, sums(counted), sums(bounded))
		own, rows := map[row]bool{}, map[signal.Group]map[string]bool{}
		for g, types := range kept {
			rows[g] = maps.Clone(types)
		}
		for _, c := range bounded.Types {
			g := signal.Group{ContextID: c.ContextID, Hour: c.Hour}
			require.False(rt, own[row{g, c.Type}], "one row twice in a statement")
			own[row{g, c.Type}], rows[g][c.Type] = true, true
		}
		for _, v := range bounded.Values {
			g := signal.Group{ContextID: v.ContextID, Hour: v.Hour}
			require.True(rt, own[row{g, v.Type}])
			require.False(rt, own[row{v.Group, v.Value}], "one row twice in a statement")
			own[row{v.Group, v.Value}] = true
		}
		for _, types := range rows {
			maps.DeleteFunc(types, func(kind string, _ bool) bool { return named(uuid.Nil, kind) })
			require.LessOrEqual(rt, len(types), signal.MaxTypes+1)
		}
		for _, c := range counted.Types {
			if g := (signal.Group{ContextID: c.ContextID, Hour: c.Hour}); named(c.ContextID, c.Type) {
				require.True(rt, own[row{g, c.Type}])
			}
		}
	})
}

// Only what may change something has to be asked of the rollups: groups that have room
// for a value that may be new.
func TestUnsettledIsWhatHasRoomForNewValues(t *testing.T) {
	t.Parallel()
	home := &signal.Context{ID: uuid.UUID{1}, ProductID: uuid.UUID{9}}
	at := time.Date(2026, 1, 31, 20, 0, 0, 0, time.UTC)
	reader := signal.NewReader()
	var list []signal.Placed
	for _, s := range []struct{ kind, payload string }{{"a", `{"path":"/x","browser":"x"}`}, {"b", `{"path":"/x"}`}, {"b", `{"path":"/y"}`}} {
		one := &signal.Signal{Type: s.kind, Payload: []byte(s.payload), At: at}
		reader.Prepare(one)
		list = append(list, signal.Placed{Signal: one, Context: home})
	}
	counted := signal.Count(list, reader)
	types := signal.Group{ContextID: home.ID, Hour: at}
	group := func(dimension, kind string) signal.Group {
		return signal.Group{ContextID: home.ID, Hour: at, Dimension: dimension, Type: kind}
	}
	full := func(n int) map[string]bool {
		out := map[string]bool{signal.Other: true}
		for i := range n {
			out[fmt.Sprintf("/old%d", i)] = true
		}
		return out
	}
	browserA, pathA, pathB := group("browser", "a"), group("path", "a"), group("path", "b")
	require.Equal(t, []signal.Group{types, browserA, pathA, pathB}, counted.Unsettled(nil), "nothing is known yet")

	kept := signal.Kept{types: {"a": true}, browserA: {"x": true}, pathA: {"/x": true, "/y": true}, pathB: {"/x": true}}
	require.Equal(t, []signal.Group{types, pathB}, counted.Unsettled(kept), "what is there stays there")

	kept[types], kept[pathB] = full(signal.MaxTypes), full(signal.MaxValues)
	require.Empty(t, counted.Unsettled(kept), "what is full stays full")
	delete(kept[pathB], "/old0")
	require.Equal(t, []signal.Group{pathB}, counted.Unsettled(kept), "the other row takes no place")
}

// Blocks hold every signal once, in time order, within a month, and merging keeps
// every one as it was.
func TestBlocksHoldEverySignal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		list := batch(rt)
		want := map[uuid.UUID]stored{}
		for _, s := range list {
			want[s.ID] = stored{s.ClientID, s.Type, s.SessionID, string(s.Payload), s.At.UnixMicro(), s.ReceivedAt.UnixMicro(), s.Source, s.TimeMark, s.Imported}
		}
		var blocks []signal.Block
		for start := 0; start < len(list); start += 50 {
			blocks = append(blocks, signal.Blocks(list[start:min(len(list), start+50)], uuid.New)...)
		}
		require.Equal(rt, want, contents(rt, blocks))

		byContext := map[uuid.UUID][]signal.Block{}
		for _, b := range blocks {
			byContext[b.ContextID] = append(byContext[b.ContextID], b)
		}
		var merged []signal.Block
		for _, part := range byContext {
			full, err := signal.Merge(part, uuid.New)
			require.NoError(rt, err)
			merged = append(merged, full...)
		}
		require.Equal(rt, want, contents(rt, merged))
		require.LessOrEqual(rt, len(merged), 4, "two contexts, two months")
	})
}

func TestMergeRefusesWhatIsNoBlock(t *testing.T) {
	t.Parallel()
	whole := func() signal.Block {
		s := signal.Signal{ID: uuid.New(), Type: "a", Payload: []byte(`{"a":[1,"],["]}`), At: time.Now(), ReceivedAt: time.Now(), SessionID: "s", Source: signal.SDK}
		return signal.Blocks([]signal.Placed{{Signal: &s, Context: &signal.Context{}}}, uuid.New)[0]
	}
	for name, damage := range map[string]func(*signal.Block){
		"a payload too many": func(b *signal.Block) { b.Payloads = []byte(`[{},{}]`) },
		"a payload too few":  func(b *signal.Block) { b.Payloads = []byte(`[]`) },
		"no array":           func(b *signal.Block) { b.Payloads = []byte(`{}`) },
		"not JSON":           func(b *signal.Block) { b.Payloads = []byte(`[{"a":}]`) },
		"a column too short": func(b *signal.Block) { b.Delays = nil },
		"an unknown type":    func(b *signal.Block) { b.TypeNos = []int16{2} },
		"an unknown session": func(b *signal.Block) { b.SessionNos = []int16{-1} },
		"another context":    func(b *signal.Block) { b.ContextID = uuid.New() },
	} {
		bad := whole()
		damage(&bad)
		_, err := signal.Merge([]signal.Block{whole(), bad}, uuid.New)
		require.Error(t, err, name)
	}
	merged, err := signal.Merge([]signal.Block{whole(), whole()}, uuid.New)
	require.NoError(t, err)
	require.Equal(t, `[{"a":[1,"],["]},{"a":[1,"],["]}]`, string(merged[0].Payloads))
}

// stored is a signal as it is read back.
type stored struct {
	clientID               uuid.UUID
	kind, session, payload string
	at, received           int64
	source                 signal.Source
	mark                   string
	imported               bool
}

// contents takes blocks apart as the view signals does.
func contents(rt *rapid.T, blocks []signal.Block) map[uuid.UUID]stored {
	out := map[uuid.UUID]stored{}
	for _, b := range blocks {
		var payloads []json.RawMessage
		require.NoError(rt, json.Unmarshal(b.Payloads, &payloads))
		require.Len(rt, payloads, b.N)
		require.Len(rt, b.IDs, b.N)
		last := b.FirstAt
		for i, id := range b.IDs {
			at := b.FirstAt.Add(time.Duration(b.AtMicros[i]) * time.Microsecond)
			require.False(rt, at.Before(last))
			require.Equal(rt, b.FirstAt.Month(), at.Month())
			last = at
			s := stored{
				clientID: b.ClientIDs[i], kind: b.Types[b.TypeNos[i]-1], payload: string(payloads[i]), at: at.UnixMicro(), received: at.UnixMicro() + b.Delays[i],
				source: []signal.Source{"script", "sdk", "webhook", "rest"}[b.Flags[i]&3], mark: []string{"", "received", "clamped_old", "clamped_future"}[b.Flags[i]>>2&3],
				imported: b.Flags[i]&16 != 0,
			}
			if b.SessionNos[i] > 0 {
				s.session = b.Sessions[b.SessionNos[i]-1]
			}
			require.NotContains(rt, out, id)
			out[id] = s
		}
		require.Equal(rt, b.LastAt, last)
	}
	return out
}
