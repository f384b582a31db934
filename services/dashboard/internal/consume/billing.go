package consume

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// Customers is what Stripe is told of an account that is gone.
type Customers interface {
	// Farewell has Stripe forget the customers of a deletion; again is harmless.
	Farewell(ctx context.Context, deletion uuid.UUID) error
}

// Farewells consumes account.deleted, beside Deletions: neither Stripe nor the auth server waits for the other. A
// failure is tried a few times here and by the rounds of billing until it succeeds.
func Farewells(b *bus.Bus, durable string, c Customers) lifecycle.Service {
	options := bus.ConsumerOptions{Durable: durable + "-billing", MaxBackoff: maxBackoff}
	return bus.Consume(b, event.AccountDeleted, options, func(ctx context.Context, d bus.Delivery[*eventv1.AccountDeleted]) error {
		deletion, err := uuid.Parse(d.Body.GetDeletionId())
		if err != nil {
			return fault.Permanent(fmt.Errorf("reading the deletion's id: %w", err))
		}
		return c.Farewell(ctx, deletion)
	})
}
