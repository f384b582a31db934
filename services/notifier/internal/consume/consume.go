package consume

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/webhook"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
)

const (
	// durable names the consumer of what can be told in any order, ordered of what cannot.
	durable = "notifier"
	ordered = "notifier_deployments"

	// handlers accept events at once. Each takes a connection to the database, and attempts need some too.
	handlers = 3
)

// Accounts is what events are handed to; delivery.Deliverer is one.
type Accounts interface {
	Accept(ctx context.Context, e delivery.Event) error
	Resend(ctx context.Context, r delivery.Resend) error
	Recover(ctx context.Context, r delivery.Recovery) error
}

// Consumers hand every event that people can subscribe to, and their wishes to have some again, to a.
func Consumers(b *bus.Bus, a Accounts) []lifecycle.Service {
	types := webhook.Types()
	aboutDeployments := func(t event.Info) bool { return webhook.AboutDeployments(t) }
	inOrder := slices.DeleteFunc(slices.Clone(types), func(t event.Info) bool { return !aboutDeployments(t) })
	inAny := append(slices.DeleteFunc(types, aboutDeployments), event.DeliveryResendRequested.Info(), event.EndpointRecoveryRequested.Info())
	handle := func(ctx context.Context, d bus.Delivery[proto.Message]) error { return hand(ctx, a, d) }
	return []lifecycle.Service{
		bus.ConsumeAny(b, inAny, bus.ConsumerOptions{Durable: durable, Concurrency: handlers}, handle),
		// One after the other: deliveries are put in the order in which they are accepted.
		bus.ConsumeAny(b, inOrder, bus.ConsumerOptions{Durable: ordered, Concurrency: 1}, handle),
	}
}

func hand(ctx context.Context, a Accounts, d bus.Delivery[proto.Message]) error {
	switch body := d.Body.(type) {
	case *eventv1.DeliveryResendRequested:
		r := delivery.Resend{RequestID: d.ID, AccountID: d.AccountID}
		if err := parse(map[*uuid.UUID]string{&r.EndpointID: body.GetEndpointId(), &r.DeliveryID: body.GetDeliveryId()}); err != nil {
			return fault.Permanent(err)
		}
		return a.Resend(ctx, r)
	case *eventv1.EndpointRecoveryRequested:
		r := delivery.Recovery{AccountID: d.AccountID, Since: body.GetSince().AsTime(), AskedAt: d.Time}
		if err := parse(map[*uuid.UUID]string{&r.EndpointID: body.GetEndpointId()}); err != nil {
			return fault.Permanent(err)
		}
		return a.Recover(ctx, r)
	default:
		e, err := toEvent(d)
		if err != nil {
			return fault.Permanent(err)
		}
		return a.Accept(ctx, e)
	}
}

func parse(ids map[*uuid.UUID]string) error {
	for id, text := range ids {
		var err error
		if *id, err = uuid.Parse(text); err != nil {
			return fmt.Errorf("reading an id: %w", err)
		}
	}
	return nil
}

func toEvent(d bus.Delivery[proto.Message]) (delivery.Event, error) {
	e := delivery.Event{ID: d.ID, AccountID: d.AccountID, Type: d.Type.Name(), Sequence: d.Sequence, Deployment: webhook.Deployment(d.Body)}
	data, err := webhook.Data(d.Body)
	if err != nil {
		return e, err
	}
	body, err := webhook.Envelope(e.Type, d.Time, data)
	if err != nil {
		return e, err
	}
	e.Body = body
	if tested, ok := d.Body.(*eventv1.EndpointTested); ok {
		if e.Only, err = uuid.Parse(tested.GetEndpointId()); err != nil {
			return e, fmt.Errorf("reading the tested endpoint: %w", err)
		}
	}
	return e, nil
}
