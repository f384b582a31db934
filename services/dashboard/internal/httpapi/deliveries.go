package httpapi

import (
	"context"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// ListDeliveries answers GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries.
func (a *api) ListDeliveries(ctx context.Context, r contract.ListDeliveriesRequestObject) (contract.ListDeliveriesResponseObject, error) {
	const list = "deliveries"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	status := value(r.Params.Status)
	if status != "" && !status.Valid() {
		return nil, invalidParameter("status", "status is pending, delivered, failed or dropped.")
	}
	wanted := endpoint.Wanted{Status: string(status), EventType: value(r.Params.EventType), Since: value(r.Params.Since)}
	found, err := a.Endpoints.ListDeliveries(ctx, who(ctx).Account, r.EndpointId, wanted, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListDeliveries200JSONResponse
	if out.Items, err = each(found.Items, toDelivery); err != nil {
		return nil, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// GetDelivery answers GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}.
func (a *api) GetDelivery(ctx context.Context, r contract.GetDeliveryRequestObject) (contract.GetDeliveryResponseObject, error) {
	d, err := a.Endpoints.Delivery(ctx, who(ctx).Account, r.EndpointId, r.DeliveryId)
	if err != nil {
		return nil, err
	}
	out, err := toDelivery(d)
	return contract.GetDelivery200JSONResponse(out), err
}

// ResendDelivery answers POST /api/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/resend.
func (a *api) ResendDelivery(ctx context.Context, r contract.ResendDeliveryRequestObject) (contract.ResendDeliveryResponseObject, error) {
	return contract.ResendDelivery202Response{}, a.Endpoints.Resend(ctx, who(ctx), r.EndpointId, r.DeliveryId)
}

func toDelivery(d endpoint.Delivery) (contract.Delivery, error) {
	log, err := each(d.Log, toAttempt)
	if err != nil {
		return contract.Delivery{}, err
	}
	out := contract.Delivery{
		Id: d.ID, EventId: d.EventID, EventType: d.EventType, Status: contract.DeliveryStatus(d.Status), Reason: optional(d.Reason), Attempts: d.Attempts, Resends: d.Resends,
		DeploymentId: d.DeploymentID, CreatedAt: d.CreatedAt.UTC(), NextAttemptAt: utc(d.NextAttemptAt), FinishedAt: utc(d.FinishedAt), Log: &log,
	}
	out.Body = optional(string(d.Body))
	return out, nil
}

func toAttempt(t endpoint.Attempt) (contract.DeliveryAttempt, error) {
	request, err := document[struct {
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	}](t.Request)
	if err != nil {
		return contract.DeliveryAttempt{}, err
	}
	answered, err := document[map[string]string](t.ResponseHeaders)
	if err != nil {
		return contract.DeliveryAttempt{}, err
	}
	out := contract.DeliveryAttempt{
		Attempt: t.Number, At: t.At.UTC(), DurationMs: int(t.Duration.Milliseconds()), StatusCode: t.StatusCode, Error: optional(t.Error), ResponseExcerpt: optional(t.ResponseExcerpt),
		RequestUrl: optional(request.URL),
	}
	if len(request.Headers) > 0 {
		out.RequestHeaders = &request.Headers
	}
	if len(answered) > 0 {
		out.ResponseHeaders = &answered
	}
	return out, nil
}
