// Package share keeps the links to proof pages. A link is a secret: it is shown once, kept as its SHA-256, and opens one
// deployment's proof to whoever holds it.
//
//	active ──▶ expired    when its time is over
//	   └─────▶ revoked    when somebody of the account takes it back
//
// From the outside an expired link, a revoked one, one of a closed account and one that never was are the same.
package share

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/proof"
)

const (
	// MaxOpen links of one deployment.
	MaxOpen = 20
	// longest is how far ahead a link may expire.
	longest = 366 * 24 * time.Hour
	// seenGrain is how often at most a visit is noted.
	seenGrain = time.Minute
)

// ErrGone is the answer to every link that opens nothing.
var ErrGone = fault.New(fault.NotFound, "not_found", "There is nothing at this address.")

// Share is one link, without its secret.
type Share struct {
	ID           uuid.UUID
	DeploymentID uuid.UUID
	Title        string
	Hint         string
	CreatedBy    string
	CreatedAt    time.Time
	ExpiresAt    *time.Time
	RevokedAt    *time.Time
	LastSeenAt   *time.Time
}

// Status of a link.
type Status string

// The statuses.
const (
	Active  Status = "active"
	Expired Status = "expired"
	Revoked Status = "revoked"
)

// Status of the link at a time.
func (s Share) Status(now time.Time) Status {
	switch {
	case s.RevokedAt != nil:
		return Revoked
	case s.ExpiresAt != nil && !s.ExpiresAt.After(now):
		return Expired
	default:
		return Active
	}
}

// Created is a new link with its secret, which exists nowhere else.
type Created struct {
	Share  Share
	Secret string
}

// Store keeps links; each change is one transaction with its audit row.
type Store interface {
	// AddShare keeps a link of a deployment that passes check, unless that has most open ones already.
	AddShare(ctx context.Context, a actor.Actor, s Share, hash []byte, most int, check func(deployment.Deployment) error) (Share, error)
	RevokeShare(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error
	Shares(ctx context.Context, account uuid.UUID, deploymentID *uuid.UUID, r page.Request) (page.Of[Share], error)
	// Shared finds what a link opens before its account is known: the link, and the source of the proof when open says
	// yes. It notes the visit at a time, unless one was noted after stale. ok is false for a closed account too.
	Shared(ctx context.Context, hash []byte, at, stale time.Time, open func(Share) bool) (src proof.Source, ok bool, err error)
	// Source reads what an own deployment's proof is made of.
	Source(ctx context.Context, account, deploymentID uuid.UUID) (proof.Source, error)
}

// Service makes, opens and takes back links.
type Service struct {
	store Store
	scrub func(string) string
	now   func() time.Time
}

// New returns a Service. scrub takes out of a text what must not be shown.
func New(store Store, scrub func(string) string, now func() time.Time) *Service {
	return &Service{store: store, scrub: scrub, now: now}
}

// Create makes a link that opens until expiresAt, or until it is revoked when that is nil.
func (s *Service) Create(ctx context.Context, a actor.Actor, deploymentID uuid.UUID, expiresAt *time.Time) (Created, error) {
	now := s.now()
	if expiresAt != nil && (!expiresAt.After(now) || expiresAt.After(now.Add(longest))) {
		return Created{}, fault.New(fault.Invalid, "invalid_request", "A link expires within a year, or never.").With("/expires_at", "invalid_time", "expires_at must lie between now and a year from now.")
	}
	secret := apikey.New(apikey.Share)
	kept, err := s.store.AddShare(ctx, a, Share{
		ID: uuid.Must(uuid.NewV7()), DeploymentID: deploymentID, Hint: apikey.Display(secret), CreatedBy: a.Name, CreatedAt: now, ExpiresAt: expiresAt,
	}, apikey.Hash(secret), MaxOpen, shipped)
	return Created{Share: kept, Secret: secret}, err
}

// shipped: before that there is nothing to show, and there may never be.
func shipped(d deployment.Deployment) error {
	switch deployment.Status(d.State) {
	case deployment.Planned, deployment.Cancelled:
		return fault.Newf(fault.Conflict, "conflict", "The deployment is %s; only what has shipped can be shared.", d.State)
	default:
		return nil
	}
}

// Revoke takes a link back; doing it twice is fine.
func (s *Service) Revoke(ctx context.Context, a actor.Actor, id uuid.UUID) error {
	return s.store.RevokeShare(ctx, a, id, s.now())
}

// Shares lists links, newest first: all of the account's, or those of one deployment.
func (s *Service) Shares(ctx context.Context, account uuid.UUID, deploymentID *uuid.UUID, r page.Request) (page.Of[Share], error) {
	return s.store.Shares(ctx, account, deploymentID, r)
}

// Proof of an own deployment.
func (s *Service) Proof(ctx context.Context, account, deploymentID uuid.UUID) (proof.Proof, error) {
	src, err := s.store.Source(ctx, account, deploymentID)
	if err != nil {
		return proof.Proof{}, err
	}
	return proof.New(src, s.scrub)
}

// Open returns the proof that a link opens, or ErrGone.
func (s *Service) Open(ctx context.Context, secret string) (proof.Proof, error) {
	if apikey.ParseShare(secret) != nil {
		return proof.Proof{}, ErrGone
	}
	now := s.now()
	src, ok, err := s.store.Shared(ctx, apikey.Hash(secret), now, now.Add(-seenGrain), func(share Share) bool { return share.Status(now) == Active })
	if err != nil {
		return proof.Proof{}, err
	}
	if !ok {
		return proof.Proof{}, ErrGone
	}
	return proof.New(src, s.scrub)
}
