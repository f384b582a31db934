package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// Letters sets the timer of a notice's letter in a transaction, so that it exists exactly when the transaction commits.
type Letters interface {
	MailNotice(ctx context.Context, tx pgx.Tx, n usage.Notice) error
	MailShrunk(ctx context.Context, tx pgx.Tx, s usage.Shrunk) error
}

// Notices is the usage.Board and the usage.Letterbox.
type Notices struct {
	*Store
	Letters Letters
}

var (
	_ usage.Board     = Notices{}
	_ usage.Letterbox = Notices{}
)

// Tell notes the level, publishes it and has it mailed, in one transaction.
func (s Notices) Tell(ctx context.Context, stand usage.Stand, l usage.Level, at time.Time) error {
	err := s.in(ctx, stand.Account, func(tx pgx.Tx, q *db.Queries) error {
		limit, err := q.OpenAccountLimit(ctx, stand.Account)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if stand.Limit == 0 { // else it is what the gateways kept to
			stand.Limit = limit
		}
		n, err := q.InsertQuotaNotice(ctx, db.InsertQuotaNoticeParams{AccountID: stand.Account, Month: stand.Month, Level: string(l), At: at})
		if err != nil || n == 0 {
			return err
		}
		if err := s.Letters.MailNotice(ctx, tx, usage.Notice{Stand: stand, Level: l}); err != nil {
			return err
		}
		quota := &eventv1.Quota{
			Month: timestamppb.New(stand.Month), ResetsAt: timestamppb.New(stand.Resets()), Used: uint64(stand.Used), Limit: uint64(stand.Limit),
		}
		a := actor.Service(stand.Account)
		if l == usage.Warning {
			return emit(ctx, tx, s.Store, event.QuotaWarning, a, at, &eventv1.QuotaWarning{Quota: quota})
		}
		return emit(ctx, tx, s.Store, event.QuotaExceeded, a, at, &eventv1.QuotaExceeded{Quota: quota})
	})
	return wrap(err, "telling of the monthly limit")
}

// Addressee reads where the owner is now.
func (s Notices) Addressee(ctx context.Context, n usage.Notice) (to string, ok bool, err error) {
	err = s.in(ctx, n.Account, func(_ pgx.Tx, q *db.Queries) error {
		to, err = q.UnmailedNotice(ctx, db.UnmailedNoticeParams{AccountID: n.Account, Month: n.Month, Level: string(n.Level)})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return to, ok, wrap(err, "reading whom to mail a notice")
}

// Mailed notes that a notice was mailed.
func (s Notices) Mailed(ctx context.Context, n usage.Notice, at time.Time) error {
	err := s.in(ctx, n.Account, func(_ pgx.Tx, q *db.Queries) error {
		return q.NoteMailed(ctx, db.NoteMailedParams{AccountID: n.Account, Month: n.Month, Level: string(n.Level), At: &at})
	})
	return wrap(err, "noting that a notice was mailed")
}

// Keeping reads what the account's plan keeps, and what stays of a larger one.
func (s Notices) Keeping(ctx context.Context, n usage.Shrunk) (k usage.Keeping, ok bool, err error) {
	err = s.in(ctx, n.Account, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.PlainAccount(ctx, n.Account)
		if isAbsent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		kept := keptOf(row)
		ok = row.ClosedAt == nil && kept.Until.Equal(n.Until)
		k = usage.Keeping{To: row.Email, Plan: row.Plan, Months: int(row.RetentionMonths), Kept: kept.Months}
		return nil
	})
	return k, ok, wrap(err, "reading what an account's plan keeps")
}
