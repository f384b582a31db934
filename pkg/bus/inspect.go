package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
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

// PurgeAccount removes what the streams still hold about an account, its facts, its dead
// letters and its use of limits, and returns the streams' names. Batches of many accounts are not touched; they leave by
// age within a week.
func (b *Bus) PurgeAccount(ctx context.Context, account uuid.UUID) ([]string, error) {
	dead := event.DeadLetters().Name
	var purged []string
	for _, s := range event.Streams() {
		if err := b.purge(ctx, s.Name, event.AccountFilter(s, account)); err != nil {
			return purged, err
		}
		if err := b.purge(ctx, dead, event.DeadLetterAccountFilter(s, account)); err != nil {
			return purged, err
		}
		purged = append(purged, s.Name)
	}
	if err := b.purge(ctx, "KV_"+event.QuotaBucket, event.QuotaAccountSubjects(account)); err != nil {
		return purged, err
	}
	return append(purged, dead, event.QuotaBucket), nil
}

func (b *Bus) purge(ctx context.Context, stream, filter string) error {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("looking up stream %s: %w", stream, publishFault(err))
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(filter)); err != nil {
		return fmt.Errorf("purging %s: %w", filter, publishFault(err))
	}
	return nil
}
