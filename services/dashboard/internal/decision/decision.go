// Package decision is a person's answer to a proposal.
//
//	             ┌──────────── undo (10 s) ─────────────┐
//	             ▼                                      │
//	created ▶ pending ──▶ approved (makes a deployment) ┤
//	             ▲   │ ──▶ rejected (says why) ─────────┤
//	             │   │ ──▶ duplicate ───────────────────┤
//	             │   └──▶ snoozed ──────────────────────┘
//	             └── due ────┘│ ▲
//	                          │ └── undo of a decision made while it was snoozed
//	                          └──▶ decided early, as if it were pending
//	         pending ──▶ expired (evidence 30 days old; by the proposal service)
//
// Each step is a row of the audit log and one event, also the one that a clock makes. While nothing is decided, a person
// may put the text in other words (edit.go).
package decision

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// Status of a proposal.
type Status string

// The states.
const (
	Pending   Status = "pending"
	Approved  Status = "approved"
	Rejected  Status = "rejected"
	Snoozed   Status = "snoozed"
	Duplicate Status = "duplicate"
	Expired   Status = "expired"
)

const (
	// UndoWindow is how long a decision can be taken back.
	UndoWindow = 10 * time.Second
	maxSnooze  = 90 * 24 * time.Hour
	maxReason  = 2000
)

// Reason of a rejection, in a word that the proposal service can act on.
type Reason string

// The reasons.
const (
	NotAProblem     Reason = "not_a_problem"
	WrongCause      Reason = "wrong_cause"
	WontFix         Reason = "wont_fix"
	AlreadyProposed Reason = "duplicate"
	OtherReason     Reason = "other"
)

func (r Reason) known() bool {
	return slices.Contains([]Reason{NotAProblem, WrongCause, WontFix, AlreadyProposed, OtherReason}, r)
}

// Before is the closed proposal of the same matter that one follows.
type Before struct {
	ProposalID   uuid.UUID
	Title        string
	After        string // improved, approved, rejected, duplicate, expired
	DeploymentID *uuid.UUID
}

// Twin is the proposal that a duplicate repeats.
type Twin struct {
	ProposalID uuid.UUID
	Title      string
}

// Proposal as people see it. The JSON documents are the writers' own and passed on as they are.
type Proposal struct {
	ID              uuid.UUID
	ProductID       uuid.UUID
	ContextID       uuid.UUID
	ContextName     string
	FindingID       uuid.UUID
	Family          string
	Status          Status
	Title           string
	Diagnosis       string
	SuggestedChange string
	Evidence        []byte
	PredictedImpact []byte
	Confidence      float64
	Priority        float64
	Provenance      []byte
	ContentHash     string
	CreatedAt       time.Time
	UpdatedAt       time.Time // when it was written last
	DetectedAt      *time.Time
	DecidedAt       *time.Time
	DecidedBy       string
	DecisionReason  string
	ReasonCode      Reason // of a rejection
	SnoozedUntil    *time.Time
	SnoozedBefore   *time.Time // end of the snooze that the decision replaced
	DuplicateOf     *Twin      // of a duplicate
	Edit            *Edit      // nil: the text is as it was written
	Reopens         *Before
	DeploymentID    *uuid.UUID // the live one
	DeploymentOpen  bool       // it is still only planned
}

// UndoUntil is the end of the undo window, nil when nothing was decided.
func (p Proposal) UndoUntil() *time.Time {
	if p.DecidedAt == nil || p.Status == Pending || p.Status == Expired {
		return nil
	}
	until := p.DecidedAt.Add(UndoWindow)
	return &until
}

// Request is what a person decided.
type Request struct {
	Decision    Status
	Reason      string
	ReasonCode  Reason // of a rejection; "" = other
	SnoozeUntil *time.Time
	DuplicateOf *uuid.UUID
	ContentHash string // what was on the screen; "" = not said
}

// Outcome is a decision that may be kept.
type Outcome struct {
	Status       Status
	Reason       string
	ReasonCode   Reason // of a rejection
	SnoozedUntil *time.Time
	DuplicateOf  *uuid.UUID
	At           time.Time
	DeploymentID uuid.UUID // of an approval
	WasSnoozed   bool      // it replaces a snooze that was still running
}

// Snooze is one that the store holds.
type Snooze struct {
	Until    time.Time
	Reopened bool // its end was told already
	Expired  bool // so has the proposal's
}

// Store keeps decisions. Each method is one transaction with its events and audit row.
type Store interface {
	// Decide hands decide the proposal, and the one that twin names, nil when it names none. Neither changes meanwhile.
	Decide(ctx context.Context, a actor.Actor, id uuid.UUID, twin *uuid.UUID, decide func(p Proposal, twin *Proposal) (Outcome, error)) (Proposal, error)
	// Edit keeps the words that edit returns, nil when they are those that were written.
	Edit(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, edit func(Proposal) (*Words, error)) (Proposal, error)
	// RequestRewrite asks the proposal service for other words when check lets it.
	RequestRewrite(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, check func(Proposal) error) (Proposal, error)
	// Undo puts the proposal back to the state that undo returns.
	Undo(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, undo func(Proposal) (Status, error)) (Proposal, error)
	// Wake tells that a snooze is over when due says so; without a snooze it does nothing.
	Wake(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, due func(Snooze) bool) error
	Proposal(ctx context.Context, account, id uuid.UUID) (Proposal, error)
	Proposals(ctx context.Context, account uuid.UUID, product *uuid.UUID, status *Status, r page.Request) (page.Of[Proposal], error)
}

// Service decides.
type Service struct {
	Store // reading needs no rules
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{Store: store, now: now} }

// Decide answers a pending or snoozed proposal; an approval makes its deployment.
func (s *Service) Decide(ctx context.Context, a actor.Actor, id uuid.UUID, r Request) (Proposal, error) {
	return s.Store.Decide(ctx, a, id, r.DuplicateOf, func(p Proposal, twin *Proposal) (Outcome, error) { return r.Apply(p, twin, s.now()) })
}

// Undo takes the decision back while its window is open.
func (s *Service) Undo(ctx context.Context, a actor.Actor, id uuid.UUID) (Proposal, error) {
	now := s.now()
	return s.Store.Undo(ctx, a, id, now, func(p Proposal) (Status, error) { return Undone(p, now) })
}

// Wake handles the timer of a snooze: it returns how much longer to wait, if the snooze is not over.
func (s *Service) Wake(ctx context.Context, account, id uuid.UUID) (wait time.Duration, err error) {
	now := s.now()
	err = s.Store.Wake(ctx, actor.Service(account), id, now, func(z Snooze) bool {
		wait = 0
		if z.Reopened || z.Expired {
			return false
		}
		wait = max(0, z.Until.Sub(now))
		return wait == 0
	})
	return wait, err
}

// open says why p cannot be changed any more, or not as it was read.
func (p Proposal) open(contentHash string) error {
	if p.Status != Pending && p.Status != Snoozed {
		return fault.Newf(fault.Conflict, "conflict", "The proposal is %s; only a pending or snoozed one can be decided or edited.", p.Status)
	}
	if contentHash != "" && contentHash != p.ContentHash {
		return fault.New(fault.PreconditionFailed, "precondition_failed", "The proposal changed since you read it. Read it again first.")
	}
	return nil
}

// Apply is the state machine's step out of pending, or out of a snooze before it is due. twin is the proposal that the
// request says p repeats, nil when it names none or there is none.
func (r Request) Apply(p Proposal, twin *Proposal, now time.Time) (Outcome, error) {
	if err := p.open(r.ContentHash); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Status: r.Decision, Reason: strings.TrimSpace(r.Reason), At: now, WasSnoozed: p.Status == Snoozed}
	if utf8.RuneCountInString(out.Reason) > maxReason || strings.ContainsRune(out.Reason, 0) {
		return Outcome{}, invalid("/reason", "too_long", "A reason has at most 2,000 characters.")
	}
	if r.ReasonCode != "" && (r.Decision != Rejected || !r.ReasonCode.known()) {
		return Outcome{}, invalid("/reason_code", "unknown_reason", "A rejection's reason is not_a_problem, wrong_cause, wont_fix, duplicate or other.")
	}
	switch r.Decision {
	case Approved:
		out.DeploymentID = uuid.Must(uuid.NewV7())
	case Rejected:
		if out.ReasonCode = r.ReasonCode; out.ReasonCode == "" {
			out.ReasonCode = OtherReason
		}
	case Snoozed:
		if r.SnoozeUntil == nil || !r.SnoozeUntil.After(now) || r.SnoozeUntil.After(now.Add(maxSnooze)) {
			return Outcome{}, invalid("/snooze_until", "invalid_time", "Snooze until a time within the next 90 days.")
		}
		out.SnoozedUntil = r.SnoozeUntil
	case Duplicate:
		if err := r.repeats(p, twin); err != nil {
			return Outcome{}, err
		}
		out.DuplicateOf = r.DuplicateOf
	default:
		return Outcome{}, invalid("/decision", "unknown_decision", "A decision is approved, rejected, snoozed or duplicate.")
	}
	return out, nil
}

// repeats says why twin cannot stand for p: one that leads nowhere itself would bury the matter.
func (r Request) repeats(p Proposal, twin *Proposal) error {
	switch {
	case r.DuplicateOf == nil || *r.DuplicateOf == p.ID:
		return invalid("/duplicate_of", "missing", "Name the proposal that this one repeats.")
	case twin == nil || twin.ProductID != p.ProductID:
		return invalid("/duplicate_of", "unknown", "There is no such proposal in this product.")
	case twin.Status == Duplicate:
		return invalid("/duplicate_of", "is_duplicate", "That proposal is a duplicate itself. Name the one that it repeats.")
	case twin.Status == Expired:
		return invalid("/duplicate_of", "is_expired", "That proposal has expired, so it cannot stand for this one.")
	default:
		return nil
	}
}

// Undone is the state that an undo of the decision on p returns to, if it may still be taken back: pending, or the
// snooze that the decision replaced while that is not over.
func Undone(p Proposal, now time.Time) (Status, error) {
	until := p.UndoUntil()
	if until == nil {
		return "", fault.Newf(fault.Conflict, "conflict", "The proposal is %s: there is no decision to undo.", p.Status)
	}
	if !now.Before(*until) {
		return "", fault.New(fault.Conflict, "undo_expired", "A decision can be undone for 10 seconds.")
	}
	if p.Status == Approved && p.DeploymentID != nil && !p.DeploymentOpen {
		return "", fault.New(fault.Conflict, "conflict", "Its deployment was already reported.")
	}
	if p.SnoozedBefore != nil && p.SnoozedBefore.After(now) {
		return Snoozed, nil
	}
	return Pending, nil
}

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}
