package proposal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/impact"
)

// ErrUnknownContext means that the finding's context does not exist (any more).
var ErrUnknownContext = errors.New("the finding's context does not exist")

// ErrUnsettled means that the rejection which stands in the way may still be undone. Try again: then it is either gone,
// and its proposal takes the finding, or it stays.
var ErrUnsettled = errors.New("the rejection of the same matter may still be undone")

const (
	maxTitle = 200
	maxText  = 8000
	// leastDecision is how long a person has in any case: history that was imported has evidence which is old when the
	// proposal is made.
	leastDecision = 14 * 24 * time.Hour
	// leastAfterSnooze is how long a person has when a snooze is over, whatever the age of the evidence.
	leastAfterSnooze = 7 * 24 * time.Hour
	// undoWindow is how long a decision may be undone, with room for clocks that differ.
	undoWindow = 15 * time.Second
)

// ErrOvertaken means that a finding became a proposal while newer evidence of it was being written about: trying again
// finds that proposal. Nothing was stored.
var ErrOvertaken = errors.New("the finding itself was handled meanwhile")

// ErrClosed means that the proposal is decided, expired or gone.
var ErrClosed = errors.New("the proposal is not open")

// Outcome is what became of a finding.
type Outcome string

// The outcomes.
const (
	Created  Outcome = "created"
	Absorbed Outcome = "absorbed"
	Known    Outcome = "known"   // delivered before, or older than what the open proposal has
	Skipped  Outcome = "skipped" // what people rejected stands in the way
)

// Store keeps proposals.
type Store interface {
	// Subject reads what a finding is about; shipped is nil unless the finding names a deployment.
	Subject(ctx context.Context, f Finding) (Context, *Shipped, error)
	// Onset reads the interval in which a finding may have begun; zero where that is not known.
	Onset(ctx context.Context, f Finding) (Span, error)
	// Matter is the fingerprint of the newest proposal that shows or absorbed the finding, or "", and whether that is
	// open for a decision.
	Matter(ctx context.Context, f Finding) (fingerprint string, open bool, err error)
	// Open reads what the proposal is about, as newer evidence of its finding would tell it; ErrClosed when it is not open.
	Open(ctx context.Context, account, id uuid.UUID) (f Finding, fingerprint string, evidenceAt time.Time, err error)
	// Outcomes are how the account's predictions of a family turned out, the newest first.
	Outcomes(ctx context.Context, account uuid.UUID, family string) ([]impact.Outcome, error)
	// History reads what is known of a matter; rejections since a moment.
	History(ctx context.Context, f Finding, fingerprint string, since time.Time) (History, error)
	// Skip keeps why a finding becomes no proposal.
	Skip(ctx context.Context, f Finding, skip Skip, at time.Time) (Outcome, error)
	// Save lets apply judge p by its history, as it is in the transaction that stores what comes of it: p with its event
	// and its timer, p as newer evidence of the open proposal with the same fingerprint, or why it is skipped.
	Save(ctx context.Context, f Finding, p Proposal, since time.Time, apply func(History) (Proposal, *Skip)) (Outcome, error)
	// Expire runs decide on the locked proposal; step.Expired stores the expiry with its event.
	Expire(ctx context.Context, due Due, decide func(State) Step) (Step, error)
}

// Due names a proposal whose expiry timer fired.
type Due struct {
	AccountID  uuid.UUID
	ProposalID uuid.UUID
}

// State is what the expiry depends on.
type State struct {
	Status       string // pending without a decision, else the decision: approved, snoozed, …
	EvidenceAt   time.Time
	CreatedAt    time.Time
	DecidedAt    time.Time // zero without a decision
	SnoozedUntil time.Time // zero unless snoozed
}

// Step is what the timer does: expire at a time, look again after a while, or nothing more.
type Step struct {
	Expired time.Time
	Wait    time.Duration
}

// Options of a Service.
type Options struct {
	ExpireAfter time.Duration
	Now         func() time.Time
	NewID       func() (uuid.UUID, error)
}

// Service turns findings into proposals.
type Service struct {
	store  Store
	writer *Writer
	o      Options
}

// NewService returns a service that lets writer write.
func NewService(store Store, writer *Writer, o Options) *Service {
	return &Service{store: store, writer: writer, o: o}
}

// FindingOpened makes or updates the proposal of a finding. The text is written outside of any transaction, because that
// may take a minute.
func (s *Service) FindingOpened(ctx context.Context, f Finding) (Outcome, error) {
	e, err := readEvidence(f.Evidence)
	if err != nil {
		return "", err
	}
	return s.propose(ctx, f, e, fingerprint(f, e), f.DetectedAt)
}

// FindingRenewed brings the open proposal of a finding up to date: what goes on is explained better now, or has become
// worse. It stays the same matter, whatever explains it now. What was decided stays as it was decided on; what was
// skipped is judged anew. The news may come before the finding itself, and then stand for it.
func (s *Service) FindingRenewed(ctx context.Context, f Finding) (Outcome, error) {
	e, err := readEvidence(f.Evidence)
	if err != nil {
		return "", err
	}
	f.Renewed = true
	matter, open, err := s.store.Matter(ctx, f)
	switch {
	case err != nil:
		return "", err
	case matter == "":
		return s.propose(ctx, f, e, fingerprint(f, e), e.AsOf)
	case !open:
		return Known, nil
	default:
		return s.propose(ctx, f, e, matter, e.AsOf)
	}
}

// RewriteRequested has an open proposal written anew from the evidence it has: the model may have been away, or say it
// better this time. Decided meanwhile, it stays as it was decided on.
func (s *Service) RewriteRequested(ctx context.Context, event, account, id uuid.UUID) (Outcome, error) {
	f, matter, evidenceAt, err := s.store.Open(ctx, account, id)
	if errors.Is(err, ErrClosed) {
		return Known, nil
	}
	if err != nil {
		return "", err
	}
	f.EventID = event
	e, err := readEvidence(f.Evidence)
	if err != nil {
		return "", err
	}
	return s.propose(ctx, f, e, matter, evidenceAt)
}

func (s *Service) propose(ctx context.Context, f Finding, e Evidence, matter string, evidenceAt time.Time) (Outcome, error) {
	started := s.o.Now()
	c, shipped, err := s.store.Subject(ctx, f)
	if err != nil {
		return "", err
	}
	past, err := s.store.Outcomes(ctx, f.AccountID, f.Family)
	if err != nil {
		return "", err
	}
	size := estimateImpact(f, e, c, impact.Calibrate(past))
	subject := Proposal{
		ContextID: f.ContextID, Family: f.Family, Fingerprint: matter, Severity: f.Severity, Confidence: size.confidence, Priority: size.priority,
	}
	h, err := s.store.History(ctx, f, subject.Fingerprint, RejectionsSince(started))
	if err != nil {
		return "", err
	}
	if _, skip := h.apply(subject, started); skip != nil { // before an engine spends time and money on it
		if started.Sub(skip.Rejection.At) < undoWindow {
			return "", ErrUnsettled
		}
		return s.store.Skip(ctx, f, *skip, started)
	}
	onset, err := s.store.Onset(ctx, f)
	if err != nil {
		return "", err
	}
	text, err := s.writer.Write(ctx, Brief{
		AccountID: f.AccountID, Family: f.Family, StartedAt: f.StartedAt, StartedLow: onset.From, StartedHigh: onset.To,
		DetectedAt: f.DetectedAt, Context: c, Evidence: e, Shipped: shipped,
	})
	if err != nil {
		return "", err
	}
	id, err := s.o.NewID()
	if err != nil {
		return "", fmt.Errorf("making a proposal's id: %w", err)
	}
	now := s.o.Now()
	p := Proposal{
		ID: id, AccountID: f.AccountID, ProductID: f.ProductID, ContextID: f.ContextID, FindingID: f.ID, DeploymentID: f.DeploymentID,
		Family: f.Family, Fingerprint: subject.Fingerprint, Severity: f.Severity, Title: text.Draft.Title, Diagnosis: text.Draft.Diagnosis,
		SuggestedChange: text.Draft.SuggestedChange, Evidence: f.Evidence, Impact: size.impact, Confidence: size.confidence,
		Priority: size.priority, EvidenceAt: evidenceAt, CreatedAt: now,
		Provenance: text.provenance(e.Window, f.ID, now.Sub(started)),
	}
	if p.ContentHash, err = contentHash(p); err != nil {
		return "", err
	}
	p.ExpiresAt = s.expiresAt(p.EvidenceAt, p.CreatedAt)
	return s.store.Save(ctx, f, p, RejectionsSince(now), func(h History) (Proposal, *Skip) { return h.apply(p, now) })
}

func (s *Service) expiresAt(evidenceAt, createdAt time.Time) time.Time {
	at := evidenceAt.Add(s.o.ExpireAfter)
	if least := createdAt.Add(leastDecision); at.Before(least) {
		return least
	}
	return at
}

// Expire handles a proposal's timer.
func (s *Service) Expire(ctx context.Context, due Due) (Step, error) {
	return s.store.Expire(ctx, due, func(p State) Step {
		now := s.o.Now()
		status, least := p.Status, time.Time{}
		if status == "snoozed" && !now.Before(p.SnoozedUntil) {
			status, least = "pending", p.SnoozedUntil.Add(leastAfterSnooze) // the snooze is over and nobody decided anew
		}
		switch status {
		case "pending":
			at := s.expiresAt(p.EvidenceAt, p.CreatedAt)
			if at.Before(least) {
				at = least
			}
			if now.Before(at) {
				return Step{Wait: at.Sub(now)} // evidence was added meanwhile
			}
			return Step{Expired: now}
		case "snoozed":
			return Step{Wait: p.SnoozedUntil.Sub(now)}
		default:
			if left := p.DecidedAt.Add(undoWindow).Sub(now); !p.DecidedAt.IsZero() && left > 0 {
				return Step{Wait: left}
			}
			return Step{}
		}
	})
}
