package verification

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ErrUnknownDeployment: the deployment of an event does not exist (its account may have been deleted since). Nothing was
// stored.
var ErrUnknownDeployment = errors.New("unknown deployment")

// Event is a fact about a deployment, as it arrived.
type Event struct {
	ID, AccountID, DeploymentID uuid.UUID
}

// Due names a look of a plan and when to take it.
type Due struct {
	AccountID, VerificationID uuid.UUID
	Revision, Number          int
	At                        time.Time
}

// Status of a verification: collecting, one of the four verdicts, or stopped.
type Status string

// The statuses beside the verdicts of package pcf.
const (
	StatusCollecting Status = "collecting"
	StatusStopped    Status = "stopped"
)

// Verification is a registered test with the plan in force, and what the deployment and its product are by now.
type Verification struct {
	ID, AccountID, ProductID, ContextID, DeploymentID, ProposalID uuid.UUID
	Plan                                                          Plan
	Status                                                        Status
	// RegisteredAt of the plan in force.
	RegisteredAt time.Time
	// LastLookDay is the day of the newest look taken by this plan, 0 before the first; LooksTaken counts those of all.
	LastLookDay, LooksTaken int

	// RolledBack: the deployment is no longer in place.
	RolledBack                   bool
	DeployedAt                   time.Time
	TimeZone                     string
	PositiveTypes, NegativeTypes []string
}

// Registration is a plan with the timer of its first look: a new test, or a later plan of one that is collecting.
type Registration struct {
	Verification Verification
	First        Due
}

// Store keeps tests and their looks. Each method is one transaction, which decide or evaluate may see run again after a
// serialization failure.
type Store interface {
	// Register claims the event and, when it is new, stores the registration decide makes, if any. before is the test
	// the deployment has already, locked; nil for none.
	Register(ctx context.Context, e Event, decide func(ctx context.Context, d Deployment, before *Verification, evidence Evidence) (*Registration, error)) error
	// Stop claims the event and ends a test that is still collecting.
	Stop(ctx context.Context, e Event, at time.Time) error
	// Look locks the verification and stores what evaluate concludes: a look with the verification's new state, and
	// either the verdict's event or the timer of the next look; or a later plan. A verification that is gone is no error.
	Look(ctx context.Context, due Due, evaluate func(context.Context, Verification, Evidence) (Step, error)) error
}

// Evidence is what a look or a registration may read, inside its transaction.
type Evidence interface {
	// Hours counts both sides of a measure in each hour of [from, to) that has any, in order.
	Hours(ctx context.Context, m Measure, from, to time.Time) ([]Hour, error)
	// Types counts every signal type of the context in two spans.
	Types(ctx context.Context, before, after Span) ([]TypeCount, error)
	// Values counts both sides of a positive ratio in two spans by the values of some dimensions.
	Values(ctx context.Context, m Measure, dimensions []string, before, after Span) ([]ValueCount, error)
	// OtherDeployments counts what else of the product shipped or was taken back in a span, and what shipped in the
	// context shortly before it.
	OtherDeployments(ctx context.Context, span Span, shortlyBefore time.Time) (int, error)
	// CanaryShares are the shares of the traffic that got the change, in percent and in order, as of a moment; none when
	// all of it did from the start.
	CanaryShares(ctx context.Context, before time.Time) ([]CanaryShare, error)
	// Refused are the signals of the product that were refused though nothing was wrong with them, in [from, to) and in
	// order.
	Refused(ctx context.Context, from, to time.Time) ([]Refusals, error)
	// ControlCandidates are the product's other contexts.
	ControlCandidates(ctx context.Context, except uuid.UUID) ([]ControlCandidate, error)
	// Deployment is the deployment as it is now.
	Deployment(ctx context.Context) (Deployment, error)
	// Arrived tells whether the product has any signal at or after a moment.
	Arrived(ctx context.Context, since time.Time) (bool, error)
}

// Hour is what one hour counted. Each of a sampled hour's counts stands for 2^Halvings.
type Hour struct {
	Start              time.Time
	Positive, Negative int64
	Halvings           int
}

// TypeCount is how often a type came before and after the deployment.
type TypeCount struct {
	Type          string
	Before, After int64
}

// ValueCount is one value of a dimension.
type ValueCount struct {
	Dimension string
	Segment
}

// CanaryShare holds from a moment on.
type CanaryShare struct {
	At    time.Time
	Share float64
}

// Step is what a look came to. The zero value changes nothing.
type Step struct {
	// Wait: the data is not there yet; look again after this long. Everything else is empty then.
	Wait time.Duration
	// Revised is a later plan, because the deployment's time was edited. Everything else is empty then.
	Revised *Registration
	// Taken is the look to store, with its Inputs and Result; nil when there is none.
	Taken  *PlannedLook
	Inputs Inputs
	Result Result
	Status Status
	// EventID is the id of the verdict's event; zero while collecting and when stopped.
	EventID uuid.UUID
	// At is when the look was taken.
	At time.Time
	// Next is the following look's timer.
	Next *Due
}

// Timing is how long a look waits for its data.
type Timing struct {
	// Settle passes between the end of a day and its look, for signals that are still under way.
	Settle time.Duration
	// MaxWait is how long a look waits for a product that has gone silent: then the silence itself is the data.
	MaxWait time.Duration
	// HorizonDays after the deployment a test without a verdict ends inconclusive.
	HorizonDays int
}

// Retry bounds between two tries of a look whose data has not arrived.
const (
	minRetry = 15 * time.Second
	maxRetry = 15 * time.Minute
)

// Service applies the rules.
type Service struct {
	store  Store
	timing Timing
	now    func() time.Time
	newID  func() (uuid.UUID, error)
}

// NewService returns a service that keeps its tests in store.
func NewService(store Store, timing Timing, now func() time.Time, newID func() (uuid.UUID, error)) *Service {
	return &Service{store: store, timing: timing, now: now, newID: newID}
}

// Deployed registers the test of a deployment that shipped, or another plan when its time was edited.
func (s *Service) Deployed(ctx context.Context, e Event) error {
	err := s.store.Register(ctx, e, func(ctx context.Context, d Deployment, before *Verification, evidence Evidence) (*Registration, error) {
		switch {
		case !d.Deployed:
			return nil, nil
		case before != nil:
			return s.revise(ctx, d, *before, evidence)
		}
		plan, err := newPlan(ctx, d, s.timing.HorizonDays, evidence)
		if err != nil {
			return nil, err
		}
		id, err := s.newID()
		if err != nil {
			return nil, fmt.Errorf("making an id: %w", err)
		}
		return s.registration(Verification{
			ID: id, AccountID: e.AccountID, ProductID: d.ProductID, ContextID: d.ContextID, DeploymentID: d.ID, ProposalID: d.ProposalID,
			Plan: plan, Status: StatusCollecting,
		}), nil
	})
	if err != nil {
		return fmt.Errorf("registering the verification: %w", err)
	}
	return nil
}

// revise makes another plan when the deployment's time is not the registered one. A verdict stands: a time that may be
// edited after it could be edited until it pleases.
func (s *Service) revise(ctx context.Context, d Deployment, v Verification, evidence Evidence) (*Registration, error) {
	if v.Status != StatusCollecting || d.DeployedAt.Equal(v.Plan.DeployedAt) {
		return nil, nil
	}
	plan, err := newPlan(ctx, d, v.Plan.Looks[len(v.Plan.Looks)-1].Day, evidence)
	if err != nil {
		return nil, err
	}
	plan.Revision = max(1, v.Plan.Revision) + 1
	plan.RevisedBecause = fmt.Sprintf("the deployment's time was edited from %s to %s, after %s.",
		v.Plan.DeployedAt.UTC().Format(time.RFC3339), d.DeployedAt.UTC().Format(time.RFC3339), looks(v.LooksTaken))
	v.Plan = plan
	return s.registration(v), nil
}

func looks(n int) string {
	switch n {
	case 0:
		return "no look"
	case 1:
		return "1 look"
	}
	return fmt.Sprintf("%d looks", n)
}

// registration of a plan that is in force from now on.
func (s *Service) registration(v Verification) *Registration {
	v.RegisteredAt = s.now()
	return &Registration{Verification: v, First: s.due(v, v.Plan.Looks[0])}
}

// Withdrawn stops the test of a deployment that was rolled back or cancelled. A verdict already given stands.
func (s *Service) Withdrawn(ctx context.Context, e Event) error {
	if err := s.store.Stop(ctx, e, s.now()); err != nil {
		return fmt.Errorf("stopping the verification: %w", err)
	}
	return nil
}

// Look takes one planned look, or tells how long to wait for its data.
func (s *Service) Look(ctx context.Context, due Due) (Step, error) {
	var taken Step
	err := s.store.Look(ctx, due, func(ctx context.Context, v Verification, evidence Evidence) (Step, error) {
		var err error
		taken, err = s.evaluate(ctx, v, due, evidence)
		return taken, err
	})
	if err != nil {
		return Step{}, fmt.Errorf("looking at the deployment: %w", err)
	}
	return taken, nil
}
