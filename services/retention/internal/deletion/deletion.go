package deletion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Deletion is an account's wish to be forgotten.
type Deletion struct {
	ID          uuid.UUID
	AccountID   uuid.UUID
	RequestedAt time.Time
	PurgeAt     time.Time
}

// LongestGrace is what policy promises: whatever was asked for, the purge begins so early that
// everything is gone within 30 days.
const LongestGrace = 29 * 24 * time.Hour

// Normal bounds PurgeAt by policy.
func (d Deletion) Normal() Deletion {
	if latest := d.RequestedAt.Add(LongestGrace); d.PurgeAt.After(latest) {
		d.PurgeAt = latest
	}
	return d
}

// Certificate proves a deletion. It holds counts and no personal data.
type Certificate struct {
	Version     int              `json:"version"` // 1
	RequestedAt time.Time        `json:"requested_at"`
	StartedAt   time.Time        `json:"started_at"`
	CompletedAt *time.Time       `json:"completed_at,omitempty"`
	Tables      map[string]int64 `json:"tables"`          // rows deleted, by table
	Catalog     int              `json:"catalog_entries"` // what the gateway has forgotten: keys, products, the account
	Streams     []string         `json:"streams"`         // purged of the account's messages
	// Owner is kept while the purge runs, to be told to the auth server, and removed with its end.
	Owner *uuid.UUID `json:"owner_user_id,omitempty"`
}

// Phase is where a deletion is.
type Phase uint8

// The phases.
const (
	Over  Phase = iota // cancelled or completed
	Early              // not due yet
	Begun
)

// ErrRowsLeft means rows of the account were found after all tables had been emptied: something
// wrote meanwhile. Another round removes them.
var ErrRowsLeft = errors.New("rows of the account are left")

// Store does the database's part. Every method is one transaction inside the account.
type Store interface {
	// Begin marks a due deletion as begun and makes the gateway forget the account. For Early it
	// returns when the deletion is due.
	Begin(ctx context.Context, account, id uuid.UUID, now time.Time) (p Phase, due time.Time, err error)
	// Tables lists every table that holds accounts' rows, those that refer to others first.
	Tables(ctx context.Context) ([]string, error)
	// DeleteFrom empties a table of the account and adds the count to the certificate.
	DeleteFrom(ctx context.Context, table string, account, id uuid.UUID) (rows int64, err error)
	// Finish counts every table again, and completes the certificate and tells everybody, or
	// returns ErrRowsLeft.
	Finish(ctx context.Context, tables []string, account, id uuid.UUID, streams []string, now time.Time) error
}

// Streams removes the account's messages from the bus and names the streams.
type Streams interface {
	PurgeAccount(ctx context.Context, account uuid.UUID) (streams []string, err error)
}

// Purger carries deletions out.
type Purger struct {
	store   Store
	streams Streams
	now     func() time.Time
}

// NewPurger returns a Purger.
func NewPurger(store Store, streams Streams, now func() time.Time) *Purger {
	return &Purger{store: store, streams: streams, now: now}
}

// rounds over the tables before the rest is left to the next run.
const rounds = 3

// Run purges the account if its deletion is due; again says when to come back if it is early.
func (p *Purger) Run(ctx context.Context, account, id uuid.UUID) (again time.Duration, err error) {
	now := p.now()
	phase, due, err := p.store.Begin(ctx, account, id, now)
	switch {
	case err != nil:
		return 0, err
	case phase == Early:
		return due.Sub(now), nil
	case phase == Over:
		return 0, nil
	}
	tables, err := p.store.Tables(ctx)
	if err != nil {
		return 0, err
	}
	for round := 1; ; round++ {
		for _, table := range tables {
			if _, err := p.store.DeleteFrom(ctx, table, account, id); err != nil {
				return 0, err
			}
		}
		streams, err := p.streams.PurgeAccount(ctx, account)
		if err != nil {
			return 0, fmt.Errorf("purging the streams: %w", err)
		}
		err = p.store.Finish(ctx, tables, account, id, streams, p.now())
		if !errors.Is(err, ErrRowsLeft) || round == rounds {
			return 0, err
		}
	}
}
