package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/telemetry"
)

// Middleware wraps a handler. Those given to Consume run inside the bus's own, first outermost.
type Middleware func(Handler[proto.Message]) Handler[proto.Message]

// chain wraps h; the last line is the outermost.
func (c *consumer) chain(h Handler[proto.Message], mw []Middleware) Handler[proto.Message] {
	for i := len(mw) - 1; i >= 0; i-- {
		h = mw[i](h)
	}
	h = recoverPanics(h) // innermost of ours: everything outside sees a panic as an error
	h = c.logged(h)      // outside recover, so that a panic's error is in the line too
	h = c.measured(h)    // outside the log, so that the time covers what it reports
	h = c.traced(h)      // outermost: all of the above happens inside the publisher's trace
	return h
}

func recoverPanics(next Handler[proto.Message]) Handler[proto.Message] {
	return func(ctx context.Context, d Delivery[proto.Message]) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = &panicked{value: p, stack: debug.Stack()}
			}
		}()
		return next(ctx, d)
	}
}

type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("the handler panicked: %v", p.value) }

func (c *consumer) logged(next Handler[proto.Message]) Handler[proto.Message] {
	return func(ctx context.Context, d Delivery[proto.Message]) error {
		started := time.Now()
		err := next(ctx, d)
		// Failures are logged once, by settle, which knows the verdict; a stack only exists here.
		var p *panicked
		if errors.As(err, &p) {
			c.log.Error("the handler panicked", zap.String("event", d.Type.Tag()), zap.Stringer("event_id", d.ID), zap.ByteString("stack", p.stack))
		} else if err == nil {
			c.log.Debug("handled", zap.String("event", d.Type.Tag()), zap.Stringer("event_id", d.ID), zap.Duration("took", time.Since(started)))
		}
		return err
	}
}

func (c *consumer) measured(next Handler[proto.Message]) Handler[proto.Message] {
	running := c.bus.metrics.running.WithLabelValues(c.name)
	return func(ctx context.Context, d Delivery[proto.Message]) error {
		running.Inc()
		defer running.Dec()
		started := time.Now()
		defer func() {
			c.bus.metrics.handleTime.WithLabelValues(c.name, d.Type.Tag()).Observe(time.Since(started).Seconds())
		}()
		return next(ctx, d)
	}
}

func (c *consumer) traced(next Handler[proto.Message]) Handler[proto.Message] {
	tracer := otel.Tracer("github.com/draftlabs/specter/pkg/bus")
	return func(ctx context.Context, d Delivery[proto.Message]) error {
		ctx = telemetry.Extract(ctx, d.header.Get)
		ctx, span := tracer.Start(ctx, "consume "+d.Type.Name(), trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attribute.String("messaging.consumer", c.name), attribute.Int("messaging.attempt", d.Attempt)))
		defer span.End()
		err := next(ctx, d)
		if err != nil {
			span.SetStatus(codes.Error, "failed")
		}
		return err
	}
}
