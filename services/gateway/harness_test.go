package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// world is a gateway with a broker of its own and one product.
type world struct {
	t      testing.TB
	broker *testkit.NATSServer
	bus    *bus.Bus
	url    string
	stop   func()
	client *http.Transport
	ahead  atomic.Int64 // the gateway's clock is, by this many nanoseconds

	key                         string
	account, product, contextID uuid.UUID
}

func newWorld(t testing.TB, change ...func(*gateway.Config)) *world {
	t.Helper()
	broker := testkit.NATS(t)
	w := &world{
		t: t, broker: broker, bus: broker.Bus(t),
		key: apikey.New(apikey.Ingest), account: uuid.New(), product: uuid.New(), contextID: uuid.New(),
	}
	w.putProduct(&catalogv1.Product{})
	w.putKey(w.key, &catalogv1.Key{})
	complete(t, w.bus)

	c, err := config.Load[gateway.Config](config.Source{})
	require.NoError(t, err)
	c.SyncAlways = true // as testkit's broker does
	for _, f := range change {
		f(&c)
	}
	require.NoError(t, c.Validate())
	s, err := gateway.New(c, svcmain.Platform{Log: zap.NewNop(), Bus: w.bus, Metrics: prometheus.NewRegistry(), Now: w.now})
	require.NoError(t, err)
	w.stop = run(t, s)

	// The server of production: it has a way of its own for plain requests.
	server := httpx.NewServer("127.0.0.1:0", s.Handler(), zap.NewNop())
	run(t, server)
	w.url = "http://" + server.Addr()
	// A client that asked for gzip by itself would hide what was sent.
	w.client = &http.Transport{DisableCompression: true}
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// complete notes that accounts whose month the broker does not hold have used nothing of it.
func complete(t testing.TB, b *bus.Bus) {
	t.Helper()
	bucket, err := b.JetStream().KeyValue(context.Background(), event.QuotaBucket)
	require.NoError(t, err)
	_, err = bucket.Put(context.Background(), event.QuotaComplete, nil)
	require.NoError(t, err)
}

// run starts a service and returns what stops it; a test that does not is stopped at its end.
func run(t testing.TB, s lifecycle.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, sync.OnceFunc(func() { close(ready) })) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		require.NoError(t, err)
	}
	return stop
}

func (w *world) putProduct(p *catalogv1.Product) {
	w.t.Helper()
	p.ProductId, p.AccountId = w.product.String(), w.account.String()
	p.DefaultContextId, p.ContextIds = w.contextID.String(), []string{w.contextID.String()}
	w.put(catalog.ProductName(w.product), p)
}

func (w *world) putKey(key string, k *catalogv1.Key) {
	w.t.Helper()
	k.KeyId, k.AccountId, k.ProductId = uuid.NewString(), w.account.String(), w.product.String()
	w.put(catalog.KeyName(apikey.Hash(key)), k)
}

func (w *world) put(name string, m proto.Message) {
	w.t.Helper()
	value, err := proto.Marshal(m)
	require.NoError(w.t, err)
	bucket, err := w.bus.JetStream().KeyValue(context.Background(), event.CatalogBucket)
	require.NoError(w.t, err)
	_, err = bucket.Put(context.Background(), name, value)
	require.NoError(w.t, err)
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem(t testing.TB) (p struct {
	Type, Title, Detail, Instance, Code, Error string
	Status                                     int
	RequestID                                  string `json:"request_id"`
	Errors                                     []struct{ Pointer, Code, Detail string }
}) {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &p))
	return p
}

// send posts body; headers are name, value pairs. The API key goes along unless path has a query.
func (w *world) send(path string, body []byte, headers ...string) answer {
	w.t.Helper()
	return w.do(http.MethodPost, path, body, append([]string{"X-Api-Key", w.key, "Content-Type", "application/json"}, headers...)...)
}

func (w *world) do(method, path string, body []byte, headers ...string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, w.url+path, bytes.NewReader(body))
	require.NoError(w.t, err)
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	resp, err := w.client.RoundTrip(r)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
}

// stored returns every signal of the stream, in order.
func (w *world) stored() []*eventv1.Signal {
	w.t.Helper()
	ctx := context.Background()
	stream, err := w.bus.JetStream().Stream(ctx, event.SignalBatch.Stream().Name)
	require.NoError(w.t, err)
	info, err := stream.Info(ctx)
	require.NoError(w.t, err)
	var all []*eventv1.Signal
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	require.NoError(w.t, err)
	for range info.State.Msgs {
		msg, err := consumer.Next()
		require.NoError(w.t, err)
		var b eventv1.SignalBatch
		require.NoError(w.t, proto.Unmarshal(msg.Data(), &b))
		all = append(all, b.GetSignals()...)
	}
	return all
}
