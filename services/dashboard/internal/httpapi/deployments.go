package httpapi

import (
	"context"
	"strings"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

// ReportDeployment answers POST /api/v1/deployments/{deployment_id}/report.
func (a *api) ReportDeployment(ctx context.Context, r contract.ReportDeploymentRequestObject) (contract.ReportDeploymentResponseObject, error) {
	d, err := a.Deployments.Ship(ctx, who(ctx), r.DeploymentId, deployment.Shipped{
		At: r.Body.DeployedAt, Version: value(r.Body.Version), Commit: value(r.Body.Commit), URL: value(r.Body.Url),
		Environment: value(r.Body.Environment), CanaryShare: r.Body.CanaryShare, Via: via(ctx),
	})
	out, err := deploymentOr(d, err)
	return contract.ReportDeployment200JSONResponse(out), err
}

// via is what a person or a program reports with, as far as it says so; nothing is decided by it.
func via(ctx context.Context) deployment.Via {
	switch agent := visitorOf(ctx).browser.UserAgent; {
	case principal(ctx).Session != nil:
		return deployment.ViaWeb
	case strings.HasPrefix(agent, "specter-cli"):
		return deployment.ViaCLI
	case strings.HasPrefix(agent, "specter-"):
		return deployment.ViaSDK
	default:
		return deployment.ViaAPI
	}
}

// UpdateDeployment answers PATCH /api/v1/deployments/{deployment_id}.
func (a *api) UpdateDeployment(ctx context.Context, r contract.UpdateDeploymentRequestObject) (contract.UpdateDeploymentResponseObject, error) {
	revision, err := ifMatch(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	d, err := a.Deployments.Edit(ctx, who(ctx), r.DeploymentId, deployment.Patch{
		At: r.Body.DeployedAt, Version: r.Body.Version, Commit: r.Body.Commit, URL: r.Body.Url, Environment: r.Body.Environment,
		CanaryShare: r.Body.CanaryShare, CanarySince: r.Body.CanarySince, IfRevision: revision,
	})
	out, err := deploymentOr(d, err)
	return contract.UpdateDeployment200JSONResponse(out), err
}

// CancelDeployment answers POST /api/v1/deployments/{deployment_id}/cancel.
func (a *api) CancelDeployment(ctx context.Context, r contract.CancelDeploymentRequestObject) (contract.CancelDeploymentResponseObject, error) {
	d, err := a.Deployments.Cancel(ctx, who(ctx), r.DeploymentId)
	out, err := deploymentOr(d, err)
	return contract.CancelDeployment200JSONResponse(out), err
}

// RollBackDeployment answers POST /api/v1/deployments/{deployment_id}/rollback.
func (a *api) RollBackDeployment(ctx context.Context, r contract.RollBackDeploymentRequestObject) (contract.RollBackDeploymentResponseObject, error) {
	d, err := a.Deployments.RollBack(ctx, who(ctx), r.DeploymentId, r.Body.RolledBackAt)
	out, err := deploymentOr(d, err)
	return contract.RollBackDeployment200JSONResponse(out), err
}

// addReport adds what was reported, and what is known around it.
func addReport(out *contract.Deployment, d deployment.Deployment) error {
	out.Revision, out.ReportedVia, out.Environment = &d.Revision, optional(contract.ReportedVia(d.Via)), optional(d.Environment)
	if d.DeployedAt != nil {
		out.CanaryShare = &d.CanaryShare
	}
	if m := d.Merged; m != nil {
		out.Merged = &contract.MergedChange{
			MergedAt: m.At.UTC(), Commit: m.Commit, CommitUrl: optional(m.CommitURL()), Repository: optional(m.Repository), PullRequestUrl: optional(m.PullRequest),
		}
	}
	overlaps, _ := each(d.Overlaps, plain(toOverlap))
	out.Overlaps = &overlaps
	if len(d.Shares) > 0 {
		shares, _ := each(d.Shares, plain(func(s deployment.Share) contract.CanaryChange {
			return contract.CanaryChange{At: s.At.UTC(), Share: s.Share, ReportedAt: s.ReportedAt.UTC(), ReportedBy: s.ReportedBy}
		}))
		out.CanaryChanges = &shares
	}
	if d.Timeline == nil {
		return nil
	}
	timeline, err := each(d.Timeline, toStep)
	out.Timeline = &timeline
	return err
}

func toOverlap(o deployment.Overlap) contract.DeploymentOverlap {
	return contract.DeploymentOverlap{
		DeploymentId: o.ID, Title: o.Title, Status: contract.DeploymentStatus(o.State), ContextId: o.ContextID, ContextName: o.ContextName,
		DeployedAt: o.DeployedAt.UTC(), Version: optional(o.Version),
	}
}

func toStep(e deployment.Entry) (contract.DeploymentStep, error) {
	detail, err := document[map[string]any](e.Detail)
	return contract.DeploymentStep{At: e.At.UTC(), Actor: e.Actor, ActorName: optional(e.ActorName), Action: e.Action, Detail: detail}, err
}
