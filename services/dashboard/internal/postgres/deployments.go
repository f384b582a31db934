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
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Deployments is the deployment.Store.
type Deployments struct{ *Store }

var _ deployment.Store = Deployments{}

// Change keeps a report with its event and audit row.
func (s Deployments) Change(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, report func(*deployment.Report) error) (deployment.Deployment, error) {
	var out deployment.Deployment
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		if err := s.change(ctx, tx, q, a, id, at, report); err != nil {
			return err
		}
		row, err := q.Deployment(ctx, id)
		if err != nil {
			return found(err)
		}
		out, err = withLooks(ctx, q, toDeployment(row))
		return err
	})
	return out, wrap(err, "changing the deployment")
}

func (s Deployments) change(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, id uuid.UUID, at time.Time, report func(*deployment.Report) error) error {
	row, err := q.LockDeployment(ctx, id)
	if err != nil {
		return found(err)
	}
	r := deployment.Report{
		Status: deployment.Status(row.Status), Version: row.VersionLabel, Commit: row.CommitSha, URL: row.Url, DeployedAt: row.DeployedAt,
		ReportedAt: row.ReportedAt, ReportedBy: row.ReportedBy, CancelledAt: row.CancelledAt, RolledBackAt: row.RolledBackAt,
	}
	if err := report(&r); err != nil {
		return err
	}
	err = q.UpdateDeployment(ctx, db.UpdateDeploymentParams{
		ID: id, Status: string(r.Status), VersionLabel: r.Version, CommitSha: r.Commit, Url: r.URL, DeployedAt: r.DeployedAt, ReportedAt: r.ReportedAt,
		ReportedBy: r.ReportedBy, CancelledAt: r.CancelledAt, RolledBackAt: r.RolledBackAt,
	})
	if err != nil {
		return err
	}
	detail := map[string]any{"version": r.Version, "deployed_at": r.DeployedAt}
	if err := audit(ctx, q, change{actor: a, at: at, action: "deployment." + string(r.Status), subject: "deployment", id: id, detail: detail}); err != nil {
		return err
	}
	return s.announce(ctx, tx, a, row, r, at)
}

func (s Deployments) announce(ctx context.Context, tx pgx.Tx, a actor.Actor, row db.Deployment, r deployment.Report, at time.Time) error {
	id, proposal, product, contextID := row.ID.String(), row.ProposalID.String(), row.ProductID.String(), row.ContextID.String()
	switch r.Status {
	case deployment.Deployed:
		return emit(ctx, tx, s.Store, event.DeploymentDeployed, a, at, &eventv1.DeploymentDeployed{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, DeployedAt: timestamppb.New(*r.DeployedAt), Version: r.Version, ReportedBy: r.ReportedBy,
		})
	case deployment.Cancelled:
		return emit(ctx, tx, s.Store, event.DeploymentCancelled, a, at, &eventv1.DeploymentCancelled{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, CancelledBy: a.Name,
		})
	case deployment.RolledBack:
		return emit(ctx, tx, s.Store, event.DeploymentRolledBack, a, at, &eventv1.DeploymentRolledBack{
			DeploymentId: id, ProposalId: proposal, ProductId: product, ContextId: contextID, RolledBackAt: timestamppb.New(*r.RolledBackAt), ReportedBy: a.Name,
		})
	default:
		return nil
	}
}

func toDeployment(row db.DeploymentRow) deployment.Deployment {
	d := deployment.Deployment{
		ID: row.ID, ProductID: row.ProductID, ContextID: row.ContextID, ContextName: row.ContextName, ProposalID: row.ProposalID, Title: row.Title,
		State: row.Status, CreatedAt: row.CreatedAt,
		Report: deployment.Report{
			Version: row.VersionLabel, Commit: row.CommitSha, URL: row.Url, DeployedAt: row.DeployedAt, ReportedAt: row.ReportedAt,
			ReportedBy: row.ReportedBy, CancelledAt: row.CancelledAt, RolledBackAt: row.RolledBackAt,
		},
	}
	if row.VerificationID != nil && row.VerificationRegisteredAt != nil {
		d.Verification = &deployment.Verification{
			ID: *row.VerificationID, Status: text(row.VerificationStatus), Method: text(row.VerificationMethod),
			Plan:   deployment.Plan{Revision: 1, Document: row.VerificationPlan, RegisteredAt: *row.VerificationRegisteredAt},
			Result: row.VerificationResult, DecidedAt: row.VerifiedAt,
		}
	}
	return d
}

// withLooks adds the later plans and the looks of a deployment's verification.
func withLooks(ctx context.Context, q *db.Queries, d deployment.Deployment) (deployment.Deployment, error) {
	all, err := addLooks(ctx, q, []deployment.Deployment{d})
	if err != nil {
		return d, err
	}
	return all[0], nil
}

// addLooks does it for many, in two queries.
func addLooks(ctx context.Context, q *db.Queries, all []deployment.Deployment) ([]deployment.Deployment, error) {
	var ids []uuid.UUID
	of := map[uuid.UUID]*deployment.Verification{}
	for _, d := range all {
		if d.Verification != nil {
			ids = append(ids, d.Verification.ID)
			of[d.Verification.ID] = d.Verification
		}
	}
	if len(ids) == 0 {
		return all, nil
	}
	plans, err := q.LaterPlans(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, p := range plans {
		v := of[p.VerificationID]
		v.Earlier = append(v.Earlier, v.Plan)
		v.Plan = deployment.Plan{Revision: int(p.Revision), Document: p.Plan, RegisteredAt: p.RegisteredAt}
	}
	looks, err := q.Looks(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, l := range looks {
		plan := of[l.VerificationID].PlanOf(int(l.Revision))
		plan.Looks = append(plan.Looks, deployment.Look{Day: int(l.LookDay), AsOf: l.AsOf, Result: l.Result})
	}
	return all, nil
}

// Deployment reads one deployment with its verification.
func (s Deployments) Deployment(ctx context.Context, accountID, id uuid.UUID) (deployment.Deployment, error) {
	var out deployment.Deployment
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Deployment(ctx, id)
		if err != nil {
			return found(err)
		}
		out, err = withLooks(ctx, q, toDeployment(row))
		return err
	})
	return out, wrap(err, "reading the deployment")
}

// Deployments lists a product's deployments.
func (s Deployments) Deployments(ctx context.Context, accountID, productID uuid.UUID, r page.Request) (page.Of[deployment.Deployment], error) {
	var out []deployment.Deployment
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		rows, err := q.ListDeployments(ctx, db.ListDeploymentsParams{ProductID: productID, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		if err != nil {
			return err
		}
		out, err = addLooks(ctx, q, mapped(rows, func(row db.ListDeploymentsRow) deployment.Deployment { return toDeployment(db.DeploymentRow(row)) }))
		return err
	})
	return page.Cut(out, r, func(d deployment.Deployment) page.Cursor { return page.AtID(d.CreatedAt, d.ID) }), wrap(err, "listing deployments")
}
