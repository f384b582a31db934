package endpoint

import (
	"context"

	"github.com/google/uuid"
)

// Told is an event as endpoints get it.
type Told struct {
	Sequence uint64 // to go on from
	ID       uuid.UUID
	Body     []byte // JSON
}

// Live shows an account's events as they happen.
type Live interface {
	// Last is the sequence of the newest event.
	Last(ctx context.Context) (uint64, error)
	// Follow hands the events of these names (none = all) after a sequence to h, in order. It returns when
	// ctx is done, or with h's error.
	Follow(ctx context.Context, account uuid.UUID, names []string, after uint64, h func(Told) error) error
}
