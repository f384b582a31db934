package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/receipt"
	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
)

const (
	// A signal happened at most this long before it was received and after: the gateway clamps it.
	happenedBefore = 24*time.Hour + time.Minute
	happenedAfter  = 6 * time.Minute
	// Nearly all happened just before.
	nearlyBefore = 15 * time.Minute
	// lookTime bounds the reading of blocks, in Postgres's own notation.
	lookTime       = "1500ms"
	queryCancelled = "57014"
)

// Receipts is the receipt.Store.
type Receipts struct{ *Store }

var _ receipt.Store = Receipts{}

// span is a stretch of time in which a signal may have happened.
type span struct{ from, to time.Time }

// Stored finds a signal by its id. An id that was seen within two days is known at once; where the
// signal itself lies follows from that day, and for a UUIDv7 from the time in it.
func (s Receipts) Stored(ctx context.Context, accountID, id uuid.UUID) (*receipt.Kept, error) {
	var seen *time.Time
	var spans []span
	var products []uuid.UUID
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		spans, seen = nil, nil
		var err error
		if products, err = q.AllProductIDs(ctx); err != nil {
			return err
		}
		day, err := q.SeenOn(ctx, id)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err == nil {
			seen = &day
		}
		at, err := q.ImportedAt(ctx, id)
		if err == nil {
			seen, spans = &at, []span{{at, at}}
			return nil
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, wrap(err, "looking the signal's id up")
	}
	if spans == nil {
		spans = spansOf(id, seen)
	}
	for _, in := range spans {
		signal, err := s.look(ctx, accountID, products, id, in)
		if err != nil {
			return nil, wrap(err, "reading the signal")
		}
		if signal != nil {
			return &receipt.Kept{At: signal.ReceivedAt, Signal: signal}, nil
		}
	}
	if seen == nil {
		return nil, nil //nolint:nilnil // "none" is an answer here, as the interface says
	}
	at := *seen
	if made, ok := madeAt(id); ok {
		at = made
	}
	return &receipt.Kept{At: at}, nil
}

// spansOf lists where to look, the likeliest first.
func spansOf(id uuid.UUID, seen *time.Time) []span {
	var out []span
	if made, ok := madeAt(id); ok {
		out = append(out,
			span{made.Add(-nearlyBefore), made.Add(happenedAfter)},
			span{made.Add(-happenedBefore), made.Add(-nearlyBefore)})
	}
	if seen != nil { // the id is a client's, whose clock is its own
		out = append(out, span{seen.Add(-happenedBefore), seen.Add(24*time.Hour + happenedAfter)})
	}
	return out
}

// madeAt is the time in a UUIDv7 of any year in which signals can be.
func madeAt(id uuid.UUID) (time.Time, bool) {
	if id.Version() != 7 {
		return time.Time{}, false
	}
	seconds, nanos := id.Time().UnixTime()
	at := time.Unix(seconds, nanos).UTC()
	return at, at.Year() >= 2020 && at.Year() < 2100
}

// look reads the account's blocks of a stretch of time. When that takes too long it finds nothing.
func (s Receipts) look(ctx context.Context, accountID uuid.UUID, products []uuid.UUID, id uuid.UUID, in span) (*insight.Signal, error) {
	var out *insight.Signal
	err := s.in(ctx, accountID, func(tx pgx.Tx, q *db.Queries) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, lookTime); err != nil {
			return err
		}
		row, err := q.SignalByID(ctx, db.SignalByIDParams{ProductIds: products, FromAt: in.from, ToAt: in.to, ID: id})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		contexts, err := contextsOf(ctx, q, row.ProductID)
		if err != nil {
			return err
		}
		signal := toSignal(db.SignalsOfBlocksRow{
			ID: row.ID, ClientID: row.ClientID, ContextID: row.ContextID, Type: row.Type, Payload: row.Payload, OccurredAt: row.OccurredAt, ReceivedAt: row.ReceivedAt,
			SessionID: row.SessionID, Source: row.Source, TimeMark: row.TimeMark, Imported: row.Imported,
		})
		describe(&signal, contexts)
		out = &signal
		return nil
	})
	var late *pgconn.PgError
	if errors.As(err, &late) && late.Code == queryCancelled && ctx.Err() == nil {
		return nil, nil //nolint:nilnil // too much to read: the receipt goes without the signal
	}
	return out, err
}

// Refused finds the sample of a refusal.
func (s Receipts) Refused(ctx context.Context, accountID, id uuid.UUID) (*refusal.Sample, error) {
	var out refusal.Sample
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.RefusalSampleOf(ctx, id)
		out = toSample(row)
		return found(err)
	})
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // "none" is an answer here, as the interface says
	}
	return &out, wrap(err, "reading the refusal")
}
