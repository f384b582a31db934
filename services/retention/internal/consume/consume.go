package consume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
)

const durable = "retention"

// Register notes what was decided about an account. Events that were seen change nothing.
type Register interface {
	Schedule(ctx context.Context, event uuid.UUID, d deletion.Deletion) error
	// Cancel fails when the deletion is not known yet.
	Cancel(ctx context.Context, event, account, deletion uuid.UUID, at time.Time) error
	// Forgotten notes that a party outside the database has forgotten the account's owner.
	Forgotten(ctx context.Context, event, account, deletion uuid.UUID, party, outcome string) error
}

// Consumer notes deletions in r, in the order they were decided.
func Consumer(b *bus.Bus, r Register) lifecycle.Service {
	types := []event.Info{event.AccountDeletionScheduled.Info(), event.AccountDeletionCancelled.Info(), event.AccountForgotten.Info()}
	return bus.ConsumeAny(b, types, bus.ConsumerOptions{Durable: durable, Concurrency: 1}, func(ctx context.Context, d bus.Delivery[proto.Message]) error {
		switch body := d.Body.(type) {
		case *eventv1.AccountDeletionScheduled:
			id, err := uuid.Parse(body.GetDeletionId())
			if err != nil || body.GetRequestedAt() == nil || body.GetPurgeAt() == nil {
				return fault.Permanent(errors.New("a scheduled deletion without id or times"))
			}
			return r.Schedule(ctx, d.ID, deletion.Deletion{
				ID: id, AccountID: d.AccountID, RequestedAt: body.GetRequestedAt().AsTime(), PurgeAt: body.GetPurgeAt().AsTime(),
				Certificate: erasure.NewID(),
			}.Normal())
		case *eventv1.AccountDeletionCancelled:
			id, err := uuid.Parse(body.GetDeletionId())
			if err != nil {
				return fault.Permanent(fmt.Errorf("reading the cancelled deletion: %w", err))
			}
			return r.Cancel(ctx, d.ID, d.AccountID, id, d.Time)
		case *eventv1.AccountForgotten:
			id, err := uuid.Parse(body.GetDeletionId())
			if err != nil || body.GetParty() == "" || body.GetOutcome() == "" {
				return fault.Permanent(errors.New("a party's word about a deletion without its id, name or outcome"))
			}
			return r.Forgotten(ctx, d.ID, d.AccountID, id, body.GetParty(), body.GetOutcome())
		default:
			return fault.Permanent(fmt.Errorf("a %T is not for retention", body))
		}
	})
}
