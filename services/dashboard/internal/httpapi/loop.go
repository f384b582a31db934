package httpapi

import (
	"context"

	"github.com/google/uuid"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/decision"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// ListProposals answers GET /api/v1/products/{product_id}/proposals.
func (a *api) ListProposals(ctx context.Context, r contract.ListProposalsRequestObject) (contract.ListProposalsResponseObject, error) {
	out, err := a.proposals(ctx, &r.ProductId, r.Params.Status, r.Params.Limit, r.Params.Cursor)
	return contract.ListProposals200JSONResponse(out), err
}

// ListProposalsOfAccount answers GET /api/proposals.
func (a *api) ListProposalsOfAccount(ctx context.Context, r contract.ListProposalsOfAccountRequestObject) (contract.ListProposalsOfAccountResponseObject, error) {
	out, err := a.proposals(ctx, nil, r.Params.Status, r.Params.Limit, r.Params.Cursor)
	return contract.ListProposalsOfAccount200JSONResponse(out), err
}

func (a *api) proposals(ctx context.Context, productID *uuid.UUID, status *contract.ProposalStatus, limit *int, cursor *string) (contract.ProposalPage, error) {
	const list = "proposals"
	var out contract.ProposalPage
	request, err := page.Parse(list, limit, cursor)
	if err != nil {
		return out, err
	}
	if status != nil && !status.Valid() {
		return out, invalidParameter("status", "There is no proposal status of that name.")
	}
	found, err := a.Decisions.Proposals(ctx, who(ctx).Account, productID, (*decision.Status)(status), request)
	if err != nil {
		return out, err
	}
	if out.Items, err = each(found.Items, toProposal); err != nil {
		return out, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// GetProposal answers GET /api/v1/proposals/{proposal_id}.
func (a *api) GetProposal(ctx context.Context, r contract.GetProposalRequestObject) (contract.GetProposalResponseObject, error) {
	p, err := a.Decisions.Proposal(ctx, who(ctx).Account, r.ProposalId)
	if err != nil {
		return nil, err
	}
	out, err := toProposal(p)
	return contract.GetProposal200JSONResponse(out), err
}

// DecideProposal answers POST /api/v1/proposals/{proposal_id}/decision.
func (a *api) DecideProposal(ctx context.Context, r contract.DecideProposalRequestObject) (contract.DecideProposalResponseObject, error) {
	p, err := a.Decisions.Decide(ctx, who(ctx), r.ProposalId, decision.Request{
		Decision: decision.Status(r.Body.Decision), Reason: value(r.Body.Reason), ReasonCode: decision.Reason(value(r.Body.ReasonCode)),
		SnoozeUntil: r.Body.SnoozeUntil, DuplicateOf: r.Body.DuplicateOf, ContentHash: value(r.Body.ContentHash),
	})
	if err != nil {
		return nil, err
	}
	out, err := toProposal(p)
	return contract.DecideProposal200JSONResponse(out), err
}

// EditProposal answers PATCH /api/v1/proposals/{proposal_id}.
func (a *api) EditProposal(ctx context.Context, r contract.EditProposalRequestObject) (contract.EditProposalResponseObject, error) {
	p, err := a.Decisions.Edit(ctx, who(ctx), r.ProposalId, decision.Patch{
		Title: r.Body.Title, SuggestedChange: r.Body.SuggestedChange, ContentHash: value(r.Body.ContentHash),
	})
	if err != nil {
		return nil, err
	}
	out, err := toProposal(p)
	return contract.EditProposal200JSONResponse(out), err
}

// RewriteProposal answers POST /api/v1/proposals/{proposal_id}/rewrite.
func (a *api) RewriteProposal(ctx context.Context, r contract.RewriteProposalRequestObject) (contract.RewriteProposalResponseObject, error) {
	p, err := a.Decisions.Rewrite(ctx, who(ctx), r.ProposalId)
	if err != nil {
		return nil, err
	}
	out, err := toProposal(p)
	return contract.RewriteProposal202JSONResponse(out), err
}

// UndoDecision answers DELETE /api/v1/proposals/{proposal_id}/decision.
func (a *api) UndoDecision(ctx context.Context, r contract.UndoDecisionRequestObject) (contract.UndoDecisionResponseObject, error) {
	p, err := a.Decisions.Undo(ctx, who(ctx), r.ProposalId)
	if err != nil {
		return nil, err
	}
	out, err := toProposal(p)
	return contract.UndoDecision200JSONResponse(out), err
}

func toProposal(p decision.Proposal) (contract.Proposal, error) {
	out := contract.Proposal{
		Id: p.ID, ProductId: p.ProductID, ContextId: p.ContextID, ContextName: p.ContextName, FindingId: p.FindingID, Family: p.Family,
		Status: contract.ProposalStatus(p.Status), Title: p.Title, Diagnosis: p.Diagnosis, SuggestedChange: p.SuggestedChange, Confidence: p.Confidence,
		Priority: p.Priority, ContentHash: p.ContentHash, CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(), DetectedAt: utc(p.DetectedAt), DecidedAt: utc(p.DecidedAt),
		DecidedBy: optional(p.DecidedBy), DecisionReason: optional(p.DecisionReason), SnoozedUntil: utc(p.SnoozedUntil), DeploymentId: p.DeploymentID,
		UndoUntil: utc(p.UndoUntil()), ReasonCode: optional(contract.RejectReason(p.ReasonCode)),
	}
	if t := p.DuplicateOf; t != nil {
		out.DuplicateOf, out.DuplicateOfTitle = &t.ProposalID, &t.Title
	}
	if e := p.Edit; e != nil {
		out.Edit = &contract.ProposalEdit{EditedBy: e.By, EditedAt: e.At.UTC(), Title: e.Title, SuggestedChange: e.SuggestedChange}
	}
	if b := p.Reopens; b != nil {
		out.Reopens = &contract.Reopens{ProposalId: b.ProposalID, Title: b.Title, After: contract.ReopensAfter(b.After), DeploymentId: b.DeploymentID}
	}
	var err error
	if out.Evidence, err = document[map[string]any](p.Evidence); err != nil {
		return out, err
	}
	if out.PredictedImpact, err = document[contract.PredictedImpact](p.PredictedImpact); err != nil {
		return out, err
	}
	out.Provenance, err = document[map[string]any](p.Provenance)
	return out, err
}

// ListDeployments answers GET /api/v1/products/{product_id}/deployments.
func (a *api) ListDeployments(ctx context.Context, r contract.ListDeploymentsRequestObject) (contract.ListDeploymentsResponseObject, error) {
	const list = "deployments"
	request, err := page.Parse(list, r.Params.Limit, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Deployments.Deployments(ctx, who(ctx).Account, deployment.Filter{Product: r.ProductId, Reported: r.Params.Reported}, request)
	if err != nil {
		return nil, err
	}
	var out contract.ListDeployments200JSONResponse
	if out.Items, err = each(found.Items, toDeployment); err != nil {
		return nil, err
	}
	out.NextCursor, err = nextCursor(list, found.Next)
	return out, err
}

// GetDeployment answers GET /api/v1/deployments/{deployment_id}.
func (a *api) GetDeployment(ctx context.Context, r contract.GetDeploymentRequestObject) (contract.GetDeploymentResponseObject, error) {
	d, err := a.Deployments.Deployment(ctx, who(ctx).Account, r.DeploymentId)
	out, err := deploymentOr(d, err)
	return contract.GetDeployment200JSONResponse(out), err
}

func deploymentOr(d deployment.Deployment, err error) (contract.Deployment, error) {
	if err != nil {
		return contract.Deployment{}, err
	}
	return toDeployment(d)
}

func toDeployment(d deployment.Deployment) (contract.Deployment, error) {
	out := contract.Deployment{
		Id: d.ID, ProductId: d.ProductID, ContextId: d.ContextID, ContextName: optional(d.ContextName), ProposalId: d.ProposalID, Title: d.Title,
		Status: contract.DeploymentStatus(d.State), Version: optional(d.Version), Commit: optional(d.Commit), Url: optional(d.URL), CreatedAt: d.CreatedAt.UTC(),
		DeployedAt: utc(d.DeployedAt), ReportedAt: utc(d.ReportedAt), ReportedBy: optional(d.ReportedBy), CancelledAt: utc(d.CancelledAt), RolledBackAt: utc(d.RolledBackAt),
	}
	if err := addReport(&out, d); err != nil {
		return out, err
	}
	if d.Verification == nil {
		return out, nil
	}
	v, err := toVerification(*d.Verification)
	out.Verification = &v
	return out, err
}

func lookResult(text []byte) (contract.LookResult, error) {
	out, err := document[contract.LookResult](text)
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	return out, err
}
