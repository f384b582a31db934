package httpapi

import (
	"context"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/receipt"
	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// GetSignalReceipt answers GET /api/v1/signals/{signal_id}.
func (a *api) GetSignalReceipt(ctx context.Context, r contract.GetSignalReceiptRequestObject) (contract.GetSignalReceiptResponseObject, error) {
	found, err := a.Receipts.Of(ctx, who(ctx).Account, r.SignalId)
	if err != nil {
		return nil, err
	}
	out := contract.GetSignalReceipt200JSONResponse{Id: found.ID, Status: contract.SignalReceiptStatus(found.Status), At: found.At.UTC()}
	if found.Signal != nil {
		signal, err := toSignal(*found.Signal)
		if err != nil {
			return nil, err
		}
		out.Signal = &signal
	}
	if found.Status == receipt.Rejected {
		out.Reason = &contract.RejectionReason{Code: found.Code, Detail: found.Detail}
	}
	return out, nil
}

// GetRejections answers GET /api/v1/products/{product_id}/rejections.
func (a *api) GetRejections(ctx context.Context, r contract.GetRejectionsRequestObject) (contract.GetRejectionsResponseObject, error) {
	span := contract.N24h
	if r.Params.Range != nil {
		span = *r.Params.Range
	}
	report, err := a.Refusals.Report(ctx, who(ctx).Account, r.ProductId, string(span))
	if err != nil {
		return nil, err
	}
	out := contract.GetRejections200JSONResponse{
		From: report.From.UTC(), To: report.To.UTC(), Step: contract.RejectionsStep(report.Step), Total: report.Total, LastGoodAt: utc(report.LastGoodAt),
	}
	out.ByCode, _ = each(report.ByCode, plain(toCodeCount))
	out.Points, _ = each(report.Points, plain(func(p refusal.Point) contract.RejectionPoint {
		counts, _ := each(p.Counts, plain(toCodeCount))
		return contract.RejectionPoint{At: p.At.UTC(), Counts: counts}
	}))
	out.Samples, _ = each(report.Samples, plain(toRejectionSample))
	return out, nil
}

func toCodeCount(c refusal.CodeCount) contract.CodeCount {
	at := c.LastAt.UTC()
	return contract.CodeCount{Code: c.Code, Count: c.Count, LastAt: &at}
}

func toRejectionSample(s refusal.Sample) contract.RejectionSample {
	out := contract.RejectionSample{
		Id: s.ID, At: s.At.UTC(), Code: s.Code, Detail: s.Detail, Count: s.N, Origin: optional(s.Origin), Source: optional(contract.Source(s.Source)),
		UserAgent: optional(s.UserAgent), Element: optional(s.Element),
	}
	if s.ClientID != uuid.Nil {
		out.ClientId = &s.ClientID
	}
	return out
}

// GetUsage answers GET /api/v1/usage.
func (a *api) GetUsage(ctx context.Context, _ contract.GetUsageRequestObject) (contract.GetUsageResponseObject, error) {
	u, err := a.Usage.Usage(ctx, principal(ctx).Account)
	if err != nil {
		return nil, err
	}
	types, _ := each(u.ByType, plain(func(t usage.TypeCount) contract.TypeCount { return contract.TypeCount{Type: t.Type, Count: t.Count} }))
	days, _ := each(u.ByDay, plain(func(d usage.DayCount) contract.DayCount {
		return contract.DayCount{Day: openapi_types.Date{Time: d.Day.UTC()}, Count: d.Count, Dropped: optional(d.Dropped)}
	}))
	refused, _ := each(u.Refused, plain(func(c usage.CodeCount) contract.CodeCount { return contract.CodeCount{Code: c.Code, Count: c.Count} }))
	tips, _ := each(u.Tips, plain(func(t usage.Tip) contract.UsageTip {
		return contract.UsageTip{Type: t.Type, Share: t.Share, Text: t.Text}
	}))
	things := []contract.UsageOf{
		{Name: "products", Count: u.Things.Products, Limit: optional(int64(u.Allowed.Products))},
		{Name: "contexts", Count: u.Things.Contexts, Limit: optional(int64(u.Allowed.Contexts))},
		{Name: "webhook_endpoints", Count: u.Things.WebhookEndpoints, Limit: optional(int64(u.Allowed.WebhookEndpoints))},
	}
	months := u.Allowed.Retention()
	return contract.GetUsage200JSONResponse{
		Plan: u.Plan, Month: u.Month.Format("2006-01"), Signals: u.Stored, SignalsLimit: optional(u.Limit), SignalsUsed: u.Used, SignalsRemaining: u.Remaining(),
		ResetsAt: utc(&u.Resets), LimitReachedAt: utc(u.Reached), ByType: &types, ByDay: &days, Refused: &refused,
		AnalysesToday: &u.Analyses, AnalysesLimit: optional(int64(u.Allowed.AnalysesPerDay)),
		SignalsGrace: optional(u.Grace), Tips: &tips, Things: &things, RetentionMonths: &months,
		KeptMonths: optional(u.Kept.Months), KeptUntil: utc(optional(u.Kept.Until)),
	}, nil
}
