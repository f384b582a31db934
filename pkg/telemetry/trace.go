package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Inject hands the W3C trace context of ctx (traceparent, tracestate) to set, pair by pair.
// Without a trace in ctx it hands nothing.
func Inject(ctx context.Context, set func(key, value string)) {
	propagation.TraceContext{}.Inject(ctx, carrier{set: set})
}

// Extract returns ctx with the remote trace context that get finds, if any.
func Extract(ctx context.Context, get func(key string) string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, carrier{get: get})
}

type carrier struct {
	get func(key string) string
	set func(key, value string)
}

func (c carrier) Get(key string) string { return c.get(key) }
func (c carrier) Set(key, value string) { c.set(key, value) }
func (c carrier) Keys() []string        { return []string{"traceparent", "tracestate"} }
