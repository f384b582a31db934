package endpoint

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/webhook"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

const (
	// DefaultOverlap is how long both secrets sign after a rotation, unless its person says otherwise.
	DefaultOverlap = 24 * time.Hour
	maxOverlap     = 7 * 24 * time.Hour
)

// Rotation replaces a secret.
type Rotation struct {
	Secret string
	At     time.Time
	Until  time.Time // the old one signs too
}

// Rotate gives the endpoint a new secret. Until the overlap is over requests carry a signature of each,
// so that the receiver can change over whenever it likes. A secret that was being replaced is given up.
func (s *Service) Rotate(ctx context.Context, a actor.Actor, id uuid.UUID, overlap time.Duration) (Created, error) {
	if overlap < 0 || overlap > maxOverlap {
		return Created{}, invalid("/overlap_hours", "out_of_range", "Two secrets overlap for at most 168 hours.")
	}
	now := s.now()
	r := Rotation{Secret: webhook.NewSecret(), At: now, Until: now.Add(overlap)}
	e, err := s.RotateSecret(ctx, a, id, r)
	return Created{Endpoint: e, Secret: r.Secret}, err
}

// Reveal shows the secret to who may change it.
func (s *Service) Reveal(ctx context.Context, a actor.Actor, id uuid.UUID) (secret string, err error) {
	return s.RevealSecret(ctx, a, id, s.now())
}
