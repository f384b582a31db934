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

// Notices is the usage.Board.
type Notices struct{ *Store }

var _ usage.Board = Notices{}

// Tell notes the level and publishes it, in one transaction.
func (s Notices) Tell(ctx context.Context, stand usage.Stand, l usage.Level, at time.Time) (letter *usage.Letter, err error) {
	err = s.in(ctx, stand.Account, func(tx pgx.Tx, q *db.Queries) error {
		letter = nil
		row, err := q.OpenAccountLimit(ctx, stand.Account)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		limit := row.MonthlySignalLimit
		if stand.Limit > 0 {
			limit = stand.Limit // what the gateways kept to
		}
		n, err := q.InsertQuotaNotice(ctx, db.InsertQuotaNoticeParams{AccountID: stand.Account, Month: stand.Month, Level: string(l), At: at})
		if err != nil || n == 0 {
			return err
		}
		letter = &usage.Letter{To: row.Email, Limit: limit}
		quota := &eventv1.Quota{
			Month: timestamppb.New(stand.Month), ResetsAt: timestamppb.New(stand.Resets()), Used: uint64(stand.Used), Limit: uint64(limit),
		}
		a := actor.Service(stand.Account)
		if l == usage.Warning {
			return emit(ctx, tx, s.Store, event.QuotaWarning, a, at, &eventv1.QuotaWarning{Quota: quota})
		}
		return emit(ctx, tx, s.Store, event.QuotaExceeded, a, at, &eventv1.QuotaExceeded{Quota: quota})
	})
	return letter, wrap(err, "telling of the monthly limit")
}
