package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

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

	// clockDifference is how much the broker's clock may be behind that of whoever made an id
	// before the scan needs longer to find it.
	clockDifference = 100 * time.Millisecond
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
	last, err := q.bus.StreamLastSequence(ctx, event.SignalBatch)
	if err != nil {
		return at, false, away(err)
	}
	settled, err := q.settled(ctx)
	if err != nil {
		return at, false, away(err)
	}
	if settled >= last {
		return at, false, nil
	}
	whole, err := bus.Scan(ctx, q.bus, event.SignalBatch, where(id, settled+1), look(account, id, &at, &found))
	return at, found, outcome(whole, err, "looking through the queue")
}

// settled is the sequence up to which every message was dealt with. Without the consumer nothing ever
// was; that the broker does not say how far it is means nothing of the kind.
func (q Queue) settled(ctx context.Context) (uint64, error) {
	_, floor, err := q.bus.ConsumerPending(ctx, event.SignalBatch, storer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	return floor, err
}

func away(err error) error {
	return fault.Wrap(err, fault.Unavailable, "unavailable", "The message broker is away. Try again.")
}

// Abandoned looks through the dead letters of signals.
func (q Queue) Abandoned(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	whole, err := bus.ScanDeadLetters(ctx, q.bus, event.SignalBatch, where(id, 0), look(account, id, &at, &found))
	return at, found, outcome(whole, err, "looking through the dead letters")
}

// where looks from a sequence on, and first at what came after the id was made.
func where(id uuid.UUID, from uint64) bus.Look {
	l := bus.Look{From: from, MaxBytes: scanBytes}
	if made, ok := receipt.MadeAt(id); ok {
		l.First = made.Add(-clockDifference)
	}
	return l
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

func outcome(whole bool, err error, doing string) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	case !whole:
		return fmt.Errorf("%s: %w", doing, receipt.ErrUnfinished)
	default:
		return nil
	}
}
