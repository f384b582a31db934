package product

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// Product is a site or app that sends signals.
type Product struct {
	ID               uuid.UUID
	Name             string
	TimeZone         string // IANA name; days are days here
	DefaultContextID uuid.UUID
	Version          int
	CreatedAt        time.Time
	FirstSignalAt    *time.Time
	LastSignalAt     *time.Time
	SignalsTotal     int64
	OpenProposals    int
}

// Context is an area of a product.
type Context struct {
	ID            uuid.UUID
	ProductID     uuid.UUID
	Name          string
	Description   string
	PositiveTypes []string
	NegativeTypes []string
	PayloadKeys   []string
	Funnel        []string // types in the order in which a session takes them; empty or 2 to 8
	IsDefault     bool
	Version       int
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Polarity says what a signal of a type means here. It is applied when reading, so an edit applies
// to history too.
func (c Context) Polarity(signalType string) Polarity {
	for _, t := range c.PositiveTypes {
		if t == signalType {
			return Positive
		}
	}
	for _, t := range c.NegativeTypes {
		if t == signalType {
			return Negative
		}
	}
	return Neutral
}

// Polarity of a signal type in a context.
type Polarity string

// The polarities; neutral never counts in the ratio.
const (
	Positive Polarity = "positive"
	Negative Polarity = "negative"
	Neutral  Polarity = "neutral"
)

// Limits of one account, whatever its plan.
const (
	MaxProducts = 100
	MaxContexts = 100
	MaxKeys     = 20
)

// Created is a new product with what it needs to receive its first signal.
type Created struct {
	Product Product
	Context Context
	Key     Key
}

// Store keeps products. A change of something the gateway knows updates the catalogue with it.
type Store interface {
	Create(ctx context.Context, a actor.Actor, c Created) (Created, error)
	Update(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, change func(*Product) error) (Product, error)
	AddKey(ctx context.Context, a actor.Actor, k Key) (Key, error)
	// UpdateKey and RollKey hold the key's row until they are done; beside is how many others of its chain are good.
	UpdateKey(ctx context.Context, a actor.Actor, product, id uuid.UUID, at time.Time, change func(*Key) error) (Key, error)
	RollKey(ctx context.Context, a actor.Actor, product, id uuid.UUID, at time.Time, roll func(old Key, beside int) (RolledKey, error)) (RolledKey, error)
	RevokeKey(ctx context.Context, a actor.Actor, product, id uuid.UUID, at time.Time) error
	AddContext(ctx context.Context, a actor.Actor, c Context) (Context, error)
	UpdateContext(ctx context.Context, a actor.Actor, id uuid.UUID, change func(*Context) error) (Context, error)

	Product(ctx context.Context, account, id uuid.UUID) (Product, error)
	Products(ctx context.Context, account uuid.UUID, r page.Request) (page.Of[Product], error)
	Keys(ctx context.Context, account, product uuid.UUID, r page.Request) (page.Of[Key], error)
}

// Service changes products.
type Service struct {
	Store // reading needs no rules
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{Store: store, now: now} }

// Default types of a new product's context: what the script tag sends by itself, and the usual
// names of success.
func defaultTypes() (positive, negative []string) {
	return []string{"purchase", "signup", "form_submit", "checkout_completed"}, []string{"js_error", "rage_click", "http_error"}
}

// Create makes a product with a default context and a key.
func (s *Service) Create(ctx context.Context, a actor.Actor, name, timeZone string) (Created, error) {
	now := s.now()
	p := Product{ID: newID(), Name: strings.TrimSpace(name), TimeZone: timeZone, Version: 1, CreatedAt: now}
	if p.TimeZone == "" {
		p.TimeZone = "UTC"
	}
	if err := p.check(); err != nil {
		return Created{}, err
	}
	positive, negative := defaultTypes()
	c := Context{
		ID: newID(), ProductID: p.ID, Name: "Everything", Description: "All signals that name no other context.",
		PositiveTypes: positive, NegativeTypes: negative, PayloadKeys: []string{}, Funnel: []string{}, IsDefault: true, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	p.DefaultContextID = c.ID
	return s.Store.Create(ctx, a, Created{Product: p, Context: c, Key: newKey(Key{ProductID: p.ID, Name: "Default key", AllowedOrigins: []string{}}, now)})
}

// Patch holds the changes of an edit; nil leaves a field as it is. IfVersion 0 edits whatever is there.
type Patch struct {
	Name      *string
	TimeZone  *string
	IfVersion int
}

// Update edits a product.
func (s *Service) Update(ctx context.Context, a actor.Actor, id uuid.UUID, patch Patch) (Product, error) {
	return s.Store.Update(ctx, a, id, s.now(), func(p *Product) error {
		if err := matches(patch.IfVersion, p.Version); err != nil {
			return err
		}
		if patch.Name != nil {
			p.Name = strings.TrimSpace(*patch.Name)
		}
		if patch.TimeZone != nil {
			p.TimeZone = *patch.TimeZone
		}
		return p.check()
	})
}

// ContextPatch holds what to set; nil leaves a field as it is (or empty, when creating).
type ContextPatch struct {
	Name          *string
	Description   *string
	PositiveTypes *[]string
	NegativeTypes *[]string
	PayloadKeys   *[]string
	Funnel        *[]string
	IfVersion     int
}

// AddContext makes a context.
func (s *Service) AddContext(ctx context.Context, a actor.Actor, product uuid.UUID, patch ContextPatch) (Context, error) {
	now := s.now()
	c := Context{
		ID: newID(), ProductID: product, PositiveTypes: []string{}, NegativeTypes: []string{}, PayloadKeys: []string{}, Funnel: []string{}, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if err := patch.apply(&c); err != nil {
		return Context{}, err
	}
	return s.Store.AddContext(ctx, a, c)
}

// UpdateContext edits a context.
func (s *Service) UpdateContext(ctx context.Context, a actor.Actor, id uuid.UUID, patch ContextPatch) (Context, error) {
	return s.Store.UpdateContext(ctx, a, id, func(c *Context) error {
		if err := matches(patch.IfVersion, c.Version); err != nil {
			return err
		}
		c.UpdatedAt = s.now()
		return patch.apply(c)
	})
}

func (p ContextPatch) apply(c *Context) error {
	if p.Name != nil {
		c.Name = strings.TrimSpace(*p.Name)
	}
	if p.Description != nil {
		c.Description = strings.TrimSpace(*p.Description)
	}
	if p.PositiveTypes != nil {
		c.PositiveTypes = *p.PositiveTypes
	}
	if p.NegativeTypes != nil {
		c.NegativeTypes = *p.NegativeTypes
	}
	if p.PayloadKeys != nil {
		c.PayloadKeys = *p.PayloadKeys
	}
	if p.Funnel != nil {
		c.Funnel = *p.Funnel
	}
	return c.check()
}

// ErrLimit is the answer when an account has all it may have of something.
func ErrLimit(what string, limit int) error {
	return fault.Newf(fault.Conflict, "limit_reached", "There are already %d %s.", limit, what)
}

func matches(want, have int) error {
	if want != 0 && want != have {
		return fault.New(fault.PreconditionFailed, "precondition_failed", "Somebody changed this in the meantime. Load it again.")
	}
	return nil
}

// newID is a UUIDv7: rows made later sort later.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
