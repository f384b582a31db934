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
	"github.com/draftlabs/specter/services/dashboard/internal/decision"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Edit keeps a person's words beside the proposal, which is another service's row: what is read is the one over the other.
func (s Decisions) Edit(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, edit func(decision.Proposal) (*decision.Words, error)) (decision.Proposal, error) {
	var out decision.Proposal
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		p, err := lockProposal(ctx, q, id)
		if err != nil {
			return err
		}
		words, err := edit(p)
		if err != nil {
			return err
		}
		if err := keepWords(ctx, q, a, id, at, words); err != nil {
			return err
		}
		if out, err = readProposal(ctx, q, id); err != nil {
			return err
		}
		if out.ContentHash == p.ContentHash {
			return nil // it reads as before: there is nothing to tell
		}
		detail := map[string]any{
			"title": out.Title != p.Title, "suggested_change": out.SuggestedChange != p.SuggestedChange, "as_written": words == nil,
			"old_content_hash": p.ContentHash, "content_hash": out.ContentHash,
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "proposal.edited", subject: "proposal", id: id, detail: detail}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.ProposalEdited, a, at, &eventv1.ProposalEdited{
			ProposalId: id.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(), EditedBy: a.Name, EditedAt: timestamppb.New(at),
			Title: out.Title, OldContentHash: p.ContentHash, ContentHash: out.ContentHash,
		})
	})
	return out, wrap(err, "editing the proposal")
}

func keepWords(ctx context.Context, q *db.Queries, a actor.Actor, id uuid.UUID, at time.Time, words *decision.Words) error {
	if words == nil {
		return q.DropEdit(ctx, db.DropEditParams{AccountID: a.Account, ProposalID: id})
	}
	return q.KeepEdit(ctx, db.KeepEditParams{
		AccountID: a.Account, ProposalID: id, Title: words.Title, SuggestedChange: words.SuggestedChange, EditedBy: a.Name, EditedAt: at,
	})
}

// RequestRewrite asks for a text of the proposal service.
func (s Decisions) RequestRewrite(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, check func(decision.Proposal) error) (decision.Proposal, error) {
	var out decision.Proposal
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		var err error
		if out, err = lockProposal(ctx, q, id); err != nil {
			return err
		}
		if err := check(out); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "proposal.rewrite_requested", subject: "proposal", id: id, detail: map[string]any{"content_hash": out.ContentHash}}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.ProposalRewriteRequested, a, at, &eventv1.ProposalRewriteRequested{
			ProposalId: id.String(), ProductId: out.ProductID.String(), ContextId: out.ContextID.String(), RequestedBy: a.Name,
		})
	})
	return out, wrap(err, "asking for another text")
}
