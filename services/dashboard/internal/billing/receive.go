package billing

import (
	"context"

	"github.com/draftlabs/specter/pkg/fault"
)

// MaxEvent is the largest webhook that is read; Stripe's are smaller.
const MaxEvent = 1 << 20

// Event is what is kept of a webhook: who it is about, and its id.
type Event struct {
	ID       string
	Type     string
	Customer string // "" when it is about none
}

// Events checks signatures.
type Events interface {
	// Open returns what was signed; fault.Unauthenticated without a good and recent signature, fault.Invalid when it
	// is not an event.
	Open(signature string, body []byte) (Event, error)
}

// Outcome says what came of a webhook.
type Outcome string

// The outcomes.
const (
	Applied  Outcome = "applied"
	Repeated Outcome = "repeated" // it had its effect before
	Ignored  Outcome = "ignored"  // about nothing that matters here
)

// Receive takes a webhook. An error makes Stripe send it again.
func (s *Service) Receive(ctx context.Context, signature string, body []byte) (Outcome, error) {
	if !s.On() {
		return "", ErrOff
	}
	event, err := s.Events.Open(signature, body)
	if err != nil {
		return "", err
	}
	if event.Customer == "" || !telling(event.Type) {
		return Ignored, nil
	}
	account, err := s.Store.ByCustomer(ctx, event.Customer)
	if fault.Is(err, fault.NotFound) {
		return Ignored, nil // of another application, or of an account that is gone
	}
	if err != nil {
		return "", err
	}
	known, err := s.Store.Known(ctx, account, event.ID)
	if err != nil {
		return "", err
	}
	if known {
		return Repeated, nil
	}
	w, err := s.settle(ctx, account, ByWebhook, &event)
	switch {
	case err != nil:
		return "", err
	case w.Repeated:
		return Repeated, nil
	default:
		return Applied, nil
	}
}

// telling are the events after which an account may have to be another one.
func telling(kind string) bool {
	switch kind {
	case "checkout.session.completed", "customer.updated", "customer.deleted",
		"customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted",
		"customer.subscription.paused", "customer.subscription.resumed", "customer.subscription.trial_will_end",
		"invoice.paid", "invoice.payment_failed", "invoice.payment_action_required":
		return true
	default:
		return false
	}
}
