package broker

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/webhook"

	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
)

// Live is the endpoint.Live.
type Live struct{ bus *bus.Bus }

var _ endpoint.Live = Live{}

// NewLive shows b's events.
func NewLive(b *bus.Bus) Live { return Live{bus: b} }

// Last is the sequence of the newest event of any account.
func (l Live) Last(ctx context.Context) (uint64, error) {
	last, err := l.bus.StreamLastSequence(ctx, event.EndpointTested)
	if err != nil {
		return 0, away(err)
	}
	return last, nil
}

// Follow hands an account's events to h as they are published.
func (l Live) Follow(ctx context.Context, account uuid.UUID, names []string, after uint64, h func(endpoint.Told) error) error {
	types := webhook.Types()
	if len(names) > 0 {
		types = slices.DeleteFunc(types, func(t event.Info) bool { return !slices.Contains(names, t.Name()) })
	}
	return bus.TailAccount(ctx, l.bus, account, types, after, func(d bus.Delivery[proto.Message]) error {
		data, err := webhook.Data(d.Body)
		if err != nil {
			return err
		}
		body, err := webhook.Envelope(d.Type.Name(), d.Time, data)
		if err != nil {
			return err
		}
		return h(endpoint.Told{Sequence: d.Sequence, ID: d.ID, Body: body})
	})
}
