package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// Usage is the usage.Stored.
type Usage struct{ *Store }

var _ usage.Stored = Usage{}

// Month counts the account's signals, stored and refused.
func (s Usage) Month(ctx context.Context, accountID uuid.UUID, from, to time.Time) (byType []usage.TypeCount, byDay []usage.DayCount, refused []usage.CodeCount, err error) {
	err = s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		types, err := q.UsageByType(ctx, db.UsageByTypeParams{FromAt: from, ToAt: to})
		if err != nil {
			return err
		}
		byType = mapped(types, func(r db.UsageByTypeRow) usage.TypeCount { return usage.TypeCount{Type: r.Type, Count: r.N} })
		days, err := q.StoredByDay(ctx, db.StoredByDayParams{FromAt: from, ToAt: to})
		if err != nil {
			return err
		}
		byDay = mapped(days, func(r db.StoredByDayRow) usage.DayCount { return usage.DayCount{Day: r.Day, Count: r.N} })
		codes, err := q.RefusedSince(ctx, db.RefusedSinceParams{FromAt: from, ToAt: to})
		refused = mapped(codes, func(r db.RefusedSinceRow) usage.CodeCount { return usage.CodeCount{Code: r.Code, Count: r.N} })
		return err
	})
	return byType, byDay, refused, wrap(err, "reading the usage")
}

// Analyses counts the account's analyses of a day.
func (s Usage) Analyses(ctx context.Context, accountID uuid.UUID, at time.Time) (used int64, err error) {
	err = s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) (err error) {
		used, err = q.AnalysesOfDay(ctx, at)
		return err
	})
	return used, wrap(err, "reading the day's analyses")
}

// Dropped counts by day what was refused because the monthly limit was used up.
func (s Usage) Dropped(ctx context.Context, accountID uuid.UUID, from, to time.Time) (out []usage.DayCount, err error) {
	err = s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		days, err := q.DroppedByDay(ctx, db.DroppedByDayParams{FromAt: from, ToAt: to})
		out = mapped(days, func(r db.DroppedByDayRow) usage.DayCount { return usage.DayCount{Day: r.Day, Count: r.N} })
		return err
	})
	return out, wrap(err, "reading what was dropped")
}

// Things counts what the account has that its plan limits.
func (s Usage) Things(ctx context.Context, accountID uuid.UUID) (out usage.Things, err error) {
	err = s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.CountThings(ctx)
		out = usage.Things{Products: row.Products, Contexts: row.Contexts, WebhookEndpoints: row.Endpoints}
		return err
	})
	return out, wrap(err, "counting what the plan limits")
}
