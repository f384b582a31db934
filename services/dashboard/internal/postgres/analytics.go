package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/analytics"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Analytics is the analytics.Store.
type Analytics struct{ *Store }

var _ analytics.Store = Analytics{}

// Allowed reads the account's switch.
func (s Analytics) Allowed(ctx context.Context, account uuid.UUID) (bool, error) {
	var out bool
	err := s.in(ctx, account, func(_ pgx.Tx, q *db.Queries) (err error) {
		out, err = q.Measured(ctx, account)
		return found(err)
	})
	return out, wrap(err, "reading whether the account may be measured")
}

// Allow turns the account's switch.
func (s Analytics) Allow(ctx context.Context, a actor.Actor, allowed bool, at time.Time) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		changed, err := q.SetMeasured(ctx, db.SetMeasuredParams{ID: a.Account, Measured: allowed})
		if err != nil || changed == 0 {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: "account.analytics_changed", subject: "account", id: a.Account, detail: map[string]any{"allowed": allowed}})
	})
	return wrap(err, "setting whether the account may be measured")
}
