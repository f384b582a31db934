// Package deployment is what people, pipelines and GitHub report about shipping an approved change.
//
//	planned ──▶ deployed ──▶ (collecting ──▶ verified | regressed | no_effect | inconclusive: the verifier's word)
//	   │          │ ▲ │                        │
//	   ▼          └─┘ └────── rolled_back ◀────┘
//	cancelled    edited
//
// A merged change is still planned: that its commit is known makes a later report of that commit match it. Each step is
// a row of the audit log and one event.
package deployment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// Status of a deployment as it is reported; what the verifier adds is shown, never stored here.
type Status string

// The reported states.
const (
	Planned    Status = "planned"
	Deployed   Status = "deployed"
	Cancelled  Status = "cancelled"
	RolledBack Status = "rolled_back"
)

// Via is how a deployment was noticed.
type Via string

// The ways.
const (
	ViaWeb               Via = "web"
	ViaCLI               Via = "cli"
	ViaSDK               Via = "sdk"
	ViaAPI               Via = "api"
	ViaHook              Via = "hook"
	ViaGitHubDeployment  Via = "github_deployment"
	ViaGitHubRelease     Via = "github_release"
	ViaGitHubPullRequest Via = "github_pull_request"
	ViaGitHubPush        Via = "github_push"
)

// Window is how long after its deployment a change is watched, at most: two weeks of whole days.
const Window = 15 * 24 * time.Hour

// FullShare is the share of a deployment that is no canary, in percent.
const FullShare = 100

// Report is the part of a deployment that is reported.
type Report struct {
	Status       Status
	Version      string
	Commit       string
	URL          string
	Environment  string
	Via          Via
	CanaryShare  float64 // percent
	DeployedAt   *time.Time
	ReportedAt   *time.Time
	ReportedBy   string
	CancelledAt  *time.Time
	RolledBackAt *time.Time
	Revision     int  // counts the reports
	Judged       bool // its test has a verdict
}

// Step is what a report came to: the name of its audit entry and of its event.
type Step struct {
	Name string
	// ShareSince is when a new canary share began, nil when it stays.
	ShareSince *time.Time
}

// The steps; the zero Step changes nothing.
const (
	stepShipped    = "deployment.deployed"
	stepEdited     = "deployment.edited"
	stepCancelled  = "deployment.cancelled"
	stepRolledBack = "deployment.rolled_back"
)

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
	Merged       *Merge
	Overlaps     []Overlap
	Shares       []Share // of one deployment, not in lists
	Timeline     []Entry // of one deployment, not in lists
	Verification *Verification
}

// Merge is the first that GitHub told of the change: a commit that holds it.
type Merge struct {
	At          time.Time
	Commit      string
	Repository  string // its page
	PullRequest string
}

// CommitURL is the commit's page, "" when the repository is not known.
func (m Merge) CommitURL() string {
	if m.Repository == "" {
		return ""
	}
	return m.Repository + "/commit/" + m.Commit
}

// Overlap is another deployment of the product in whose window this one was watched.
type Overlap struct {
	ID          uuid.UUID
	Title       string
	State       string
	ContextID   uuid.UUID
	ContextName string
	DeployedAt  time.Time
	Version     string
}

// Share is what part of the traffic got the change from At on, in percent.
type Share struct {
	At         time.Time
	Share      float64
	ReportedAt time.Time
	ReportedBy string
}

// Entry is one line of a deployment's history.
type Entry struct {
	At        time.Time
	Actor     string
	ActorName string // e-mail address or token's name, "" when it has none
	Action    string
	Detail    []byte // JSON
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

// Filter narrows a list.
type Filter struct {
	Product  uuid.UUID
	Reported *bool // nil = all
}

// Store keeps deployments. Change is one transaction with its event and audit row; a zero Step writes nothing.
type Store interface {
	Change(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, change func(*Report) (Step, error)) (Deployment, error)
	Deployment(ctx context.Context, account, id uuid.UUID) (Deployment, error)
	Deployments(ctx context.Context, account uuid.UUID, f Filter, r page.Request) (page.Of[Deployment], error)
}

// Service takes reports.
type Service struct {
	Store // reading needs no rules
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{Store: store, now: now} }

// Ship reports that it shipped.
func (s *Service) Ship(ctx context.Context, a actor.Actor, id uuid.UUID, shipped Shipped) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) (Step, error) { return r.Ship(a.Name, shipped, now) })
}

// Edit corrects a report, or tells of a new canary share.
func (s *Service) Edit(ctx context.Context, a actor.Actor, id uuid.UUID, p Patch) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) (Step, error) { return r.Edit(p, now) })
}

// Cancel says that it will not ship.
func (s *Service) Cancel(ctx context.Context, a actor.Actor, id uuid.UUID) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) (Step, error) { return r.Cancel(now) })
}

// RollBack says that it was taken back, at a time or now.
func (s *Service) RollBack(ctx context.Context, a actor.Actor, id uuid.UUID, at *time.Time) (Deployment, error) {
	now := s.now()
	return s.Change(ctx, a, id, now, func(r *Report) (Step, error) { return r.RollBack(at, now) })
}
