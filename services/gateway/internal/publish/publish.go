package publish

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
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

// CheckDurable refuses a SIGNALS stream that would lose acknowledged messages: one in memory, one that
// throws old messages away for new ones, one that forgets messages once they are read, or one that is
// written after it has acknowledged. Whether what is written is on the disk then is the broker's own
// configuration, which it shows to nobody but its operator.
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
	case c.PersistMode != jetstream.DefaultPersistMode:
		return fmt.Errorf("stream %s is written asynchronously: messages would be acknowledged before they are on the disk; its persist_mode must be the default", name)
	default:
		return nil
	}
}

// Append publishes an encoded SignalBatch and returns after the broker's acknowledgement.
func (p Publisher) Append(ctx context.Context, message []byte) error {
	_, err := bus.PublishEncoded(ctx, p.bus, event.SignalBatch, bus.Encoded{ID: p.newID(), Time: p.now(), Body: message})
	if fault.Is(err, fault.TooLarge) {
		return fault.Wrap(err, fault.TooLarge, "payload_too_large", "The signals of this request are too large to be stored together. Send fewer at once.")
	}
	return err //nolint:wrapcheck // says "publishing signal.batch.v1" already
}
