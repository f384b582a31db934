package retention

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/retention/internal/age"
	"github.com/draftlabs/specter/services/retention/internal/postgres"
)

// Report is what a purge by age removed, or with DryRun would remove.
type Report = age.Report

// Saved is a report that is kept.
type Saved = age.Saved

// Purge removes what is too old, as the daily run does, or with dryRun only says what that would be.
// The pool has retention's role.
func Purge(ctx context.Context, db *pgxpool.Pool, src config.Source, dryRun bool, now func() time.Time) (Report, error) {
	c, err := config.Load[Ages](src)
	if err != nil {
		return Report{}, err
	}
	keeper, err := age.NewKeeper(postgres.NewAges(db, uuid.NewV7), c.Months, now)
	if err != nil {
		return Report{}, err
	}
	if dryRun {
		return keeper.Preview(ctx)
	}
	return keeper.Purge(ctx)
}

// Reports reads what the last n purges removed, the newest first.
func Reports(ctx context.Context, db *pgxpool.Pool, n int) ([]Saved, error) {
	return postgres.NewAges(db, uuid.NewV7).Reports(ctx, n)
}
