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

const (
	durable        = "retention"
	durableExports = "retention_exports"
)

// Register notes what was decided about an account. Events that were seen change nothing.
type Register interface {
	Schedule(ctx context.Context, event uuid.UUID, d deletion.Deletion) error
	// Cancel fails when the deletion is not known yet.
	Cancel(ctx context.Context, event, account, deletion uuid.UUID, at time.Time) error
	// Forgotten notes that a party outside the database has forgotten the account's owner.
	Forgotten(ctx context.Context, event, account, deletion uuid.UUID, party, outcome string) error
}

// Exports notes which exports are wanted. Events that were seen change nothing.
type Exports interface {
	Request(ctx context.Context, event, account, export uuid.UUID, asOf, now time.Time) error
	Delete(ctx context.Context, event, account, export uuid.UUID) error
}

// ExportConsumer notes exports in e, in the order they were asked for.
func ExportConsumer(b *bus.Bus, e Exports, now func() time.Time) lifecycle.Service {
	types := []event.Info{event.ExportRequested.Info(), event.ExportDeleted.Info()}
	return bus.ConsumeAny(b, types, bus.ConsumerOptions{Durable: durableExports, Concurrency: 1}, func(ctx context.Context, d bus.Delivery[proto.Message]) error {
		switch body := d.Body.(type) {
		case *eventv1.ExportRequested:
			id, err := uuid.Parse(body.GetExportId())
			if err != nil || body.GetAsOf() == nil {
				return fault.Permanent(fmt.Errorf("a requested export %q without id or time", body.GetExportId()))
			}
			return e.Request(ctx, d.ID, d.AccountID, id, body.GetAsOf().AsTime(), now())
		case *eventv1.ExportDeleted:
			id, err := uuid.Parse(body.GetExportId())
			if err != nil {
				return fault.Permanent(fmt.Errorf("reading the deleted export: %w", err))
			}
			return e.Delete(ctx, d.ID, d.AccountID, id)
		default:
			return fault.Permanent(fmt.Errorf("a %T is not for exports", body))
		}
	})
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
