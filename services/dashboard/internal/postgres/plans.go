package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// SetPlan gives the account a plan and tells the gateway.
func (s *Store) SetPlan(ctx context.Context, tx pgx.Tx, q *db.Queries, account uuid.UUID, p plan.Plan, a actor.Actor, at time.Time) error {
	row, err := q.SetAccountPlan(ctx, db.SetAccountPlanParams{ID: account, Plan: p.Name})
	if err != nil {
		return found(err)
	}
	if err := s.publishAccount(ctx, tx, row); err != nil {
		return err
	}
	return audit(ctx, q, change{actor: a, at: at, action: "account.plan_changed", subject: "account", id: account, detail: map[string]any{"plan": p.Name}})
}
