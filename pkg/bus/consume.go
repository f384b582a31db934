package bus

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
)

// Delivery is one message handed to a handler.
type Delivery[M proto.Message] struct {
	ID        uuid.UUID
	AccountID uuid.UUID // uuid.Nil for messages of many accounts
	Time      time.Time // when it happened, by its publisher's clock
	Sequence  uint64    // in its stream
	Attempt   int       // from 1
	Type      event.Info
	Body      M

	header nats.Header
}

// Handler processes one delivery; what it returns is the verdict (see the package comment).
type Handler[M proto.Message] func(ctx context.Context, d Delivery[M]) error

// ConsumerOptions tune a consumer. The zero value of each field but Durable takes its default.
type ConsumerOptions struct {
	Durable     string        // the service's name; with the event's tag it names the consumer
	Concurrency int           // handlers at once in this instance; default 4
	MaxAttempts int           // failed attempts before a dead letter; default 12
	AckWait     time.Duration // silence after which the broker delivers again; default 30 s
	MinBackoff  time.Duration // delay after the first failure, doubled each time; default 500 ms
	MaxBackoff  time.Duration // default 1 min
	Timeout     time.Duration // of one handler run; default 5 min

	// Of ConsumeGroups: the most messages and, once that much is there, bytes of a group;
	// defaults 64 and 4 MiB.
	GroupMessages, GroupBytes int
}

func (o ConsumerOptions) withDefaults() ConsumerOptions {
	set := func(d *time.Duration, byDefault time.Duration) {
		if *d <= 0 {
			*d = byDefault
		}
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 12
	}
	if o.GroupMessages <= 0 {
		o.GroupMessages = 64
	}
	if o.GroupBytes <= 0 {
		o.GroupBytes = 4 << 20
	}
	set(&o.AckWait, 30*time.Second)
	set(&o.MinBackoff, 500*time.Millisecond)
	set(&o.MaxBackoff, time.Minute)
	set(&o.Timeout, 5*time.Minute)
	return o
}

const (
	// maxAckPending is how many delivered messages may wait for a verdict or for their delay to
	// pass before the broker stops delivering: high, so that a few thousand messages that are
	// being retried do not hold up the rest.
	maxAckPending = 10_000

	// drainGrace is how long handlers may go on after the consumer was told to stop.
	drainGrace = 2 * time.Second

	pullExpiry    = 30 * time.Second
	pullHeartbeat = 5 * time.Second
)

// Consume returns the service that hands every message of type t to h. It is ready when the
// consumer exists at the broker, and drains when its context is done.
func Consume[M proto.Message](b *Bus, t event.Type[M], o ConsumerOptions, h Handler[M], mw ...Middleware) lifecycle.Service {
	return b.consumer(DurableName(t, o.Durable), []event.Info{t.Info()}, o, func(ctx context.Context, d Delivery[proto.Message]) error {
		body, ok := d.Body.(M)
		if !ok {
			return fault.Permanent(fmt.Errorf("a %s arrived as %T", d.Type.Tag(), d.Body))
		}
		return h(ctx, Delivery[M]{ID: d.ID, AccountID: d.AccountID, Time: d.Time, Sequence: d.Sequence, Attempt: d.Attempt, Type: d.Type, Body: body})
	}, mw)
}

// ConsumeAny is Consume for several types of one stream under one durable, in the stream's order.
func ConsumeAny(b *Bus, types []event.Info, o ConsumerOptions, h Handler[proto.Message], mw ...Middleware) lifecycle.Service {
	return b.consumer(o.Durable, types, o, h, mw)
}

// DurableName is the name of a service's consumer of t at the broker: one service has one
// consumer per type.
func DurableName(t event.Describer, durable string) string {
	return durable + "_" + strings.ReplaceAll(t.Info().Tag(), ".", "_")
}

type consumer struct {
	bus     *Bus
	name    string
	types   []event.Info
	options ConsumerOptions
	log     *zap.Logger
	// process settles a message and what it gathers with it from the source.
	process func(ctx context.Context, source jetstream.Consumer, msg jetstream.Msg)
}

func (b *Bus) consumer(name string, types []event.Info, o ConsumerOptions, h Handler[proto.Message], mw []Middleware) lifecycle.Service {
	c := b.newConsumer(name, types, o)
	handle := c.chain(h, mw)
	c.process = func(ctx context.Context, _ jetstream.Consumer, msg jetstream.Msg) { c.deliver(ctx, msg, handle) }
	return c
}

func (b *Bus) newConsumer(name string, types []event.Info, o ConsumerOptions) *consumer {
	return &consumer{bus: b, name: name, types: types, options: o.withDefaults(), log: b.log.With(zap.String("consumer", name))}
}

// Run consumes until ctx is done.
func (c *consumer) Run(ctx context.Context, ready func()) error {
	source, err := c.ensure(ctx)
	if err != nil {
		return err
	}
	if source == nil { // told to stop before the broker answered
		return nil
	}
	ready()
	var workers sync.WaitGroup
	failures := make(chan error, c.options.Concurrency)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range c.options.Concurrency {
		workers.Go(func() {
			if err := c.work(ctx, source); err != nil {
				failures <- err
				stop()
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

// ensure creates the durable or updates it, and keeps trying while the broker is away.
// It returns nil, nil when ctx is done first.
func (c *consumer) ensure(ctx context.Context) (jetstream.Consumer, error) {
	if len(c.types) == 0 || c.options.Durable == "" || strings.ContainsAny(c.name, ". *>/\\") {
		return nil, fmt.Errorf("consuming: %q is not a usable consumer of %d types", c.name, len(c.types))
	}
	stream := c.types[0].Stream().Name
	filters := make([]string, len(c.types))
	for i, t := range c.types {
		if t.Stream().Name != stream {
			return nil, fmt.Errorf("consuming as %s: %s and %s are on different streams", c.name, c.types[0].Tag(), t.Tag())
		}
		filters[i] = t.Filter()
	}
	config := jetstream.ConsumerConfig{
		Durable:        c.name,
		FilterSubjects: filters,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        c.options.AckWait,
		// We count attempts and dead-letter ourselves: past its MaxDeliver the broker would keep
		// the message and never show it to anybody again.
		MaxDeliver:    -1,
		MaxAckPending: maxAckPending,
	}
	for attempt := 0; ; attempt++ {
		source, err := c.bus.js.CreateOrUpdateConsumer(ctx, stream, config)
		if err == nil {
			return source, nil
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		if c.bus.conn.IsClosed() {
			return nil, fmt.Errorf("consuming as %s: %w", c.name, nats.ErrConnectionClosed)
		}
		if attempt == 0 {
			c.log.Warn("waiting for the stream", zap.String("stream", stream), zap.Error(err))
		}
		if sleep(ctx, c.delay(attempt+1, nil)) != nil {
			return nil, nil
		}
	}
}

// work takes one message at a time. The pull asks for one, and only when the worker is free: a
// message waiting in a buffer would be aging towards its AckWait.
func (c *consumer) work(ctx context.Context, source jetstream.Consumer) error {
	for ctx.Err() == nil {
		messages, err := source.Messages(
			jetstream.PullMaxMessages(1),
			jetstream.PullExpiry(pullExpiry),
			jetstream.PullHeartbeat(pullHeartbeat),
			jetstream.WithMessagesErrOnMissingHeartbeat(true))
		if err == nil {
			err = c.take(ctx, source, messages)
		}
		if ctx.Err() != nil {
			return nil
		}
		if c.bus.conn.IsClosed() {
			return fmt.Errorf("consuming as %s: %w", c.name, nats.ErrConnectionClosed)
		}
		// Missing heartbeats, a deleted consumer, a restarted broker: look the durable up again.
		c.log.Debug("resuming", zap.Error(err))
		if source, err = c.ensure(ctx); err != nil || source == nil {
			return err
		}
	}
	return nil
}

func (c *consumer) take(ctx context.Context, source jetstream.Consumer, messages jetstream.MessagesContext) error {
	defer handBackBuffered(messages)
	for {
		if ctx.Err() != nil { // Next would ask the broker for one more first
			return ctx.Err()
		}
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		c.process(ctx, source, msg)
	}
}

// handBackBuffered stops the subscription and returns what the broker had sent and nobody took,
// so that another instance need not wait for AckWait.
func handBackBuffered(messages jetstream.MessagesContext) {
	messages.Drain()
	for {
		msg, err := messages.Next(jetstream.NextMaxWait(time.Second))
		if err != nil {
			messages.Stop()
			return
		}
		_ = msg.Nak() // else AckWait does it
	}
}

func (c *consumer) deliver(ctx context.Context, msg jetstream.Msg, handle Handler[proto.Message]) {
	d, err := c.decode(msg)
	if err != nil {
		c.settle(ctx, msg, d, fault.Permanent(err))
		return
	}
	handling, cancel := withGrace(ctx, c.options.Timeout)
	defer cancel()
	stop := c.keepAlive(handling, msg)
	err = c.noted(handling, d, func() error { return handle(handling, d) })
	stop()
	c.settle(ctx, msg, d, err)
}

// withGrace is ctx for a handler: it ends drainGrace after ctx, or after timeout.
func withGrace(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	handling, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	grace := make(chan *time.Timer, 1)
	unhook := context.AfterFunc(ctx, func() { grace <- time.AfterFunc(drainGrace, cancel) })
	return handling, func() {
		if !unhook() {
			(<-grace).Stop()
		}
		cancel()
	}
}

// keepAlive tells the broker, every third of AckWait, that the messages are being worked on.
func (c *consumer) keepAlive(ctx context.Context, messages ...jetstream.Msg) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(c.options.AckWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				for _, msg := range messages {
					_ = msg.InProgress() // a lost one means a second delivery, which handlers bear
				}
			case <-ctx.Done():
				return
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// decode never returns a Delivery without what settle needs: attempt and, if it can be told, type.
func (c *consumer) decode(msg jetstream.Msg) (Delivery[proto.Message], error) {
	var d Delivery[proto.Message]
	meta, err := msg.Metadata()
	if err != nil {
		return d, fmt.Errorf("reading the delivery's metadata: %w", err)
	}
	d.Sequence, d.Attempt, d.header = meta.Sequence.Stream, int(meta.NumDelivered), msg.Headers()
	return d, decodeInto(&d, msg.Headers(), msg.Data(), c.types)
}

func decodeInto(d *Delivery[proto.Message], h nats.Header, data []byte, types []event.Info) error {
	if err := readHeader(d, h, types); err != nil {
		return err
	}
	d.Body = d.Type.New()
	if err := proto.Unmarshal(data, d.Body); err != nil {
		return fmt.Errorf("decoding a %s: %w", d.Type.Tag(), err)
	}
	return nil
}

// readHeader reads what the headers say of a message.
func readHeader(d *Delivery[proto.Message], h nats.Header, types []event.Info) error {
	tag := h.Get(HeaderEvent)
	for _, t := range types {
		if t.Tag() == tag {
			d.Type = t
		}
	}
	if d.Type.Name() == "" {
		return fmt.Errorf("unknown event %.100q", tag)
	}
	var err error
	// A replayed dead letter's id reads "<uuid>/replay-<n>": another message, the same event.
	id, _, _ := strings.Cut(h.Get(jetstream.MsgIDHeader), "/")
	if d.ID, err = uuid.Parse(id); err != nil {
		return fmt.Errorf("reading the event id: %w", err)
	}
	if d.Type.Scope() == event.OneAccount {
		if d.AccountID, err = uuid.Parse(h.Get(HeaderAccount)); err != nil {
			return fmt.Errorf("reading the account id: %w", err)
		}
	}
	if d.Time, err = time.Parse(time.RFC3339Nano, h.Get(HeaderTime)); err != nil {
		return fmt.Errorf("reading the event's time: %w", err)
	}
	return nil
}
