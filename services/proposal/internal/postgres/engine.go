package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/proposal/internal/postgres/db"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// Onset implements proposal.Store.
func (s *Store) Onset(ctx context.Context, f proposal.Finding) (span proposal.Span, err error) {
	err = tenant.Tx(ctx, s.pool, f.AccountID, func(tx pgx.Tx) error {
		row, err := db.New(tx).FindingOnset(ctx, f.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading when the finding began: %w", err)
		}
		span = proposal.Span{From: row.StartedLow, To: row.StartedHigh}
		return nil
	})
	return span, err
}

// Budget implements proposal.Budget.
type Budget struct{ pool *pgxpool.Pool }

// NewBudget returns the budget on the service's pool, which it borrows.
func NewBudget(pool *pgxpool.Pool) Budget { return Budget{pool: pool} }

// Reserve implements proposal.Budget.
func (b Budget) Reserve(ctx context.Context, r proposal.Reservation, limit proposal.Amount) (ok bool, err error) {
	err = tenant.Tx(ctx, b.pool, r.AccountID, func(tx pgx.Tx) error {
		rows, err := db.New(tx).ReserveSpending(ctx, db.ReserveSpendingParams{
			AccountID: r.AccountID, Day: dayOf(r.Day), Tokens: r.Amount.Tokens, CostMicros: r.Amount.CostMicros,
			MaxTokens: limit.Tokens, MaxCostMicros: limit.CostMicros,
		})
		if err != nil {
			return fmt.Errorf("reserving a part of the budget: %w", err)
		}
		ok = rows == 1
		return nil
	})
	return ok, err
}

// Settle implements proposal.Budget.
func (b Budget) Settle(ctx context.Context, r proposal.Reservation, used proposal.Amount) error {
	return tenant.Tx(ctx, b.pool, r.AccountID, func(tx pgx.Tx) error {
		err := db.New(tx).SettleSpending(ctx, db.SettleSpendingParams{
			AccountID: r.AccountID, Day: dayOf(r.Day),
			TokensChange: used.Tokens - r.Amount.Tokens, CostMicrosChange: used.CostMicros - r.Amount.CostMicros,
		})
		if err != nil {
			return fmt.Errorf("settling with the budget: %w", err)
		}
		return nil
	})
}

func dayOf(t time.Time) pgtype.Date {
	return pgtype.Date{Time: t.UTC().Truncate(24 * time.Hour), Valid: true}
}
