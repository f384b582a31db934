package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// Tail hands every message of type t published from now on to h, in order, until ctx is done or h
// returns an error. It keeps no state at the broker, acknowledges nothing and starts over after a
// lost connection without repeating what it has shown: for looking on, as a live view does.
func Tail[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], h func(Delivery[M]) error) error {
	info := t.Info()
	source, err := b.js.OrderedConsumer(ctx, info.Stream().Name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{info.Filter()},
		DeliverPolicy:  jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return fmt.Errorf("tailing %s: %w", info.Tag(), publishFault(err))
	}
	messages, err := source.Messages()
	if err != nil {
		return fmt.Errorf("tailing %s: %w", info.Tag(), publishFault(err))
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, jetstream.ErrMsgIteratorClosed) {
				return nil
			}
			return fmt.Errorf("tailing %s: %w", info.Tag(), publishFault(err))
		}
		var seen Delivery[proto.Message]
		if decodeInto(&seen, msg.Headers(), msg.Data(), []event.Info{info}) != nil {
			continue // its consumers dead-letter it; a view has nothing to show
		}
		body, ok := seen.Body.(M)
		if !ok {
			continue
		}
		d := Delivery[M]{ID: seen.ID, AccountID: seen.AccountID, Time: seen.Time, Attempt: 1, Type: info, Body: body, header: msg.Headers()}
		if meta, err := msg.Metadata(); err == nil {
			d.Sequence = meta.Sequence.Stream
		}
		if err := h(d); err != nil {
			return err
		}
	}
}
