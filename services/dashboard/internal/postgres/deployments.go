package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Deployments is the deployment.Store.
type Deployments struct{ *Store }

var _ deployment.Store = Deployments{}

// reporting is a step of a deployment's report, from what it was to what it is.
type reporting func(*deployment.Report) (deployment.Step, error)

// Change keeps a report with its event and audit row.
func (s Deployments) Change(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, report func(*deployment.Report) (deployment.Step, error)) (deployment.Deployment, error) {
	var out deployment.Deployment
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		if err := s.change(ctx, tx, q, a, id, at, report); err != nil {
			return err
		}
		var err error
		out, err = readDeployment(ctx, q, id)
		return err
	})
	return out, wrap(err, "changing the deployment")
}

func (s Deployments) change(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, id uuid.UUID, at time.Time, report reporting) error {
	row, err := q.LockDeployment(ctx, id)
	if err != nil {
		return found(err)
	}
	before := toReport(row)
	if before.Judged, err = q.Judged(ctx, id); err != nil {
		return err
	}
	after := before
	step, err := report(&after)
	if err != nil {
		return err
	}
	return s.keep(ctx, tx, q, a, row, before, after, step, at)
}

func toReport(row db.Deployment) deployment.Report {
	return deployment.Report{
		Status: deployment.Status(row.Status), Version: row.VersionLabel, Commit: row.CommitSha, URL: row.Url, Environment: row.Environment,
		Via: deployment.Via(row.ReportedVia), CanaryShare: row.CanaryShare, DeployedAt: row.DeployedAt, ReportedAt: row.ReportedAt,
		ReportedBy: row.ReportedBy, CancelledAt: row.CancelledAt, RolledBackAt: row.RolledBackAt, Revision: int(row.Version),
	}
}

// keep writes a step of a locked deployment, with its audit row and its event; without a step it writes nothing.
func (s Deployments) keep(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, row db.Deployment, before, after deployment.Report, step deployment.Step, at time.Time) error {
	if step.Name == "" {
		return nil
	}
	err := q.UpdateDeployment(ctx, db.UpdateDeploymentParams{
		ID: row.ID, Status: string(after.Status), VersionLabel: after.Version, CommitSha: after.Commit, Url: after.URL, DeployedAt: after.DeployedAt,
		ReportedAt: after.ReportedAt, ReportedBy: after.ReportedBy, CancelledAt: after.CancelledAt, RolledBackAt: after.RolledBackAt,
		ReportedVia: string(after.Via), Environment: after.Environment, CanaryShare: after.CanaryShare,
	})
	if err != nil {
		return err
	}
	if err := keepShares(ctx, q, a, row.ID, before, after, step, at); err != nil {
		return err
	}
	err = audit(ctx, q, change{actor: a, at: at, action: step.Name, subject: "deployment", id: row.ID, detail: stepDetail(before, after, step)})
	if err != nil {
		return err
	}
	return s.announce(ctx, tx, a, row, before, after, step, at)
}

// keepShares keeps the past of the canary share.
func keepShares(ctx context.Context, q *db.Queries, a actor.Actor, id uuid.UUID, before, after deployment.Report, step deployment.Step, at time.Time) error {
	if moved(before, after) {
		err := q.MoveFirstShare(ctx, db.MoveFirstShareParams{DeploymentID: id, OldDeployedAt: *before.DeployedAt, DeployedAt: *after.DeployedAt})
		if err != nil {
			return err
		}
	}
	if step.ShareSince == nil {
		return nil
	}
	return q.InsertShare(ctx, db.InsertShareParams{
		AccountID: a.Account, DeploymentID: id, At: *step.ShareSince, Share: after.CanaryShare, ReportedAt: at, ReportedBy: a.Name,
	})
}

func moved(before, after deployment.Report) bool {
	return before.DeployedAt != nil && !before.DeployedAt.Equal(*after.DeployedAt)
}

// stepDetail is what the audit log keeps of a step: what was reported, or what of it changed.
func stepDetail(before, after deployment.Report, step deployment.Step) map[string]any {
	detail := map[string]any{}
	add := func(name string, was, is any, changed bool) {
		if !changed {
			return
		}
		detail[name] = is
		if before.Status == after.Status { // an edit
			detail["old_"+name] = was
		}
	}
	add("deployed_at", before.DeployedAt, after.DeployedAt, after.DeployedAt != nil && (before.DeployedAt == nil || moved(before, after)))
	add("rolled_back_at", nil, after.RolledBackAt, after.RolledBackAt != before.RolledBackAt)
	add("version", before.Version, after.Version, before.Version != after.Version)
	add("commit", before.Commit, after.Commit, before.Commit != after.Commit)
	add("url", before.URL, after.URL, before.URL != after.URL)
	add("environment", before.Environment, after.Environment, before.Environment != after.Environment)
	add("via", before.Via, after.Via, before.Via != after.Via)
	add("canary_share", before.CanaryShare, after.CanaryShare, before.CanaryShare != after.CanaryShare)
	if before.Status == after.Status && step.ShareSince != nil {
		detail["canary_since"] = step.ShareSince
	}
	return detail
}

func (s Deployments) announce(ctx context.Context, tx pgx.Tx, a actor.Actor, row db.Deployment, before, after deployment.Report, step deployment.Step, at time.Time) error {
	id, proposal, product, contextID := row.ID.String(), row.ProposalID.String(), row.ProductID.String(), row.ContextID.String()
	if after.Status == before.Status {
		body := &eventv1.DeploymentEdited{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, EditedBy: a.Name,
			OldDeployedAt: timestamppb.New(*before.DeployedAt), DeployedAt: timestamppb.New(*after.DeployedAt),
			OldCanaryShare: before.CanaryShare, CanaryShare: after.CanaryShare,
			OldVersion: before.Version, Version: after.Version, OldCommit: before.Commit, Commit: after.Commit, Url: after.URL,
		}
		if step.ShareSince != nil {
			body.CanarySince = timestamppb.New(*step.ShareSince)
		}
		return emit(ctx, tx, s.Store, event.DeploymentEdited, a, at, body)
	}
	switch after.Status {
	case deployment.Deployed:
		return emit(ctx, tx, s.Store, event.DeploymentDeployed, a, at, &eventv1.DeploymentDeployed{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, DeployedAt: timestamppb.New(*after.DeployedAt),
			Version: after.Version, ReportedBy: after.ReportedBy, Commit: after.Commit, Url: after.URL, Environment: after.Environment,
			CanaryShare: &after.CanaryShare, ReportedVia: string(after.Via),
		})
	case deployment.Cancelled:
		return emit(ctx, tx, s.Store, event.DeploymentCancelled, a, at, &eventv1.DeploymentCancelled{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, CancelledBy: a.Name,
		})
	case deployment.RolledBack:
		return emit(ctx, tx, s.Store, event.DeploymentRolledBack, a, at, &eventv1.DeploymentRolledBack{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, RolledBackAt: timestamppb.New(*after.RolledBackAt), ReportedBy: a.Name,
		})
	default:
		return nil
	}
}
