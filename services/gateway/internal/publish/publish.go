package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Publisher is a batch.Store.
type Publisher struct {
	bus   *bus.Bus
	now   func() time.Time
	newID func() uuid.UUID
}

// New returns a publisher on b.
func New(b *bus.Bus, now func() time.Time, newID func() uuid.UUID) Publisher {
	return Publisher{bus: b, now: now, newID: newID}
}

// CheckDurable refuses a SIGNALS stream that would lose acknowledged messages: one in memory, one
// that throws old messages away for new ones, or one that forgets messages once they are read.
func (p Publisher) CheckDurable(ctx context.Context) error {
	name := event.SignalBatch.Stream().Name
	stream, err := p.bus.JetStream().Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("looking at stream %s: %w", name, err)
	}
	switch c := stream.CachedInfo().Config; {
	case c.Storage != jetstream.FileStorage:
		return fmt.Errorf("stream %s is kept in memory: signals could be acknowledged and lost; it must use file storage", name)
	case c.Discard != jetstream.DiscardNew:
		return fmt.Errorf("stream %s discards old messages when full: it must discard new ones", name)
	case c.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("stream %s does not use limits retention", name)
	default:
		return nil
	}
}

// Append publishes signals as one message and returns after the broker's acknowledgement.
func (p Publisher) Append(ctx context.Context, signals []signal.Signal) error {
	body := &eventv1.SignalBatch{Signals: make([]*eventv1.Signal, len(signals))}
	for i := range signals {
		body.Signals[i] = encode(&signals[i])
	}
	_, err := bus.Publish(ctx, p.bus, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: p.newID(), Time: p.now(), Body: body})
	if fault.Is(err, fault.TooLarge) {
		return fault.Wrap(err, fault.TooLarge, "payload_too_large", "The signals of this request are too large to be stored together. Send fewer at once.")
	}
	return err //nolint:wrapcheck // says "publishing signal.batch.v1" already
}

func encode(s *signal.Signal) *eventv1.Signal {
	return &eventv1.Signal{
		Id:         s.ID[:],
		ClientId:   optional(s.ClientID),
		AccountId:  s.AccountID[:],
		ProductId:  s.ProductID[:],
		ContextId:  optional(s.ContextID),
		Type:       s.Type,
		Payload:    s.Payload,
		OccurredAt: timestamppb.New(s.OccurredAt),
		ReceivedAt: timestamppb.New(s.ReceivedAt),
		SessionId:  s.SessionID,
		Source:     sources[s.Source],
		TimeMark:   marks[s.TimeMark],
	}
}

func optional(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}

var sources = [...]eventv1.Source{
	signal.REST:    eventv1.Source_SOURCE_REST,
	signal.Script:  eventv1.Source_SOURCE_SCRIPT,
	signal.SDK:     eventv1.Source_SOURCE_SDK,
	signal.Webhook: eventv1.Source_SOURCE_WEBHOOK,
}

var marks = [...]eventv1.TimeMark{
	signal.TimeAsSent:        eventv1.TimeMark_TIME_MARK_UNSPECIFIED,
	signal.TimeReceived:      eventv1.TimeMark_TIME_MARK_RECEIVED,
	signal.TimeClampedOld:    eventv1.TimeMark_TIME_MARK_CLAMPED_OLD,
	signal.TimeClampedFuture: eventv1.TimeMark_TIME_MARK_CLAMPED_FUTURE,
}
