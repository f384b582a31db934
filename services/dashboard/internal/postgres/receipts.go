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

// Stored finds a signal by its id. An id that is kept, as those of nine days and of imports are, is known to
// be stored even when the signal itself is not found in time; any other can only be found by the time
// in it.
func (s Receipts) Stored(ctx context.Context, accountID, id uuid.UUID) (*receipt.Kept, error) {
	seen, err := s.seen(ctx, accountID, id)
	if err != nil {
		return nil, wrap(err, "looking the signal's id up")
	}
	if _, timed := receipt.MadeAt(id); seen == nil && !timed {
		return nil, nil //nolint:nilnil // "none" is an answer here, as the interface says
	}
	signal, err := s.look(ctx, accountID, id)
	switch {
	case signal != nil:
		return &receipt.Kept{At: signal.ReceivedAt, Signal: signal}, nil
	case seen != nil && (err == nil || errors.Is(err, receipt.ErrUnfinished)):
		return &receipt.Kept{At: *seen}, nil
	default:
		return nil, wrap(err, "reading the signal")
	}
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
	if made, ok := receipt.MadeAt(id); ok {
		seen = &made
	}
	return seen, nil
}

// look reads the account's blocks of the time that the id tells, for as long as lookTime.
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
		return nil, receipt.ErrUnfinished
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
