package httpapi

import (
	"context"
	"net/http"

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
	found, err := a.Endpoints.Endpoints(ctx, who(ctx).Account, request)
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

func toEndpoint(e endpoint.Endpoint) contract.Endpoint {
	return contract.Endpoint{
		Id: e.ID, Url: e.URL, Description: e.Description, Events: append([]string{}, e.Events...), Enabled: e.Enabled, CreatedAt: e.CreatedAt.UTC(),
		DisabledAt: utc(e.DisabledAt), DisabledReason: optional(e.DisabledReason), LastSuccessAt: utc(e.LastSuccessAt), ConsecutiveFailures: &e.ConsecutiveFailures,
	}
}

// ListDeliveries answers GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries.
func (a *api) ListDeliveries(ctx context.Context, r contract.ListDeliveriesRequestObject) (contract.ListDeliveriesResponseObject, error) {
	const list = "deliveries"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Endpoints.Deliveries(ctx, who(ctx).Account, r.EndpointId, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListDeliveries200JSONResponse
	out.Items, _ = each(found.Items, plain(toDelivery))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

func toDelivery(d endpoint.Delivery) contract.Delivery {
	log, _ := each(d.Log, plain(func(t endpoint.Attempt) contract.DeliveryAttempt {
		return contract.DeliveryAttempt{
			Attempt: t.Number, At: t.At.UTC(), DurationMs: int(t.Duration.Milliseconds()), StatusCode: t.StatusCode, Error: optional(t.Error), ResponseExcerpt: optional(t.ResponseExcerpt),
		}
	}))
	return contract.Delivery{
		Id: d.ID, EventId: d.EventID, EventType: d.EventType, Status: contract.DeliveryStatus(d.Status), Attempts: d.Attempts, CreatedAt: d.CreatedAt.UTC(),
		NextAttemptAt: utc(d.NextAttemptAt), FinishedAt: utc(d.FinishedAt), Log: &log,
	}
}
