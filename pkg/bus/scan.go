package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// Scan hands the stored messages of type t from a sequence on to h, oldest first, until h says that
// it has seen enough, maxBytes of bodies were read, nothing is left, or ctx is done (which is no
// error: a scan is bounded by its caller's patience). It leaves no trace at the broker.
func Scan[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], from uint64, maxBytes int, h func(Delivery[M]) (enough bool)) error {
	return scan(ctx, b, t.Info(), t.Stream().Name, t.Filter(), from, maxBytes, h)
}

// ScanDeadLetters is Scan over what consumers gave up on.
func ScanDeadLetters[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], maxBytes int, h func(Delivery[M]) (enough bool)) error {
	return scan(ctx, b, t.Info(), event.DeadLetters().Name, event.DeadLetterSubject("*", t.Filter()), 1, maxBytes, h)
}

func scan[M proto.Message](ctx context.Context, b *Bus, info event.Info, name, filter string, from uint64, maxBytes int, h func(Delivery[M]) bool) error {
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("scanning %s: %w", name, publishFault(err))
	}
	for maxBytes > 0 {
		raw, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(filter)) // the next that exists
		if errors.Is(err, jetstream.ErrMsgNotFound) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("scanning %s: %w", name, publishFault(err))
		}
		from = raw.Sequence + 1
		maxBytes -= len(raw.Data)
		if original := raw.Header.Get(HeaderDeadMsgID); original != "" { // a dead letter's own id names the consumer
			raw.Header.Set(jetstream.MsgIDHeader, original)
		}
		var seen Delivery[proto.Message]
		if decodeInto(&seen, raw.Header, raw.Data, []event.Info{info}) != nil {
			continue // its consumers dead-letter it; there is nothing to see
		}
		body, ok := seen.Body.(M)
		if !ok {
			continue
		}
		d := Delivery[M]{ID: seen.ID, AccountID: seen.AccountID, Time: raw.Time, Sequence: raw.Sequence, Attempt: 1, Type: info, Body: body, header: raw.Header}
		if h(d) {
			return nil
		}
	}
	return nil
}
