package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/testkit"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/entitlement"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// What billing says is in force unless the operator said something else, and is what comes back.
func TestBillingYieldsToTheOperator(t *testing.T) {
	t.Parallel()
	database := testkit.Postgres(t)
	pool := database.Pool(t, "specter_dashboard")
	s := Entitlements{Operator(pool, outbox.New("dashboard"))}
	book, err := plan.Load("")
	require.NoError(t, err)
	require.NoError(t, s.Keep(t.Context(), book, plan.Margins{KeepDays: 30}))
	who, email := uuid.New(), "ann@example.test"
	at := time.Now().UTC().Truncate(time.Microsecond)
	inside := func(do func(tx pgx.Tx, q *db.Queries) error) {
		require.NoError(t, s.in(t.Context(), who, do))
	}
	inside(func(_ pgx.Tx, q *db.Queries) error {
		return q.InsertAccount(t.Context(), db.InsertAccountParams{ID: who, OwnerUserID: uuid.New(), Email: email, Plan: plan.Free, CreatedAt: at})
	})
	pay := func(name string) {
		p, ok := book.Find(name)
		require.True(t, ok)
		inside(func(tx pgx.Tx, q *db.Queries) error {
			return s.SetPlan(t.Context(), tx, q, who, p, actor.Service(who), at)
		})
	}
	said := func(plan *string) {
		_, err := s.Override(t.Context(), email, at, func(o *entitlement.Operator) { o.Plan = plan })
		require.NoError(t, err)
	}
	inForce := func(name string) {
		t.Helper()
		p, _ := book.Find(name)
		g, err := s.Grant(t.Context(), email)
		require.NoError(t, err)
		require.Equal(t, name, g.Plan)
		want := p.Limits
		want.RetentionMonths = want.Retention()
		require.Equal(t, want, g.Limits)
	}
	rows := func(sql string) (n int) {
		require.NoError(t, database.Owner(t).QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	kept := func() plan.Kept {
		g, err := s.Grant(t.Context(), email)
		require.NoError(t, err)
		return g.Kept
	}
	pay("pro")
	inForce("pro")
	scale := "scale"
	said(&scale)
	inForce("scale")
	pay("free")
	inForce("scale")
	said(nil)
	inForce("free")
	require.Equal(t, plan.Kept{Months: 24, Until: at.AddDate(0, 0, 30)}, kept(), "what the larger plan kept stays for a while")
	require.Equal(t, 1, rows(`SELECT count(*) FROM audit_log WHERE (detail ->> 'plan') = 'free' AND (detail ->> 'kept_months') = '24'`))
	require.Equal(t, 4, rows(`SELECT count(*) FROM audit_log WHERE action IN ('account.plan_changed', 'account.limited')`))
	pay("free")
	require.Equal(t, 4, rows(`SELECT count(*) FROM audit_log`), "nothing changed")

	// An account whose purge has begun stays out of the catalogue.
	published := rows(`SELECT count(*) FROM outbox_dashboard`)
	_, err = database.Owner(t).Exec(context.WithoutCancel(t.Context()), `INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate) VALUES ($1, $2, now(), now(), '{}')`, uuid.New(), who)
	require.NoError(t, err)
	pay("pro")
	inForce("free")
	require.Equal(t, published, rows(`SELECT count(*) FROM outbox_dashboard`))
}
