package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/oapi-codegen/runtime/types"

	"github.com/draftlabs/specter/pkg/webhook"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// ListEndpoints answers GET /api/v1/webhook-endpoints.
func (a *api) ListEndpoints(ctx context.Context, r contract.ListEndpointsRequestObject) (contract.ListEndpointsResponseObject, error) {
	const list = "webhook-endpoints"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Endpoints.Endpoints(ctx, who(ctx).Account, r.Params.Days == nil || *r.Params.Days, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListEndpoints200JSONResponse
	out.Items, _ = each(found.Items, plain(toEndpoint))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// CreateEndpoint answers POST /api/v1/webhook-endpoints.
func (a *api) CreateEndpoint(ctx context.Context, r contract.CreateEndpointRequestObject) (contract.CreateEndpointResponseObject, error) {
	ctx, err := repeatable(ctx, "createEndpoint", r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	c, err := a.Endpoints.Create(ctx, who(ctx), endpoint.Patch{URL: &r.Body.Url, Description: r.Body.Description, Events: r.Body.Events})
	return contract.CreateEndpoint201JSONResponse{Endpoint: toEndpoint(c.Endpoint), Secret: c.Secret}, err
}

// GetEndpoint answers GET /api/v1/webhook-endpoints/{endpoint_id}.
func (a *api) GetEndpoint(ctx context.Context, r contract.GetEndpointRequestObject) (contract.GetEndpointResponseObject, error) {
	e, err := a.Endpoints.Endpoint(ctx, who(ctx).Account, r.EndpointId)
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: toEndpoint(e), etag: versionTag(e.Version)}, nil
}

// UpdateEndpoint answers PATCH /api/v1/webhook-endpoints/{endpoint_id}.
func (a *api) UpdateEndpoint(ctx context.Context, r contract.UpdateEndpointRequestObject) (contract.UpdateEndpointResponseObject, error) {
	version, err := ifMatch(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	e, err := a.Endpoints.Update(ctx, who(ctx), r.EndpointId, endpoint.Patch{
		URL: r.Body.Url, Description: r.Body.Description, Events: r.Body.Events, Enabled: r.Body.Enabled, IfVersion: version,
	})
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: toEndpoint(e), etag: versionTag(e.Version)}, nil
}

// DeleteEndpoint answers DELETE /api/v1/webhook-endpoints/{endpoint_id}.
func (a *api) DeleteEndpoint(ctx context.Context, r contract.DeleteEndpointRequestObject) (contract.DeleteEndpointResponseObject, error) {
	return contract.DeleteEndpoint204Response{}, a.Endpoints.Remove(ctx, who(ctx), r.EndpointId)
}

// TestEndpoint answers POST /api/v1/webhook-endpoints/{endpoint_id}/test.
func (a *api) TestEndpoint(ctx context.Context, r contract.TestEndpointRequestObject) (contract.TestEndpointResponseObject, error) {
	return contract.TestEndpoint202Response{}, a.Endpoints.Test(ctx, who(ctx), r.EndpointId)
}

// RotateEndpointSecret answers POST /api/v1/webhook-endpoints/{endpoint_id}/rotate-secret.
func (a *api) RotateEndpointSecret(ctx context.Context, r contract.RotateEndpointSecretRequestObject) (contract.RotateEndpointSecretResponseObject, error) {
	overlap := endpoint.DefaultOverlap
	if r.Body.OverlapHours != nil {
		overlap = time.Duration(*r.Body.OverlapHours) * time.Hour
	}
	c, err := a.Endpoints.Rotate(ctx, who(ctx), r.EndpointId, overlap)
	return contract.RotateEndpointSecret200JSONResponse{Endpoint: toEndpoint(c.Endpoint), Secret: c.Secret}, err
}

// RevealEndpointSecret answers GET /api/v1/webhook-endpoints/{endpoint_id}/secret.
func (a *api) RevealEndpointSecret(ctx context.Context, r contract.RevealEndpointSecretRequestObject) (contract.RevealEndpointSecretResponseObject, error) {
	secret, err := a.Endpoints.Reveal(ctx, who(ctx), r.EndpointId)
	return contract.RevealEndpointSecret200JSONResponse{Secret: secret}, err
}

// RecoverEndpoint answers POST /api/v1/webhook-endpoints/{endpoint_id}/recover.
func (a *api) RecoverEndpoint(ctx context.Context, r contract.RecoverEndpointRequestObject) (contract.RecoverEndpointResponseObject, error) {
	n, err := a.Endpoints.Recover(ctx, who(ctx), r.EndpointId, r.Body.Since)
	return contract.RecoverEndpoint202JSONResponse{Deliveries: n}, err
}

// ListWebhookEvents answers GET /api/v1/webhook-events.
func (a *api) ListWebhookEvents(context.Context, contract.ListWebhookEventsRequestObject) (contract.ListWebhookEventsResponseObject, error) {
	var out contract.ListWebhookEvents200JSONResponse
	var err error
	out.Items, err = each(webhook.Kinds(), func(k webhook.Kind) (contract.WebhookEvent, error) {
		sample, err := k.Sample()
		if err != nil {
			return contract.WebhookEvent{}, err
		}
		body, err := document[map[string]any](sample)
		return contract.WebhookEvent{Name: k.Name(), Description: k.About, Sample: body}, err
	})
	return out, err
}

func toEndpoint(e endpoint.Endpoint) contract.Endpoint {
	out := contract.Endpoint{
		Id: e.ID, Url: e.URL, Description: e.Description, Events: append([]string{}, e.Events...), Enabled: e.Enabled, Status: contract.EndpointStatus(e.Status()),
		CreatedAt: e.CreatedAt.UTC(), LastSuccessAt: utc(e.LastSuccessAt), FailingSince: utc(e.FailingSince), ConsecutiveFailures: &e.ConsecutiveFailures,
		SecretOverlapUntil: utc(e.OverlapUntil),
	}
	if e.Status() == endpoint.Disabled {
		out.DisabledAt, out.DisabledReason = utc(e.DisabledAt), optional(e.DisabledReason)
	}
	out.Days, _ = each(e.Days, plain(func(d endpoint.Day) contract.EndpointDay {
		return contract.EndpointDay{Day: types.Date{Time: d.Day.UTC()}, Delivered: d.Delivered, Pending: d.Pending, Failed: d.Failed, Dropped: d.Dropped}
	}))
	return out
}
