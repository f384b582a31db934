package consume

import (
	"context"
	"fmt"
	"sync"
	"time"

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
	cleaner cleaner
	metrics *Metrics
	log     *zap.Logger
}

// NewReconciler returns one for the consumer that Signals runs under the durable.
func NewReconciler(b *bus.Bus, durable string, store Positions, m *Metrics, log *zap.Logger) *Reconciler {
	return &Reconciler{bus: b, durable: durable, store: store, cleaner: newCleaner(m.redacted), metrics: m, log: log}
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
	buried := sync.OnceValues(func() (map[uint64]bool, error) { return r.bus.BuriedBy(ctx, event.SignalBatch, r.durable) })
	for first := max(settled.First, verified+1); first <= settled.Last; first += verifyAtOnce {
		last := min(settled.Last, first+verifyAtOnce-1)
		if err := r.verify(ctx, settled, first, last, buried); err != nil {
			return err
		}
		if err := r.store.SetVerified(ctx, settled.Stream, settled.Created, last); err != nil {
			return err
		}
	}
	return nil
}

// verify compares some sequences and mends what is missing. What it has mended has a
// position: a run that fails half way leaves the rest to the next.
func (r *Reconciler) verify(ctx context.Context, settled bus.Settled, first, last uint64, buried func() (map[uint64]bool, error)) error {
	open, err := r.store.WithoutPosition(ctx, settled.Stream, settled.Created, first, last)
	if err != nil || len(open) == 0 {
		return err
	}
	letters, err := buried()
	if err != nil {
		return fmt.Errorf("reconciling: %w", err)
	}
	atOnce := signalOptions(r.durable)
	var group []bus.Raw
	size := 0
	for _, sequence := range open {
		if letters[sequence] {
			continue
		}
		message, ok, err := r.bus.Message(ctx, event.SignalBatch, sequence)
		if err != nil {
			return fmt.Errorf("reconciling: %w", err)
		}
		if !ok { // the stream has let go of it meanwhile, or it never was a batch
			continue
		}
		group, size = append(group, message), size+len(message.Data)
		if len(group) == atOnce.GroupMessages || size >= atOnce.GroupBytes {
			if err := r.mend(ctx, settled.Stream, group); err != nil {
				return err
			}
			group, size = nil, 0
		}
	}
	if len(group) == 0 {
		return nil
	}
	return r.mend(ctx, settled.Stream, group)
}

// mend stores messages that were acknowledged without being stored, together if that is
// possible. The store knows those that came under another sequence.
func (r *Reconciler) mend(ctx context.Context, stream string, group []bus.Raw) error {
	results, err := r.put(ctx, stream, group)
	switch {
	case err == nil:
		for i, stored := range results {
			if !stored.Repeated {
				r.missed(group[i]).Error("a message was acknowledged but not stored; it is now")
			}
		}
		return nil
	case len(group) > 1:
		for i := range group {
			if err := r.mend(ctx, stream, group[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	case fault.IsPermanent(err):
		if err := r.bus.Bury(ctx, event.SignalBatch, r.durable, group[0].Sequence, err); err != nil {
			return err
		}
		r.missed(group[0]).Error("a message was acknowledged but not stored; it cannot be and is a dead letter now", zap.Error(err))
		return nil
	default:
		return err
	}
}

func (r *Reconciler) put(ctx context.Context, stream string, group []bus.Raw) ([]signal.Stored, error) {
	batches := make([]signal.Batch, len(group))
	for i, message := range group {
		list, err := r.cleaner.read(message.Data)
		if err != nil {
			return nil, err
		}
		batches[i] = signal.Batch{Position: signal.Position{Stream: stream, Sequence: message.Sequence, MessageID: message.ID}, Signals: list}
	}
	return r.store.Store(ctx, batches)
}

// missed counts a message and is where to say what became of it.
func (r *Reconciler) missed(message bus.Raw) *zap.Logger {
	r.metrics.missing.Inc()
	return r.log.With(zap.Uint64("sequence", message.Sequence), zap.Stringer("event_id", message.ID))
}
