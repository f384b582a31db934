package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/proposal/internal/postgres/db"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const inboxConsumer = "proposal"

// Scheduler sets a proposal's expiry timer in a transaction, so that it exists exactly when the transaction commits.
type Scheduler interface {
	ScheduleExpiry(ctx context.Context, tx pgx.Tx, due proposal.Due, at time.Time) error
}

// Store implements proposal.Store.
type Store struct {
	pool   *pgxpool.Pool
	outbox outbox.Outbox
	timers Scheduler
	newID  func() (uuid.UUID, error)
}

// NewStore returns a store on the service's pool, which it borrows.
func NewStore(pool *pgxpool.Pool, o outbox.Outbox, timers Scheduler, newID func() (uuid.UUID, error)) *Store {
	return &Store{pool: pool, outbox: o, timers: timers, newID: newID}
}

// Subject implements proposal.Store.
func (s *Store) Subject(ctx context.Context, f proposal.Finding) (c proposal.Context, shipped *proposal.Shipped, err error) {
	err = tenant.Tx(ctx, s.pool, f.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.SubjectContext(ctx, db.SubjectContextParams{ID: f.ContextID, ProductID: f.ProductID})
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %s", proposal.ErrUnknownContext, f.ContextID)
		}
		if err != nil {
			return fmt.Errorf("reading the context: %w", err)
		}
		c = proposal.Context{Name: row.Name, PositiveTypes: row.PositiveTypes, NegativeTypes: row.NegativeTypes}
		if shipped = nil; f.DeploymentID == uuid.Nil {
			return nil
		}
		d, err := q.SubjectDeployment(ctx, f.DeploymentID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the deployment: %w", err)
		}
		shipped = &proposal.Shipped{Title: d.Title, Version: d.VersionLabel, DeployedAt: f.StartedAt}
		if d.DeployedAt != nil {
			shipped.DeployedAt = *d.DeployedAt
		}
		return nil
	})
	return c, shipped, err
}

// Open implements proposal.Store.
func (s *Store) Open(ctx context.Context, account, id uuid.UUID) (f proposal.Finding, fingerprint string, evidenceAt time.Time, err error) {
	var row db.OpenSubjectRow
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		row, err = db.New(tx).OpenSubject(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return proposal.ErrClosed
		}
		if err != nil {
			return fmt.Errorf("reading the proposal: %w", err)
		}
		return nil
	})
	if err != nil {
		return proposal.Finding{}, "", time.Time{}, err
	}
	f = proposal.Finding{
		AccountID: account, ID: row.FindingID, ProductID: row.ProductID, ContextID: row.ContextID, Family: row.Family, StartedAt: row.StartedAt,
		DetectedAt: row.DetectedAt, Severity: row.Severity, Evidence: row.Evidence, Renewed: true,
	}
	if row.DeploymentID != nil {
		f.DeploymentID = *row.DeploymentID
	}
	return f, row.Fingerprint, row.EvidenceAt, nil
}

// Save implements proposal.Store.
func (s *Store) Save(ctx context.Context, f proposal.Finding, p proposal.Proposal, since time.Time, apply func(proposal.History) (proposal.Proposal, *proposal.Skip)) (outcome proposal.Outcome, err error) {
	err = tenant.Tx(ctx, s.pool, f.AccountID, func(tx pgx.Tx) error {
		outcome = proposal.Known
		fresh, err := s.outbox.Claim(ctx, tx, inboxConsumer, f.EventID)
		if err != nil || !fresh {
			return err
		}
		q := db.New(tx)
		if err := q.LockMatter(ctx, p.ContextID.String()+p.Fingerprint); err != nil {
			return fmt.Errorf("locking the matter: %w", err)
		}
		open, err := lockOpen(ctx, q, p)
		if err != nil {
			return err
		}
		h, err := history(ctx, q, f, p.Fingerprint, since)
		if err != nil {
			return err
		}
		h.Open = open != nil
		judged, skip := apply(h)
		switch {
		case skip != nil:
			outcome = proposal.Skipped
			return insertSkip(ctx, q, f, *skip, p.CreatedAt)
		case open == nil:
			outcome, err = s.create(ctx, tx, q, f, judged)
			return err
		case p.EvidenceAt.Before(open.EvidenceAt):
			return nil
		}
		outcome = proposal.Absorbed
		return s.absorb(ctx, tx, q, *open, judged)
	})
	return outcome, err
}

// lockOpen returns the open proposal of p's matter, nil without one. Nobody decides on it until the transaction ends: what
// a person approves is what they read, and a decided proposal does not change any more.
func lockOpen(ctx context.Context, q *db.Queries, p proposal.Proposal) (*db.OpenProposalRow, error) {
	id, err := q.OpenProposalID(ctx, db.OpenProposalIDParams{ContextID: p.ContextID, Fingerprint: p.Fingerprint})
	var open db.OpenProposalRow
	if err == nil {
		if err := q.LockDecision(ctx, id); err != nil {
			return nil, fmt.Errorf("locking the proposal: %w", err)
		}
		open, err = q.OpenProposal(ctx, db.OpenProposalParams{ContextID: p.ContextID, Fingerprint: p.Fingerprint}) // it may have been decided meanwhile
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // that there is none is no error
	}
	if err != nil {
		return nil, fmt.Errorf("looking for an open proposal: %w", err)
	}
	return &open, nil
}

func (s *Store) create(ctx context.Context, tx pgx.Tx, q *db.Queries, f proposal.Finding, p proposal.Proposal) (proposal.Outcome, error) {
	impact, provenance, err := documents(p)
	if err != nil {
		return "", err
	}
	var reopens *uuid.UUID
	var after *string
	if b := p.Reopens; b != nil {
		reopens, after = &b.ProposalID, (*string)(&b.After)
	}
	rows, err := q.InsertProposal(ctx, db.InsertProposalParams{
		ID: p.ID, AccountID: p.AccountID, ProductID: p.ProductID, ContextID: p.ContextID, FindingID: p.FindingID,
		Family: p.Family, Fingerprint: p.Fingerprint, Title: p.Title, Diagnosis: p.Diagnosis, SuggestedChange: p.SuggestedChange,
		Evidence: p.Evidence, PredictedImpact: impact, Confidence: p.Confidence, Priority: p.Priority, Provenance: provenance,
		ContentHash: p.ContentHash, EvidenceAt: p.EvidenceAt, DeploymentID: optional(p.DeploymentID), CreatedAt: p.CreatedAt,
		Severity: &p.Severity, Reopens: reopens, ReopensAfter: after,
	})
	if err != nil {
		return "", fmt.Errorf("storing the proposal: %w", err)
	}
	switch {
	case rows == 0 && f.Renewed:
		return "", proposal.ErrOvertaken
	case rows == 0:
		return proposal.Known, nil
	}
	due := proposal.Due{AccountID: p.AccountID, ProposalID: p.ID}
	if err := s.timers.ScheduleExpiry(ctx, tx, due, p.ExpiresAt); err != nil {
		return "", err
	}
	id, err := s.newID()
	if err != nil {
		return "", fmt.Errorf("making an event's id: %w", err)
	}
	body := &eventv1.ProposalCreated{
		ProposalId: p.ID.String(), FindingId: p.FindingID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(),
		Title: p.Title, Confidence: p.Confidence, Priority: p.Priority,
	}
	if b := p.Reopens; b != nil {
		body.Reopens, body.ReopensAfter = b.ProposalID.String(), string(b.After)
	}
	return proposal.Created, outbox.Put(ctx, tx, s.outbox, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{
		ID: id, AccountID: p.AccountID, Time: p.CreatedAt, Body: body,
	})
}

// absorb puts p's evidence in the place of what the open proposal had.
func (s *Store) absorb(ctx context.Context, tx pgx.Tx, q *db.Queries, open db.OpenProposalRow, p proposal.Proposal) error {
	var before proposal.Provenance
	if err := json.Unmarshal(open.Provenance, &before); err != nil {
		return fmt.Errorf("decoding the provenance: %w", err)
	}
	updatedAt := p.CreatedAt
	p = p.Absorbing(open.ID, open.CreatedAt, before.Findings)
	impact, provenance, err := documents(p)
	if err != nil {
		return err
	}
	err = q.AbsorbEvidence(ctx, db.AbsorbEvidenceParams{
		ID: p.ID, FindingID: p.FindingID, Title: p.Title, Diagnosis: p.Diagnosis, SuggestedChange: p.SuggestedChange,
		Evidence: p.Evidence, PredictedImpact: impact, Confidence: p.Confidence, Priority: p.Priority, Provenance: provenance,
		ContentHash: p.ContentHash, EvidenceAt: p.EvidenceAt, UpdatedAt: updatedAt, Severity: &p.Severity, Family: p.Family,
	})
	if err != nil {
		return fmt.Errorf("adding evidence to the proposal: %w", err)
	}
	id, err := s.newID()
	if err != nil {
		return fmt.Errorf("making an event's id: %w", err)
	}
	return outbox.Put(ctx, tx, s.outbox, event.ProposalUpdated, bus.Message[*eventv1.ProposalUpdated]{
		ID: id, AccountID: p.AccountID, Time: updatedAt, Body: &eventv1.ProposalUpdated{
			ProposalId: p.ID.String(), FindingId: p.FindingID.String(), ProductId: p.ProductID.String(), ContextId: p.ContextID.String(),
			Title: p.Title, Confidence: p.Confidence, Priority: p.Priority, OldContentHash: open.ContentHash, ContentHash: p.ContentHash,
		},
	})
}

func documents(p proposal.Proposal) (impact, provenance []byte, err error) {
	if impact, err = json.Marshal(p.Impact); err != nil {
		return nil, nil, fmt.Errorf("encoding the predicted impact: %w", err)
	}
	if provenance, err = json.Marshal(p.Provenance); err != nil {
		return nil, nil, fmt.Errorf("encoding the provenance: %w", err)
	}
	return impact, provenance, nil
}

// Expire implements proposal.Store.
func (s *Store) Expire(ctx context.Context, due proposal.Due, decide func(proposal.State) proposal.Step) (step proposal.Step, err error) {
	err = tenant.Tx(ctx, s.pool, due.AccountID, func(tx pgx.Tx) error {
		step = proposal.Step{}
		q := db.New(tx)
		if err := q.LockDecision(ctx, due.ProposalID); err != nil { // nobody decides on what expires
			return fmt.Errorf("locking the proposal: %w", err)
		}
		row, err := q.LockForExpiry(ctx, due.ProposalID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // the account is gone, and its timers with it
		}
		if err != nil {
			return fmt.Errorf("reading the proposal: %w", err)
		}
		if row.ExpiredAt != nil {
			return nil
		}
		if step = decide(stateOf(row)); step.Expired.IsZero() {
			return nil
		}
		return s.expire(ctx, tx, q, due, row, step.Expired)
	})
	return step, err
}

func (s *Store) expire(ctx context.Context, tx pgx.Tx, q *db.Queries, due proposal.Due, row db.LockForExpiryRow, at time.Time) error {
	if err := q.ExpireProposal(ctx, db.ExpireProposalParams{ID: row.ID, ExpiredAt: &at}); err != nil {
		return fmt.Errorf("storing the expiry: %w", err)
	}
	id, err := s.newID()
	if err != nil {
		return fmt.Errorf("making an event's id: %w", err)
	}
	return outbox.Put(ctx, tx, s.outbox, event.ProposalExpired, bus.Message[*eventv1.ProposalExpired]{
		ID: id, AccountID: due.AccountID, Time: at, Body: &eventv1.ProposalExpired{
			ProposalId: row.ID.String(), ProductId: row.ProductID.String(), ContextId: row.ContextID.String(), ExpiredAt: timestamppb.New(at),
		},
	})
}

// stateOf is what the domain decides the expiry on.
func stateOf(row db.LockForExpiryRow) proposal.State {
	state := proposal.State{Status: "pending", EvidenceAt: row.EvidenceAt, CreatedAt: row.CreatedAt}
	if row.Decision == nil {
		return state
	}
	state.Status = *row.Decision
	if row.DecidedAt != nil {
		state.DecidedAt = *row.DecidedAt
	}
	if row.SnoozedUntil != nil {
		state.SnoozedUntil = *row.SnoozedUntil
	}
	return state
}

func optional(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
