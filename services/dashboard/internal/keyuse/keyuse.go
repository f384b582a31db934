// Package keyuse notes when ingest keys were used last, as gateways tell it: to the minute, and some seconds
// late. To be told again, late or in another order changes nothing.
package keyuse

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Use is that a key was used.
type Use struct {
	Account, Key uuid.UUID
	At           time.Time
}

// Store keeps the newest use of each key. A key that is not there any more is no failure.
type Store interface {
	Record(ctx context.Context, uses []Use) error
}

// Service keeps uses.
type Service struct {
	store Store
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Record keeps uses. A gateway's clock that is ahead does not make one lie in the future.
func (s *Service) Record(ctx context.Context, uses []Use) error {
	now := s.now()
	for i := range uses {
		if uses[i].At.After(now) {
			uses[i].At = now
		}
	}
	return s.store.Record(ctx, uses)
}
