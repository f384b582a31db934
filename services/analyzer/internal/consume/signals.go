package consume

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Storer commits the effect of each batch exactly once. When it fails, any part of them may
// be committed: the results tell what is. What comes again is finished.
type Storer interface {
	Store(ctx context.Context, batches []signal.Batch) ([]signal.Stored, error)
}

// signalOptions: while one group is in Postgres the next is being read; more would
// wait for the same accounts' locks. A batch is tried for about a day before it
// becomes a dead letter, because it holds many people's signals.
func signalOptions(durable string) bus.ConsumerOptions {
	return bus.ConsumerOptions{
		Durable: durable, Concurrency: 2, MaxAttempts: 100, AckWait: 30 * time.Second, MaxBackoff: 15 * time.Minute, Timeout: 2 * time.Minute,
		GroupMessages: 64, GroupBytes: 12 << 20,
	}
}

// Signals stores every batch.
func Signals(b *bus.Bus, durable string, store Storer, m *Metrics, log *zap.Logger) lifecycle.Service {
	cleaner := newCleaner(m.redacted)
	return bus.ConsumeGroups(b, event.SignalBatch, signalOptions(durable), func(ctx context.Context, group []bus.Raw) error {
		started := time.Now()
		batches := make([]signal.Batch, len(group))
		for i, raw := range group {
			list, err := cleaner.read(raw.Data)
			if err != nil {
				return err
			}
			batches[i] = signal.Batch{Position: signal.Position{Stream: event.SignalBatch.Stream().Name, Sequence: raw.Sequence, MessageID: raw.ID}, Signals: list}
		}
		results, err := store.Store(ctx, batches)
		m.count(results)
		for i, stored := range results {
			if stored.Homeless+stored.TooOld > 0 {
				log.Warn("signals were not kept", zap.Uint64("sequence", batches[i].Sequence), zap.Int("product_gone", stored.Homeless), zap.Int("too_old", stored.TooOld))
			}
		}
		if err != nil {
			return err
		}
		m.batches.Observe(time.Since(started).Seconds())
		return nil
	})
}

func source(s eventv1.Source) signal.Source {
	switch s {
	case eventv1.Source_SOURCE_SCRIPT:
		return signal.Script
	case eventv1.Source_SOURCE_SDK:
		return signal.SDK
	case eventv1.Source_SOURCE_WEBHOOK:
		return signal.Webhook
	case eventv1.Source_SOURCE_REST, eventv1.Source_SOURCE_UNSPECIFIED:
		return signal.REST
	default:
		return signal.REST
	}
}

func timeMark(m eventv1.TimeMark) string {
	switch m {
	case eventv1.TimeMark_TIME_MARK_RECEIVED:
		return "received"
	case eventv1.TimeMark_TIME_MARK_CLAMPED_OLD:
		return "clamped_old"
	case eventv1.TimeMark_TIME_MARK_CLAMPED_FUTURE:
		return "clamped_future"
	case eventv1.TimeMark_TIME_MARK_UNSPECIFIED:
		return ""
	default:
		return ""
	}
}
