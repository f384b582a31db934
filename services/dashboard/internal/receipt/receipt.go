package receipt

import (
	"context"
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

// Store reads the database, one account's part of it.
type Store interface {
	// Stored finds a stored signal; nil when there is none.
	Stored(ctx context.Context, account, id uuid.UUID) (*Kept, error)
	// Refused finds the sample of a refusal; nil when there is none.
	Refused(ctx context.Context, account, id uuid.UUID) (*refusal.Sample, error)
}

// Queue reads the broker. Both look within bounds and then say no.
type Queue interface {
	// Queued finds a signal that is acknowledged and not stored yet.
	Queued(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error)
	// Abandoned finds a signal that could not be stored and was put aside.
	Abandoned(ctx context.Context, account, id uuid.UUID) (at time.Time, found bool, err error)
}

var errNotFound = fault.New(fault.NotFound, "not_found", "There is nothing at this address.")

// Service answers.
type Service struct {
	store Store
	queue Queue
}

// New returns a Service.
func New(s Store, q Queue) *Service { return &Service{store: s, queue: q} }

// Of tells what became of the account's signal with this id.
func (s *Service) Of(ctx context.Context, account, id uuid.UUID) (Receipt, error) {
	if r, err := s.stored(ctx, account, id); r != nil || err != nil {
		return value(r), err
	}
	at, queued, err := s.queue.Queued(ctx, account, id)
	if err != nil {
		return Receipt{}, err
	}
	if queued {
		return Receipt{ID: id, Status: Queued, At: at}, nil
	}
	// It may have been stored between the two looks.
	if r, err := s.stored(ctx, account, id); r != nil || err != nil {
		return value(r), err
	}
	sample, err := s.store.Refused(ctx, account, id)
	if err != nil {
		return Receipt{}, err
	}
	if sample != nil {
		return Receipt{ID: id, Status: Rejected, At: sample.At, Code: sample.Code, Detail: sample.Detail}, nil
	}
	at, abandoned, err := s.queue.Abandoned(ctx, account, id)
	if err != nil {
		return Receipt{}, err
	}
	if abandoned {
		return Receipt{
			ID: id, Status: Rejected, At: at, Code: "dead_letter",
			Detail: "It was received but could not be stored. It is kept aside, and whoever runs this Specter can replay it.",
		}, nil
	}
	return Receipt{}, errNotFound
}

func (s *Service) stored(ctx context.Context, account, id uuid.UUID) (*Receipt, error) {
	kept, err := s.store.Stored(ctx, account, id)
	if kept == nil || err != nil {
		return nil, err
	}
	return &Receipt{ID: id, Status: Stored, At: kept.At, Signal: kept.Signal}, nil
}

func value(r *Receipt) Receipt {
	if r == nil {
		return Receipt{}
	}
	return *r
}
