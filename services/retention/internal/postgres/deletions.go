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

// Scheduler inserts a deletion's timers in the store's own transaction.
type Scheduler interface {
	SchedulePurge(ctx context.Context, tx pgx.Tx, certificate string, at time.Time) error
	// Unscheduled are those of the certificates whose purge no timer runs.
	Unscheduled(ctx context.Context, certificates []string) ([]string, error)
	ScheduleNotice(ctx context.Context, tx pgx.Tx, certificate string, n deletion.Notice, at time.Time) error
}

// Deletions implements deletion.Store and consume.Register.
type Deletions struct {
	pool   *pgxpool.Pool
	outbox outbox.Outbox
	timers Scheduler
	newID  func() (uuid.UUID, error)
	// scrubBytes is the largest table that is written anew.
	scrubBytes int64
}

var _ deletion.Store = (*Deletions)(nil)

// NewDeletions keeps deletions in pool, which has retention's role.
func NewDeletions(pool *pgxpool.Pool, box outbox.Outbox, timers Scheduler, newID func() (uuid.UUID, error), scrubBytes int64) *Deletions {
	return &Deletions{pool: pool, outbox: box, timers: timers, newID: newID, scrubBytes: scrubBytes}
}

// Schedule implements consume.Register.
func (s *Deletions) Schedule(ctx context.Context, eventID uuid.UUID, d deletion.Deletion) error {
	return s.once(ctx, eventID, d.AccountID, func(tx pgx.Tx) error {
		_, err := db.New(tx).InsertDeletion(ctx, db.InsertDeletionParams{
			ID: d.ID, AccountID: d.AccountID, RequestedAt: d.RequestedAt, PurgeAt: d.PurgeAt, CertificateID: &d.Certificate,
		})
		if err != nil {
			return fmt.Errorf("noting a deletion: %w", err)
		}
		if err := s.timers.ScheduleNotice(ctx, tx, d.Certificate, deletion.Scheduled, d.RequestedAt); err != nil {
			return err
		}
		if at, ok := d.RemindAt(); ok {
			if err := s.timers.ScheduleNotice(ctx, tx, d.Certificate, deletion.Reminder, at); err != nil {
				return err
			}
		}
		return s.timers.SchedulePurge(ctx, tx, d.Certificate, d.PurgeAt)
	})
}

// Cancel implements consume.Register. A purge that has begun goes on.
func (s *Deletions) Cancel(ctx context.Context, eventID, account, id uuid.UUID, at time.Time) error {
	return s.once(ctx, eventID, account, func(tx pgx.Tx) error {
		q := db.New(tx)
		d, err := q.LockDeletion(ctx, db.LockDeletionParams{AccountID: account, ID: id})
		if err != nil {
			return fmt.Errorf("finding the deletion to cancel: %w", err)
		}
		n, err := q.CancelDeletion(ctx, db.CancelDeletionParams{AccountID: account, ID: id, CancelledAt: &at})
		if err != nil {
			return fmt.Errorf("cancelling a deletion: %w", err)
		}
		if n == 0 {
			return nil
		}
		return s.timers.ScheduleNotice(ctx, tx, d.CertificateID, deletion.Cancelled, at)
	})
}

// Forgotten implements consume.Register.
func (s *Deletions) Forgotten(ctx context.Context, eventID, account, id uuid.UUID, party, outcome string) error {
	return s.once(ctx, eventID, account, func(tx pgx.Tx) error {
		return change(ctx, tx, account, id, func(p *deletion.Progress) error {
			p.Answered(party, outcome)
			return nil
		})
	})
}

func (s *Deletions) once(ctx context.Context, eventID, account uuid.UUID, fn func(pgx.Tx) error) error {
	return once(ctx, s.pool, s.outbox, consumer, eventID, account, fn)
}

// once runs fn within the account for an event that the consumer has not seen.
func once(ctx context.Context, pool *pgxpool.Pool, box outbox.Outbox, consumer string, eventID, account uuid.UUID, fn func(pgx.Tx) error) error {
	return tenant.Tx(ctx, pool, account, func(tx pgx.Tx) error {
		fresh, err := box.Claim(ctx, tx, consumer, eventID)
		if err != nil || !fresh {
			return err
		}
		return fn(tx)
	})
}

// find reads whose deletion a timer is about.
func (s *Deletions) find(ctx context.Context, certificate string) (who db.AccountOfDeletionRow, err error) {
	err = tenant.LookupTx(ctx, s.pool, tenant.Lookup{Certificate: certificate}, func(tx pgx.Tx) error {
		who, err = db.New(tx).AccountOfDeletion(ctx, certificate)
		return err
	})
	if errors.Is(err, tenant.ErrNoLookup) {
		err = pgx.ErrNoRows
	}
	return who, err
}

func deletionOf(row db.LockDeletionRow) deletion.Deletion {
	return deletion.Deletion{ID: row.ID, AccountID: row.AccountID, RequestedAt: row.RequestedAt, PurgeAt: row.PurgeAt, Certificate: row.CertificateID}
}

// Begin implements deletion.Store.
func (s *Deletions) Begin(ctx context.Context, certificate string, now time.Time) (d deletion.Deletion, p deletion.Progress, phase deletion.Phase, err error) {
	who, err := s.find(ctx, certificate)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, p, deletion.Over, nil
	}
	if err != nil {
		return d, p, phase, fmt.Errorf("finding a deletion: %w", err)
	}
	err = tenant.Tx(ctx, s.pool, who.AccountID, func(tx pgx.Tx) error {
		phase = deletion.Over
		q := db.New(tx)
		row, err := q.LockDeletion(ctx, db.LockDeletionParams(who))
		if errors.Is(err, pgx.ErrNoRows) || err == nil && row.CancelledAt != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("locking a deletion: %w", err)
		}
		d = deletionOf(row)
		if row.Progress != nil {
			if p, err = progressOf(row.Progress); err != nil {
				return err
			}
			if phase = deletion.Begun; p.CertifiedAt != nil {
				phase = deletion.Certified
			}
			return nil
		}
		if now.Before(d.PurgeAt) {
			phase = deletion.Early
			return nil
		}
		// A cancellation that is being written ends first, and one that comes now finds that the purge has begun.
		if err := q.HoldAccount(ctx); err != nil {
			return fmt.Errorf("holding the account of a deletion: %w", err)
		}
		closed, err := q.ClosedAccount(ctx, d.AccountID)
		if err != nil {
			return fmt.Errorf("reading the account of a deletion: %w", err)
		}
		if closed.ClosedAt == nil || closed.DeletionID == nil || *closed.DeletionID != d.ID {
			return nil // cancelled, and the word of it is still on its way
		}
		phase = deletion.Begun
		p, err = s.begin(ctx, tx, d, closed, now)
		return err
	})
	return d, p, phase, err
}

func (s *Deletions) begin(ctx context.Context, tx pgx.Tx, d deletion.Deletion, closed db.ClosedAccountRow, now time.Time) (deletion.Progress, error) {
	p := deletion.Progress{
		StartedAt: now, Owner: closed.OwnerUserID, Email: closed.Email, AskedAt: now,
		Parties: map[string]string{}, Tables: map[string]int64{}, Timers: map[string]int64{}, Queues: map[string]int64{},
	}
	var err error
	if p.Names, err = catalogNames(ctx, db.New(tx), d.AccountID); err != nil {
		return p, err
	}
	for _, name := range p.Names {
		if err := s.outbox.DeleteKV(ctx, tx, name); err != nil {
			return p, err
		}
	}
	if err := s.ask(ctx, tx, d, p.Owner, now); err != nil {
		return p, err
	}
	return p, save(ctx, tx, d.AccountID, d.ID, p)
}

// catalogNames lists the account's entries in the gateways' catalogue.
func catalogNames(ctx context.Context, q *db.Queries, account uuid.UUID) ([]string, error) {
	hashes, err := q.KeyHashes(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("reading the account's keys: %w", err)
	}
	products, err := q.ProductIDs(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("reading the account's products: %w", err)
	}
	names := append(make([]string, 0, 1+len(hashes)+len(products)), catalog.AccountName(account))
	for _, hash := range hashes {
		names = append(names, catalog.KeyName(hash))
	}
	for _, product := range products {
		names = append(names, catalog.ProductName(product))
	}
	return names, nil
}

func (s *Deletions) ask(ctx context.Context, tx pgx.Tx, d deletion.Deletion, owner uuid.UUID, now time.Time) error {
	eventID, err := s.newID()
	if err != nil {
		return fmt.Errorf("making an event id: %w", err)
	}
	return outbox.Put(ctx, tx, s.outbox, event.AccountPurgeBegun, bus.Message[*eventv1.AccountPurgeBegun]{
		ID: eventID, AccountID: d.AccountID, Time: now, Body: &eventv1.AccountPurgeBegun{DeletionId: d.ID.String(), OwnerUserId: owner.String()},
	})
}

// Ask implements deletion.Store.
func (s *Deletions) Ask(ctx context.Context, d deletion.Deletion, now time.Time) error {
	return s.begun(ctx, d, func(tx pgx.Tx, p *deletion.Progress) error {
		p.AskedAt = now
		return s.ask(ctx, tx, d, p.Owner, now)
	})
}

func progressOf(text []byte) (p deletion.Progress, err error) {
	if err = json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("reading how far a purge is: %w", err)
	}
	for _, m := range []*map[string]int64{&p.Tables, &p.Timers, &p.Queues} {
		if *m == nil {
			*m = map[string]int64{}
		}
	}
	if p.Parties == nil {
		p.Parties = map[string]string{}
	}
	return p, nil
}

func save(ctx context.Context, tx pgx.Tx, account, id uuid.UUID, p deletion.Progress) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing how far a purge is: %w", err)
	}
	if err := db.New(tx).SaveProgress(ctx, db.SaveProgressParams{AccountID: account, ID: id, Progress: text, CompletedAt: p.CertifiedAt}); err != nil {
		return fmt.Errorf("saving how far a purge is: %w", err)
	}
	return nil
}

// change runs fn on the locked progress of a purge that has begun, and does nothing for any other.
func change(ctx context.Context, tx pgx.Tx, account, id uuid.UUID, fn func(*deletion.Progress) error) error {
	row, err := db.New(tx).LockDeletion(ctx, db.LockDeletionParams{AccountID: account, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // forgotten
	}
	if err != nil {
		return fmt.Errorf("locking a deletion: %w", err)
	}
	if row.Progress == nil {
		return nil
	}
	p, err := progressOf(row.Progress)
	if err != nil {
		return err
	}
	if err := fn(&p); err != nil {
		return err
	}
	return save(ctx, tx, account, id, p)
}

// begun is change in a transaction of its own.
func (s *Deletions) begun(ctx context.Context, d deletion.Deletion, fn func(pgx.Tx, *deletion.Progress) error) error {
	return tenant.Tx(ctx, s.pool, d.AccountID, func(tx pgx.Tx) error {
		return change(ctx, tx, d.AccountID, d.ID, func(p *deletion.Progress) error { return fn(tx, p) })
	})
}

// Notice reads what a notice tells, and to whom; false when there is nothing to tell any more.
func (s *Deletions) Notice(ctx context.Context, certificate string) (d deletion.Deletion, email string, open, ok bool, err error) {
	who, err := s.find(ctx, certificate)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, "", false, false, nil
	}
	if err != nil {
		return d, "", false, false, fmt.Errorf("finding a deletion: %w", err)
	}
	err = tenant.Tx(ctx, s.pool, who.AccountID, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.LockDeletion(ctx, db.LockDeletionParams(who))
		if errors.Is(err, pgx.ErrNoRows) || err == nil && row.Progress != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a deletion: %w", err)
		}
		account, err := q.ClosedAccount(ctx, who.AccountID)
		if err != nil {
			return fmt.Errorf("reading the account of a deletion: %w", err)
		}
		d = deletionOf(row)
		email, open, ok = account.Email, account.DeletionID == nil || *account.DeletionID != d.ID, true
		return nil
	})
	return d, email, open, ok, err
}
