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
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/retention/internal/deletion"
	"github.com/draftlabs/specter/services/retention/internal/postgres/db"
)

const consumer = "deletions"

// Scheduler inserts the purge's timer in the store's own transaction.
type Scheduler interface {
	SchedulePurge(ctx context.Context, tx pgx.Tx, account, deletion uuid.UUID, at time.Time) error
}

// Deletions implements deletion.Store and consume.Register.
type Deletions struct {
	pool   *pgxpool.Pool
	outbox outbox.Outbox
	timers Scheduler
	newID  func() (uuid.UUID, error)
}

// NewDeletions keeps deletions in pool, which has retention's role.
func NewDeletions(pool *pgxpool.Pool, box outbox.Outbox, timers Scheduler, newID func() (uuid.UUID, error)) *Deletions {
	return &Deletions{pool: pool, outbox: box, timers: timers, newID: newID}
}

// Schedule implements consume.Register.
func (s *Deletions) Schedule(ctx context.Context, eventID uuid.UUID, d deletion.Deletion) error {
	return s.once(ctx, eventID, d.AccountID, func(tx pgx.Tx) error {
		_, err := db.New(tx).InsertDeletion(ctx, db.InsertDeletionParams{ID: d.ID, AccountID: d.AccountID, RequestedAt: d.RequestedAt, PurgeAt: d.PurgeAt})
		if err != nil {
			return fmt.Errorf("noting deletion %s: %w", d.ID, err)
		}
		return s.timers.SchedulePurge(ctx, tx, d.AccountID, d.ID, d.PurgeAt)
	})
}

// Cancel implements consume.Register. A purge that has begun goes on.
func (s *Deletions) Cancel(ctx context.Context, eventID, account, id uuid.UUID, at time.Time) error {
	return s.once(ctx, eventID, account, func(tx pgx.Tx) error {
		q := db.New(tx)
		if _, err := q.LockDeletion(ctx, db.LockDeletionParams{AccountID: account, ID: id}); err != nil {
			return fmt.Errorf("finding deletion %s to cancel: %w", id, err)
		}
		if _, err := q.CancelDeletion(ctx, db.CancelDeletionParams{AccountID: account, ID: id, CancelledAt: &at}); err != nil {
			return fmt.Errorf("cancelling deletion %s: %w", id, err)
		}
		return nil
	})
}

func (s *Deletions) once(ctx context.Context, eventID, account uuid.UUID, fn func(pgx.Tx) error) error {
	return tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		fresh, err := s.outbox.Claim(ctx, tx, consumer, eventID)
		if err != nil || !fresh {
			return err
		}
		return fn(tx)
	})
}

// Begin implements deletion.Store.
func (s *Deletions) Begin(ctx context.Context, account, id uuid.UUID, now time.Time) (phase deletion.Phase, due time.Time, err error) {
	err = tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		phase, due = deletion.Over, time.Time{}
		q := db.New(tx)
		d, err := q.LockDeletion(ctx, db.LockDeletionParams{AccountID: account, ID: id})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return fmt.Errorf("locking deletion %s: %w", id, err)
		case d.CancelledAt != nil || d.CompletedAt != nil:
			return nil
		case d.Certificate != nil:
			phase = deletion.Begun
			return nil
		case now.Before(d.PurgeAt):
			phase, due = deletion.Early, d.PurgeAt
			return nil
		}
		closed, err := q.ClosedAccount(ctx, account)
		if err != nil {
			return fmt.Errorf("reading the account of deletion %s: %w", id, err)
		}
		if closed.ClosedAt == nil || closed.DeletionID == nil || *closed.DeletionID != id {
			return nil // cancelled, and the word of it is still on its way
		}
		phase = deletion.Begun
		return s.begin(ctx, tx, q, d, closed.OwnerUserID, now)
	})
	return phase, due, err
}

func (s *Deletions) begin(ctx context.Context, tx pgx.Tx, q *db.Queries, d db.Deletion, owner uuid.UUID, now time.Time) error {
	hashes, err := q.KeyHashes(ctx, d.AccountID)
	if err != nil {
		return fmt.Errorf("reading the account's keys: %w", err)
	}
	products, err := q.ProductIDs(ctx, d.AccountID)
	if err != nil {
		return fmt.Errorf("reading the account's products: %w", err)
	}
	names := append(make([]string, 0, 1+len(hashes)+len(products)), catalog.AccountName(d.AccountID))
	for _, hash := range hashes {
		names = append(names, catalog.KeyName(hash))
	}
	for _, product := range products {
		names = append(names, catalog.ProductName(product))
	}
	for _, name := range names {
		if err := s.outbox.DeleteKV(ctx, tx, name); err != nil {
			return err
		}
	}
	return save(ctx, q, d, deletion.Certificate{
		Version: 1, RequestedAt: d.RequestedAt, StartedAt: now, Tables: map[string]int64{}, Catalog: len(names), Streams: []string{}, Owner: &owner,
	})
}

func save(ctx context.Context, q *db.Queries, d db.Deletion, c deletion.Certificate) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	if err := q.SaveCertificate(ctx, db.SaveCertificateParams{AccountID: d.AccountID, ID: d.ID, Certificate: text, CompletedAt: c.CompletedAt}); err != nil {
		return fmt.Errorf("saving the certificate of deletion %s: %w", d.ID, err)
	}
	return nil
}

// begun runs fn on the locked certificate of a purge that has begun.
func (s *Deletions) begun(ctx context.Context, account, id uuid.UUID, fn func(pgx.Tx, *deletion.Certificate) error) error {
	return tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		q := db.New(tx)
		d, err := q.LockDeletion(ctx, db.LockDeletionParams{AccountID: account, ID: id})
		if err != nil {
			return fmt.Errorf("locking deletion %s: %w", id, err)
		}
		if d.Certificate == nil || d.CompletedAt != nil {
			return nil // completed by another run
		}
		var c deletion.Certificate
		if err := json.Unmarshal(d.Certificate, &c); err != nil {
			return fmt.Errorf("reading the certificate of deletion %s: %w", id, err)
		}
		if err := fn(tx, &c); err != nil {
			return err
		}
		return save(ctx, q, d, c)
	})
}

// DeleteFrom implements deletion.Store.
func (s *Deletions) DeleteFrom(ctx context.Context, table string, account, id uuid.UUID) (rows int64, err error) {
	err = s.begun(ctx, account, id, func(tx pgx.Tx, c *deletion.Certificate) error {
		// The condition does not lean on row-level security: other policies of this role show
		// expired rows of every account.
		done, err := tx.Exec(ctx, `DELETE FROM `+pgx.Identifier{table}.Sanitize()+` WHERE `+accountColumn(table)+` = $1`, account)
		if err != nil {
			return fmt.Errorf("deleting from %s: %w", table, err)
		}
		rows = done.RowsAffected()
		c.Tables[table] += rows
		return nil
	})
	return rows, err
}

// Finish implements deletion.Store.
func (s *Deletions) Finish(ctx context.Context, tables []string, account, id uuid.UUID, streams []string, now time.Time) error {
	return s.begun(ctx, account, id, func(tx pgx.Tx, c *deletion.Certificate) error {
		for _, table := range tables {
			var left bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+pgx.Identifier{table}.Sanitize()+` WHERE `+accountColumn(table)+` = $1)`, account).Scan(&left)
			if err != nil {
				return fmt.Errorf("looking for rows left in %s: %w", table, err)
			}
			if left {
				return fmt.Errorf("%s: %w", table, deletion.ErrRowsLeft)
			}
		}
		deleted := &eventv1.AccountDeleted{DeletionId: id.String(), DeletedAt: timestamppb.New(now)}
		if c.Owner != nil {
			deleted.OwnerUserId = c.Owner.String()
		}
		c.CompletedAt, c.Streams, c.Owner = &now, streams, nil
		eventID, err := s.newID()
		if err != nil {
			return fmt.Errorf("making an event id: %w", err)
		}
		return outbox.Put(ctx, tx, s.outbox, event.AccountDeleted, bus.Message[*eventv1.AccountDeleted]{ID: eventID, AccountID: account, Time: now, Body: deleted})
	})
}

func accountColumn(table string) string {
	if table == "accounts" {
		return "id"
	}
	return "account_id"
}
