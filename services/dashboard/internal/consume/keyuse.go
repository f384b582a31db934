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

	"github.com/draftlabs/specter/services/dashboard/internal/keyuse"
)

// KeyUsed is what uses of ingest keys are handed to.
type KeyUsed interface {
	// Record may be told the same again.
	Record(ctx context.Context, uses []keyuse.Use) error
}

// KeyUses consumes keys.used, one event at a time.
func KeyUses(b *bus.Bus, durable string, u KeyUsed) lifecycle.Service {
	options := bus.ConsumerOptions{Durable: durable + "_keys", Concurrency: 1}
	return bus.Consume(b, event.KeysUsed, options, func(ctx context.Context, d bus.Delivery[*eventv1.KeysUsed]) error {
		uses := make([]keyuse.Use, len(d.Body.GetUses()))
		for i, one := range d.Body.GetUses() {
			account, err := uuid.FromBytes(one.GetAccountId())
			if err != nil {
				return fault.Permanent(fmt.Errorf("reading the account of a used key: %w", err))
			}
			key, err := uuid.FromBytes(one.GetKeyId())
			if err != nil {
				return fault.Permanent(fmt.Errorf("reading the id of a used key: %w", err))
			}
			uses[i] = keyuse.Use{Account: account, Key: key, At: one.GetAt().AsTime()}
		}
		return u.Record(ctx, uses)
	})
}
