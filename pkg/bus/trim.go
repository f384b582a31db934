package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
)

const (
	trimEvery = 5 * time.Second
	// trimAbove is the share of its bound a stream may fill with messages everybody is done with;
	// below it they stay until MaxAge, for replays.
	trimAbove = 0.5
	// trimHard is the share above which also young ones go.
	trimHard = 0.8
)

// Trimmer keeps processed messages from filling a stream until it refuses new ones. Streams have
// limits retention: the broker removes messages by age only, and a full stream refuses. When a
// stream is more than half full, Trimmer removes what every durable consumer has settled. It spares
// what is younger than the duplicate window, whose ids the broker would forget with it at its next
// restart, until the stream is nearly full: then refusing new messages is the greater harm, and
// duplicates are caught by the consumers. A message some consumer has not settled is never removed.
// One instance is enough; several do no harm.
func (b *Bus) Trimmer(streams ...event.Stream) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready()
		for sleep(ctx, trimEvery) == nil {
			for _, s := range streams {
				if err := b.trim(ctx, s, time.Now().Add(-2*s.DuplicateWindow)); err != nil && ctx.Err() == nil {
					b.log.Warn("trimming", zap.String("stream", s.Name), zap.Error(err))
				}
			}
		}
		return nil
	})
}

// trim removes the settled messages of s that were stored before young.
func (b *Bus) trim(ctx context.Context, s event.Stream, young time.Time) error {
	stream, err := b.js.Stream(ctx, s.Name)
	if err != nil {
		return fmt.Errorf("looking up stream %s: %w", s.Name, err)
	}
	info := stream.CachedInfo()
	if info.Config.MaxBytes <= 0 || float64(info.State.Bytes) < trimAbove*float64(info.Config.MaxBytes) {
		return nil
	}
	settled, err := settledByAll(ctx, stream)
	if err != nil {
		return err
	}
	if settled < info.State.FirstSeq {
		return nil
	}
	cut := settled + 1
	if float64(info.State.Bytes) < trimHard*float64(info.Config.MaxBytes) {
		if cut, err = firstSince(ctx, stream, info.State.FirstSeq, cut, young); err != nil {
			return err
		}
	}
	if cut <= info.State.FirstSeq {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(cut)); err != nil {
		return fmt.Errorf("purging %s below %d: %w", s.Name, cut, err)
	}
	b.metrics.trimmed.WithLabelValues(s.Name).Add(float64(cut - info.State.FirstSeq))
	b.log.Info("removed processed messages", zap.String("stream", s.Name), zap.Uint64("below", cut))
	return nil
}

// settledByAll is the sequence up to which every durable consumer is done with a stream; 0 when it has none.
func settledByAll(ctx context.Context, stream jetstream.Stream) (uint64, error) {
	settled, consumers := stream.CachedInfo().State.LastSeq, 0
	list := stream.ListConsumers(ctx)
	for consumer := range list.Info() {
		if consumer.Config.Durable == "" {
			continue // somebody looking on
		}
		consumers++
		if consumer.NumPending > 0 || consumer.NumAckPending > 0 {
			settled = min(settled, settledUpTo(consumer))
		} // else it is done with everything, also with what its filter does not show it
	}
	if err := list.Err(); err != nil {
		return 0, fmt.Errorf("listing the consumers of %s: %w", stream.CachedInfo().Config.Name, err)
	}
	if consumers == 0 {
		return 0, nil
	}
	return settled, nil
}

// firstSince is the first sequence in [low, high) stored at or after since, else high, by
// bisection: sequences and times grow together.
func firstSince(ctx context.Context, stream jetstream.Stream, low, high uint64, since time.Time) (uint64, error) {
	for low < high {
		middle := low + (high-low)/2
		msg, err := stream.GetMsg(ctx, middle, jetstream.WithGetMsgSubject(">")) // the next that exists
		if errors.Is(err, jetstream.ErrMsgNotFound) {                            // the newest were removed
			high = middle
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("reading message %d: %w", middle, err)
		}
		switch {
		case msg.Sequence >= high || !msg.Time.Before(since):
			high = middle
		default:
			low = msg.Sequence + 1
		}
	}
	return high, nil
}
