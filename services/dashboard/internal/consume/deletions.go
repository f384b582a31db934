package consume

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

const (
	maxBackoff = 5 * time.Minute
	// rescue is how long before the stream drops a message it becomes a dead letter, which is kept
	// for longer and can be replayed.
	rescue = 24 * time.Hour
)

// Accounts is what the events are handed to.
type Accounts interface {
	// Forget makes the auth server forget the owner of an account that is gone; again is harmless.
	Forget(ctx context.Context, owner uuid.UUID) error
}

// Deletions consumes account.deleted. While the auth server is away or refuses us it is tried
// again, for as long as the stream keeps the event.
func Deletions(b *bus.Bus, durable string, a Accounts, now func() time.Time) lifecycle.Service {
	patience := event.AccountDeleted.Stream().MaxAge - rescue
	options := bus.ConsumerOptions{Durable: durable, MaxBackoff: maxBackoff}
	return bus.Consume(b, event.AccountDeleted, options, func(ctx context.Context, d bus.Delivery[*eventv1.AccountDeleted]) error {
		owner, err := uuid.Parse(d.Body.GetOwnerUserId())
		if err != nil {
			return fault.Permanent(fmt.Errorf("reading the owner's id: %w", err))
		}
		err = a.Forget(ctx, owner)
		if err != nil && now().Sub(d.Time) > patience {
			return fault.Permanent(fmt.Errorf("given up before the event is dropped: %w", err))
		}
		return err
	})
}
