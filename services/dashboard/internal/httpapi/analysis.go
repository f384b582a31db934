package httpapi

import (
	"context"

	"github.com/draftlabs/specter/pkg/fault"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

func invalidParameter(name, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With("", "invalid_"+name, detail)
}

// ListAnalyses answers GET /api/v1/contexts/{context_id}/analyses.
func (a *api) ListAnalyses(ctx context.Context, r contract.ListAnalysesRequestObject) (contract.ListAnalysesResponseObject, error) {
	const list = "analyses"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Insights.Analyses(ctx, who(ctx).Account, r.ContextId, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListAnalyses200JSONResponse
	out.Items, _ = each(found.Items, plain(toAnalysis))
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// RequestAnalysis answers POST /api/v1/contexts/{context_id}/analyses.
func (a *api) RequestAnalysis(ctx context.Context, r contract.RequestAnalysisRequestObject) (contract.RequestAnalysisResponseObject, error) {
	id, err := a.Insights.Analyse(ctx, who(ctx), r.ContextId, insight.Wanted{AsOf: r.Body.AsOf, DryRun: value(r.Body.DryRun)})
	return contract.RequestAnalysis202JSONResponse{AnalysisId: id}, err
}

// GetAnalysis answers GET /api/v1/analyses/{analysis_id}.
func (a *api) GetAnalysis(ctx context.Context, r contract.GetAnalysisRequestObject) (contract.GetAnalysisResponseObject, error) {
	n, err := a.Insights.Analysis(ctx, who(ctx).Account, r.AnalysisId)
	if err != nil {
		return nil, err
	}
	out := toAnalysis(n)
	detail, err := document[contract.AnalysisDetail](n.Detail)
	out.Detail = &detail
	return contract.GetAnalysis200JSONResponse(out), err
}

func toAnalysis(n insight.Analysis) contract.Analysis {
	return contract.Analysis{
		Id: n.ID, ContextId: n.ContextID, Trigger: contract.AnalysisTrigger(n.Trigger), From: n.From.UTC(), AsOf: n.AsOf.UTC(),
		Outcome: contract.AnalysisOutcome(n.Outcome), Reason: n.Reason, FindingCount: n.FindingCount, Signals24h: n.Signals24h, DryRun: n.DryRun, FinishedAt: n.FinishedAt.UTC(),
	}
}

// ListFindings answers GET /api/v1/products/{product_id}/findings.
func (a *api) ListFindings(ctx context.Context, r contract.ListFindingsRequestObject) (contract.ListFindingsResponseObject, error) {
	const list = "findings"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Insights.Findings(ctx, who(ctx).Account, r.ProductId, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListFindings200JSONResponse
	if out.Items, err = each(found.Items, toFinding); err != nil {
		return nil, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// GetFinding answers GET /api/v1/findings/{finding_id}.
func (a *api) GetFinding(ctx context.Context, r contract.GetFindingRequestObject) (contract.GetFindingResponseObject, error) {
	f, err := a.Insights.Finding(ctx, who(ctx).Account, r.FindingId)
	if err != nil {
		return nil, err
	}
	out, err := toFinding(f)
	return contract.GetFinding200JSONResponse(out), err
}

func toFinding(f insight.Finding) (contract.Finding, error) {
	evidence, err := document[map[string]any](f.Evidence)
	out := contract.Finding{
		Id: f.ID, ProductId: f.ProductID, ContextId: f.ContextID, Family: f.Family, Severity: f.Severity, StartedAt: f.StartedAt.UTC(),
		StartedLow: f.StartedLow.UTC(), StartedHigh: f.StartedHigh.UTC(), DetectedAt: f.DetectedAt.UTC(), ResolvedAt: utc(f.ResolvedAt),
		Evidence: evidence, ProposalId: f.ProposalID, DeploymentId: f.DeploymentID,
	}
	if n := f.NotProposed; n != nil {
		out.NotProposed = &contract.NotProposed{
			Rule: contract.NotProposedRule(n.Rule), RejectedProposalId: n.RejectedProposalID, Title: n.Title, ReasonCode: contract.RejectReason(n.ReasonCode),
			RejectedAt: n.RejectedAt.UTC(), Until: n.Until.UTC(),
		}
	}
	return out, err
}

// ListSignalTypes answers GET /api/v1/products/{product_id}/types.
func (a *api) ListSignalTypes(ctx context.Context, r contract.ListSignalTypesRequestObject) (contract.ListSignalTypesResponseObject, error) {
	days := 7
	if r.Params.Days != nil {
		days = *r.Params.Days
	}
	types, err := a.Insights.Types(ctx, who(ctx).Account, r.ProductId, days)
	if err != nil {
		return nil, err
	}
	var out contract.ListSignalTypes200JSONResponse
	out.Items, _ = each(types, plain(func(t insight.TypeCount) contract.SignalType {
		return contract.SignalType{Type: t.Type, Count: t.Count, LastAt: t.LastAt.UTC()}
	}))
	return out, nil
}
