package refusal_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway/internal/refusal"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// told collects what was published.
type told struct {
	mu      sync.Mutex
	counts  map[string]int64 // by product/code/minute
	samples []*eventv1.RefusalSample
	events  int
}

func listen(t testing.TB, b *bus.Bus) *told {
	t.Helper()
	out := &told{counts: map[string]int64{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	service := bus.Consume(b, event.IngestRefused, bus.ConsumerOptions{Durable: "test"}, func(_ context.Context, d bus.Delivery[*eventv1.IngestRefused]) error {
		out.mu.Lock()
		defer out.mu.Unlock()
		out.events++
		for _, c := range d.Body.GetCounts() {
			out.counts[fmt.Sprintf("%x/%s/%s", c.GetProductId(), c.GetCode(), c.GetMinute().AsTime().Format("15:04"))] += c.GetN()
		}
		out.samples = append(out.samples, d.Body.GetSamples()...)
		return nil
	})
	go func() { ended <- service.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return out
}

func (o *told) read(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *told) total() (n int64) {
	o.read(func() {
		for _, c := range o.counts {
			n += c
		}
	})
	return n
}

func start(t testing.TB, b *bus.Bus, registry *prometheus.Registry) (r *refusal.Recorder, stop func()) {
	t.Helper()
	r = refusal.New(b, scrub.New(scrub.Options{}), zap.NewNop(), registry, time.Now)
	r.Hasten(20 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, func() {}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return r, stop
}

func TestRefusalsAreCountedByMinuteAndSampledRedacted(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	out := listen(t, b)
	r, stop := start(t, b, prometheus.NewRegistry())
	account, product, id := uuid.New(), uuid.New(), uuid.New()
	at := time.Date(2026, 5, 4, 10, 30, 59, 0, time.UTC)
	r.Record(refusal.Refusal{
		AccountID: account, ProductID: product, Code: "missing_type", Detail: "Signal 3: the type is missing; ask ann@example.com.", N: 5, At: at,
		Element:  []byte(`{"payload":{"password":"hunter2hunter2","path":"/cart"},"id":"` + id.String() + `"}`),
		ClientID: id, Origin: "https://shop.example:8443", Source: eventv1.Source_SOURCE_SDK,
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	})
	r.Record(refusal.Refusal{AccountID: account, ProductID: product, Code: "missing_type", At: at.Add(time.Second)})
	r.Record(refusal.Refusal{AccountID: account, ProductID: product, Code: "invalid_json", At: at, Element: []byte("{\"card\":\"4111 1111 1111 1111\",,\x00\xff")})
	stop()
	testkit.Eventually(t, func() bool { return out.total() == 7 }, "everything is told, at the end at the latest")
	out.read(func() {
		hex := strings.ReplaceAll(product.String(), "-", "")
		require.Equal(t, map[string]int64{hex + "/missing_type/10:30": 5, hex + "/missing_type/10:31": 1, hex + "/invalid_json/10:30": 1}, out.counts)
		require.Len(t, out.samples, 3)
		for _, s := range out.samples {
			require.Equal(t, account[:], s.GetAccountId())
			switch {
			case s.GetCode() == "invalid_json":
				require.Equal(t, `{"card":"…",, …`, s.GetElement())
			case s.GetN() == 5:
				require.Contains(t, s.GetElement(), `"path":"/cart"`)
				require.NotContains(t, s.GetElement(), "hunter2")
				require.NotContains(t, s.GetDetail(), "ann@")
				require.Equal(t, id[:], s.GetClientId())
				require.Equal(t, "shop.example:8443", s.GetOrigin())
				require.Equal(t, "Chrome", s.GetUserAgent())
				require.Equal(t, eventv1.Source_SOURCE_SDK, s.GetSource())
			default:
				require.Empty(t, s.GetElement())
			}
		}
	})
}

// A value of a form is known by what is around it. What is no longer whole has lost that.
func TestWhatSomebodyTypedIsNeverTold(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	out := listen(t, b)
	r, stop := start(t, b, prometheus.NewRegistry())
	account, product := uuid.New(), uuid.New()
	const typed = `{"element":{"tagName":"INPUT","value":"Jane private words"}`
	filler := strings.Repeat("a", 9<<10)
	for code, element := range map[string]string{
		"long":      `{"type":"click","payload":` + typed + `,"x":"` + filler + `"}}`,
		"long_last": `{"type":"click","payload":{"x":"` + filler + `","y":` + typed + `}}}`,
		"too_long":  `{"type":"click","payload":` + typed + `,"x":"` + strings.Repeat(filler, 20) + `"}}`,
		"broken":    typed + `},"x":"aaaa`,
		"cut_off":   `{"type":"click","payload":{"element":{"tagName":"INPUT","value":"Jane private wor`,
		"unquoted":  `{"element":{"tagName":"INPUT","value":Jane private words`,
		"too_deep":  strings.Repeat(`{"a":`, 40) + typed + `}` + strings.Repeat(`}`, 40),
		"binary":    "{\"value\":\"Jane private words\",\xff\x00",
	} {
		r.Record(refusal.Refusal{AccountID: account, ProductID: product, Code: code, At: time.Now(), Element: []byte(element)})
	}
	stop()
	testkit.Eventually(t, func() bool { return out.total() == 8 }, "everything is told")
	out.read(func() {
		require.Len(t, out.samples, 8)
		for _, s := range out.samples {
			require.NotContains(t, s.GetElement(), "Jane", s.GetCode())
			require.NotContains(t, s.GetElement(), "private", s.GetCode())
			require.LessOrEqual(t, len(s.GetElement()), 2<<10, s.GetCode())
			switch s.GetCode() {
			case "long":
				require.Contains(t, s.GetElement(), `"value":"[redacted:form]"`)
			case "broken":
				require.Equal(t, `{"element":{"tagName":"…","value":"…"}},"x":"…`, s.GetElement())
			case "too_long":
				require.Contains(t, s.GetElement(), `{"type":"…","payload":{"element":{"tagName":"…","value":"…"},"x":"…`)
			}
		}
	})
}

func TestAFloodIsCountedExactlyAndSampledLittle(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	out := listen(t, b)
	r, stop := start(t, b, prometheus.NewRegistry())
	account, product := uuid.New(), uuid.New()
	const workers, each = 8, 5000
	element := []byte(`{"type":"` + strings.Repeat("x", 40<<10) + `"}`)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				r.Record(refusal.Refusal{AccountID: account, ProductID: product, Code: "type_too_long", Element: element, At: time.Now()})
			}
		})
	}
	all.Wait()
	stop()
	testkit.Eventually(t, func() bool { return out.total() == workers*each }, "every refusal is counted")
	out.read(func() {
		require.LessOrEqual(t, len(out.samples), 3*out.events)
		for _, s := range out.samples {
			require.LessOrEqual(t, len(s.GetElement()), 2<<10)
		}
	})
}

func TestWhatCannotBeAttributedIsAMetricOnly(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := testkit.Bus(t)
	out := listen(t, b)
	r, stop := start(t, b, registry)
	r.Record(refusal.Refusal{Code: "invalid_key", At: time.Now()})
	stop()
	n, err := testutil.GatherAndCount(registry, "specter_gateway_refused_signals_total")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	out.read(func() { require.Zero(t, out.events) })
}

func TestManyProductsStayWithinBounds(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := testkit.Bus(t)
	out := listen(t, b)
	r := refusal.New(b, scrub.New(scrub.Options{}), zap.NewNop(), registry, time.Now) // runs later: all of it waits
	element := []byte(`{"type":"` + strings.Repeat("y", 8<<10-11) + `"}`)             // 8 KiB
	for range 10_000 {
		r.Record(refusal.Refusal{AccountID: uuid.New(), ProductID: uuid.New(), Code: "missing_type", Element: element, At: time.Now()})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, r.Run(ctx, func() {}))
	testkit.Eventually(t, func() bool { return out.total() == 8192 }, "as many as there is room for")
	out.read(func() {
		require.LessOrEqual(t, len(out.samples), 512, "4 MiB of 8 KiB each")
		require.Greater(t, out.events, 1, "an event stays within its size")
	})
	expected := `
# HELP specter_gateway_refusals_dropped_total Refusals that were not told to the dashboard: counts, samples or whole events.
# TYPE specter_gateway_refusals_dropped_total counter
specter_gateway_refusals_dropped_total{what="count"} 1808
specter_gateway_refusals_dropped_total{what="event"} 0
specter_gateway_refusals_dropped_total{what="sample"} 7680
`
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(expected), "specter_gateway_refusals_dropped_total"))
}

func TestAnOutageOfTheBrokerDelaysWhatIsTold(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	r, stop := start(t, b, prometheus.NewRegistry())
	nats.Kill(t)
	testkit.Eventually(t, func() bool { return !b.Conn().IsConnected() }, "the loss is noticed")
	for range 100 {
		r.Record(refusal.Refusal{AccountID: uuid.New(), ProductID: uuid.New(), Code: "unavailable", At: time.Now()})
	}
	nats.Start(t)
	out := listen(t, nats.Bus(t))
	testkit.Eventually(t, func() bool { return out.total() == 100 }, "it is told when the broker is back")
	stop()
}

func TestAUserAgentIsReducedToItsFamily(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "", "curl/8.5.0": "curl", "Go-http-client/2.0": "Go", "something else": "other", "specter-go/1.2": "Specter",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0": "Edge",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1":     "Safari",
	} {
		require.Equal(t, want, refusal.Family(header), header)
	}
}

func TestAnOutlineShowsWhereItBreaks(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                             "",
		`{"type":"page_view" "n":1}`:   `{"type":"…" "n":0}`,
		`{"a":[1.5e3,-07,1.2.3,0x1F]`:  `{"a":[0.0e0,-00,0.0.0,…]`,
		`{"a" : true, "b":null,"c":`:   `{"a" : true, "b":null,"c":`,
		`{"a b":"x","Jane Doe":"y\"z"`: `{"…":"…","…":"…"`,
		`type=page_view&name=Jane`:     `…`,
		"{\"a\":\"Jane\nprivate":       `{"a":"…`,
		`{"a":Jane private, words`:     `{"a":… …, …`,
		`{"a":"","\u0061":"x`:          `{"a":"","…":"…`,
	} {
		require.Equal(t, want, refusal.Outline([]byte(raw)), raw)
	}
	long := refusal.Outline([]byte(`{"first":[` + strings.Repeat(`"x",`, 10_000) + `{"last":`))
	require.LessOrEqual(t, len(long), 2<<10)
	require.Contains(t, long, `"first"`)
	require.Contains(t, long, `"last"`)
}

// FuzzOutline looks for letters that are no name's in front of a colon, no literal's and
// no number's.
func FuzzOutline(f *testing.F) {
	for _, seed := range []string{`{"a":"b`, `"\"":"x"`, "\xff\"a\" : 1e5", `'a':"b"`, `{"a":"b"c":"d":e`, "{\"a\":\"…"} {
		f.Add([]byte(seed))
	}
	name := regexp.MustCompile(`"[A-Za-z_$][A-Za-z0-9_$-]*"`)
	known := regexp.MustCompile(`true|false|null|[0+.eE-]*0[0+.eE-]*`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<10 {
			return // so that nothing is shortened
		}
		left := name.ReplaceAllStringFunc(refusal.Outline(raw), func(n string) string {
			require.Regexp(t, regexp.QuoteMeta(n)+`[ \t\r\n]*:`, string(raw))
			return ""
		})
		require.NotRegexp(t, `[A-Za-z1-9]`, known.ReplaceAllString(left, ""))
	})
}

func BenchmarkRecord(b *testing.B) {
	r := refusal.New(testkit.Bus(b), scrub.New(scrub.Options{}), zap.NewNop(), prometheus.NewRegistry(), time.Now)
	f := refusal.Refusal{AccountID: uuid.New(), ProductID: uuid.New(), Code: "missing_type", Element: []byte(`{"a":1}`), At: time.Now()}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Record(f)
		}
	})
}
