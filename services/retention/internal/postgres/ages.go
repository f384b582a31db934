package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/services/retention/internal/age"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

// dropLockWait bounds how long a drop may wait for its lock: while it waits, everybody who comes
// after it waits too.
const dropLockWait = "1s"

// Ages implements age.Store.
type Ages struct {
	pool  *pgxpool.Pool
	newID func() (uuid.UUID, error)
}

// NewAges works in pool, which has retention's role.
func NewAges(pool *pgxpool.Pool, newID func() (uuid.UUID, error)) *Ages {
	return &Ages{pool: pool, newID: newID}
}

// EnsurePartitions implements age.Store.
func (s *Ages) EnsurePartitions(ctx context.Context, from, to time.Time) (created int, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT specter_ensure_partitions($1, $2)`, from, to).Scan(&created); err != nil {
		return 0, fmt.Errorf("ensuring partitions: %w", err)
	}
	return created, nil
}

// OldPartitions implements age.Store.
func (s *Ages) OldPartitions(ctx context.Context, signalsBefore, idsBefore time.Time) ([]age.Partition, error) {
	rows, err := s.pool.Query(ctx, `SELECT parent, child, upper_bound, estimated_rows, bytes FROM specter_old_partitions($1, $2::date)`, signalsBefore, idsBefore.UTC())
	if err != nil {
		return nil, fmt.Errorf("looking for old partitions: %w", err)
	}
	old, err := pgx.CollectRows(rows, pgx.RowToStructByPos[age.Partition])
	if err != nil {
		return nil, fmt.Errorf("looking for old partitions: %w", err)
	}
	return old, nil
}

// DropPartition implements age.Store.
func (s *Ages) DropPartition(ctx context.Context, name string) (dropped bool, err error) {
	err = pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, dropLockWait); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT specter_drop_partition($1)`, name).Scan(&dropped)
	})
	if err != nil {
		return false, fmt.Errorf("dropping partition %s: %w", name, err)
	}
	return dropped, nil
}

// DeleteRows implements age.Store.
func (s *Ages) DeleteRows(ctx context.Context, table string, before time.Time, limit int) (rows int64, err error) {
	q := db.New(s.pool)
	switch table {
	case "imported_ids":
		rows, err = q.DeleteOldImportedIDs(ctx, db.DeleteOldImportedIDsParams{Before: before, Batch: int32(limit)})
	case "idempotency_keys":
		rows, err = q.DeleteOldIdempotencyKeys(ctx, db.DeleteOldIdempotencyKeysParams{Before: before, Batch: int32(limit)})
	case "deliveries":
		rows, err = q.DeleteOldDeliveries(ctx, db.DeleteOldDeliveriesParams{Before: before, Batch: int32(limit)})
	case "ingest_refusals":
		rows, err = q.DeleteOldRefusals(ctx, db.DeleteOldRefusalsParams{Before: before, Batch: int32(limit)})
	case "ingest_refusal_samples":
		rows, err = q.DeleteOldRefusalSamples(ctx, db.DeleteOldRefusalSamplesParams{Before: before, Batch: int32(limit)})
	default:
		err = fmt.Errorf("rows of this table have no age")
	}
	if err != nil {
		return rows, fmt.Errorf("deleting old rows of %s: %w", table, err)
	}
	return rows, nil
}

// SaveReport implements age.Store.
func (s *Ages) SaveReport(ctx context.Context, at time.Time, r age.Report) error {
	id, err := s.newID()
	if err != nil {
		return fmt.Errorf("making a report id: %w", err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the purge report: %w", err)
	}
	if err := db.New(s.pool).InsertPurgeRun(ctx, db.InsertPurgeRunParams{ID: id, At: at, Report: text}); err != nil {
		return fmt.Errorf("saving the purge report: %w", err)
	}
	return nil
}
