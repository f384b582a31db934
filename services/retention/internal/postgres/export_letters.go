package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/retention/internal/export"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

var _ export.Outcomes = (*Exports)(nil)

// Untold implements export.Outcomes.
func (s *Exports) Untold(ctx context.Context, account, id uuid.UUID) (o export.Outcome, ok bool, err error) {
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		row, err := db.New(tx).UntoldOutcome(ctx, db.UntoldOutcomeParams{AccountID: account, ExportID: id})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		o, ok = export.Outcome{To: row.Email, RequestedAt: row.RequestedAt, Bytes: row.Bytes}, true
		if row.Failure != nil {
			o.Failure = export.Failure(*row.Failure)
			return nil
		}
		if o.Until = *row.ExpiresAt; row.PurgeAt != nil && row.PurgeAt.Before(o.Until) {
			o.Until = *row.PurgeAt // the archive goes with the account
		}
		return nil
	})
	if err != nil {
		return o, false, fmt.Errorf("reading what came of an export: %w", err)
	}
	return o, ok, nil
}

// Told implements export.Outcomes.
func (s *Exports) Told(ctx context.Context, account, id uuid.UUID, at time.Time) error {
	err := tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		return db.New(tx).NoteTold(ctx, db.NoteToldParams{AccountID: account, ExportID: id, Now: &at})
	})
	if err != nil {
		return fmt.Errorf("noting that the owner was told of an export: %w", err)
	}
	return nil
}
