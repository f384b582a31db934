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
	// lookTime bounds the reading of blocks, in Postgres's own notation.
	lookTime       = "1500ms"
	queryCancelled = "57014"
)

// Receipts is the receipt.Store.
type Receipts struct{ *Store }

var _ receipt.Store = Receipts{}

// Stored finds a signal by its id. An id that was seen within two days, or imported, is known to be
// stored even when the signal itself is not found in time.
func (s Receipts) Stored(ctx context.Context, accountID, id uuid.UUID) (*receipt.Kept, error) {
	signal, err := s.look(ctx, accountID, id)
	if err != nil {
		return nil, wrap(err, "reading the signal")
	}
	if signal != nil {
		return &receipt.Kept{At: signal.ReceivedAt, Signal: signal}, nil
	}
	seen, err := s.seen(ctx, accountID, id)
	if err != nil {
		return nil, wrap(err, "looking the signal's id up")
	}
	if seen == nil {
		return nil, nil //nolint:nilnil // "none" is an answer here, as the interface says
	}
	return &receipt.Kept{At: *seen}, nil
}

// seen tells when an id was received or, imported, when its signal happened; nil when it is unknown.
func (s Receipts) seen(ctx context.Context, accountID, id uuid.UUID) (*time.Time, error) {
	var seen *time.Time
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		at, err := q.SeenOn(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			at, err = q.ImportedAt(ctx, id)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		seen = &at
		return err
	})
	if err != nil || seen == nil {
		return nil, err
	}
	if made, ok := madeAt(id); ok {
		seen = &made
	}
	return seen, nil
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

// look reads the account's blocks of the time that the id tells. When that takes too long it finds
// nothing.
func (s Receipts) look(ctx context.Context, accountID, id uuid.UUID) (*insight.Signal, error) {
	var out *insight.Signal
	err := s.in(ctx, accountID, func(tx pgx.Tx, q *db.Queries) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, lookTime); err != nil {
			return err
		}
		var product uuid.UUID
		var row db.SignalsOfBlocksRow
		err := tx.QueryRow(ctx, `SELECT product_id, id, coalesce(client_id, '00000000-0000-0000-0000-000000000000'), context_id, type, coalesce(payload::text, '{}'),
				occurred_at, received_at, coalesce(session_id, ''), coalesce(source, ''), coalesce(time_mark, ''), imported FROM specter_find_signal($1)`, id).
			Scan(&product, &row.ID, &row.ClientID, &row.ContextID, &row.Type, &row.Payload,
				&row.OccurredAt, &row.ReceivedAt, &row.SessionID, &row.Source, &row.TimeMark, &row.Imported)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		contexts, err := contextsOf(ctx, q, product)
		if err != nil {
			return err
		}
		signal := toSignal(row)
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
