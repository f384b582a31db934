package consume

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
)

// askedAgain is when retention has asked anew, so that an older question need not be kept alive.
const askedAgain = 2 * time.Minute

// Farewell is what the events are handed to.
type Farewell interface {
	// Leave makes those outside forget the owner; again is harmless.
	Leave(ctx context.Context, l farewell.Leaving) error
}

// Deletions consumes account.purge_begun. While a party is away or refuses us it is tried again, and retention
// asks anew every minute for as long as it lacks an answer.
func Deletions(b *bus.Bus, durable string, f Farewell, now func() time.Time) lifecycle.Service {
	options := bus.ConsumerOptions{Durable: durable, MaxBackoff: askedAgain / 4}
	return bus.Consume(b, event.AccountPurgeBegun, options, func(ctx context.Context, d bus.Delivery[*eventv1.AccountPurgeBegun]) error {
		deletion, err := uuid.Parse(d.Body.GetDeletionId())
		owner, ownerErr := uuid.Parse(d.Body.GetOwnerUserId())
		if err != nil || ownerErr != nil {
			return fault.Permanent(errors.New("a purge that does not say of what"))
		}
		err = f.Leave(ctx, farewell.Leaving{Account: d.AccountID, Deletion: deletion, Owner: owner})
		if err != nil && now().Sub(d.Time) > askedAgain {
			return nil // the next question is on its way, or here
		}
		return err
	})
}
