package consume

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Positions is what a store knows of the messages it has committed. A stream is known
// by its name and by when it was made.
type Positions interface {
	Storer
	Verified(ctx context.Context, stream string, created time.Time) (uint64, error)
	SetVerified(ctx context.Context, stream string, created time.Time, sequence uint64) error
	WithoutPosition(ctx context.Context, stream string, created time.Time, first, last uint64) ([]uint64, error)
	HasMessage(ctx context.Context, stream string, id uuid.UUID) (bool, error)
}

// verifyAtOnce is how many sequences one query compares.
const verifyAtOnce = 10_000

// Reconciler compares what the consumer has acknowledged with what is stored. A
// message is acknowledged after its effect is committed, so the two never differ: the
// comparison is there for the day they do, after a mistake of ours, a database restored
// from a backup, or a lost disk.
type Reconciler struct {
	bus     *bus.Bus
	durable string
	store   Positions
	metrics *Metrics
	log     *zap.Logger
}

// NewReconciler returns one for the consumer that Signals runs under the durable.
func NewReconciler(b *bus.Bus, durable string, store Positions, m *Metrics, log *zap.Logger) *Reconciler {
	return &Reconciler{bus: b, durable: durable, store: store, metrics: m, log: log}
}

// Run compares what was settled since the last run. A message that is neither stored
// nor a dead letter is reported and stored now; one that cannot be becomes a dead
// letter.
func (r *Reconciler) Run(ctx context.Context) error {
	settled, err := r.bus.Settled(ctx, event.SignalBatch, r.durable)
	if err != nil {
		return fmt.Errorf("reconciling: %w", err)
	}
	verified, err := r.store.Verified(ctx, settled.Stream, settled.Created)
	if err != nil {
		return err
	}
	missing := 0
	for first := max(settled.First, verified+1); first <= settled.Last; first += verifyAtOnce {
		last := min(settled.Last, first+verifyAtOnce-1)
		n, err := r.verify(ctx, settled, first, last)
		if err != nil {
			return err
		}
		missing += n
		if err := r.store.SetVerified(ctx, settled.Stream, settled.Created, last); err != nil {
			return err
		}
	}
	r.metrics.missing.Set(float64(missing))
	return nil
}

// verify compares some sequences, mends what is missing and returns how many that were.
func (r *Reconciler) verify(ctx context.Context, settled bus.Settled, first, last uint64) (missing int, err error) {
	open, err := r.store.WithoutPosition(ctx, settled.Stream, settled.Created, first, last)
	if err != nil || len(open) == 0 {
		return 0, err
	}
	buried, err := r.bus.BuriedBy(ctx, event.SignalBatch, r.durable)
	if err != nil {
		return 0, fmt.Errorf("reconciling: %w", err)
	}
	for _, sequence := range open {
		if buried[sequence] {
			continue
		}
		lost, err := r.mend(ctx, settled.Stream, sequence)
		if err != nil {
			return missing, err
		}
		if lost {
			missing++
		}
	}
	return missing, nil
}

// mend stores a message that was acknowledged without being stored; lost is false when
// it turns out that nothing is missing.
func (r *Reconciler) mend(ctx context.Context, stream string, sequence uint64) (lost bool, err error) {
	message, ok, err := r.bus.Message(ctx, event.SignalBatch, sequence)
	if err != nil || !ok { // the stream has let go of it meanwhile, or it never was a batch
		return false, err
	}
	if has, err := r.store.HasMessage(ctx, stream, message.ID); err != nil || has {
		return false, err
	}
	log := r.log.With(zap.Uint64("sequence", sequence), zap.Stringer("event_id", message.ID))
	log.Error("a message was acknowledged but not stored; storing it now")
	list, err := decode(message.Data)
	if err == nil {
		_, err = r.store.Store(ctx, []signal.Batch{{Position: signal.Position{Stream: stream, Sequence: sequence, MessageID: message.ID}, Signals: list}})
	} else {
		err = fault.Permanent(err)
	}
	if fault.IsPermanent(err) {
		log.Error("it cannot be stored and becomes a dead letter", zap.Error(err))
		return true, r.bus.Bury(ctx, event.SignalBatch, r.durable, sequence, err)
	}
	return true, err
}
