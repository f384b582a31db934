package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/hook"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

var errClosed = fault.New(fault.Forbidden, "account_closed", "The deletion of this account is scheduled: nothing is taken any more.")

// Receive settles a notice with its receipt, in one transaction. The product's notices wait for each other, so that of two
// that are the same one has the effect.
func (s Hooks) Receive(ctx context.Context, h hook.Hook, n hook.Notice, id uuid.UUID, at time.Time) (hook.Receipt, error) {
	var out hook.Receipt
	err := s.in(ctx, h.AccountID, func(tx pgx.Tx, q *db.Queries) error {
		if _, err := q.OpenAccount(ctx, h.AccountID); isAbsent(err) {
			return errClosed
		} else if err != nil {
			return err
		}
		if err := q.LockDeployReceipts(ctx, h.ProductID); err != nil {
			return err
		}
		before, err := q.RepeatedReceipt(ctx, db.RepeatedReceiptParams{ProductID: h.ProductID, DeliveryID: nullable(n.DeliveryID), Digest: n.Digest})
		if err == nil {
			out = toReceiptOf(before)
			out.Repeated = true
			return nil
		}
		if !isAbsent(err) {
			return err
		}
		settled, err := s.settle(ctx, tx, q, h, n, at)
		if err != nil {
			return err
		}
		out = hook.Receipt{
			ID: id, Source: n.Source, Event: n.Event, DeliveryID: n.DeliveryID, At: at, Outcome: settled.Outcome, Reason: settled.Reason,
			Environment: n.Environment, Version: n.Version, Commit: n.Commit, Repository: n.Repository, URL: n.URL, Deployments: settled.About,
		}
		return keepReceipt(ctx, q, h, n, out)
	})
	return out, wrap(err, "taking what was told")
}

func keepReceipt(ctx context.Context, q *db.Queries, h hook.Hook, n hook.Notice, r hook.Receipt) error {
	p := db.InsertReceiptParams{
		ID: r.ID, AccountID: h.AccountID, ProductID: h.ProductID, Source: string(r.Source), Event: r.Event, ReceivedAt: r.At, Outcome: string(r.Outcome),
		Reason: r.Reason, Environment: r.Environment, VersionLabel: r.Version, CommitSha: r.Commit, Repository: r.Repository, Url: r.URL,
		DeploymentIds: append([]uuid.UUID{}, r.Deployments...), DeliveryID: nullable(n.DeliveryID), Digest: n.Digest,
	}
	if n.Source == hook.Pipeline && r.Outcome != hook.Matched {
		p.Digest = nil // it may be said again once there is something to ship
	}
	if err := q.InsertReceipt(ctx, p); err != nil {
		return err
	}
	return q.ForgetReceipts(ctx, db.ForgetReceiptsParams{ProductID: h.ProductID, Before: r.At.Add(-hook.Remembered)})
}

func (s Hooks) settle(ctx context.Context, tx pgx.Tx, q *db.Queries, h hook.Hook, n hook.Notice, at time.Time) (hook.Settlement, error) {
	by := actor.Hook(h.AccountID, "deploy")
	if n.Source == hook.GitHub {
		by = actor.Hook(h.AccountID, "github")
	}
	if n.Act == hook.Nothing || n.Act == hook.Ping {
		return n.Settle(nil, nil, by.Name, at), nil
	}
	named, err := q.NamedProposals(ctx, db.NamedProposalsParams{ProductID: h.ProductID, Ids: list(n.Names.Proposals)})
	if err != nil {
		return hook.Settlement{}, err
	}
	proposals := mapped(named, func(row db.NamedProposalsRow) hook.Proposal { return hook.Proposal{ID: row.ID, Status: row.Status} })
	rows, err := q.NamedDeployments(ctx, db.NamedDeploymentsParams{
		ProductID: h.ProductID, Ids: list(n.Names.Deployments), ProposalIds: list(n.Names.Proposals), AllPlanned: n.Names.All, Version: n.Version,
		Commits: list(n.Names.Commits), PullRequests: list(n.Names.PullRequests),
	})
	if err != nil {
		return hook.Settlement{}, err
	}
	settled := n.Settle(mapped(rows, func(row db.Deployment) hook.Candidate { return hook.Candidate{ID: row.ID, Report: toReport(row)} }), proposals, by.Name, at)
	if err := s.hold(ctx, q, h, n, proposals, rows, by, at); err != nil {
		return settled, err
	}
	of := map[uuid.UUID]db.Deployment{}
	for _, row := range rows {
		of[row.ID] = row
	}
	for _, c := range settled.Changes {
		row := of[c.ID]
		if err := Deployments(s).keep(ctx, tx, q, by, row, toReport(row), c.Report, c.Step, at); err != nil {
			return settled, err
		}
	}
	return settled, nil
}

// hold remembers which commits hold which changes, and tells the planned ones' history that they are merged.
func (s Hooks) hold(ctx context.Context, q *db.Queries, h hook.Hook, n hook.Notice, known []hook.Proposal, rows []db.Deployment, by actor.Actor, at time.Time) error {
	merged := at
	if n.At != nil {
		merged = *n.At
	}
	there := map[uuid.UUID]bool{}
	for _, p := range known {
		there[p.ID] = true
	}
	fresh := map[uuid.UUID]string{}
	for _, held := range n.Held {
		for _, proposal := range held.Proposals {
			if held.Commit == "" || !there[proposal] {
				continue
			}
			added, err := q.HoldChange(ctx, db.HoldChangeParams{
				AccountID: h.AccountID, ProductID: h.ProductID, ProposalID: proposal, CommitSha: held.Commit, Repository: n.Repository,
				PullRequestUrl: n.PullRequest, MergedAt: merged, Derived: held.Derived,
			})
			if err != nil {
				return err
			}
			if added > 0 && !held.Derived {
				fresh[proposal] = held.Commit
			}
		}
	}
	if n.Before != "" && n.After != "" {
		if _, err := q.PassChangesOn(ctx, db.PassChangesOnParams{ProductID: h.ProductID, Before: n.Before, After: n.After}); err != nil {
			return err
		}
	}
	for _, row := range rows {
		commit, isNew := fresh[row.ProposalID]
		if !isNew || row.Status != string(deployment.Planned) {
			continue
		}
		detail := map[string]any{"commit": commit, "pull_request_url": n.PullRequest, "merged_at": merged}
		if err := audit(ctx, q, change{actor: by, at: at, action: "deployment.merged", subject: "deployment", id: row.ID, detail: detail}); err != nil {
			return err
		}
	}
	return nil
}

// list is never nil: a null array would compare with nothing as unknown.
func list[T any](items []T) []T { return append([]T{}, items...) }

// Receipts lists what was told about a product, newest first.
func (s Hooks) Receipts(ctx context.Context, accountID, productID uuid.UUID, since time.Time, r page.Request) (page.Of[hook.Receipt], error) {
	var out []hook.Receipt
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		rows, err := q.ListReceipts(ctx, db.ListReceiptsParams{ProductID: productID, Since: since, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		out = mapped(rows, toReceiptOf)
		return err
	})
	return page.Cut(out, r, func(r hook.Receipt) page.Cursor { return page.AtID(r.At, r.ID) }), wrap(err, "listing what was told")
}

func toReceiptOf(row db.DeployReceipt) hook.Receipt {
	return hook.Receipt{
		ID: row.ID, Source: hook.Source(row.Source), Event: row.Event, DeliveryID: text(row.DeliveryID), At: row.ReceivedAt, Repeats: int(row.Repeats),
		Outcome: hook.Outcome(row.Outcome), Reason: row.Reason, Environment: row.Environment, Version: row.VersionLabel, Commit: row.CommitSha,
		Repository: row.Repository, URL: row.Url, Deployments: row.DeploymentIds,
	}
}
