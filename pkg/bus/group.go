package bus

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/telemetry"
)

// Raw is one message of a group, its body still encoded: who handles thousands a second decodes
// what is needed, without a copy. Data is the handler's until it returns.
type Raw struct {
	ID       uuid.UUID
	Time     time.Time
	Sequence uint64
	Attempt  int
	Data     []byte
}

// GroupHandler processes a group as one: nil means that all of it is done. After an error all of it comes
// again, also what is done.
type GroupHandler func(ctx context.Context, group []Raw) error

const (
	// groupAttempts: a message that was delivered more often is handled alone, so that one which
	// crashes its consumer does not take others with it again and again.
	groupAttempts = unnotedAttempts
	// fetchAtOnce bounds what one request for more may bring, whatever the messages' size.
	fetchAtOnce = 16
)

// ConsumeGroups is Consume for handlers that gain from doing several messages at once. A group is
// what the broker has ready, up to the options' bounds; nothing waits for a group to fill. When a
// group fails, each of its messages is handled again alone and gets its own verdict: one that cannot
// be processed holds nobody back. An outage is nobody's fault; then all come again later.
func ConsumeGroups[M proto.Message](b *Bus, t event.Type[M], o ConsumerOptions, h GroupHandler) lifecycle.Service {
	c := b.newConsumer(DurableName(t, o.Durable), []event.Info{t.Info()}, o)
	g := &groups{consumer: c, handle: h, tracer: otel.Tracer("github.com/draftlabs/specter/pkg/bus")}
	c.process = g.process
	return c
}

type groups struct {
	*consumer
	handle GroupHandler
	tracer trace.Tracer
}

// taken is a message with what is known of it.
type taken struct {
	msg      jetstream.Msg
	delivery Delivery[proto.Message] // without its body
}

func (g *groups) process(ctx context.Context, source jetstream.Consumer, msg jetstream.Msg) {
	first, ok := g.read(ctx, msg)
	if !ok {
		return
	}
	group := []taken{first}
	var alone []taken
	if first.delivery.Attempt <= groupAttempts {
		for _, next := range g.more(ctx, source, len(msg.Data())) {
			switch one, ok := g.read(ctx, next); {
			case !ok:
			case one.delivery.Attempt > groupAttempts:
				alone = append(alone, one)
			default:
				group = append(group, one)
			}
		}
	}
	// What waits for its turn is kept alive with what is being handled.
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	all := make([]jetstream.Msg, 0, len(group)+len(alone))
	for _, list := range [][]taken{group, alone} {
		for _, one := range list {
			all = append(all, one.msg)
		}
	}
	defer g.keepAlive(keeping, all...)()
	switch err := g.runNoted(ctx, group); {
	case err != nil && len(group) > 1 && ctx.Err() != nil:
		// Whose fault it was cannot be found out any more.
		g.settleAll(ctx, group, ctx.Err())
	case err == nil || len(group) == 1 || isOutage(err):
		g.settleAll(ctx, group, err)
	default:
		g.log.Warn("a group failed; its messages are handled one by one", zap.Int("messages", len(group)), zap.Error(err))
		alone = append(group, alone...)
	}
	for _, one := range alone {
		g.settle(ctx, one.msg, one.delivery, g.runNoted(ctx, []taken{one}))
	}
}

// read settles a message whose headers say that nobody can handle it.
func (g *groups) read(ctx context.Context, msg jetstream.Msg) (taken, bool) {
	one := taken{msg: msg}
	meta, err := msg.Metadata()
	if err == nil {
		one.delivery.Sequence, one.delivery.Attempt, one.delivery.header = meta.Sequence.Stream, int(meta.NumDelivered), msg.Headers()
		err = readHeader(&one.delivery, msg.Headers(), g.types)
	}
	if err != nil {
		g.settle(ctx, msg, one.delivery, fault.Permanent(err))
		return taken{}, false
	}
	return one, true
}

// more takes what else the broker has ready, as far as a group that has size bytes has room.
func (g *groups) more(ctx context.Context, source jetstream.Consumer, size int) []jetstream.Msg {
	var out []jetstream.Msg
	for messages := 1; messages < g.options.GroupMessages && size < g.options.GroupBytes && ctx.Err() == nil; {
		// As many as fit when they are as large as those before.
		room := (g.options.GroupBytes - size) / max(1, size/messages)
		want := min(max(1, room), g.options.GroupMessages-messages, fetchAtOnce)
		batch, err := source.FetchNoWait(want)
		if err != nil {
			return out // what is there is handled; the next pull meets the error again
		}
		got := 0
		for msg := range batch.Messages() {
			out = append(out, msg)
			size += len(msg.Data())
			got++
		}
		if messages += got; got < want {
			break
		}
	}
	return out
}

// runNoted runs a group; of one message alone it notes when it comes often.
func (g *groups) runNoted(ctx context.Context, group []taken) error {
	if len(group) > 1 {
		return g.run(ctx, group)
	}
	return g.noted(ctx, group[0].delivery, func() error { return g.run(ctx, group) })
}

// run calls the handler, inside the publisher's trace when it is one message and linked to the
// publishers' when it is several.
func (g *groups) run(ctx context.Context, group []taken) (err error) {
	ctx, cancel := withGrace(ctx, g.options.Timeout)
	defer cancel()
	list := make([]Raw, len(group))
	var links []trace.Link
	for i, one := range group {
		d := one.delivery
		list[i] = Raw{ID: d.ID, Time: d.Time, Sequence: d.Sequence, Attempt: d.Attempt, Data: one.msg.Data()}
		if link := trace.LinkFromContext(telemetry.Extract(ctx, d.header.Get)); len(group) > 1 && link.SpanContext.IsValid() {
			links = append(links, link)
		}
	}
	if len(group) == 1 {
		ctx = telemetry.Extract(ctx, group[0].delivery.header.Get)
	}
	info := g.types[0]
	ctx, span := g.tracer.Start(ctx, "consume "+info.Name(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(attribute.String("messaging.consumer", g.name), attribute.Int("messaging.batch.message_count", len(group))))
	defer span.End()
	running := g.bus.metrics.running.WithLabelValues(g.name)
	running.Inc()
	defer running.Dec()
	started := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{value: p}
			g.log.Error("the handler panicked", zap.String("event", info.Tag()), zap.Int("messages", len(group)), zap.Error(err), zap.ByteString("stack", debug.Stack()))
		}
		if err != nil {
			span.SetStatus(codes.Error, "failed")
		}
		g.bus.metrics.handleTime.WithLabelValues(g.name, info.Tag()).Observe(time.Since(started).Seconds())
	}()
	return g.handle(ctx, list)
}

// settleAll carries out one verdict on many messages. Each acknowledgement waits for the broker's
// word, so they wait together.
func (g *groups) settleAll(ctx context.Context, group []taken, err error) {
	if len(group) == 1 {
		g.settle(ctx, group[0].msg, group[0].delivery, err)
		return
	}
	var all sync.WaitGroup
	for _, one := range group {
		all.Go(func() { g.settle(ctx, one.msg, one.delivery, err) })
	}
	all.Wait()
}
