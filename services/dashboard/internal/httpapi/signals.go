package httpapi

import (
	"context"
	"encoding/json"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/importing"
	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

const maxSearch = 200

// ListSignals answers GET /api/v1/products/{product_id}/signals.
func (a *api) ListSignals(ctx context.Context, r contract.ListSignalsRequestObject) (contract.ListSignalsResponseObject, error) {
	const list = "signals"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]*string{"type": r.Params.Type, "session_id": r.Params.SessionId, "q": r.Params.Q} {
		if text != nil && (len(*text) > 4*maxSearch || !utf8.ValidString(*text)) {
			return nil, invalidParameter(name, name+" is too long.")
		}
	}
	found, err := a.Insights.Signals(ctx, who(ctx).Account, r.ProductId, insight.Filter{
		From: r.Params.From, To: r.Params.To, Type: value(r.Params.Type), ContextID: r.Params.ContextId, SessionID: value(r.Params.SessionId), Text: value(r.Params.Q),
	}, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListSignals200JSONResponse
	if out.Items, err = each(found.Items, toSignal); err != nil {
		return nil, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

func toSignal(n insight.Signal) (contract.Signal, error) {
	payload, err := document[map[string]any](n.Payload)
	out := contract.Signal{
		Id: n.ID, Type: n.Type, Payload: payload, ContextId: n.ContextID, ContextName: optional(n.ContextName), Polarity: contract.Polarity(n.Polarity),
		Source: contract.Source(n.Source), SessionId: optional(n.SessionID), OccurredAt: n.OccurredAt.UTC(), ReceivedAt: n.ReceivedAt.UTC(),
		TimeMark: optional(n.TimeMark), Imported: optional(n.Imported),
	}
	if n.ClientID != uuid.Nil {
		out.ClientId = &n.ClientID
	}
	return out, err
}

// CreateImport answers POST /api/v1/products/{product_id}/imports.
func (a *api) CreateImport(ctx context.Context, r contract.CreateImportRequestObject) (contract.CreateImportResponseObject, error) {
	ctx, err := repeatable(ctx, "createImport", r.Params.IdempotencyKey, r.ProductId, r.Body)
	if err != nil {
		return nil, err
	}
	i, err := a.Imports.Begin(ctx, who(ctx), r.ProductId, value(r.Body.Name))
	return contract.CreateImport201JSONResponse(toImport(i)), err
}

// GetImport answers GET /api/v1/imports/{import_id}.
func (a *api) GetImport(ctx context.Context, r contract.GetImportRequestObject) (contract.GetImportResponseObject, error) {
	i, err := a.Imports.Import(ctx, who(ctx), r.ImportId)
	return contract.GetImport200JSONResponse(toImport(i)), err
}

// ImportSignals answers POST /api/v1/imports/{import_id}/signals.
func (a *api) ImportSignals(ctx context.Context, r contract.ImportSignalsRequestObject) (contract.ImportSignalsResponseObject, error) {
	signals := make([]importing.Signal, len(r.Body.Signals))
	for i, s := range r.Body.Signals {
		signals[i] = importing.Signal{ID: s.Id, Type: s.Type, At: s.Timestamp, ContextID: s.ContextId, SessionID: value(s.SessionId)}
		if s.Payload != nil {
			payload, err := json.Marshal(*s.Payload)
			if err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "invalid_json", "A payload cannot be kept.")
			}
			signals[i].Payload = payload
		}
	}
	n, err := a.Imports.Add(ctx, who(ctx), r.ImportId, signals)
	return contract.ImportSignals200JSONResponse{Received: n}, err
}

// CompleteImport answers POST /api/v1/imports/{import_id}/complete.
func (a *api) CompleteImport(ctx context.Context, r contract.CompleteImportRequestObject) (contract.CompleteImportResponseObject, error) {
	i, err := a.Imports.Complete(ctx, who(ctx), r.ImportId)
	return contract.CompleteImport200JSONResponse(toImport(i)), err
}

func toImport(i importing.Import) contract.Import {
	return contract.Import{
		Id: i.ID, ProductId: i.ProductID, Name: i.Name, Received: i.Received, FirstAt: utc(i.FirstAt), LastAt: utc(i.LastAt),
		CreatedAt: i.CreatedAt.UTC(), CompletedAt: utc(i.CompletedAt), Status: contract.ImportStatus(i.Status()),
	}
}
