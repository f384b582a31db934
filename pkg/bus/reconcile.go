package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// Settled is the part of a stream that a durable has settled and the stream still holds: sequences
// First to Last, none when Last is smaller.
type Settled struct {
	Stream  string
	Created time.Time // a broker that lost its store counts from 1 again, in a younger stream
	First   uint64
	Last    uint64
}

// Settled says what the durable of a service has settled of the stream of t, for comparing it with
// what the service has stored.
func (b *Bus) Settled(ctx context.Context, t event.Describer, durable string) (Settled, error) {
	info := t.Info()
	stream, err := b.js.Stream(ctx, info.Stream().Name)
	if err != nil {
		return Settled{}, fmt.Errorf("looking up stream %s: %w", info.Stream().Name, publishFault(err))
	}
	state := stream.CachedInfo()
	_, floor, err := b.ConsumerPending(ctx, t, durable)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) { // not made yet: nothing is settled
		return Settled{}, err
	}
	return Settled{Stream: state.Config.Name, Created: state.Created, First: state.State.FirstSeq, Last: min(floor, state.State.LastSeq)}, nil
}

// Message reads one message of t from its stream; ok is false when there is none of that type.
func (b *Bus) Message(ctx context.Context, t event.Describer, sequence uint64) (message Raw, ok bool, err error) {
	raw, err := b.rawMessage(ctx, t, sequence)
	if err != nil || raw == nil {
		return Raw{}, false, err
	}
	var d Delivery[proto.Message]
	if readHeader(&d, raw.Header, []event.Info{t.Info()}) != nil {
		return Raw{}, false, nil
	}
	return Raw{ID: d.ID, Time: d.Time, Sequence: sequence, Attempt: 1, Data: raw.Data}, true, nil
}

// Bury makes a dead letter of a message of t that the durable of a service has settled without
// effect and cannot process.
func (b *Bus) Bury(ctx context.Context, t event.Describer, durable string, sequence uint64, cause error) error {
	raw, err := b.rawMessage(ctx, t, sequence)
	if err != nil || raw == nil {
		return err
	}
	o := original{subject: raw.Subject, header: raw.Header, data: raw.Data, stream: t.Info().Stream().Name, sequence: sequence, attempts: 1}
	return b.writeOriginal(ctx, o, DurableName(t, durable), reasonOf(cause))
}

// rawMessage is nil when the stream does not hold it any more.
func (b *Bus) rawMessage(ctx context.Context, t event.Describer, sequence uint64) (*jetstream.RawStreamMsg, error) {
	name := t.Info().Stream().Name
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("looking up stream %s: %w", name, publishFault(err))
	}
	raw, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading message %d of %s: %w", sequence, name, publishFault(err))
	}
	return raw, nil
}

// BuriedBy lists the dead letters of a service's durable of t: by their sequence in the original's
// stream.
func (b *Bus) BuriedBy(ctx context.Context, t event.Describer, durable string) (map[uint64]bool, error) {
	const page = 500
	name, stream := DurableName(t, durable), t.Info().Stream().Name
	out := make(map[uint64]bool)
	for after := uint64(0); ; {
		letters, err := b.DeadLetters(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, l := range letters {
			after = l.Sequence
			if l.Consumer == name && l.OriginalStream == stream {
				out[l.OriginalSequence] = true
			}
		}
		if len(letters) < page {
			return out, nil
		}
	}
}
