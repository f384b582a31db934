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

// Due names a look and when to take it.
type Due struct {
	AccountID, VerificationID uuid.UUID
	Number                    int
	At                        time.Time
}

// Status of a verification: collecting, one of the four verdicts, or stopped.
type Status string

// The statuses beside the verdicts of package pcf.
const (
	StatusCollecting Status = "collecting"
	StatusStopped    Status = "stopped"
)

// Verification is a registered test.
type Verification struct {
	ID, AccountID, ProductID, ContextID, DeploymentID, ProposalID uuid.UUID
	Plan                                                          Plan
	Status                                                        Status
	RegisteredAt                                                  time.Time
	// RolledBack: the deployment is no longer in place.
	RolledBack bool
	// LastLookDay is the day of the newest look taken, 0 before the first.
	LastLookDay int
}

// Registration is a new verification with the timer of its first look.
type Registration struct {
	Verification Verification
	First        Due
}

// Store keeps tests and their looks. Each method is one transaction, which decide or evaluate may see run again after a
// serialization failure.
type Store interface {
	// Register claims the event and, when it is new and decide finds that there is something to test, stores the
	// registration. A deployment that has a verification keeps it.
	Register(ctx context.Context, e Event, decide func(Deployment) (r Registration, test bool, err error)) error
	// Stop claims the event and ends a test that is still collecting.
	Stop(ctx context.Context, e Event, at time.Time) error
	// Look locks the verification and stores what evaluate concludes: the look, the verification's new state, and either
	// the verdict's event or the timer of the next look. A verification that is gone is no error.
	Look(ctx context.Context, due Due, evaluate func(context.Context, Verification, Evidence) (Step, error)) error
}

// Evidence is what a look may read, inside its transaction.
type Evidence interface {
	// Hours counts signals of both polarities in each hour of [from, to) that has any.
	Hours(ctx context.Context, plan Plan, from, to time.Time) ([]Hour, error)
	// Types counts every signal type of the context in two spans.
	Types(ctx context.Context, before, after Span) ([]TypeCount, error)
	// OtherDeployments counts what else of the product shipped in a span.
	OtherDeployments(ctx context.Context, span Span) (int, error)
	// Arrived tells whether the product has any signal at or after a moment.
	Arrived(ctx context.Context, since time.Time) (bool, error)
}

// Hour is what one hour counted.
type Hour struct {
	Start              time.Time
	Positive, Negative int64
}

// TypeCount is how often a type came before and after the deployment.
type TypeCount struct {
	Type          string
	Before, After int64
}

// Step is what a look came to. The zero value changes nothing.
type Step struct {
	// Wait: the data is not there yet; look again after this long. Everything else is empty then.
	Wait time.Duration
	// Taken is the look to store, with its Result; nil when there is none.
	Taken  *PlannedLook
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

// Deployed registers the test of a deployment that shipped.
func (s *Service) Deployed(ctx context.Context, e Event) error {
	err := s.store.Register(ctx, e, func(d Deployment) (Registration, bool, error) {
		if !d.Deployed {
			return Registration{}, false, nil
		}
		plan, err := newPlan(d)
		if err != nil {
			return Registration{}, false, err
		}
		id, err := s.newID()
		if err != nil {
			return Registration{}, false, fmt.Errorf("making an id: %w", err)
		}
		v := Verification{
			ID: id, AccountID: e.AccountID, ProductID: d.ProductID, ContextID: d.ContextID, DeploymentID: d.ID, ProposalID: d.ProposalID,
			Plan: plan, Status: StatusCollecting, RegisteredAt: s.now(),
		}
		return Registration{Verification: v, First: s.due(v, plan.Looks[0])}, true, nil
	})
	if err != nil {
		return fmt.Errorf("registering the verification: %w", err)
	}
	return nil
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
		taken, err = s.evaluate(ctx, v, due.Number, evidence)
		return taken, err
	})
	if err != nil {
		return Step{}, fmt.Errorf("looking at the deployment: %w", err)
	}
	return taken, nil
}
