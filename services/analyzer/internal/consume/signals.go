package consume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/storable"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Storer commits the effect of one message exactly once.
type Storer interface {
	Store(ctx context.Context, at signal.Position, batch []signal.Signal) (signal.Stored, error)
}

// signalOptions: two batches at once keep Postgres busy and the pool small; a batch
// is tried for about a day before it becomes a dead letter, because it holds many
// people's signals.
func signalOptions(durable string) bus.ConsumerOptions {
	return bus.ConsumerOptions{Durable: durable, Concurrency: 2, MaxAttempts: 100, AckWait: 30 * time.Second, MaxBackoff: 15 * time.Minute, Timeout: 2 * time.Minute}
}

// Signals stores every batch.
func Signals(b *bus.Bus, durable string, store Storer, m *Metrics, log *zap.Logger) lifecycle.Service {
	return bus.Consume(b, event.SignalBatch, signalOptions(durable), func(ctx context.Context, d bus.Delivery[*eventv1.SignalBatch]) error {
		batch, err := decode(d.Body)
		if err != nil {
			return fault.Permanent(err)
		}
		started := time.Now()
		stored, err := store.Store(ctx, signal.Position{Stream: event.SignalBatch.Stream().Name, Sequence: d.Sequence, MessageID: d.ID}, batch)
		if err != nil {
			return err
		}
		m.observe(stored, time.Since(started))
		if stored.Homeless+stored.TooOld > 0 {
			log.Warn("signals were not kept", zap.Uint64("sequence", d.Sequence), zap.Int("product_gone", stored.Homeless), zap.Int("too_old", stored.TooOld))
		}
		return nil
	})
}

// decode turns the wire's batch into signals. Text is made storable here; a batch
// with an id that is none cannot be processed at all.
func decode(body *eventv1.SignalBatch) ([]signal.Signal, error) {
	out := make([]signal.Signal, len(body.GetSignals()))
	for i, w := range body.GetSignals() {
		s := signal.Signal{
			Type: storable.Text(w.GetType()), Payload: storable.Object(w.GetPayload()), SessionID: storable.Text(w.GetSessionId()), Imported: w.GetImported(),
			At: w.GetOccurredAt().AsTime(), ReceivedAt: w.GetReceivedAt().AsTime(), Source: source(w.GetSource()), TimeMark: timeMark(w.GetTimeMark()),
		}
		for _, id := range []struct {
			into     *uuid.UUID
			from     []byte
			required bool
		}{
			{&s.ID, w.GetId(), true}, {&s.ClientID, w.GetClientId(), false}, {&s.AccountID, w.GetAccountId(), true},
			{&s.ProductID, w.GetProductId(), true}, {&s.ContextID, w.GetContextId(), false},
		} {
			if len(id.from) == 0 && !id.required {
				continue
			}
			parsed, err := uuid.FromBytes(id.from)
			if err != nil || id.required && parsed == uuid.Nil {
				return nil, fmt.Errorf("signal %d of %d: an id of %d bytes is not usable", i+1, len(out), len(id.from))
			}
			*id.into = parsed
		}
		// A year that Postgres does not have would fail the batch again and again.
		if err := errors.Join(w.GetReceivedAt().CheckValid(), w.GetOccurredAt().CheckValid()); err != nil {
			return nil, fmt.Errorf("reading the time of signal %d of %d: %w", i+1, len(out), err)
		}
		out[i] = s
	}
	return out, nil
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
