package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/receipt"
)

const (
	// storer is the service that consumes the signals, by the name of its durable.
	storer = "analyzer"

	// One question reads no more than this of the broker.
	scanBytes = 8 << 20
	scanTime  = time.Second
)

// Queue is the receipt.Queue.
type Queue struct{ bus *bus.Bus }

var _ receipt.Queue = Queue{}

// NewQueue reads b's streams.
func NewQueue(b *bus.Bus) Queue { return Queue{bus: b} }

// Queued looks through what the analyzer has not settled yet; nothing is read while it keeps up.
func (q Queue) Queued(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	settled := uint64(0)
	last, err := q.bus.StreamLastSequence(ctx, event.SignalBatch)
	if err == nil && last > 0 {
		// Without the consumer nothing was ever stored, and everything is in the queue.
		if _, floor, pendingErr := q.bus.ConsumerPending(ctx, event.SignalBatch, storer); pendingErr == nil {
			settled = floor
		}
	}
	if err != nil {
		return at, false, fault.Wrap(err, fault.Unavailable, "unavailable", "The message broker is away. Try again.")
	}
	if settled >= last {
		return at, false, nil
	}
	err = bus.Scan(ctx, q.bus, event.SignalBatch, settled+1, scanBytes, look(account, id, &at, &found))
	return at, found, wrap(err, "looking through the queue")
}

// Abandoned looks through the dead letters of signals.
func (q Queue) Abandoned(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	err = bus.ScanDeadLetters(ctx, q.bus, event.SignalBatch, scanBytes, look(account, id, &at, &found))
	return at, found, wrap(err, "looking through the dead letters")
}

// look finds a signal in a batch by either of its ids.
func look(account, id uuid.UUID, at *time.Time, found *bool) func(bus.Delivery[*eventv1.SignalBatch]) bool {
	return func(d bus.Delivery[*eventv1.SignalBatch]) bool {
		for _, s := range d.Body.GetSignals() {
			if string(s.GetAccountId()) == string(account[:]) && (string(s.GetId()) == string(id[:]) || string(s.GetClientId()) == string(id[:])) {
				*at, *found = s.GetReceivedAt().AsTime(), true
				return true
			}
		}
		return false
	}
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
