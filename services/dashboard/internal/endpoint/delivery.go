package endpoint

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// DeliveriesKept is how long a delivery can be looked at and sent again.
const DeliveriesKept = 30 * 24 * time.Hour

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID            uuid.UUID
	EventID       uuid.UUID
	EventType     string
	Status        string
	Reason        string // why it ended without success
	Attempts      int
	Resends       int
	DeploymentID  *uuid.UUID
	CreatedAt     time.Time
	NextAttemptAt *time.Time // nil also while it waits for its turn
	FinishedAt    *time.Time
	Body          []byte // JSON; only of a single delivery
	Log           []Attempt
}

// Attempt is one try of a delivery.
type Attempt struct {
	Number          int
	At              time.Time
	Duration        time.Duration
	StatusCode      *int
	Error           string
	ResponseExcerpt string
	Request         []byte // JSON: {"url", "headers"}
	ResponseHeaders []byte // JSON
}

// Wanted narrows a list of deliveries; what is empty does not.
type Wanted struct {
	Status    string
	EventType string
	Since     time.Time
}

// Deliveries reads the log of deliveries, and asks the notifier for some again.
type Deliveries interface {
	ListDeliveries(ctx context.Context, account, endpoint uuid.UUID, w Wanted, r page.Request) (page.Of[Delivery], error)
	Delivery(ctx context.Context, account, endpoint, id uuid.UUID) (Delivery, error)
	ResendDelivery(ctx context.Context, a actor.Actor, endpoint, id uuid.UUID, at time.Time, check func(Endpoint) error) error
	RecoverEndpoint(ctx context.Context, a actor.Actor, endpoint uuid.UUID, since, at time.Time, check func(Endpoint) error) (n int64, err error)
}

// Resend asks for one delivery again.
func (s *Service) Resend(ctx context.Context, a actor.Actor, endpoint, id uuid.UUID) error {
	return s.ResendDelivery(ctx, a, endpoint, id, s.now(), listening)
}

// Recover asks for everything again that did not reach the endpoint since a moment, and tells how much
// that is.
func (s *Service) Recover(ctx context.Context, a actor.Actor, endpoint uuid.UUID, since time.Time) (n int64, err error) {
	now := s.now()
	if since.After(now) || now.Sub(since) > DeliveriesKept {
		return 0, invalid("/since", "out_of_range", "Deliveries of the last 30 days can be sent again.")
	}
	return s.RecoverEndpoint(ctx, a, endpoint, since, now, listening)
}
