package gateway_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/gateway"
)

// clients send batches of signals with ids of their own and write down what was acknowledged.
type clients struct {
	w        *world
	http     *http.Client
	sent     sync.Map // id → struct{}
	acked    sync.Map
	ok       atomic.Int64
	refused  atomic.Int64
	slowest  atomic.Int64 // nanoseconds of the slowest refusal
	mistakes chan string
}

func newClients(w *world) *clients {
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &clients{w: w, http: &http.Client{Transport: transport}, mistakes: make(chan string, 100)}
}

// run sends from n clients until ctx ends.
func (c *clients) run(ctx context.Context, n int) *sync.WaitGroup {
	var running sync.WaitGroup
	for range n {
		running.Go(func() {
			for ctx.Err() == nil {
				c.send()
			}
		})
	}
	return &running
}

func (c *clients) send() {
	ids := []string{uuid.NewString(), uuid.NewString()}
	for _, id := range ids {
		c.sent.Store(id, struct{}{})
	}
	started := time.Now()
	body := fmt.Sprintf(`[{"type":"a","id":"%s"},{"type":"b","id":"%s"}]`, ids[0], ids[1])
	resp, err := c.http.Post(c.w.url+"/api/signals?key="+c.w.key, "application/json", strings.NewReader(body))
	if err != nil {
		c.note("no answer: %v", err)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	switch resp.StatusCode {
	case http.StatusOK:
		c.ok.Add(1)
		for _, id := range ids {
			c.acked.Store(id, struct{}{})
		}
	case http.StatusServiceUnavailable:
		c.refused.Add(1)
		if took := int64(time.Since(started)); took > c.slowest.Load() {
			c.slowest.Store(took)
		}
		if resp.Header.Get("Retry-After") == "" {
			c.note("503 without Retry-After")
		}
	default:
		c.note("status %d", resp.StatusCode)
	}
}

func (c *clients) note(format string, args ...any) {
	select {
	case c.mistakes <- fmt.Sprintf(format, args...):
	default:
	}
}

// account compares what was acknowledged with what is in the stream.
func (c *clients) account(t *testing.T) {
	t.Helper()
	stored := map[string]int{}
	for _, s := range c.w.stored() {
		id, err := uuid.FromBytes(s.GetClientId())
		require.NoError(t, err)
		stored[id.String()]++
	}
	c.acked.Range(func(id, _ any) bool {
		require.Equal(t, 1, stored[id.(string)], "acknowledged once, stored once")
		return true
	})
	for id := range stored {
		_, sent := c.sent.Load(id)
		require.True(t, sent, "stored, but never sent")
	}
}

func TestABrokerThatDiesUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newClients(w)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	running := c.run(ctx, 16)

	for range 3 {
		before := c.ok.Load()
		testkit.Eventually(t, func() bool { return c.ok.Load() > before+50 }, "signals to be stored")
		refused := c.refused.Load()
		w.broker.Kill(t)
		testkit.Eventually(t, func() bool { return c.refused.Load() > refused+50 }, "refusals while the broker is away")
		w.broker.Start(t)
	}
	before, healed := c.ok.Load(), time.Now()
	testkit.Eventually(t, func() bool { return c.ok.Load() > before+50 }, "signals to be stored again")
	require.Less(t, time.Since(healed), 5*time.Second)

	cancel()
	running.Wait()
	require.Empty(t, c.mistakes)
	require.Less(t, time.Duration(c.slowest.Load()), 2*time.Second, "the slowest 503")
	c.account(t)
}

func TestStoppingUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newClients(w)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	running := c.run(ctx, 16)
	testkit.Eventually(t, func() bool { return c.ok.Load() > 100 }, "signals to be stored")
	w.stop()
	testkit.Eventually(t, func() bool { return c.refused.Load() > 10 }, "refusals after the stop")
	cancel()
	running.Wait()
	require.Empty(t, c.mistakes)
	c.account(t)
}

// BenchmarkIngest has every signal synced to this machine's disk: one by one, each in a message of
// its own, and as the gateway does it, packed with those that are in flight together.
func BenchmarkIngest(b *testing.B) {
	for _, load := range []struct {
		name          string
		per, parallel int
		batchSignals  int // 0: as many as the gateway takes by default
	}{
		{"signals=1/one-by-one", 1, 64, 1},
		{"signals=1/group-commit", 1, 64, 0},
		{"signals=20/group-commit", 20, 64, 0},
		{"signals=1000/group-commit", 1000, 4, 0},
	} {
		b.Run(load.name, func(b *testing.B) {
			w := newWorld(b, func(c *gateway.Config) {
				c.RatePerSecond = 1_000_000_000
				c.BatchSignals = cmp.Or(load.batchSignals, c.BatchSignals)
			})
			c := newClients(w)
			one := `{"type":"page_view","payload":{"url":"https://shop.example/checkout/pay","path":"/checkout/pay","element":"main > form.checkout > button.primary","text":"Pay now"},"session_id":"019cafe0-0000-7000-8000-00000000000b"}`
			body := "[" + strings.Repeat(one+",", load.per-1) + one + "]"
			b.SetBytes(int64(len(body)))
			b.SetParallelism(load.parallel)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := c.http.Post(w.url+"/api/signals?key="+w.key, "application/json", strings.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						b.Errorf("status %d", resp.StatusCode)
					}
				}
			})
			b.ReportMetric(float64(b.N*load.per)/b.Elapsed().Seconds(), "signals/s")
		})
	}
}

// A broker that comes back with an empty disk has lost every key. Nobody is told that theirs is not valid.
func TestABrokerThatHasLostTheCatalogueDeniesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := []byte(`{"type":"a"}`)
	require.Equal(t, http.StatusOK, w.send("/api/signals", body).status)
	other := "/api/signals?key=" + apikey.New(apikey.Ingest)
	require.Equal(t, http.StatusUnauthorized, w.do(http.MethodPost, other, body).status)

	w.broker.Kill(t)
	require.NoError(t, os.RemoveAll(w.broker.Dir))
	w.broker.Start(t)
	w.broker.Bus(t) // makes the streams anew
	var got answer
	testkit.Eventually(t, func() bool {
		got = w.do(http.MethodPost, other, body)
		return got.status == http.StatusServiceUnavailable
	}, "the loss is noticed")
	require.NotEmpty(t, got.header.Get("Retry-After"))
	testkit.Eventually(t, func() bool { return w.send("/api/signals", body).status == http.StatusOK }, "a key that was known works")
}
