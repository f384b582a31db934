package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/event"
)

// Options say how to reach the broker.
type Options struct {
	URL        string                     // nats://host:port, several separated by commas
	Name       string                     // shown in the broker's connection list
	InProcess  nats.InProcessConnProvider // a server in this process; URL is not used then
	Log        *zap.Logger                // nil = silent
	Registerer prometheus.Registerer      // nil = metrics are not exposed
	Replicas   int                        // of every stream; 0 = 1. Three in a cluster
	MaxBytes   map[string]int64           // by stream name, instead of the catalogue's default
}

// Bus is one connection to the broker. It is safe for concurrent use and survives the broker's
// restarts: while the broker is away, publishing fails at once and consumers wait.
type Bus struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	log     *zap.Logger
	metrics *metrics
	options Options
	closed  chan struct{}
}

const (
	dialTimeout    = 2 * time.Second
	reconnectWait  = 250 * time.Millisecond
	requestTimeout = 5 * time.Second
	closeTimeout   = 3 * time.Second

	// maxInFlight bounds what PublishAsync may have unacknowledged.
	maxInFlight = 1024
)

// Connect opens the connection and keeps trying until ctx is done, so that services and broker
// may start in any order.
func Connect(ctx context.Context, o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	b := &Bus{log: o.Log.Named("bus"), metrics: newMetrics(o.Registerer), options: o, closed: make(chan struct{})}
	var err error
	for attempt := 0; ; attempt++ {
		if b.conn, err = nats.Connect(o.URL, b.natsOptions()...); err == nil {
			break
		}
		if attempt == 0 {
			b.log.Info("waiting for the message broker", zap.Error(err))
		}
		if sleep(ctx, reconnectWait) != nil {
			return nil, fmt.Errorf("connecting to the message broker: %w", errors.Join(ctx.Err(), err))
		}
	}
	b.js, err = jetstream.New(b.conn,
		jetstream.WithDefaultTimeout(requestTimeout),
		jetstream.WithPublishAsyncMaxPending(maxInFlight),
		jetstream.WithPublishAsyncTimeout(requestTimeout))
	if err != nil {
		b.conn.Close()
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	if limit := b.conn.MaxPayload(); limit < event.MaxMessageBytes {
		b.log.Warn("the broker's max_payload is below what Specter sends; larger messages will be refused",
			zap.Int64("max_payload", limit), zap.Int("wanted", event.MaxMessageBytes))
	}
	return b, nil
}

func (b *Bus) natsOptions() []nats.Option {
	options := []nats.Option{
		nats.Name(b.options.Name),
		nats.Timeout(dialTimeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, 4*reconnectWait),
		// No buffering while the broker is away: a publish fails now and its caller answers 503,
		// instead of an unbounded promise in memory.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(c *nats.Conn, err error) {
			b.metrics.connected.Set(0)
			if !c.IsClosed() { // closing is no loss
				b.log.Warn("lost the message broker", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			b.metrics.connected.Set(1)
			b.log.Info("the message broker is back", zap.String("server", c.ConnectedServerName()))
		}),
		nats.ConnectHandler(func(*nats.Conn) { b.metrics.connected.Set(1) }),
		nats.ClosedHandler(func(*nats.Conn) {
			b.metrics.connected.Set(0)
			close(b.closed)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			fields := []zap.Field{zap.Error(err)}
			if sub != nil {
				fields = append(fields, zap.String("subject", sub.Subject))
			}
			b.log.Warn("message broker", fields...)
		}),
	}
	if b.options.InProcess != nil {
		options = append(options, nats.InProcessServer(b.options.InProcess))
	}
	return options
}

// JetStream is the connection's JetStream context, for what this package does not wrap.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Conn is the connection itself.
func (b *Bus) Conn() *nats.Conn { return b.conn }

// Registerer is where the bus's metrics are, for what is built on it.
func (b *Bus) Registerer() prometheus.Registerer { return b.options.Registerer }

// MaxMessageBytes is the largest body Publish takes: the catalogue's limit or the broker's,
// whichever is smaller, less room for headers.
func (b *Bus) MaxMessageBytes() int {
	return int(min(int64(event.MaxMessageBytes), b.conn.MaxPayload())) - headerRoom
}

// Close flushes what was published and closes the connection. Consumers are stopped before, by
// the context of their Run. Calling it again does nothing.
func (b *Bus) Close(ctx context.Context) error {
	if b.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var err error
	if b.conn.IsConnected() {
		if err = b.conn.FlushWithContext(ctx); err != nil {
			err = fmt.Errorf("flushing to the message broker: %w", err)
		}
	}
	b.js.CleanupPublisher()
	b.conn.Close()
	select {
	case <-b.closed:
	case <-ctx.Done():
	}
	return err
}

// sleep waits for d or until ctx is done, whose error it returns then.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
