package billing

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

// Answers of an instance that cannot do what was asked.
var (
	ErrOff        = fault.New(fault.Conflict, "billing_off", "Billing is off on this server: its operator has not connected Stripe.")
	ErrSubscribed = fault.New(fault.Conflict, "already_subscribed", "This account has a subscription. Change it in the billing portal.")
	ErrNoCustomer = fault.New(fault.Conflict, "no_customer", "Nothing was ever bought from this account, so there is nothing to manage.")
	errBusy       = fault.New(fault.Unavailable, "unavailable", "The subscription is changing at this moment. Try again.")
)

// Stripe is what is asked of Stripe. A failure that trying again may help is fault.Unavailable; what is gone is
// fault.NotFound.
type Stripe interface {
	// CreateCustomer returns the same customer for the same key.
	CreateCustomer(ctx context.Context, key string, account uuid.UUID) (customer string, err error)
	SetEmail(ctx context.Context, customer, email string) error
	// DeleteCustomer cancels the customer's subscriptions, too.
	DeleteCustomer(ctx context.Context, customer string) error
	// Read returns the customer with the subscriptions that have not ended.
	Read(ctx context.Context, customer string) (Customer, error)

	// Cancel ends a subscription now.
	Cancel(ctx context.Context, subscription string) error
	// EndWithPeriod makes a subscription end with its period and notes for which deletion.
	EndWithPeriod(ctx context.Context, subscription string, deletion uuid.UUID) error
	// GoOn takes EndWithPeriod back.
	GoOn(ctx context.Context, subscription string) error

	// Checkouts lists the customer's newest checkouts, newest first.
	Checkouts(ctx context.Context, customer string) ([]Checkout, error)
	// OpenCheckout returns the same checkout for the same key.
	OpenCheckout(ctx context.Context, key string, c NewCheckout) (Checkout, error)
	ExpireCheckout(ctx context.Context, checkout string) error
	// Portal makes a link to the customer's billing portal, which leads back to returnURL.
	Portal(ctx context.Context, customer, returnURL string) (url string, err error)

	Price(ctx context.Context, id string) (Price, error)
}

// Customer is what Stripe knows of an account.
type Customer struct {
	Gone          bool // deleted at Stripe
	Email         string
	Subscriptions []Subscription
}

// Store keeps what Stripe said. Every method is one transaction.
type Store interface {
	// TakeTurn locks, counts and returns the account's standing; fault.NotFound when there is no such account or it
	// never had a customer.
	TakeTurn(ctx context.Context, account uuid.UUID) (Standing, error)
	// Standing reads it without a turn; the zero Standing when the account never had a customer.
	Standing(ctx context.Context, account uuid.UUID) (Standing, error)
	// Known tells whether an event had its effect.
	Known(ctx context.Context, account uuid.UUID, event string) (bool, error)
	// Write keeps what was read under a turn, and the event that was the reason, in one transaction; ok is false, and
	// nothing was written, when somebody took a turn since.
	Write(ctx context.Context, account uuid.UUID, turn int64, r Reading) (w Written, ok bool, err error)
	// KeepCustomer keeps a customer unless the account has one by now, and returns the one it has; ErrClosedMeanwhile
	// when the account is closed or gone.
	KeepCustomer(ctx context.Context, a actor.Actor, customer string, no int, at time.Time) (string, error)
	// Audit notes that a person was sent to Stripe.
	Audit(ctx context.Context, a actor.Actor, action string, detail map[string]any, at time.Time) error

	// ByCustomer finds the account of a customer; fault.NotFound when it is nobody's here.
	ByCustomer(ctx context.Context, customer string) (uuid.UUID, error)
	// Due lists accounts that are to be settled by then, longest due first.
	Due(ctx context.Context, at time.Time, n int) ([]uuid.UUID, error)
	// Postpone lets an account that could not be settled wait behind the others.
	Postpone(ctx context.Context, account uuid.UUID, until time.Time) error
	// Farewells lists customers to delete at Stripe: those due by then, or those of one deletion.
	Farewells(ctx context.Context, at time.Time, deletion uuid.UUID, n int) ([]Farewell, error)
	// Said forgets a customer that Stripe has deleted.
	Said(ctx context.Context, f Farewell) error
}

// ErrClosedMeanwhile is KeepCustomer's answer when an account's deletion was scheduled while its customer was made.
var ErrClosedMeanwhile = fault.New(fault.Conflict, "account_closed", "The deletion of this account is scheduled. Cancel it to come back.")

// Standing is what is known of an account before Stripe is asked.
type Standing struct {
	Turn         int64
	Customer     string // "" when there is none, or none any more
	CustomerNo   int    // how many there were
	Email        string
	Deletion     uuid.UUID // of a closed account; else zero
	Subscription *Subscription
	PastDueSince *time.Time
	SettledAt    *time.Time
}

// Reading is what is to be kept.
type Reading struct {
	Gone         bool // the customer was deleted at Stripe
	Subscription *Subscription
	PastDueSince *time.Time
	At           time.Time
	Next         time.Time // when to look again at the latest
	Cause        Cause
	Event        *Event
	// Plan is the plan an account with this one is to have; false leaves it as it is.
	Plan func(now string) (plan.Plan, bool)
}

// Written says what Write changed.
type Written struct {
	Changed  bool // the subscription is another one than was known
	From, To string
	Repeated bool // the event had its effect before: nothing was written
}

// Cause is why an account is settled.
type Cause string

// The causes.
const (
	ByWebhook  Cause = "webhook"
	ByCheckout Cause = "checkout"
	ByRound    Cause = "reconciliation"
)

// Farewell is a customer that Stripe is to forget.
type Farewell struct {
	Deletion uuid.UUID
	Customer string
}

// Options are what a Service is made of.
type Options struct {
	Store  Store
	Stripe Stripe // nil: billing is off
	Events Events
	Book   plan.Book
	// Grace is for how long a plan outlives a payment that failed.
	Grace time.Duration
	// PublicURL is where Stripe sends people back to.
	PublicURL string
	Now       func() time.Time
	Log       *zap.Logger
}

// Service does it.
type Service struct {
	Options
	prices *prices
}

// New returns a Service.
func New(o Options) *Service {
	return &Service{Options: o, prices: newPrices(o.Stripe, o.Now)}
}

// On tells whether accounts can pay here.
func (s *Service) On() bool { return s.Stripe != nil }
