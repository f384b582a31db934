package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Deployment reads one deployment with its verification and its history.
func (s Deployments) Deployment(ctx context.Context, accountID, id uuid.UUID) (deployment.Deployment, error) {
	var out deployment.Deployment
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		out, err = readDeployment(ctx, q, id)
		return err
	})
	return out, wrap(err, "reading the deployment")
}

func readDeployment(ctx context.Context, q *db.Queries, id uuid.UUID) (deployment.Deployment, error) {
	row, err := q.Deployment(ctx, id)
	if err != nil {
		return deployment.Deployment{}, found(err)
	}
	all, err := complete(ctx, q, []deployment.Deployment{toDeployment(row)})
	if err != nil {
		return deployment.Deployment{}, err
	}
	out := all[0]
	shares, err := q.DeploymentShares(ctx, id)
	if err != nil {
		return out, err
	}
	out.Shares = mapped(shares, func(row db.DeploymentSharesRow) deployment.Share { return deployment.Share(row) })
	steps, err := q.DeploymentTimeline(ctx, id)
	if err != nil {
		return out, err
	}
	out.Timeline = mapped(steps, func(row db.DeploymentTimelineRow) deployment.Entry { return deployment.Entry(row) })
	return withTest(out)
}

// withTest adds to the history what the audit log does not have: when the test was registered.
func withTest(d deployment.Deployment) (deployment.Deployment, error) {
	if d.Verification == nil {
		return d, nil
	}
	for _, plan := range append(slices.Clone(d.Verification.Earlier), d.Verification.Plan) {
		detail, err := json.Marshal(map[string]any{"verification_id": d.Verification.ID, "method": d.Verification.Method, "plan": plan.Revision})
		if err != nil {
			return d, fmt.Errorf("writing the history: %w", err)
		}
		d.Timeline = append(d.Timeline, deployment.Entry{At: plan.RegisteredAt, Actor: "service:verifier", Action: "deployment.collecting", Detail: detail})
	}
	slices.SortStableFunc(d.Timeline, func(a, b deployment.Entry) int { return a.At.Compare(b.At) })
	return d, nil
}

// Deployments lists a product's deployments.
func (s Deployments) Deployments(ctx context.Context, accountID uuid.UUID, f deployment.Filter, r page.Request) (page.Of[deployment.Deployment], error) {
	var out []deployment.Deployment
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, f.Product); err != nil {
			return found(err)
		}
		rows, err := q.ListDeployments(ctx, db.ListDeploymentsParams{ProductID: f.Product, Reported: f.Reported, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		if err != nil {
			return err
		}
		out, err = complete(ctx, q, mapped(rows, func(row db.ListDeploymentsRow) deployment.Deployment { return toDeployment(db.DeploymentRow(row)) }))
		return err
	})
	return page.Cut(out, r, func(d deployment.Deployment) page.Cursor { return page.AtID(d.CreatedAt, d.ID) }), wrap(err, "listing deployments")
}

func toDeployment(row db.DeploymentRow) deployment.Deployment {
	d := deployment.Deployment{
		ID: row.ID, ProductID: row.ProductID, ContextID: row.ContextID, ContextName: row.ContextName, ProposalID: row.ProposalID, Title: row.Title,
		State: row.Status, CreatedAt: row.CreatedAt,
		Report: deployment.Report{
			Version: row.VersionLabel, Commit: row.CommitSha, URL: row.Url, DeployedAt: row.DeployedAt, ReportedAt: row.ReportedAt,
			ReportedBy: row.ReportedBy, CancelledAt: row.CancelledAt, RolledBackAt: row.RolledBackAt,
			Environment: row.Environment, Via: deployment.Via(row.ReportedVia), CanaryShare: row.CanaryShare, Revision: int(row.Revision),
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

// complete adds to deployments of one product what other tables have of them, in one query each.
func complete(ctx context.Context, q *db.Queries, all []deployment.Deployment) ([]deployment.Deployment, error) {
	if len(all) == 0 {
		return all, nil
	}
	all, err := addLooks(ctx, q, all)
	if err != nil {
		return nil, err
	}
	if err := addOverlaps(ctx, q, all); err != nil {
		return nil, err
	}
	return all, addMerges(ctx, q, all)
}

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

func addOverlaps(ctx context.Context, q *db.Queries, all []deployment.Deployment) error {
	at := map[uuid.UUID]int{}
	var shipped []uuid.UUID
	for i, d := range all {
		at[d.ID] = i
		if d.DeployedAt != nil {
			shipped = append(shipped, d.ID)
		}
	}
	if len(shipped) == 0 {
		return nil
	}
	rows, err := q.DeploymentOverlaps(ctx, db.DeploymentOverlapsParams{Ids: shipped, ProductID: all[0].ProductID, WindowSeconds: deployment.Window.Seconds()})
	if err != nil {
		return err
	}
	for _, row := range rows {
		d := &all[at[row.OfID]]
		d.Overlaps = append(d.Overlaps, deployment.Overlap{
			ID: row.ID, Title: row.Title, State: row.Status, ContextID: row.ContextID, ContextName: row.ContextName, DeployedAt: row.DeployedAt, Version: row.VersionLabel,
		})
	}
	return nil
}

func addMerges(ctx context.Context, q *db.Queries, all []deployment.Deployment) error {
	rows, err := q.MergedChanges(ctx, mapped(all, func(d deployment.Deployment) uuid.UUID { return d.ProposalID }))
	if err != nil {
		return err
	}
	of := map[uuid.UUID]*deployment.Merge{}
	for _, row := range rows {
		of[row.ProposalID] = &deployment.Merge{At: row.MergedAt, Commit: row.CommitSha, Repository: row.Repository, PullRequest: row.PullRequestUrl}
	}
	for i := range all {
		all[i].Merged = of[all[i].ProposalID]
	}
	return nil
}
