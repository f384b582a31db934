package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/draftlabs/specter/pkg/event"
)

// ConsumerPending says how far the durable of a service (the ConsumerOptions.Durable it consumes t
// with) has come: how many messages of t it has not been given yet, and the stream sequence up to
// which everything is settled. Messages after ackFloor may be settled too, out of order.
func (b *Bus) ConsumerPending(ctx context.Context, t event.Describer, durable string) (pending, ackFloor uint64, err error) {
	name := DurableName(t, durable)
	consumer, err := b.js.Consumer(ctx, t.Info().Stream().Name, name)
	if err != nil {
		return 0, 0, fmt.Errorf("looking up consumer %s: %w", name, err)
	}
	info := consumer.CachedInfo()
	return info.NumPending, settledUpTo(info), nil
}

// Behind is how far back what a durable has yet to do reaches: when the first message was
// published that it has not settled, and the first it has not even been given; zero for none.
type Behind struct{ Open, Waiting time.Time }

// Behind says how far behind the durable of a service is with messages of t.
func (b *Bus) Behind(ctx context.Context, t event.Describer, durable string) (Behind, error) {
	info, name := t.Info(), DurableName(t, durable)
	stream, err := b.js.Stream(ctx, info.Stream().Name)
	if err != nil {
		return Behind{}, fmt.Errorf("looking up stream %s: %w", info.Stream().Name, publishFault(err))
	}
	state := &jetstream.ConsumerInfo{NumPending: 1} // not made yet: nothing is settled
	consumer, err := stream.Consumer(ctx, name)
	if err == nil {
		state = consumer.CachedInfo()
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return Behind{}, fmt.Errorf("looking up consumer %s: %w", name, err)
	}
	first := func(after uint64) (time.Time, error) {
		raw, err := stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(info.Filter()))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound): // settled meanwhile, or none at all
			return time.Time{}, nil
		case err != nil:
			return time.Time{}, fmt.Errorf("reading what %s has yet to do: %w", name, publishFault(err))
		}
		return raw.Time, nil
	}
	var behind Behind
	if state.NumPending+uint64(state.NumAckPending) > 0 {
		if behind.Open, err = first(settledUpTo(state)); err != nil {
			return Behind{}, err
		}
	}
	if state.NumPending > 0 {
		if behind.Waiting, err = first(state.Delivered.Stream); err != nil {
			return Behind{}, err
		}
	}
	return behind, nil
}

// settledUpTo is the ack floor, or all the consumer was given when nothing of it is open: the
// floor moves only with acknowledgements, not over messages of other types.
func settledUpTo(info *jetstream.ConsumerInfo) uint64 {
	if info.NumAckPending == 0 {
		return max(info.AckFloor.Stream, info.Delivered.Stream)
	}
	return info.AckFloor.Stream
}

// StreamLastSequence is the sequence of the newest message in the stream of t, 0 when there never
// was one.
func (b *Bus) StreamLastSequence(ctx context.Context, t event.Describer) (uint64, error) {
	name := t.Info().Stream().Name
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("looking up stream %s: %w", name, publishFault(err))
	}
	return stream.CachedInfo().State.LastSeq, nil
}
