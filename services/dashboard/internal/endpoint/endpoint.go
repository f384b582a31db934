// Package endpoint holds where webhooks go. Sending is the notifier's work; here an address is
// checked before it is saved, and its signing secret is made.
package endpoint

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/webhook"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// AllEvents stands for every event, also those that do not exist yet.
const AllEvents = "*"

// MaxEndpoints of one account.
const MaxEndpoints = 50

const (
	maxURL         = 2000
	maxDescription = 500
)

// failingAfter this many failed attempts in a row an endpoint is shown as failing.
const failingAfter = 3

// Endpoint is one address.
type Endpoint struct {
	ID                  uuid.UUID
	URL                 string
	Description         string
	Events              []string // names, or AllEvents alone
	Enabled             bool
	Version             int
	CreatedAt           time.Time
	UpdatedAt           time.Time
	DisabledAt          *time.Time // by the notifier, after days of failures
	DisabledReason      string
	LastSuccessAt       *time.Time
	FailingSince        *time.Time
	ConsecutiveFailures int
	OverlapUntil        *time.Time // until then the secret before the last rotation signs too
	Days                []Day      // oldest first, those with deliveries
}

// Day is what became of an endpoint's deliveries of one day (UTC), by when they were begun.
type Day struct {
	Day                                 time.Time
	Delivered, Pending, Failed, Dropped int64
}

// Status is how an endpoint stands.
type Status string

// The statuses.
const (
	Enabled  Status = "enabled"
	Failing  Status = "failing"
	Paused   Status = "paused"
	Disabled Status = "disabled"
)

// Status tells how the endpoint stands.
func (e Endpoint) Status() Status {
	switch {
	case !e.Enabled:
		return Paused
	case !e.Listening():
		return Disabled
	case e.DisabledAt == nil && e.ConsecutiveFailures >= failingAfter:
		return Failing
	default:
		return Enabled
	}
}

// Listening tells whether events are sent to the endpoint. Saving one that the notifier disabled
// begins anew.
func (e Endpoint) Listening() bool {
	return e.Enabled && (e.DisabledAt == nil || e.DisabledAt.Before(e.UpdatedAt))
}

// Created is a new endpoint with its secret.
type Created struct {
	Endpoint Endpoint
	Secret   string
}

// Store keeps endpoints; each change is one transaction with its audit row.
type Store interface {
	AddEndpoint(ctx context.Context, a actor.Actor, c Created) (Created, error)
	ChangeEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, change func(*Endpoint) error) (Endpoint, error)
	RemoveEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error
	TestEndpoint(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, check func(Endpoint) error) error
	Endpoint(ctx context.Context, account, id uuid.UUID) (Endpoint, error)
	Endpoints(ctx context.Context, account uuid.UUID, days bool, r page.Request) (page.Of[Endpoint], error)
	RotateSecret(ctx context.Context, a actor.Actor, id uuid.UUID, r Rotation) (Endpoint, error)
	RevealSecret(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) (secret string, err error)
	Deliveries
}

// Guard says whether an address may be called at all (SSRF).
type Guard interface {
	CheckURL(ctx context.Context, rawURL string) error
}

// Service changes endpoints.
type Service struct {
	Store // reading needs no rules
	guard Guard
	now   func() time.Time
}

// New returns a Service.
func New(store Store, guard Guard, now func() time.Time) *Service {
	return &Service{Store: store, guard: guard, now: now}
}

// Patch holds what to set; nil leaves a field as it is.
type Patch struct {
	URL         *string
	Description *string
	Events      *[]string
	Enabled     *bool
	IfVersion   int
}

// Create makes an endpoint and its secret.
func (s *Service) Create(ctx context.Context, a actor.Actor, p Patch) (Created, error) {
	e := Endpoint{ID: uuid.Must(uuid.NewV7()), Events: []string{AllEvents}, Enabled: true, Version: 1, CreatedAt: s.now()}
	if err := s.apply(ctx, &e, p); err != nil {
		return Created{}, err
	}
	return s.AddEndpoint(ctx, a, Created{Endpoint: e, Secret: webhook.NewSecret()})
}

// Update edits an endpoint. The address is checked before the transaction: that asks the DNS.
func (s *Service) Update(ctx context.Context, a actor.Actor, id uuid.UUID, p Patch) (Endpoint, error) {
	if p.URL != nil {
		if err := s.checkURL(ctx, *p.URL); err != nil {
			return Endpoint{}, err
		}
	}
	return s.ChangeEndpoint(ctx, a, id, s.now(), func(e *Endpoint) error {
		if p.IfVersion != 0 && p.IfVersion != e.Version {
			return fault.New(fault.PreconditionFailed, "precondition_failed", "Somebody changed this in the meantime. Load it again.")
		}
		return s.set(e, p)
	})
}

// Remove ends an endpoint.
func (s *Service) Remove(ctx context.Context, a actor.Actor, id uuid.UUID) error {
	return s.RemoveEndpoint(ctx, a, id, s.now())
}

// Test asks the notifier for a test delivery.
func (s *Service) Test(ctx context.Context, a actor.Actor, id uuid.UUID) error {
	return s.TestEndpoint(ctx, a, id, s.now(), listening)
}

// listening refuses to send to an endpoint that gets nothing.
func listening(e Endpoint) error {
	if !e.Listening() {
		return fault.New(fault.Conflict, "conflict", "The endpoint is disabled, so nothing is sent to it. Enable it (enabled: true), then try again.")
	}
	return nil
}

func (s *Service) apply(ctx context.Context, e *Endpoint, p Patch) error {
	if p.URL == nil {
		return invalid("/url", "missing", "An endpoint needs an address.")
	}
	if err := s.checkURL(ctx, *p.URL); err != nil {
		return err
	}
	return s.set(e, p)
}

func (s *Service) checkURL(ctx context.Context, rawURL string) error {
	if len(rawURL) > maxURL {
		return invalid("/url", "too_long", "An address has at most 2,000 characters.")
	}
	if err := s.guard.CheckURL(ctx, rawURL); err != nil {
		refused := fault.Wrap(err, fault.Invalid, "url_refused", "Webhooks cannot be sent to this address.")
		return refused.With("/url", "url_refused", err.Error())
	}
	return nil
}

func (s *Service) set(e *Endpoint, p Patch) error {
	if p.URL != nil {
		e.URL = *p.URL
	}
	if p.Description != nil {
		e.Description = strings.TrimSpace(*p.Description)
		if utf8.RuneCountInString(e.Description) > maxDescription || strings.ContainsRune(e.Description, 0) {
			return invalid("/description", "too_long", "A description has at most 500 characters.")
		}
	}
	if p.Enabled != nil {
		e.Enabled = *p.Enabled
	}
	if p.Events == nil {
		return nil
	}
	e.Events = []string{AllEvents}
	if len(*p.Events) == 0 || slices.Contains(*p.Events, AllEvents) {
		return nil
	}
	for _, name := range *p.Events {
		if !webhook.IsName(name) {
			return invalid("/events", "unknown_event", "There is no event of that name.")
		}
	}
	e.Events = slices.Compact(slices.Sorted(slices.Values(*p.Events)))
	return nil
}

func invalid(pointer, code, detail string) error {
	return fault.New(fault.Invalid, "invalid_request", detail).With(pointer, code, detail)
}
