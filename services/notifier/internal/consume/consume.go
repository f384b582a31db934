package consume

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
)

// durable names the one consumer for all webhook events.
const durable = "notifier"

// Acceptor takes an event over; delivery.Deliverer is one.
type Acceptor interface {
	Accept(ctx context.Context, e delivery.Event) (deliveries int, err error)
}

// Types are the facts people can subscribe to. Their names are a public contract.
func Types() []event.Info {
	return []event.Info{
		event.SignalFirstReceived.Info(),
		event.AnalysisCompleted.Info(),
		event.ProposalCreated.Info(),
		event.ProposalUpdated.Info(),
		event.ProposalApproved.Info(),
		event.ProposalRejected.Info(),
		event.ProposalSnoozed.Info(),
		event.ProposalDuplicated.Info(),
		event.ProposalEdited.Info(),
		event.ProposalReopened.Info(),
		event.ProposalExpired.Info(),
		event.DeploymentCreated.Info(),
		event.DeploymentDeployed.Info(),
		event.DeploymentCancelled.Info(),
		event.DeploymentRolledBack.Info(),
		event.DeploymentVerified.Info(),
		event.DeploymentRegressed.Info(),
		event.DeploymentInconclusive.Info(),
		event.AccountDeletionScheduled.Info(),
		event.AccountDeletionCancelled.Info(),
		event.EndpointTested.Info(),
		event.EndpointDisabled.Info(),
	}
}

// Consumer hands every webhook event to a.
func Consumer(b *bus.Bus, a Acceptor) lifecycle.Service {
	return bus.ConsumeAny(b, Types(), bus.ConsumerOptions{Durable: durable}, func(ctx context.Context, d bus.Delivery[proto.Message]) error {
		e, err := toEvent(d)
		if err != nil {
			return fault.Permanent(err)
		}
		_, err = a.Accept(ctx, e)
		return err
	})
}

func toEvent(d bus.Delivery[proto.Message]) (delivery.Event, error) {
	data, err := dataOf(d.Body)
	if err != nil {
		return delivery.Event{}, err
	}
	e := delivery.Event{ID: d.ID, AccountID: d.AccountID, Type: d.Type.Name(), Time: d.Time, Data: data}
	if tested, ok := d.Body.(*eventv1.EndpointTested); ok {
		if e.Only, err = uuid.Parse(tested.GetEndpointId()); err != nil {
			return delivery.Event{}, fmt.Errorf("reading the tested endpoint: %w", err)
		}
	}
	return e, nil
}
