package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// Counted is the usage.Counted.
type Counted struct{ *Store }

var _ usage.Counted = Counted{}

// Counted calls fn with an open account's counts of a month.
func (s Counted) Counted(ctx context.Context, account uuid.UUID, month time.Time, fn func(c usage.Counts, limit int64) error) error {
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.OpenAccountCounts(ctx, db.OpenAccountCountsParams{ID: account, Month: month})
		if isAbsent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		limit := row.MonthlySignalLimit
		if limit > 0 {
			limit += row.MonthlySignalGrace
		}
		return fn(usage.Counts{Stored: row.Stored, Unstored: row.Unstored}, limit)
	})
	return wrap(err, "comparing the month's counts")
}
