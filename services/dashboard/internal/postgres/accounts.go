package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/tenant"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Accounts is the account.Store.
type Accounts struct {
	*Store
	Grace    time.Duration // between the request and the purge of a deletion retention has not noted yet
	Starting plan.Plan     // of a new account
}

var _ account.Store = Accounts{}

// AccountOf returns the person's account, made from fresh when there is none.
func (s Accounts) AccountOf(ctx context.Context, fresh account.Account) (account.Account, error) {
	have, err := s.byOwner(ctx, fresh.OwnerUserID)
	if !fault.Is(err, fault.NotFound) {
		return have, err
	}
	err = s.in(ctx, fresh.ID, func(tx pgx.Tx, q *db.Queries) error {
		err := q.InsertAccount(ctx, db.InsertAccountParams{
			ID: fresh.ID, OwnerUserID: fresh.OwnerUserID, Email: fresh.Email, Plan: s.Starting.Name, CreatedAt: fresh.CreatedAt,
		})
		if err != nil {
			return err
		}
		row, err := s.begin(ctx, q, fresh.ID)
		if err != nil {
			return err
		}
		fresh = s.toAccount(row, nil)
		if err := s.publishAccount(ctx, tx, row); err != nil {
			return err
		}
		return audit(ctx, q, change{
			actor: actor.User(fresh.ID, fresh.OwnerUserID), at: fresh.CreatedAt, action: "account.created", subject: "account", id: fresh.ID,
		})
	})
	if violates(err, "accounts_owner_user_id_key") { // a second browser was faster
		return s.byOwner(ctx, fresh.OwnerUserID)
	}
	if err != nil {
		return account.Account{}, fmt.Errorf("making the account: %w", err)
	}
	return fresh, nil
}

// begin puts the limits of a new account's plan in force.
func (s Accounts) begin(ctx context.Context, q *db.Queries, id uuid.UUID) (db.Account, error) {
	before, err := q.PlainAccount(ctx, id)
	if err != nil {
		return before, err
	}
	after := before
	if _, _, err := putInForce(ctx, q, before, &after); err != nil {
		return before, err
	}
	return after, q.SetAccountTerms(ctx, termsOf(after))
}

func (s Accounts) byOwner(ctx context.Context, user uuid.UUID) (account.Account, error) {
	var out account.Account
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{UserID: user}, func(tx pgx.Tx) error {
		row, err := db.New(tx).AccountByOwner(ctx, user)
		out = s.toAccount(row, nil)
		return found(err)
	})
	if err != nil {
		return out, fmt.Errorf("finding the person's account: %w", err)
	}
	return out, nil
}

func (s Accounts) toAccount(row db.Account, purgeAt *time.Time) account.Account {
	out := account.Account{
		ID: row.ID, OwnerUserID: row.OwnerUserID, Email: row.Email, Plan: row.Plan, Limits: limitsOf(row), SignalGrace: row.MonthlySignalGrace, Kept: keptOf(row), CreatedAt: row.CreatedAt,
		ClosedAt: row.ClosedAt, DeletionID: row.DeletionID, PurgeAt: purgeAt,
	}
	if out.ClosedAt != nil && out.PurgeAt == nil {
		// Retention has not heard of it yet; this is what it will be told.
		at := out.ClosedAt.Add(s.Grace)
		out.PurgeAt = &at
	}
	return out
}

// Account reads an account.
func (s Accounts) Account(ctx context.Context, id uuid.UUID) (account.Account, error) {
	var out account.Account
	err := s.in(ctx, id, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.Account(ctx, id)
		if err != nil {
			return found(err)
		}
		out = s.toAccount(row.Account, row.PurgeAt)
		if row.CertificateID != nil {
			out.Certificate = *row.CertificateID
		}
		return nil
	})
	return out, wrap(err, "reading the account")
}

// Owns tells whether the person has an account other than this one.
func (s Accounts) Owns(ctx context.Context, user, other uuid.UUID) (bool, error) {
	have, err := s.byOwner(ctx, user)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && have.ID != other, err
}

// FollowEmail gives the account the address that the auth server knows its owner by.
func (s Accounts) FollowEmail(ctx context.Context, a actor.Actor, email string, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		n, err := q.SetAccountEmail(ctx, db.SetAccountEmailParams{ID: a.Account, Email: email})
		if err != nil || n == 0 { // it has this address
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: "email.changed", subject: "account", id: a.Account})
	})
	return wrap(err, "changing the account's e-mail address")
}

// NoteRefusal writes down in the accounts with this address that somebody could not sign in.
func (s Accounts) NoteRefusal(ctx context.Context, email string, at time.Time) error {
	ids, err := db.New(s.db).AccountsByEmail(ctx, email)
	if err != nil {
		return fmt.Errorf("finding whose address it is: %w", err)
	}
	for _, id := range ids {
		if err := s.Note(ctx, actor.Nobody(id), "session.refused", at); err != nil {
			return err
		}
	}
	return nil
}

// Note writes down what was asked for and has changed nothing yet.
func (s Accounts) Note(ctx context.Context, a actor.Actor, action string, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		return audit(ctx, q, change{actor: a, at: at, action: action, subject: "account", id: a.Account})
	})
	return wrap(err, "writing down what was asked for")
}

// Close schedules the account's deletion: ingestion stops and sessions end with it.
func (s Accounts) Close(ctx context.Context, a actor.Actor, deletion uuid.UUID, at, purgeAt time.Time, keep uuid.UUID) (account.Account, error) {
	var out account.Account
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		row, err := q.CloseAccount(ctx, db.CloseAccountParams{ID: a.Account, ClosedAt: &at, DeletionID: &deletion})
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.Conflict, "conflict", "The deletion of this account is already scheduled.")
		}
		if err != nil {
			return err
		}
		out = s.toAccount(row, &purgeAt)
		if _, err := q.RevokeAllSessions(ctx, db.RevokeAllSessionsParams{Now: &at, Keep: &keep}); err != nil {
			return err
		}
		if err := s.publishAccount(ctx, tx, row); err != nil {
			return err
		}
		if err := s.publishProducts(ctx, tx, q, a.Account, true); err != nil {
			return err
		}
		if err := bidFarewell(ctx, q, a.Account, deletion, at, purgeAt); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "account.deletion_scheduled", subject: "account", id: a.Account, detail: map[string]any{"purge_at": purgeAt}}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.AccountDeletionScheduled, a, at, &eventv1.AccountDeletionScheduled{
			DeletionId: deletion.String(), RequestedAt: timestamppb.New(at), PurgeAt: timestamppb.New(purgeAt),
		})
	})
	return out, wrap(err, "scheduling the deletion")
}

// Reopen cancels the deletion.
func (s Accounts) Reopen(ctx context.Context, a actor.Actor, at time.Time) (account.Account, error) {
	var out account.Account
	err := s.in(ctx, a.Account, func(tx pgx.Tx, q *db.Queries) error {
		before, err := q.LockAccount(ctx, a.Account)
		if err != nil {
			return found(err)
		}
		if before.ClosedAt == nil || before.DeletionID == nil {
			return fault.New(fault.Conflict, "conflict", "No deletion of this account is scheduled.")
		}
		// Retention has a clock of its own, and holds the account while a purge begins.
		begun, err := q.PurgeBegun(ctx, a.Account)
		if err != nil {
			return err
		}
		noted, err := q.Account(ctx, a.Account) // as retention has it: the grace may have been another one then
		if err != nil {
			return found(err)
		}
		if closed := s.toAccount(before, noted.PurgeAt); begun || !at.Before(*closed.PurgeAt) {
			return fault.New(fault.Conflict, "conflict", "The deletion has begun and cannot be cancelled any more.")
		}
		row, err := q.ReopenAccount(ctx, a.Account)
		if err != nil {
			return err
		}
		out = s.toAccount(row, nil)
		if err := s.publishAccount(ctx, tx, row); err != nil {
			return err
		}
		if err := s.publishProducts(ctx, tx, q, a.Account, false); err != nil {
			return err
		}
		if err := takeFarewellBack(ctx, q, a.Account, *before.DeletionID, at); err != nil {
			return err
		}
		if err := audit(ctx, q, change{actor: a, at: at, action: "account.deletion_cancelled", subject: "account", id: a.Account}); err != nil {
			return err
		}
		return emit(ctx, tx, s.Store, event.AccountDeletionCancelled, a, at, &eventv1.AccountDeletionCancelled{DeletionId: before.DeletionID.String()})
	})
	return out, wrap(err, "cancelling the deletion")
}

// owner enters the account a credential belongs to, and reads it.
func (s Accounts) owner(ctx context.Context, tx pgx.Tx, q *db.Queries, id uuid.UUID) (account.Account, error) {
	if err := tenant.Enter(ctx, tx, id); err != nil {
		return account.Account{}, err
	}
	row, err := q.PlainAccount(ctx, id)
	if err != nil {
		return account.Account{}, found(err)
	}
	return s.toAccount(row, nil), nil
}

// mapped converts rows; the result is never nil, so that it is [] in JSON.
func mapped[R, T any](rows []R, to func(R) T) []T {
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = to(row)
	}
	return out
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
