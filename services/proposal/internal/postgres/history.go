package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/proposal/internal/postgres/db"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// History implements proposal.Store.
func (s *Store) History(ctx context.Context, f proposal.Finding, fingerprint string, since time.Time) (h proposal.History, err error) {
	err = tenant.Tx(ctx, s.pool, f.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		if h, err = history(ctx, q, f, fingerprint, since); err != nil {
			return err
		}
		_, err := q.OpenProposalID(ctx, db.OpenProposalIDParams{ContextID: f.ContextID, Fingerprint: fingerprint})
		if h.Open = err == nil; err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("looking for an open proposal: %w", err)
		}
		return nil
	})
	return h, err
}

func history(ctx context.Context, q *db.Queries, f proposal.Finding, fingerprint string, since time.Time) (proposal.History, error) {
	var h proposal.History
	rows, err := q.Rejections(ctx, db.RejectionsParams{Since: since, ContextID: f.ContextID, Fingerprint: fingerprint, Family: f.Family})
	if err != nil {
		return h, fmt.Errorf("reading what was rejected before: %w", err)
	}
	for _, r := range rows {
		h.Rejections = append(h.Rejections, proposal.Rejection{
			ProposalID: r.ID, Fingerprint: r.Fingerprint, Family: r.Family, Reason: proposal.Refusal(r.ReasonCode), Severity: r.Severity, At: r.DecidedAt,
		})
	}
	closed, err := q.ClosedProposal(ctx, db.ClosedProposalParams{ContextID: f.ContextID, Fingerprint: fingerprint})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return h, nil
	case err != nil:
		return h, fmt.Errorf("looking for an earlier proposal: %w", err)
	}
	h.Before = &proposal.Before{ProposalID: closed.ID, After: proposal.After(closed.Status)}
	if closed.Improved {
		h.Before.After = proposal.AfterImproved
	}
	return h, nil
}

// Skip implements proposal.Store.
func (s *Store) Skip(ctx context.Context, f proposal.Finding, skip proposal.Skip, at time.Time) (outcome proposal.Outcome, err error) {
	err = tenant.Tx(ctx, s.pool, f.AccountID, func(tx pgx.Tx) error {
		outcome = proposal.Known
		fresh, err := s.outbox.Claim(ctx, tx, inboxConsumer, f.EventID)
		if err != nil || !fresh {
			return err
		}
		outcome = proposal.Skipped
		return insertSkip(ctx, db.New(tx), f, skip, at)
	})
	return outcome, err
}

func insertSkip(ctx context.Context, q *db.Queries, f proposal.Finding, skip proposal.Skip, at time.Time) error {
	r := skip.Rejection
	err := q.InsertSkip(ctx, db.InsertSkipParams{
		AccountID: f.AccountID, FindingID: f.ID, ProductID: f.ProductID, ContextID: f.ContextID, Rule: string(skip.Rule),
		RejectedProposalID: r.ProposalID, ReasonCode: string(r.Reason), RejectedAt: r.At, Until: skip.Until, CreatedAt: at,
	})
	if err != nil {
		return fmt.Errorf("storing why the finding is not proposed: %w", err)
	}
	return nil
}

// Matter implements proposal.Store.
func (s *Store) Matter(ctx context.Context, f proposal.Finding) (fingerprint string, open bool, err error) {
	err = tenant.Tx(ctx, s.pool, f.AccountID, func(tx pgx.Tx) error {
		row, err := db.New(tx).Matter(ctx, db.MatterParams{ContextID: f.ContextID, FindingID: f.ID})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("looking for the finding's proposal: %w", err)
		}
		fingerprint, open = row.Fingerprint, row.Open
		return nil
	})
	return fingerprint, open, err
}
