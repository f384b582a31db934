// Package takeout lets people take out everything their account has: an export is asked for here, made by retention, and
// read here piece by piece.
//
//	queued ──▶ building ──▶ ready ──▶ expired
//	               └──▶ failed
package takeout

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

const (
	// MaxKept is how many archives an account may have at a time.
	MaxKept = 3
	// notedEvery is how often a download by the same person is written to the audit log: one that is read in pieces is
	// one download.
	notedEvery = 10 * time.Minute
)

// Status is what has become of an export.
type Status string

// The statuses.
const (
	Queued   Status = "queued"
	Building Status = "building"
	Ready    Status = "ready"
	Failed   Status = "failed"
	Expired  Status = "expired"
)

// Export is everything an account had at a moment.
type Export struct {
	ID          uuid.UUID
	RequestedBy string
	RequestedAt time.Time
	Status      Status
	Rows        int64
	Expected    int64 // 0 before it is known
	Bytes       int64
	SHA256      []byte
	FinishedAt  *time.Time
	ExpiresAt   *time.Time
	Failure     string // "too_large" or "internal"
}

// StatusAt is the status as of now: an archive may not have been removed yet.
func (e Export) StatusAt(now time.Time) Status {
	if e.Status == Ready && e.ExpiresAt != nil && !now.Before(*e.ExpiresAt) {
		return Expired
	}
	return e.Status
}

// Filename is what a download is called.
func (e Export) Filename() string {
	return fmt.Sprintf("specter-export-%s-%s.tar.gz", e.RequestedAt.UTC().Format(time.DateOnly), e.ID.String()[:8])
}

// ETag changes with any byte of the archive.
func (e Export) ETag() string { return `"` + hex.EncodeToString(e.SHA256) + `"` }

// Chunk is a piece of an archive.
type Chunk struct {
	First int64
	Data  []byte
}

// Store keeps exports.
type Store interface {
	// Request asks for an export, unless check refuses because of those that are there and not deleted or expired.
	Request(ctx context.Context, a actor.Actor, e Export, check func(there []Export) error) (Export, error)
	Exports(ctx context.Context, account uuid.UUID, r page.Request) (page.Of[Export], error)
	Export(ctx context.Context, account, id uuid.UUID) (Export, error)
	Delete(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error
	// NoteDownload writes to the audit log that it was read, unless that was noted after stale.
	NoteDownload(ctx context.Context, a actor.Actor, id uuid.UUID, at, stale time.Time) error
	// Chunk reads the piece that a byte lies in.
	Chunk(ctx context.Context, account, id uuid.UUID, at int64) (Chunk, error)
}

// Service asks for, shows and reads exports.
type Service struct {
	store Store
	now   func() time.Time
}

// New returns a Service.
func New(store Store, now func() time.Time) *Service { return &Service{store: store, now: now} }

// Create asks for an export of what there is now.
func (s *Service) Create(ctx context.Context, a actor.Actor) (Export, error) {
	now := s.now()
	e := Export{ID: uuid.Must(uuid.NewV7()), RequestedBy: a.Name, RequestedAt: now, Status: Queued}
	return s.store.Request(ctx, a, e, func(there []Export) error {
		kept := 0
		for _, e := range there {
			switch e.StatusAt(now) { //nolint:exhaustive // the others take no room
			case Queued, Building:
				return fault.New(fault.Conflict, "conflict", "An export is being made already. Wait for it, or delete it.")
			case Ready:
				kept++
			}
		}
		if kept >= MaxKept {
			return fault.Newf(fault.Conflict, "limit_reached", "There are already %d exports. Delete one first.", MaxKept)
		}
		return nil
	})
}

// Exports lists exports, newest first.
func (s *Service) Exports(ctx context.Context, account uuid.UUID, r page.Request) (page.Of[Export], error) {
	return s.store.Exports(ctx, account, r)
}

// Export reads one.
func (s *Service) Export(ctx context.Context, account, id uuid.UUID) (Export, error) {
	return s.store.Export(ctx, account, id)
}

// Delete removes an export, finished or not.
func (s *Service) Delete(ctx context.Context, a actor.Actor, id uuid.UUID) error {
	return s.store.Delete(ctx, a, id, s.now())
}

// Open returns an export that can be downloaded, and its archive. It is noted in the audit log.
func (s *Service) Open(ctx context.Context, a actor.Actor, id uuid.UUID) (Export, *Archive, error) {
	e, err := s.store.Export(ctx, a.Account, id)
	if err != nil {
		return e, nil, err
	}
	now := s.now()
	switch e.StatusAt(now) {
	case Ready:
	case Queued, Building:
		return e, nil, fault.New(fault.Conflict, "conflict", "The export is still being made.")
	case Expired:
		return e, nil, fault.New(fault.Conflict, "conflict", "The export has expired. Ask for another.")
	case Failed:
		return e, nil, fault.New(fault.Conflict, "conflict", "The export failed. Ask for another.")
	}
	if err := s.store.NoteDownload(ctx, a, id, now, now.Add(-notedEvery)); err != nil {
		return e, nil, err
	}
	read := func(at int64) (Chunk, error) { return s.store.Chunk(ctx, a.Account, id, at) }
	return e, &Archive{size: e.Bytes, read: read}, nil
}
