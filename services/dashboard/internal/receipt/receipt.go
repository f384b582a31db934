package receipt

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
)

// Status is what became of a signal.
type Status string

// The statuses.
const (
	Stored   Status = "stored"
	Queued   Status = "queued"
	Rejected Status = "rejected"
)

// Receipt is the answer.
type Receipt struct {
	ID     uuid.UUID // as it was asked for
	Status Status
	At     time.Time // of receipt or refusal
	Signal *insight.Signal
	Code   string // of a rejection
	Detail string
}

// Kept is what the database knows of a signal.
type Kept struct {
	At     time.Time
	Signal *insight.Signal // nil when it could not be found in time
}

// ErrUnfinished says that a look ended at its bounds before it had seen everything: what it was for
// may be there all the same.
var ErrUnfinished = errors.New("the look ended at its bounds")

// Store reads the database, one account's part of it.
type Store interface {
	// Stored finds a stored signal; nil when there is none, or with ErrUnfinished.
	Stored(ctx context.Context, account, id uuid.UUID) (*Kept, error)
	// Refused finds the sample of a refusal; nil when there is none.
	Refused(ctx context.Context, account, id uuid.UUID) (*refusal.Sample, error)
}

// Queue reads the broker. Both look within bounds and then return ErrUnfinished.
type Queue interface {
	// Queued finds a signal that is acknowledged and not stored yet.
	Queued(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error)
	// Abandoned finds a signal that could not be stored and was put aside.
	Abandoned(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error)
}

var (
	errNotFound = fault.New(fault.NotFound, "not_found", "There is nothing at this address.")
	errUnsure   = fault.New(fault.Unavailable, "unavailable", "There is too much to look through right now. Try again.")
)

// certainTime is how long after a refusal a signal would be found that was taken in all the same, up to
// a day before it or at any time since: ids are kept for nine days after they were received.
const certainTime = 8 * 24 * time.Hour

// Service answers.
type Service struct {
	store Store
	queue Queue
	now   func() time.Time
}

// New returns a Service.
func New(s Store, q Queue, now func() time.Time) *Service {
	return &Service{store: s, queue: q, now: now}
}

// Of tells what became of the account's signal with this id.
func (s *Service) Of(ctx context.Context, account, id uuid.UUID) (Receipt, error) {
	r, err := s.received(ctx, account, id)
	unsure := errors.Is(err, ErrUnfinished)
	if r.Status != "" || err != nil && !unsure {
		return r, err
	}
	sample, err := s.store.Refused(ctx, account, id)
	switch {
	case err != nil:
		return Receipt{}, err
	case sample != nil && !passes(sample.Code):
		return refused(id, *sample), nil
	case unsure:
		return Receipt{}, errUnsure
	case sample != nil && s.now().Sub(sample.At) < certainTime:
		return refused(id, *sample), nil
	default:
		return Receipt{}, errNotFound
	}
}

// received tells what became of a signal that was acknowledged; the zero Receipt when none was.
func (s *Service) received(ctx context.Context, account, id uuid.UUID) (Receipt, error) {
	r, err := s.stored(ctx, account, id)
	unsure := errors.Is(err, ErrUnfinished)
	if r.Status != "" || err != nil && !unsure {
		return r, err
	}
	at, queued, err := s.queue.Queued(ctx, account, id)
	switch {
	case queued:
		return Receipt{ID: id, Status: Queued, At: at}, nil
	case err != nil:
		return Receipt{}, err
	case unsure:
		return Receipt{}, ErrUnfinished
	}
	// It may have been stored between the two looks.
	if r, err := s.stored(ctx, account, id); r.Status != "" || err != nil {
		return r, err
	}
	at, abandoned, err := s.queue.Abandoned(ctx, account, id)
	if abandoned {
		return Receipt{
			ID: id, Status: Rejected, At: at, Code: "dead_letter",
			Detail: "It was received but could not be stored. It is kept aside, and whoever runs this Specter can replay it.",
		}, nil
	}
	return Receipt{}, err
}

func (s *Service) stored(ctx context.Context, account, id uuid.UUID) (Receipt, error) {
	kept, err := s.store.Stored(ctx, account, id)
	if kept == nil || err != nil {
		return Receipt{}, err
	}
	return Receipt{ID: id, Status: Stored, At: kept.At, Signal: kept.Signal}, nil
}

func refused(id uuid.UUID, sample refusal.Sample) Receipt {
	return Receipt{ID: id, Status: Rejected, At: sample.At, Code: sample.Code, Detail: sample.Detail}
}

// passes tells whether the sender of a signal that was refused for this reason sends it again: the
// codes of the answers 429 and 5xx.
func passes(code string) bool {
	switch code {
	case "rate_limited", "quota_exceeded", "unavailable", "internal":
		return true
	default:
		return false
	}
}

// MadeAt is the time in a UUIDv7 of any year in which signals can be.
func MadeAt(id uuid.UUID) (time.Time, bool) {
	if id.Version() != 7 {
		return time.Time{}, false
	}
	seconds, nanos := id.Time().UnixTime()
	at := time.Unix(seconds, nanos).UTC()
	return at, at.Year() >= 2020 && at.Year() < 2100
}
