package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// Endpoints lists the account's webhook endpoints, newest first.
func (c *Client) Endpoints(ctx context.Context) ([]api.Endpoint, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Endpoint, *string, error) {
		var page api.EndpointPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListEndpoints(ctx, &api.ListEndpointsParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// CreateEndpoint makes an endpoint; the answer holds its secret. The same key makes one only once.
func (c *Client) CreateEndpoint(ctx context.Context, e api.NewEndpoint, key string) (api.CreatedEndpoint, error) {
	var made api.CreatedEndpoint
	err := call(ctx, true, &made, func(ctx context.Context) (*http.Response, error) {
		return c.api.CreateEndpoint(ctx, &api.CreateEndpointParams{IdempotencyKey: &key}, e)
	})
	return made, err
}

// UpdateEndpoint edits, pauses or resumes an endpoint.
func (c *Client) UpdateEndpoint(ctx context.Context, id uuid.UUID, patch api.EndpointPatch) (api.Endpoint, error) {
	var changed api.Endpoint
	err := call(ctx, true, &changed, func(ctx context.Context) (*http.Response, error) {
		return c.api.UpdateEndpoint(ctx, id, &api.UpdateEndpointParams{}, patch)
	})
	return changed, err
}

// DeleteEndpoint removes an endpoint.
func (c *Client) DeleteEndpoint(ctx context.Context, id uuid.UUID) error {
	return call(ctx, false, nil, func(ctx context.Context) (*http.Response, error) { return c.api.DeleteEndpoint(ctx, id) })
}

// RotateSecret replaces an endpoint's secret. It is not repeated: a second rotation would end the overlap
// with the secret that the receiver knows.
func (c *Client) RotateSecret(ctx context.Context, id uuid.UUID, overlap time.Duration) (api.CreatedEndpoint, error) {
	var made api.CreatedEndpoint
	hours := int(overlap / time.Hour)
	err := call(ctx, false, &made, func(ctx context.Context) (*http.Response, error) {
		return c.api.RotateEndpointSecret(ctx, id, api.SecretRotation{OverlapHours: &hours})
	})
	return made, err
}

// TestEndpoint sends a test event.
func (c *Client) TestEndpoint(ctx context.Context, id uuid.UUID) error {
	return call(ctx, false, nil, func(ctx context.Context) (*http.Response, error) { return c.api.TestEndpoint(ctx, id) })
}

// Deliveries returns up to count of an endpoint's newest deliveries.
func (c *Client) Deliveries(ctx context.Context, id uuid.UUID, wanted api.ListDeliveriesParams, count int) ([]api.Delivery, error) {
	var all []api.Delivery
	for len(all) < count {
		var page api.DeliveryPage
		n := min(pageLimit, count-len(all))
		wanted.Limit = &n
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) { return c.api.ListDeliveries(ctx, id, &wanted) })
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if wanted.Cursor = page.NextCursor; page.NextCursor == nil {
			break
		}
	}
	return all, nil
}

// Delivery returns one delivery with what was sent and answered.
func (c *Client) Delivery(ctx context.Context, endpoint, id uuid.UUID) (api.Delivery, error) {
	var found api.Delivery
	err := call(ctx, true, &found, func(ctx context.Context) (*http.Response, error) { return c.api.GetDelivery(ctx, endpoint, id) })
	return found, err
}

// ResendDelivery asks for one delivery again.
func (c *Client) ResendDelivery(ctx context.Context, endpoint, id uuid.UUID) error {
	return call(ctx, false, nil, func(ctx context.Context) (*http.Response, error) { return c.api.ResendDelivery(ctx, endpoint, id) })
}

// Recover asks for everything again that did not reach the endpoint, and returns how much that is.
func (c *Client) Recover(ctx context.Context, endpoint uuid.UUID, since time.Time) (int64, error) {
	var begun api.RecoveryBegun
	err := call(ctx, true, &begun, func(ctx context.Context) (*http.Response, error) {
		return c.api.RecoverEndpoint(ctx, endpoint, api.Recovery{Since: since})
	})
	return begun.Deliveries, err
}

// WebhookEvent is an event as endpoints get it.
type WebhookEvent struct {
	ID   uuid.UUID       `json:"id"`
	Body json.RawMessage `json:"body"`
}

// Listen hands the account's events to seen as they happen, those of these names (none = all), until
// ctx is done, seen returns an error or the stream breaks. It returns the id to go on from.
func (c *Client) Listen(ctx context.Context, names []string, lastEvent string, seen func(WebhookEvent) error) (string, error) {
	params := &api.StreamWebhookEventsParams{}
	if lastEvent != "" {
		params.LastEventID = &lastEvent
	}
	if len(names) > 0 {
		joined := strings.Join(names, ",")
		params.Events = &joined
	}
	return follow(ctx, lastEvent, seen, func() (*http.Response, error) { return c.api.StreamWebhookEvents(ctx, params) })
}
