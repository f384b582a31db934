package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/retention/internal/age"
)

// ages names the column that tells how old a row is. Of a block that is when its last signal
// happened: it goes when all of it is too old.
var ages = map[string]string{
	"signal_blocks": "last_at", "rollup_hourly": "hour", "rollup_dimension_hourly": "hour", "rollup_funnel_hourly": "hour", "session_samples": "hour",
	"imported_ids": "occurred_at", "idempotency_keys": "created_at", "deliveries": "created_at", "ingest_refusals": "hour", "ingest_refusal_samples": "at",
}

// older is the condition for rows of a table that are older than $1. The partitions of blocks are by
// their first signal, which is never younger than their last.
func older(table string) (string, error) {
	column, known := ages[table]
	if !known {
		return "", fmt.Errorf("rows of %s have no age", table)
	}
	if table == "signal_blocks" {
		return "first_at < $1 AND last_at < $1", nil
	}
	return column + " < $1", nil
}

// Accounts implements age.AccountStore.
func (s *Ages) Accounts(ctx context.Context, after uuid.UUID, n int) ([]uuid.UUID, error) {
	return accountIDs(ctx, s.pool, after, n)
}

// accountIDs lists up to n ids of accounts greater than after, in their order.
func accountIDs(ctx context.Context, pool *pgxpool.Pool, after uuid.UUID, n int) ([]uuid.UUID, error) {
	rows, err := pool.Query(ctx, `SELECT account_id FROM specter_account_ids($1, $2)`, after, n)
	if err != nil {
		return nil, fmt.Errorf("listing the accounts: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("listing the accounts: %w", err)
	}
	return ids, nil
}

// Months implements age.AccountStore.
func (s *Ages) Months(ctx context.Context, account uuid.UUID, now time.Time) (months int, err error) {
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		var kept plan.Kept
		err := tx.QueryRow(ctx, `SELECT retention_months, coalesce(kept_months, 0), coalesce(kept_until, 'epoch') FROM accounts WHERE id = $1`, account).
			Scan(&months, &kept.Months, &kept.Until)
		months = kept.At(now, months)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reading for how long an account's plan keeps signals: %w", err)
	}
	return months, nil
}

// DeleteAccountRows implements age.AccountStore. Row-level security shows the one account's rows; a
// batch is a transaction of its own, and locks what it deletes.
func (s *Ages) DeleteAccountRows(ctx context.Context, account uuid.UUID, table string, before time.Time, limit int) (rows int64, err error) {
	old, err := older(table)
	if err != nil {
		return 0, err
	}
	name := pgx.Identifier{table}.Sanitize()
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, fmt.Sprintf(`DELETE FROM %s WHERE %s AND (tableoid, ctid) IN (SELECT tableoid, ctid FROM %s WHERE %s LIMIT $2)`, name, old, name, old), before, limit)
		rows = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("deleting what an account's plan does not keep from %s: %w", table, err)
	}
	return rows, nil
}

// CountAccountRows implements age.AccountStore.
func (s *Ages) CountAccountRows(ctx context.Context, account uuid.UUID, table string, before time.Time) (rows int64, err error) {
	old, err := older(table)
	if err != nil {
		return 0, err
	}
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s`, pgx.Identifier{table}.Sanitize(), old), before).Scan(&rows)
	})
	if err != nil {
		return 0, fmt.Errorf("counting what an account's plan does not keep in %s: %w", table, err)
	}
	return rows, nil
}

// CountRows implements age.Store: policies show retention the rows whose time is over.
func (s *Ages) CountRows(ctx context.Context, table string, before time.Time) (rows int64, err error) {
	old, err := older(table)
	if err != nil {
		return 0, err
	}
	if err := s.pool.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE %s`, pgx.Identifier{table}.Sanitize(), old), before).Scan(&rows); err != nil {
		return 0, fmt.Errorf("counting old rows of %s: %w", table, err)
	}
	return rows, nil
}

// Reports reads the newest reports, the newest first.
func (s *Ages) Reports(ctx context.Context, n int) ([]age.Saved, error) {
	rows, err := s.pool.Query(ctx, `SELECT at, report FROM purge_runs ORDER BY at DESC LIMIT $1`, n)
	if err != nil {
		return nil, fmt.Errorf("reading the purge reports: %w", err)
	}
	saved, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (age.Saved, error) {
		var out age.Saved
		var text []byte
		if err := row.Scan(&out.At, &text); err != nil {
			return out, err
		}
		return out, json.Unmarshal(text, &out.Report)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the purge reports: %w", err)
	}
	return saved, nil
}
