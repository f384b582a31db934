// Package publish puts imported signals on the stream, the same one live signals travel on.
package publish

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/scrub"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/importing"
)

// maxBatch leaves room for the message's headers.
const maxBatch = event.MaxMessageBytes - 16<<10

// Publisher is the importing.Publisher.
type Publisher struct{ bus *bus.Bus }

var _ importing.Publisher = Publisher{}

// New returns a Publisher on b.
func New(b *bus.Bus) Publisher { return Publisher{bus: b} }

// Publish returns when the batch is durable. The message id follows from the import and the
// signals' ids, so that a repeated request is one message while the broker remembers it.
func (p Publisher) Publish(ctx context.Context, b importing.Batch) error {
	hash := sha256.New()
	hash.Write(b.Import[:])
	body := &eventv1.SignalBatch{Signals: make([]*eventv1.Signal, len(b.Signals)), ScrubRules: scrub.Rules}
	received := timestamppb.New(b.ReceivedAt)
	for i, s := range b.Signals {
		hash.Write(s.ID[:])
		out := &eventv1.Signal{
			Id: s.ID[:], AccountId: b.Account[:], ProductId: b.Product[:], Type: s.Type, Payload: s.Payload, OccurredAt: timestamppb.New(s.At),
			ReceivedAt: received, SessionId: s.SessionID, Source: eventv1.Source_SOURCE_REST, Imported: true,
		}
		if s.ContextID != nil {
			out.ContextId = s.ContextID[:]
		}
		body.Signals[i] = out
	}
	if proto.Size(body) > maxBatch {
		return fault.Newf(fault.TooLarge, "batch_too_large", "The batch is larger than %d bytes. Send fewer signals at once.", maxBatch)
	}
	id, err := uuid.FromBytes(hash.Sum(nil)[:16])
	if err != nil {
		return fmt.Errorf("naming the batch: %w", err)
	}
	if _, err := bus.Publish(ctx, p.bus, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: id, Time: b.ReceivedAt, Body: body}); err != nil {
		return fmt.Errorf("publishing the imported signals: %w", err)
	}
	return nil
}

// LastSequence is the newest message of the signals' stream.
func (p Publisher) LastSequence(ctx context.Context) (uint64, error) {
	const timeout = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stream, err := p.bus.JetStream().Stream(ctx, event.SignalBatch.Stream().Name)
	if err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "unavailable", "The message broker is away. Try again.")
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, fault.Wrap(err, fault.Unavailable, "unavailable", "The message broker is away. Try again.")
	}
	return info.State.LastSeq, nil
}
