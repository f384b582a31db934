package product

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/publicsuffix"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/origin"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/roll"
)

// Key is an ingest key. It stands in a web page, so it may be shown again.
type Key struct {
	roll.Life
	ID                 uuid.UUID
	ProductID          uuid.UUID
	Name               string
	Text               string // "" when it cannot be shown
	Hint               string
	AllowedOrigins     []string // empty = all; see package origin
	AllowWithoutOrigin bool     // requests that name no origin may use it although it has AllowedOrigins
	LastUsedAt         *time.Time
	Version            int
}

// RolledKey is a key that was rolled, and the one in its place.
type RolledKey struct{ Key, Previous Key }

// KeyPatch holds what to set; nil leaves a field as it is (or empty, when creating).
type KeyPatch struct {
	Name               *string
	AllowedOrigins     *[]string
	AllowWithoutOrigin *bool
	ExpiresAt          *time.Time
	NeverExpires       bool
	IfVersion          int
}

// AddKey makes one more ingest key.
func (s *Service) AddKey(ctx context.Context, a actor.Actor, product uuid.UUID, patch KeyPatch) (Key, error) {
	now := s.now()
	k := newKey(Key{ProductID: product, AllowedOrigins: []string{}}, now)
	if err := patch.apply(&k, now); err != nil {
		return Key{}, err
	}
	return s.Store.AddKey(ctx, a, k)
}

// UpdateKey edits a key that still works.
func (s *Service) UpdateKey(ctx context.Context, a actor.Actor, product, id uuid.UUID, patch KeyPatch) (Key, error) {
	now := s.now()
	return s.Store.UpdateKey(ctx, a, product, id, now, func(k *Key) error {
		if err := matches(patch.IfVersion, k.Version); err != nil {
			return err
		}
		if !k.Good(now) {
			return fault.New(fault.Conflict, "conflict", "This key does not work any more, so there is nothing to change. Create a new one.")
		}
		return patch.apply(k, now)
	})
}

// RollKey makes a key that takes another's place.
func (s *Service) RollKey(ctx context.Context, a actor.Actor, product, id uuid.UUID, order roll.Order) (RolledKey, error) {
	now := s.now()
	return s.Store.RollKey(ctx, a, product, id, now, func(old Key, beside int) (RolledKey, error) {
		next := newKey(Key{ProductID: product, Name: old.Name, AllowedOrigins: old.AllowedOrigins, AllowWithoutOrigin: old.AllowWithoutOrigin}, now)
		var err error
		old.Life, next.Life, err = order.Roll(old.Life, beside, next.ID, now)
		return RolledKey{Key: next, Previous: old}, err
	})
}

// RevokeKey ends a key at once; doing it twice is fine.
func (s *Service) RevokeKey(ctx context.Context, a actor.Actor, product, id uuid.UUID) error {
	return s.Store.RevokeKey(ctx, a, product, id, s.now())
}

// newKey gives k a text of its own.
func newKey(k Key, now time.Time) Key {
	k.ID, k.CreatedAt, k.Version = newID(), now, 1
	k.Text = apikey.New(apikey.Ingest)
	k.Hint = apikey.Display(k.Text)
	return k
}

func (p KeyPatch) apply(k *Key, now time.Time) error {
	if p.Name != nil {
		k.Name = strings.TrimSpace(*p.Name)
	}
	if err := checkName("/name", k.Name); err != nil {
		return err
	}
	if p.AllowedOrigins != nil {
		origins, err := normalOrigins(*p.AllowedOrigins)
		if err != nil {
			return err
		}
		k.AllowedOrigins = origins
	}
	if p.AllowWithoutOrigin != nil {
		k.AllowWithoutOrigin = *p.AllowWithoutOrigin
	}
	if p.ExpiresAt != nil && p.NeverExpires {
		return invalid("/never_expires", "contradiction", "A key has an end or it has none.")
	}
	if p.ExpiresAt == nil && !p.NeverExpires {
		return nil
	}
	life, err := k.Extend(p.ExpiresAt, now)
	k.Life = life
	return err
}

// normalOrigins reads what people write as allowed origins; the same one twice is one.
func normalOrigins(origins []string) ([]string, error) {
	const pointer = "/allowed_origins"
	if len(origins) > maxOrigins {
		return nil, invalid(pointer, "too_many", "The list is too long: 50 origins at most.")
	}
	out := make([]string, 0, len(origins))
	for _, text := range origins {
		p, err := origin.Parse(strings.TrimSpace(text))
		if err != nil || len(text) > maxOrigin {
			return nil, invalid(pointer, "invalid_origin", "An origin looks like https://shop.example, or https://*.shop.example for every subdomain, without a path.")
		}
		if of, wild := p.Wildcard(); wild && shared(of) {
			return nil, invalid(pointer, "shared_domain", "Anybody can have a page below "+of+". Name the origin, or a domain of your own.")
		}
		if o := p.String(); !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out, nil
}

// shared tells of domains below which strangers have pages, as the public suffix list has them; a name it
// does not know is one of a private network.
func shared(domain string) bool {
	suffix, icann := publicsuffix.PublicSuffix(domain)
	return suffix == domain && (icann || strings.Contains(suffix, "."))
}
