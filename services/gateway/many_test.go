package gateway_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/gateway"
)

// another starts one more gateway beside the world's, with a connection and a clock of its own.
func (w *world) another(now func() time.Time) (url string, stop func()) {
	w.t.Helper()
	c, err := config.Load[gateway.Config](config.Source{})
	require.NoError(w.t, err)
	c.SyncAlways = true
	s, err := gateway.New(c, svcmain.Platform{Log: zap.NewNop(), Bus: w.broker.Bus(w.t), Metrics: prometheus.NewRegistry(), Now: now})
	require.NoError(w.t, err)
	stop = run(w.t, s)
	server := httpx.NewServer("127.0.0.1:0", s.Handler(), zap.NewNop())
	run(w.t, server)
	return "http://" + server.Addr(), stop
}

// gateways starts so many, all of which know the account's limit.
func (w *world) gateways(n int, limit int64, now func() time.Time) (urls []string, stop func()) {
	w.t.Helper()
	w.put(catalog.AccountName(w.account), &catalogv1.Account{AccountId: w.account.String(), MonthlySignalLimit: limit})
	var stops []func()
	for range n {
		url, stop := w.another(now)
		urls, stops = append(urls, url), append(stops, stop)
	}
	for _, url := range urls {
		testkit.Eventually(w.t, func() bool {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodHead, url+"/api/signals?key="+w.key, nil)
			require.NoError(w.t, err)
			resp, err := w.client.RoundTrip(r)
			require.NoError(w.t, err)
			require.NoError(w.t, resp.Body.Close())
			return resp.Header.Get("X-Quota-Limit") != ""
		}, "the limit to arrive")
	}
	return urls, func() {
		for _, s := range stops {
			s()
		}
	}
}

// post sends signals to one gateway and returns the status.
func (w *world) post(url, body string) int {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/api/signals", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0
	}
	r.Header.Set("X-Api-Key", w.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.client.RoundTrip(r)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (w *world) quotaOf(month time.Time) *catalogv1.Quota {
	w.t.Helper()
	bucket, err := w.bus.JetStream().KeyValue(context.Background(), event.QuotaBucket)
	require.NoError(w.t, err)
	q := &catalogv1.Quota{}
	entry, err := bucket.Get(context.Background(), event.QuotaKey(w.account, month))
	if err == nil {
		require.NoError(w.t, proto.Unmarshal(entry.Value(), q))
	} else {
		require.ErrorIs(w.t, err, jetstream.ErrKeyNotFound)
	}
	return q
}

// Eight gateways that one account hammers accept exactly its limit: none of them refuses before 99 %
// of it are used, and who goes on trying gets the rest.
func TestEightGatewaysEndAtTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const limit, batch = 20_000, 7
	urls, stop := w.gateways(8, limit, time.Now)
	var accepted, refusedAt atomic.Int64
	many := "[" + strings.TrimSuffix(strings.Repeat(`{"type":"a"},`, batch), ",") + "]"
	var all sync.WaitGroup
	for _, url := range urls {
		for range 2 {
			all.Go(func() {
				for body, n := many, int64(batch); accepted.Load() < limit && !t.Failed(); {
					switch status := w.post(url, body); status {
					case http.StatusOK:
						accepted.Add(n)
					case http.StatusTooManyRequests:
						refusedAt.CompareAndSwap(0, accepted.Load())
						body, n = `{"type":"a"}`, 1 // what is left may be less than a batch
					case http.StatusServiceUnavailable: // comes again
					default:
						t.Errorf("answered %d", status)
					}
				}
			})
		}
	}
	all.Wait()
	require.EqualValues(t, limit, accepted.Load(), "exactly the limit")
	require.GreaterOrEqual(t, refusedAt.Load(), int64(limit*99/100), "nobody was refused before")
	for _, url := range urls {
		require.Equal(t, http.StatusTooManyRequests, w.post(url, `{"type":"a"}`))
	}
	stop()
	q := w.quotaOf(time.Now())
	require.EqualValues(t, limit, q.GetUsed())
	require.Zero(t, q.GetLost())
	require.Len(t, w.stored(), limit)
	t.Logf("first refused at %d of %d", refusedAt.Load(), limit)
}

// At the end of a month each signal counts in the month in which it says that it was received, and
// none is lost between the two.
func TestAMonthRollsOverExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const limit = 1_000_000
	midnight := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	// The clock waits two seconds before midnight until the gateways are there, so that the new month comes while the
	// senders are at it.
	var began atomic.Pointer[time.Time]
	now := func() time.Time {
		at := midnight.Add(-2 * time.Second)
		if since := began.Load(); since != nil {
			at = at.Add(time.Since(*since))
		}
		return at
	}
	urls, stop := w.gateways(3, limit, now)
	start := time.Now()
	began.Store(&start)
	var accepted atomic.Int64
	var all sync.WaitGroup
	for i, url := range urls {
		for range 4 {
			all.Go(func() {
				for n := 1; now().Before(midnight.Add(time.Second)); n++ {
					size := (n+i)%5 + 1
					if w.post(url, "["+strings.TrimSuffix(strings.Repeat(`{"type":"a"},`, size), ",")+"]") == http.StatusOK {
						accepted.Add(int64(size))
					}
				}
			})
		}
	}
	all.Wait()
	stop()
	stored := w.stored()
	require.EqualValues(t, accepted.Load(), len(stored), "none is lost")
	received := map[bool]int64{}
	for _, s := range stored {
		received[s.GetReceivedAt().AsTime().Before(midnight)]++
	}
	before, after := w.quotaOf(midnight.Add(-time.Hour)), w.quotaOf(midnight)
	require.Equal(t, received[true], before.GetUsed(), "the old month's")
	require.Equal(t, received[false], after.GetUsed(), "the new month's")
	require.Zero(t, before.GetLost()+after.GetLost())
	require.Positive(t, before.GetUsed())
	require.Positive(t, after.GetUsed())
	t.Logf("%d before midnight, %d after", before.GetUsed(), after.GetUsed())
}

// A broker that has lost what was used serves nobody who has a limit before that is found out.
func TestALostMonthIsNotCountedFromZero(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	urls, _ := w.gateways(1, 10, time.Now)
	for range 10 {
		require.Equal(t, http.StatusOK, w.post(urls[0], `{"type":"a"}`))
	}
	stream, err := w.bus.JetStream().Stream(t.Context(), "KV_"+event.QuotaBucket)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	fresh, _ := w.another(time.Now)
	testkit.Eventually(t, func() bool { return w.post(fresh, `{"type":"a"}`) == http.StatusServiceUnavailable }, "nobody knows what is left")

	value, err := proto.Marshal(&catalogv1.Quota{Used: 9})
	require.NoError(t, err)
	bucket, err := w.bus.JetStream().KeyValue(t.Context(), event.QuotaBucket)
	require.NoError(t, err)
	_, err = bucket.Put(t.Context(), event.QuotaKey(w.account, time.Now()), value)
	require.NoError(t, err)
	complete(t, w.bus)
	testkit.Eventually(t, func() bool { return w.post(fresh, `{"type":"a"}`) == http.StatusOK }, "it goes on from there")
	testkit.Eventually(t, func() bool { return w.post(fresh, `{"type":"a"}`) == http.StatusTooManyRequests }, "and ends at the limit")
}
