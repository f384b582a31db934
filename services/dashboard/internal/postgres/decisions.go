package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/decision"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Alarm sets the timer of a snooze in a transaction, so that it exists exactly when the transaction commits.
type Alarm interface {
	SnoozeEnds(ctx context.Context, tx pgx.Tx, account, proposal uuid.UUID, until time.Time) error
}

// Decisions is the decision.Store.
type Decisions struct {
	*Store
	Alarm Alarm
}

var _ decision.Store = Decisions{}

// Decide keeps a decision; an approval makes the deployment, with both events, in one transaction.
func (s Decisions) Decide(ctx context.Context, a actor.Actor, id uuid.UUID, twin *uuid.UUID, decide func(p decision.Proposal, twin *decision.Proposal) (decision.Outcome, error)) (decision.Proposal, error) {
	var out decision.Proposal
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		p, other, err := lockWithTwin(ctx, q, id, twin)
		if err != nil {
			return err
		}
		o, err := decide(p, other)
		if err != nil {
			return err
		}
		err = q.InsertDecision(ctx, db.InsertDecisionParams{
			ProposalID: id, AccountID: a.Account, Status: string(o.Status), Reason: o.Reason, ReasonCode: nullable(string(o.ReasonCode)), DuplicateOf: o.DuplicateOf,
			SnoozedUntil: o.SnoozedUntil, DecidedBy: a.Name, DecidedAt: o.At, ContentHash: p.ContentHash, WasSnoozed: o.WasSnoozed,
		})
		if err != nil {
			return err
		}
		err = audit(ctx, q, change{actor: a, at: o.At, action: "proposal." + string(o.Status), subject: "proposal", id: id, detail: detailOf(p, o)})
		if err != nil {
			return err
		}
		if err := s.announce(ctx, tx, q, a, p, o); err != nil {
			return err
		}
		out, err = readProposal(ctx, q, id)
		return err
	})
	return out, wrap(err, "deciding the proposal")
}

// detailOf is what the audit log keeps of a decision.
func detailOf(p decision.Proposal, o decision.Outcome) map[string]any {
	detail := map[string]any{"from": p.Status, "reason": o.Reason, "content_hash": p.ContentHash}
	switch {
	case o.ReasonCode != "":
		detail["reason_code"] = o.ReasonCode
	case o.SnoozedUntil != nil:
		detail["snoozed_until"] = o.SnoozedUntil
	case o.DuplicateOf != nil:
		detail["duplicate_of"] = o.DuplicateOf
	}
	return detail
}

// announce has the effects that a decision has on others.
func (s Decisions) announce(ctx context.Context, tx pgx.Tx, q *db.Queries, a actor.Actor, p decision.Proposal, o decision.Outcome) error {
	switch o.Status {
	case decision.Approved:
		err := q.InsertDeployment(ctx, db.InsertDeploymentParams{
			ID: o.DeploymentID, AccountID: a.Account, ProductID: p.ProductID, ContextID: p.ContextID, ProposalID: p.ID, CreatedAt: o.At,
		})
		if err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: o.At, action: "deployment.created", subject: "deployment", id: o.DeploymentID, detail: map[string]any{"proposal_id": p.ID}}); err != nil {
			return err
		}
		err = emit(ctx, tx, s.Store, event.ProposalApproved, a, o.At, &eventv1.ProposalApproved{
			ProposalId: p.ID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(), DeploymentId: o.DeploymentID.String(),
			DecidedBy: a.Name, DecidedAt: timestamppb.New(o.At), ContentHash: p.ContentHash,
		})
		if err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.DeploymentCreated, a, o.At, &eventv1.DeploymentCreated{
			DeploymentId: o.DeploymentID.String(), ProposalId: p.ID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(),
		})
	case decision.Rejected:
		return emit(ctx, tx, s.Store, event.ProposalRejected, a, o.At, &eventv1.ProposalRejected{
			ProposalId: p.ID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(), DecidedBy: a.Name, DecidedAt: timestamppb.New(o.At), Reason: o.Reason,
			ReasonCode: string(o.ReasonCode),
		})
	case decision.Snoozed:
		if err := s.Alarm.SnoozeEnds(ctx, tx, a.Account, p.ID, *o.SnoozedUntil); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.ProposalSnoozed, a, o.At, &eventv1.ProposalSnoozed{
			ProposalId: p.ID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(), DecidedBy: a.Name, DecidedAt: timestamppb.New(o.At),
			SnoozedUntil: timestamppb.New(*o.SnoozedUntil),
		})
	case decision.Duplicate:
		return emit(ctx, tx, s.Store, event.ProposalDuplicated, a, o.At, &eventv1.ProposalDuplicated{
			ProposalId: p.ID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(), DecidedBy: a.Name, DecidedAt: timestamppb.New(o.At),
			DuplicateOf: o.DuplicateOf.String(),
		})
	default: // no decision leads to the other states
		return fmt.Errorf("a decision made the proposal %s", o.Status)
	}
}

// lockWithTwin locks a proposal and the one that it is said to repeat, always in the order of their ids, so that two
// decisions that name each other do not wait for each other. The twin is nil when there is none.
func lockWithTwin(ctx context.Context, q *db.Queries, id uuid.UUID, twin *uuid.UUID) (p decision.Proposal, other *decision.Proposal, err error) {
	if twin == nil || *twin == id {
		p, err = lockProposal(ctx, q, id)
		return p, nil, err
	}
	first, second := id, *twin
	if bytes.Compare(first[:], second[:]) > 0 {
		first, second = second, first
	}
	for _, each := range []uuid.UUID{first, second} {
		if err := q.LockProposal(ctx, each); err != nil {
			return p, nil, err
		}
	}
	if p, err = readProposal(ctx, q, id); err != nil {
		return p, nil, err
	}
	t, err := readProposal(ctx, q, *twin)
	if fault.Is(err, fault.NotFound) {
		return p, nil, nil
	}
	return p, &t, err
}

// Undo removes a decision, or puts the snooze back that it replaced; the audit log keeps both.
func (s Decisions) Undo(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, undo func(decision.Proposal) (decision.Status, error)) (decision.Proposal, error) {
	var out decision.Proposal
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		p, err := lockProposal(ctx, q, id)
		if err != nil {
			return err
		}
		to, err := undo(p)
		if err != nil {
			return err
		}
		if p.Status == decision.Approved && p.DeploymentID != nil {
			cancelling := Deployments{s.Store}
			err := cancelling.change(ctx, tx, q, a, *p.DeploymentID, at, func(r *deployment.Report) (deployment.Step, error) { return r.Cancel(at) })
			if err != nil {
				return err
			}
		}
		takeBack := q.DeleteDecision
		if to == decision.Snoozed {
			takeBack = q.RestoreSnooze
		}
		if err := takeBack(ctx, id); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "proposal.reopened", subject: "proposal", id: id, detail: map[string]any{"undone": p.Status, "status": to}}); err != nil {
			return err
		}
		err = emit(ctx, tx, s.Store, event.ProposalReopened, a, at, &eventv1.ProposalReopened{
			ProposalId: id.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(), UndoneBy: a.Name, UndoneAt: timestamppb.New(at),
			Cause: "undone", Status: string(to),
		})
		if err != nil {
			return err
		}
		out, err = readProposal(ctx, q, id)
		return err
	})
	return out, wrap(err, "undoing the decision")
}

// Wake tells once that a snooze is over. The view shows the proposal as pending from that moment on by itself.
func (s Decisions) Wake(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, due func(decision.Snooze) bool) error {
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		if err := q.LockProposal(ctx, id); err != nil {
			return err
		}
		row, err := q.SnoozeOf(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // decided early, or its account is gone
		}
		if err != nil {
			return err
		}
		if !due(decision.Snooze{Until: *row.SnoozedUntil, Reopened: row.ReopenedAt != nil, Expired: row.ExpiredAt != nil}) {
			return nil
		}
		if err := q.MarkReopened(ctx, db.MarkReopenedParams{ProposalID: id, ReopenedAt: &at}); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "proposal.reopened", subject: "proposal", id: id, detail: map[string]any{"snoozed_until": row.SnoozedUntil}}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.ProposalReopened, a, at, &eventv1.ProposalReopened{
			ProposalId: id.String(), ProductId: row.ProductID.String(), ContextId: row.ContextID.String(), UndoneBy: a.Name, UndoneAt: timestamppb.New(at),
			Cause: "snooze_due", Status: string(decision.Pending),
		})
	})
	return wrap(err, "ending the snooze")
}

// lockProposal makes decisions on one proposal wait for each other; its row belongs to another
// service, so the lock is an advisory one.
func lockProposal(ctx context.Context, q *db.Queries, id uuid.UUID) (decision.Proposal, error) {
	if err := q.LockProposal(ctx, id); err != nil {
		return decision.Proposal{}, err
	}
	return readProposal(ctx, q, id)
}

func readProposal(ctx context.Context, q *db.Queries, id uuid.UUID) (decision.Proposal, error) {
	row, err := q.Proposal(ctx, id)
	if err != nil {
		return decision.Proposal{}, found(err)
	}
	return toProposal(row), nil
}

func toProposal(row db.ProposalRow) decision.Proposal {
	p := decision.Proposal{
		ID: row.ID, ProductID: row.ProductID, ContextID: row.ContextID, ContextName: row.ContextName, FindingID: row.FindingID, Family: row.Family,
		Status: decision.Status(row.Status), Title: row.Title, Diagnosis: row.Diagnosis, SuggestedChange: row.SuggestedChange, Evidence: row.Evidence,
		PredictedImpact: row.PredictedImpact, Confidence: row.Confidence, Priority: row.Priority, Provenance: row.Provenance, ContentHash: row.ContentHash,
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, DetectedAt: row.DetectedAt, DeploymentID: row.LiveDeploymentID,
	}
	if row.LiveDeploymentStatus != nil {
		p.DeploymentOpen = *row.LiveDeploymentStatus == string(deployment.Planned)
	}
	if row.EditedAt != nil {
		p.Edit = &decision.Edit{By: text(row.EditedBy), At: *row.EditedAt, Title: row.WrittenTitle, SuggestedChange: row.WrittenChange}
	}
	if row.Reopens != nil {
		p.Reopens = &decision.Before{ProposalID: *row.Reopens, Title: either(row.ReopensEditedTitle, row.ReopensTitle), After: text(row.ReopensAfter), DeploymentID: row.ReopensDeploymentID}
	}
	// A snooze that is over is pending again: the old decision is history.
	if p.Status != decision.Pending {
		p.DecidedAt, p.SnoozedUntil, p.SnoozedBefore = row.DecidedAt, row.SnoozedUntil, row.SnoozedBefore
		p.DecidedBy, p.DecisionReason, p.ReasonCode = text(row.DecidedBy), text(row.DecisionReason), decision.Reason(text(row.ReasonCode))
		if row.DuplicateOf != nil {
			p.DuplicateOf = &decision.Twin{ProposalID: *row.DuplicateOf, Title: either(row.DuplicateEditedTitle, row.DuplicateTitle)}
		}
	}
	return p
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// either is the first text that is there.
func either(texts ...*string) string {
	for _, s := range texts {
		if s != nil {
			return *s
		}
	}
	return ""
}

// Proposal reads one proposal.
func (s Decisions) Proposal(ctx context.Context, accountID, id uuid.UUID) (decision.Proposal, error) {
	var out decision.Proposal
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		var err error
		out, err = readProposal(ctx, q, id)
		return err
	})
	return out, wrap(err, "reading the proposal")
}

// Proposals lists proposals by priority, of one product or of all.
func (s Decisions) Proposals(ctx context.Context, accountID uuid.UUID, productID *uuid.UUID, status *decision.Status, r page.Request) (page.Of[decision.Proposal], error) {
	var out []decision.Proposal
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if productID != nil {
			if _, err := q.Product(ctx, *productID); err != nil {
				return found(err)
			}
		}
		rows, err := q.ListProposals(ctx, db.ListProposalsParams{
			ProductID: productID, Status: (*string)(status), BeforePriority: r.After.Number, BeforeID: r.After.ID, RowLimit: r.Fetch(),
		})
		out = mapped(rows, func(row db.ListProposalsRow) decision.Proposal { return toProposal(db.ProposalRow(row)) })
		return err
	})
	key := func(p decision.Proposal) page.Cursor { return page.Cursor{Number: &p.Priority, ID: &p.ID} }
	return page.Cut(out, r, key), wrap(err, "listing proposals")
}
