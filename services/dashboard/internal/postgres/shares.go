package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/proof"
	"github.com/draftlabs/specter/services/dashboard/internal/share"
)

// Shares is the share.Store.
type Shares struct{ *Store }

var _ share.Store = Shares{}

// AddShare keeps a link's hash. The deployment is locked, so that two requests count one after the other.
func (s Shares) AddShare(ctx context.Context, a actor.Actor, n share.Share, hash []byte, most int, check func(deployment.Deployment) error) (share.Share, error) {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.LockDeployment(ctx, n.DeploymentID); err != nil {
			return found(err)
		}
		row, err := q.Deployment(ctx, n.DeploymentID)
		if err != nil {
			return found(err)
		}
		if err := check(toDeployment(row)); err != nil {
			return err
		}
		open, err := q.CountOpenProofShares(ctx, db.CountOpenProofSharesParams{DeploymentID: n.DeploymentID, Now: n.CreatedAt})
		if err != nil {
			return err
		}
		if open >= int64(most) {
			return fault.Newf(fault.Conflict, "limit_reached", "There are already %d open links to this deployment. Revoke one first.", most)
		}
		n.Title = row.Title
		err = q.InsertProofShare(ctx, db.InsertProofShareParams{
			ID: n.ID, AccountID: a.Account, DeploymentID: n.DeploymentID, TokenHash: hash, Hint: n.Hint, CreatedBy: n.CreatedBy, CreatedAt: n.CreatedAt, ExpiresAt: n.ExpiresAt,
		})
		if err != nil {
			return err
		}
		return audit(ctx, q, change{actor: a, at: n.CreatedAt, action: "share.created", subject: "share", id: n.ID, detail: map[string]any{"deployment_id": n.DeploymentID, "expires_at": n.ExpiresAt}})
	})
	return n, wrap(err, "making the link")
}

// RevokeShare ends a link.
func (s Shares) RevokeShare(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.RevokeProofShare(ctx, db.RevokeProofShareParams{ID: id, Now: &at})
		if err != nil || !row.EndedNow {
			return found(err)
		}
		return audit(ctx, q, change{actor: a, at: at, action: "share.revoked", subject: "share", id: id, detail: map[string]any{"deployment_id": row.DeploymentID}})
	})
	return wrap(err, "revoking the link")
}

// Shares lists links, newest first.
func (s Shares) Shares(ctx context.Context, accountID uuid.UUID, deploymentID *uuid.UUID, r page.Request) (page.Of[share.Share], error) {
	var rows []db.ListProofSharesRow
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		rows, err = q.ListProofShares(ctx, db.ListProofSharesParams{DeploymentID: deploymentID, BeforeAt: r.After.At, BeforeID: r.After.ID, RowLimit: r.Fetch()})
		return err
	})
	shares := mapped(rows, func(row db.ListProofSharesRow) share.Share {
		return share.Share{
			ID: row.ID, DeploymentID: row.DeploymentID, Title: row.Title, Hint: row.Hint, CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt,
			ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt, LastSeenAt: row.LastSeenAt,
		}
	})
	return page.Cut(shares, r, func(n share.Share) page.Cursor { return page.AtID(n.CreatedAt, n.ID) }), wrap(err, "listing links")
}

// Shared finds what a link opens. Until the account is entered, row-level security shows the one row with this hash.
func (s Shares) Shared(ctx context.Context, hash []byte, at, stale time.Time, open func(share.Share) bool) (src proof.Source, ok bool, err error) {
	err = tenant.LookupTx(ctx, s.db, tenant.Lookup{ShareHash: hash}, func(tx pgx.Tx) error {
		src, ok = proof.Source{}, false
		q := db.New(tx)
		row, err := q.ProofShareByHash(ctx, hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if !open(share.Share{ID: row.ID, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt}) {
			return nil
		}
		if err := tenant.Enter(ctx, tx, row.AccountID); err != nil {
			return err
		}
		owner, err := q.PlainAccount(ctx, row.AccountID)
		if err != nil || owner.ClosedAt != nil {
			return err
		}
		if err := q.TouchProofShare(ctx, db.TouchProofShareParams{ID: row.ID, Now: at, Stale: stale}); err != nil {
			return err
		}
		src, err = source(ctx, q, row.DeploymentID)
		ok = err == nil
		return err
	})
	return src, ok, wrap(err, "opening the link")
}

// Source reads what a proof is made of.
func (s Shares) Source(ctx context.Context, accountID, deploymentID uuid.UUID) (proof.Source, error) {
	var out proof.Source
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		out, err = source(ctx, q, deploymentID)
		return err
	})
	return out, wrap(err, "reading the proof")
}

func source(ctx context.Context, q *db.Queries, deploymentID uuid.UUID) (proof.Source, error) {
	row, err := q.Deployment(ctx, deploymentID)
	if err != nil {
		return proof.Source{}, found(err)
	}
	all, err := addLooks(ctx, q, []deployment.Deployment{toDeployment(row)})
	if err != nil {
		return proof.Source{}, err
	}
	d := all[0]
	if d.Verification == nil {
		return proof.Source{Deployment: d}, nil
	}
	last, err := q.LastInputs(ctx, db.LastInputsParams{VerificationID: d.Verification.ID, Revision: int32(d.Verification.Revision)})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return proof.Source{}, err
	}
	return proof.Source{Deployment: d, Inputs: last.Inputs, ResultSHA256: last.ResultSha256}, nil
}
