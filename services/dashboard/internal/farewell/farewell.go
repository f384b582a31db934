// Package farewell makes those outside the database forget the owner of an account that is being deleted: the
// auth server, which has their e-mail address and password, and whoever is paid through.
package farewell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Leaving is an account whose deletion has begun. Its rows are there until billing has answered.
type Leaving struct {
	Account  uuid.UUID
	Deletion uuid.UUID
	Owner    uuid.UUID // at the auth server
}

// Outcome is what a deletion's certificate says of a party.
type Outcome string

// The outcomes.
const (
	Deleted Outcome = "deleted"
	Kept    Outcome = "kept" // the person came back, and it opens their new account
	None    Outcome = "none" // nothing was there
)

// The parties' names, as a deletion's certificate has them.
const (
	Billing = "billing"
	Auth    = "auth"
)

// Party is somebody outside who knows the owner. Doing it again is harmless.
type Party interface {
	Name() string
	Forget(ctx context.Context, l Leaving) (Outcome, error)
}

// Answers is where what a party did is told to whoever writes the certificate.
type Answers interface {
	Answer(ctx context.Context, l Leaving, party string, o Outcome, at time.Time) error
}

// Service asks the parties.
type Service struct {
	parties []Party
	answers Answers
	now     func() time.Time
}

// New returns a Service for these parties: billing, and the auth server.
func New(answers Answers, now func() time.Time, parties ...Party) *Service {
	return &Service{parties: parties, answers: answers, now: now}
}

// Leave asks every party; one that fails keeps none of the others from being asked.
func (s *Service) Leave(ctx context.Context, l Leaving) error {
	var errs []error
	for _, p := range s.parties {
		outcome, err := p.Forget(ctx, l)
		if err == nil {
			err = s.answers.Answer(ctx, l, p.Name(), outcome, s.now())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("having %s forget the owner: %w", p.Name(), err))
		}
	}
	return errors.Join(errs...)
}
