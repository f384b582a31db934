package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/retention/internal/export"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

const (
	exportConsumer = "exports"
	// chunkBytes is how much of an archive one row holds; the schema allows no more.
	chunkBytes = 256 << 10
	// stepLimit bounds one statement of a step. The longest counts an account's rollups.
	stepLimit = "60s"
)

// ExportTimers insert timers in the store's own transaction.
type ExportTimers interface {
	BuildExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID) error
	// StuckExports are those with a builder that is said to run, and none that waits; by export, with its account.
	StuckExports(ctx context.Context) (map[uuid.UUID]uuid.UUID, error)
	ExpireExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID, at time.Time) error
	// TellOfExport has the owner told that it is ready, or failed.
	TellOfExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID) error
}

// Exports implements export.Store and consume.Exports.
type Exports struct {
	pool   *pgxpool.Pool
	outbox outbox.Outbox
	timers ExportTimers
	keep   time.Duration
}

var _ export.Store = (*Exports)(nil)

// NewExports keeps archives in pool, which has retention's role, for a time after they are ready.
func NewExports(pool *pgxpool.Pool, box outbox.Outbox, timers ExportTimers, keep time.Duration) *Exports {
	return &Exports{pool: pool, outbox: box, timers: timers, keep: keep}
}

// Request implements consume.Exports.
func (s *Exports) Request(ctx context.Context, eventID, account, id uuid.UUID, asOf, now time.Time) error {
	return s.once(ctx, eventID, account, func(tx pgx.Tx) error {
		started, err := db.New(tx).StartBuild(ctx, db.StartBuildParams{AccountID: account, ExportID: id, AsOf: asOf, Now: now})
		if err != nil {
			return fmt.Errorf("noting export %s: %w", id, err)
		}
		if started == 0 {
			return nil
		}
		return s.timers.BuildExport(ctx, tx, account, id)
	})
}

// Delete implements consume.Exports. What the export consists of goes with its build.
func (s *Exports) Delete(ctx context.Context, eventID, account, id uuid.UUID) error {
	return s.once(ctx, eventID, account, func(tx pgx.Tx) error {
		if err := db.New(tx).DropBuild(ctx, db.DropBuildParams{AccountID: account, ExportID: id}); err != nil {
			return fmt.Errorf("deleting export %s: %w", id, err)
		}
		return nil
	})
}

func (s *Exports) once(ctx context.Context, eventID, account uuid.UUID, fn func(pgx.Tx) error) error {
	return once(ctx, s.pool, s.outbox, exportConsumer, eventID, account, fn)
}

// Step implements export.Store. The step sees one snapshot: the analyzer may merge blocks meanwhile.
func (s *Exports) Step(ctx context.Context, account, id uuid.UUID, now time.Time, work func(context.Context, export.Build, export.Reader) (*export.Step, error)) (state export.State, err error) {
	err = pg.InTxOptions(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if err := tenant.Enter(ctx, tx, account); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, stepLimit); err != nil {
			return fmt.Errorf("bounding a step: %w", err)
		}
		q := db.New(tx)
		build, err := lockBuild(ctx, q, account, id, now)
		if errors.Is(err, pgx.ErrNoRows) {
			state, err = notLocked(ctx, q, account, id)
			return err
		}
		if err != nil {
			return fmt.Errorf("locking export %s: %w", id, err)
		}
		purging, err := q.PurgeHasBegun(ctx, account)
		if err != nil {
			return fmt.Errorf("asking whether the account is being purged: %w", err)
		}
		if purging {
			state = export.Over // the purge removes it, and must find nothing new
			return nil
		}
		step, err := work(ctx, build, &reader{tx: tx, build: build})
		if err != nil {
			return err
		}
		state = export.Working
		return s.save(ctx, tx, q, build, step)
	})
	return state, err
}

func lockBuild(ctx context.Context, q *db.Queries, account, id uuid.UUID, now time.Time) (export.Build, error) {
	row, err := q.LockBuild(ctx, db.LockBuildParams{AccountID: account, ExportID: id})
	if err != nil {
		return export.Build{}, err
	}
	b := export.Build{
		AccountID: account, ID: id, AsOf: row.AsOf, Rows: row.RowsWritten, Entries: int(row.Entries), Bytes: row.Bytes, Digest: row.Digest, Now: now,
	}
	if row.Plan != nil {
		if err := json.Unmarshal(row.Plan, &b.Plan); err != nil {
			return b, fmt.Errorf("reading the plan: %w", err)
		}
	}
	if err := json.Unmarshal(row.Progress, &b.Progress); err != nil {
		return b, fmt.Errorf("reading the progress: %w", err)
	}
	return b, nil
}

// notLocked tells why a build could not be locked.
func notLocked(ctx context.Context, q *db.Queries, account, id uuid.UUID) (export.State, error) {
	open, err := q.BuildIsOpen(ctx, db.BuildIsOpenParams{AccountID: account, ExportID: id})
	if err != nil {
		return export.Over, fmt.Errorf("looking for export %s: %w", id, err)
	}
	if open {
		return export.Busy, nil
	}
	return export.Over, nil
}

// save adds what a step made, and where it got to.
func (s *Exports) save(ctx context.Context, tx pgx.Tx, q *db.Queries, b export.Build, step *export.Step) error {
	if step.Plan != nil {
		plan, err := json.Marshal(step.Plan)
		if err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
		if err := q.PlanBuild(ctx, db.PlanBuildParams{AccountID: b.AccountID, ExportID: b.ID, Plan: plan, RowsExpected: step.Expected}); err != nil {
			return fmt.Errorf("saving the plan: %w", err)
		}
	}
	if err := addChunks(ctx, tx, b, step.Data); err != nil {
		return err
	}
	if err := addEntries(ctx, tx, b, step); err != nil {
		return err
	}
	progress, err := json.Marshal(step.Progress)
	if err != nil {
		return fmt.Errorf("writing the progress: %w", err)
	}
	err = q.SaveBuild(ctx, db.SaveBuildParams{
		AccountID: b.AccountID, ExportID: b.ID, Progress: progress, RowsWritten: b.Rows + step.Rows, Entries: int32(b.Entries + len(step.Entries)),
		Bytes: b.Bytes + int64(len(step.Data)), Digest: step.Digest, Now: b.Now,
	})
	if err != nil {
		return fmt.Errorf("saving the progress: %w", err)
	}
	if !step.Finished {
		return nil
	}
	expires := b.Now.Add(s.keep)
	err = q.FinishBuild(ctx, db.FinishBuildParams{AccountID: b.AccountID, ExportID: b.ID, Sha256: step.SHA256, Now: &b.Now, ExpiresAt: &expires})
	if err != nil {
		return fmt.Errorf("finishing export %s: %w", b.ID, err)
	}
	if err := q.DropEntries(ctx, db.DropEntriesParams{AccountID: b.AccountID, ExportID: b.ID}); err != nil { // the manifest has them
		return fmt.Errorf("finishing export %s: %w", b.ID, err)
	}
	if err := s.timers.TellOfExport(ctx, tx, b.AccountID, b.ID); err != nil {
		return err
	}
	return s.timers.ExpireExport(ctx, tx, b.AccountID, b.ID, expires)
}

// addChunks cuts data into rows. Each row says where it begins, so a step's last one may be short.
func addChunks(ctx context.Context, tx pgx.Tx, b export.Build, data []byte) error {
	var firsts []int64
	var chunks [][]byte
	for at := 0; at < len(data); at += chunkBytes {
		firsts = append(firsts, b.Bytes+int64(at))
		chunks = append(chunks, data[at:min(at+chunkBytes, len(data))])
	}
	_, err := tx.Exec(ctx, `INSERT INTO export_chunks (account_id, export_id, first_byte, data)
		SELECT $1, $2, c.first_byte, c.data FROM unnest($3::bigint[], $4::bytea[]) AS c (first_byte, data)`, b.AccountID, b.ID, firsts, chunks)
	if err != nil {
		return fmt.Errorf("saving the archive: %w", err)
	}
	return nil
}

func addEntries(ctx context.Context, tx pgx.Tx, b export.Build, step *export.Step) error {
	n := len(step.Entries)
	paths, tables, formats := make([]string, n), make([]string, n), make([]string, n)
	numbers, rows, sizes, sums := make([]int32, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, e := range step.Entries {
		sum, err := hex.DecodeString(e.SHA256)
		if err != nil {
			return fmt.Errorf("saving the files: %w", err)
		}
		numbers[i], paths[i], tables[i], formats[i], rows[i], sizes[i], sums[i] = int32(b.Entries+i), e.Path, e.Table, e.Format, e.Rows, e.Bytes, sum
	}
	_, err := tx.Exec(ctx, `INSERT INTO export_entries (account_id, export_id, entry_no, path, table_name, format, row_count, bytes, sha256)
		SELECT $1, $2, e.* FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bytea[]) AS e`,
		b.AccountID, b.ID, numbers, paths, tables, formats, rows, sizes, sums)
	if err != nil {
		return fmt.Errorf("saving the files: %w", err)
	}
	return nil
}

// Fail implements export.Store.
func (s *Exports) Fail(ctx context.Context, account, id uuid.UUID, why export.Failure, now time.Time) error {
	return tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		failure := string(why)
		failed, err := db.New(tx).FailBuild(ctx, db.FailBuildParams{AccountID: account, ExportID: id, Failure: &failure, Now: &now})
		if err != nil || failed == 0 {
			return err
		}
		if err := s.timers.TellOfExport(ctx, tx, account, id); err != nil {
			return err
		}
		return free(ctx, tx, account, id)
	})
}

// Failed implements export.Store.
func (s *Exports) Failed(ctx context.Context, account, id uuid.UUID, now time.Time) (failures int, err error) {
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		n, err := db.New(tx).CountFailure(ctx, db.CountFailureParams{AccountID: account, ExportID: id, Now: now})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // deleted meanwhile
		}
		failures = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("noting that export %s failed: %w", id, err)
	}
	return failures, nil
}

// Expire frees the room of an archive whose time is over.
func (s *Exports) Expire(ctx context.Context, account, id uuid.UUID, now time.Time) error {
	err := tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		expired, err := db.New(tx).ExpireBuild(ctx, db.ExpireBuildParams{AccountID: account, ExportID: id, Now: &now})
		if err != nil || expired == 0 {
			return err
		}
		return free(ctx, tx, account, id)
	})
	if err != nil {
		return fmt.Errorf("expiring export %s: %w", id, err)
	}
	return nil
}

func free(ctx context.Context, tx pgx.Tx, account, id uuid.UUID) error {
	q := db.New(tx)
	if err := q.DropEntries(ctx, db.DropEntriesParams{AccountID: account, ExportID: id}); err != nil {
		return err
	}
	return q.DropChunks(ctx, db.DropChunksParams{AccountID: account, ExportID: id})
}

// Resume sets a timer for every build whose builder is said to run and that nobody has touched since
// before: its process is gone. River would notice, but much later.
func (s *Exports) Resume(ctx context.Context, before time.Time) (resumed int, err error) {
	stuck, err := s.timers.StuckExports(ctx)
	if err != nil {
		return 0, err
	}
	for id, account := range stuck {
		err := tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
			abandoned, err := db.New(tx).BuildIsAbandoned(ctx, db.BuildIsAbandonedParams{AccountID: account, ExportID: id, Before: before})
			if err != nil {
				return fmt.Errorf("looking at export %s: %w", id, err)
			}
			if !abandoned {
				return nil
			}
			resumed++
			return s.timers.BuildExport(ctx, tx, account, id)
		})
		if err != nil {
			return resumed, err
		}
	}
	return resumed, nil
}
