// Package deployment is what people report about shipping an approved change.
//
//	planned ──▶ deployed ──▶ (collecting ──▶ verified | regressed | no_effect | inconclusive: the verifier's word)
//	   │            │                          │
//	   ▼            └────────── rolled_back ◀──┘
//	cancelled
package deployment

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// Status of a deployment as people report it; what the verifier adds is shown, never stored here.
type Status string

// The reported states.
const (
	Planned    Status = "planned"
	Deployed   Status = "deployed"
	Cancelled  Status = "cancelled"
	RolledBack Status = "rolled_back"
)

const (
	// maxAge is how far back a deployment may be reported: as long as signals are kept.
	maxAge     = 24 * 30 * 24 * time.Hour
	maxSkew    = 5 * time.Minute // of the reporter's clock
	maxVersion = 200
	maxCommit  = 64
	maxURL     = 2000
)

// Report is the part of a deployment that people change.
type Report struct {
	Status       Status
	Version      string
	Commit       string
	URL          string
	DeployedAt   *time.Time
	ReportedAt   *time.Time
	ReportedBy   string
	CancelledAt  *time.Time
	RolledBackAt *time.Time
}

// Deployment as people see it.
type Deployment struct {
	ID          uuid.UUID
	ProductID   uuid.UUID
	ContextID   uuid.UUID
	ContextName string
	ProposalID  uuid.UUID
	Title       string
	State       string // the visible one: the report and the verdict together
	CreatedAt   time.Time
	Report
	Verification *Verification
}

// Verification is the verifier's before/after test; its documents are passed on as they are.
type Verification struct {
	ID        uuid.UUID
	Status    string
	Method    string
	Result    []byte
	DecidedAt *time.Time
	Plan             // in force
	Earlier   []Plan // given up because the deployment's time was edited, the first one first
}

// Plan is what a test was registered to be, with the looks it took.
type Plan struct {
	Revision     int
	Document     []byte
	RegisteredAt time.Time
	Looks        []Look
}

// PlanOf is the plan of a revision; of one that is not known, the plan in force.
func (v *Verification) PlanOf(revision int) *Plan {
	for i := range v.Earlier {
		if v.Earlier[i].Revision == revision {
			return &v.Earlier[i]
		}
	}
	return &v.Plan
}

// Look is one look at a running test.
type Look struct {
	Day    int
	AsOf   time.Time
	Result []byte
}

// Store keeps deployments. Change is one transaction with its event and audit row.
type Store interface {
	Change(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, change func(*Report) error) (Deployment, error)
	Deployment(ctx context.Context, account, id uuid.UUID) (Deployment, error)
	Deployments(ctx context.Context, account, product uuid.UUID, r page.Request) (page.Of[Deployment], error)
}

// Service takes reports.
type Service struct {
	Store // reading needs no rules
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{Store: store, now: now} }

// Shipped is the report that a planned change went out.
type Shipped struct {
	At      *time.Time // nil = now; may lie in the past
	Version string
	Commit  string
	URL     string
}

// Ship reports that it shipped.
func (s *Service) Ship(ctx context.Context, a actor.Actor, id uuid.UUID, shipped Shipped) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) error {
		r.ReportedBy = a.Name
		return r.Ship(shipped, now)
	})
}

// Cancel says that it will not ship.
func (s *Service) Cancel(ctx context.Context, a actor.Actor, id uuid.UUID) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) error { return r.Cancel(now) })
}

// RollBack says that it was taken back, at a time or now.
func (s *Service) RollBack(ctx context.Context, a actor.Actor, id uuid.UUID, at *time.Time) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) error { return r.RollBack(at, now) })
}

// Ship is the step from planned to deployed.
func (r *Report) Ship(shipped Shipped, now time.Time) error {
	if r.Status != Planned {
		return wrongState(r.Status, "only a planned deployment can be reported as deployed")
	}
	at := now
	if shipped.At != nil {
		at = *shipped.At
	}
	if at.After(now.Add(maxSkew)) || at.Before(now.Add(-maxAge)) {
		return invalid("/deployed_at", "invalid_time", "deployed_at must lie within the last 24 months.")
	}
	if err := shipped.check(); err != nil {
		return err
	}
	r.Status, r.DeployedAt, r.ReportedAt = Deployed, &at, &now
	r.Version, r.Commit, r.URL = shipped.Version, shipped.Commit, shipped.URL
	return nil
}

// Cancel is the step from planned to cancelled.
func (r *Report) Cancel(now time.Time) error {
	if r.Status != Planned {
		return wrongState(r.Status, "only a planned deployment can be cancelled")
	}
	r.Status, r.CancelledAt = Cancelled, &now
	return nil
}

// RollBack is the step from deployed (and later) to rolled_back.
func (r *Report) RollBack(at *time.Time, now time.Time) error {
	if r.Status != Deployed {
		return wrongState(r.Status, "only a deployed change can be rolled back")
	}
	when := now
	if at != nil {
		when = *at
	}
	if when.Before(*r.DeployedAt) || when.After(now.Add(maxSkew)) {
		return invalid("/rolled_back_at", "invalid_time", "rolled_back_at must lie between the deployment and now.")
	}
	r.Status, r.RolledBackAt = RolledBack, &when
	return nil
}

func (s Shipped) check() error {
	for pointer, field := range map[string]struct {
		text  string
		limit int
	}{"/version": {s.Version, maxVersion}, "/commit": {s.Commit, maxCommit}, "/url": {s.URL, maxURL}} {
		if utf8.RuneCountInString(field.text) > field.limit || strings.ContainsFunc(field.text, func(r rune) bool { return r < ' ' }) {
			return invalid(pointer, "too_long", "The text is too long or holds control characters.")
		}
	}
	if s.URL != "" {
		// The link is shown to people: a javascript: link would run in their session.
		if u, err := url.Parse(s.URL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			return invalid("/url", "invalid_url", "A link begins with https:// or http://.")
		}
	}
	return nil
}

func wrongState(have Status, rule string) error {
	return fault.Newf(fault.Conflict, "conflict", "The deployment is %s; %s.", have, rule)
}

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}
