package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

// DeleteFrom implements deletion.Store.
func (s *Deletions) DeleteFrom(ctx context.Context, d deletion.Deletion, table string) (rows int64, err error) {
	err = s.begun(ctx, d, func(tx pgx.Tx, p *deletion.Progress) error {
		// The condition does not lean on row-level security: other policies of this role show
		// expired rows of every account.
		done, err := tx.Exec(ctx, `DELETE FROM `+pgx.Identifier{table}.Sanitize()+` WHERE `+accountColumn(table)+` = $1`, d.AccountID)
		if err != nil {
			return fmt.Errorf("deleting from %s: %w", table, err)
		}
		rows = done.RowsAffected()
		p.Tables[table] += rows
		return nil
	})
	return rows, err
}

// own is retention's outbox: what it says of the account is on its way out.
const own = "outbox_retention"

// ForgetTimers implements deletion.Store.
func (s *Deletions) ForgetTimers(ctx context.Context, d deletion.Deletion) (found int64, err error) {
	err = s.begun(ctx, d, func(tx pgx.Tx, p *deletion.Progress) error {
		found = 0
		rows, err := tx.Query(ctx, `SELECT place, hits FROM specter_forget_plumbing($1)`, d.AccountID)
		if err != nil {
			return fmt.Errorf("removing timers: %w", err)
		}
		var place string
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&place, &n}, func() error {
			found += n
			if place != own {
				p.Timers[place] += n
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("removing timers: %w", err)
		}
		return nil
	})
	return found, err
}

// Note implements deletion.Store.
func (s *Deletions) Note(ctx context.Context, d deletion.Deletion, queues map[string]int64, next map[string]uint64, clean *time.Time) error {
	return s.begun(ctx, d, func(_ pgx.Tx, p *deletion.Progress) error {
		for name, n := range queues {
			p.Queues[name] += n
		}
		p.Next, p.CleanSince = next, clean
		return nil
	})
}

// Left implements deletion.Store.
func (s *Deletions) Left(ctx context.Context, d deletion.Deletion, tables []string) (left bool, err error) {
	err = tenant.Tx(ctx, s.pool, d.AccountID, func(tx pgx.Tx) error {
		left = false
		if err := db.New(tx).LockSignals(ctx, d.AccountID); err != nil {
			return fmt.Errorf("waiting for signals that are being stored: %w", err)
		}
		for _, table := range tables {
			var some bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+pgx.Identifier{table}.Sanitize()+` WHERE `+accountColumn(table)+` = $1)`, d.AccountID).Scan(&some)
			if err != nil {
				return fmt.Errorf("looking for rows left in %s: %w", table, err)
			}
			left = left || some
		}
		return nil
	})
	return left, err
}

// Certify implements deletion.Store.
func (s *Deletions) Certify(ctx context.Context, d deletion.Deletion, c erasure.Certificate, document []byte, at time.Time) error {
	_, key, err := erasure.Verify(document)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	return s.begun(ctx, d, func(tx pgx.Tx, p *deletion.Progress) error {
		err := db.New(tx).InsertCertificate(ctx, db.InsertCertificateParams{
			ID: c.ID, Salt: c.Subject.Salt, AccountHash: c.Subject.Hash, Document: string(document), PublicKey: key, CompletedAt: at,
		})
		if err != nil {
			return fmt.Errorf("keeping the certificate: %w", err)
		}
		p.CertifiedAt = &at
		return nil
	})
}

// Document implements deletion.Store.
func (s *Deletions) Document(ctx context.Context, certificate string) ([]byte, error) {
	text, err := db.New(s.pool).CertificateDocument(ctx, certificate)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	return []byte(text), nil
}

// Forget implements deletion.Store.
func (s *Deletions) Forget(ctx context.Context, d deletion.Deletion) error {
	err := tenant.Tx(ctx, s.pool, d.AccountID, func(tx pgx.Tx) error {
		return db.New(tx).ForgetDeletions(ctx, db.ForgetDeletionsParams{AccountID: d.AccountID, Until: d.RequestedAt})
	})
	if err != nil {
		return fmt.Errorf("forgetting a deletion: %w", err)
	}
	_, err = s.Scrub(ctx, nil)
	return err
}

// scrubbed are the given tables, and those beside accounts' own in which one was named. By their oids: this role
// may not name what is in another service's schema.
const scrubbed = `SELECT c.oid, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (n.nspname ~ '^river_' AND c.relname = 'river_job' OR n.nspname = 'auth_local'
    OR n.nspname = 'public' AND (c.relname ~ '^outbox_' OR c.relname = 'deletions' OR c.relname = ANY($1)))
ORDER BY 2, 1`

// Scrub implements deletion.Store. Each table is a transaction: it is locked while it is written anew.
func (s *Deletions) Scrub(ctx context.Context, tables []string) ([]erasure.Remain, error) {
	rows, err := s.pool.Query(ctx, scrubbed, tables)
	if err != nil {
		return nil, fmt.Errorf("listing what to scrub: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		OID  uint32
		Name string
	}])
	if err != nil {
		return nil, fmt.Errorf("listing what to scrub: %w", err)
	}
	var bytes int64
	for _, table := range all {
		var left int64
		if err := s.pool.QueryRow(ctx, `SELECT specter_scrub_table($1::oid::regclass, $2)`, table.OID, s.scrubBytes).Scan(&left); err != nil {
			return nil, fmt.Errorf("scrubbing %s: %w", table.Name, err)
		}
		bytes += left
	}
	var logGone bool
	if err := s.pool.QueryRow(ctx, `SELECT specter_scrub_log()`).Scan(&logGone); err != nil {
		return nil, fmt.Errorf("letting go of the write-ahead log: %w", err)
	}
	remains := []erasure.Remain{}
	if bytes > 0 {
		remains = append(remains, erasure.Remain{
			Where: fmt.Sprintf("free space in pages of tables of %d MiB together", (bytes+1<<20-1)>>20),
			Until: "new rows are written there, or the table is written anew",
		})
	}
	if !logGone {
		remains = append(remains, erasure.Remain{Where: "Postgres's write-ahead log", Until: "its segments are reused or removed, by the server's own rule"})
	}
	return remains, nil
}

func accountColumn(table string) string {
	if table == "accounts" {
		return "id"
	}
	return "account_id"
}
