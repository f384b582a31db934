package schema_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
)

// Also where the tables' owner is bound by row-level security, as it should be.
func TestRetentionHoldsTheAccountItWorksInAndNoOther(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	require.NoError(t, schema.Up(t.Context(), plainOwner(t, db)))
	held, free := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	dashboard := db.Pool(t, "specter_dashboard")
	lock := func(account uuid.UUID) error {
		return tenant.Tx(t.Context(), dashboard, account, func(tx pgx.Tx) error {
			var id uuid.UUID
			return tx.QueryRow(t.Context(), `SELECT id FROM accounts WHERE id = $1 FOR UPDATE NOWAIT`, account).Scan(&id)
		})
	}
	require.NoError(t, tenant.Tx(t.Context(), db.Pool(t, "specter_retention"), held.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `SELECT specter_hold_account()`)
		require.NoError(t, err)
		require.Equal(t, "55P03", codeOf(t, lock(held.AccountID)))
		require.NoError(t, lock(free.AccountID))
		return nil
	}))
	require.NoError(t, lock(held.AccountID))
}

// A timer finds its deletion by the certificate's id, which deletions of before 00080 have none of.
func TestDeletionsOfAnEarlierReleaseGetACertificatesId(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	ownerURL := plainOwner(t, db)
	plain, err := pg.Open(t.Context(), pg.Options{URL: ownerURL})
	require.NoError(t, err)
	defer plain.Close()
	require.NoError(t, schema.Migrate(t.Context(), plain, func(name string) bool { return name < "00089" || name > "00090" }))
	owner := db.Owner(t)
	for i, sql := range []string{
		`INSERT INTO deletions (id, account_id, requested_at, purge_at) VALUES ($1, $2, now(), now())`,
		`INSERT INTO deletions (id, account_id, requested_at, purge_at) VALUES ($1, $2, now(), now() + interval '9 days')`,
		`INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate) VALUES ($1, $2, now(), now(), '{}')`,
		`INSERT INTO deletions (id, account_id, requested_at, purge_at, cancelled_at) VALUES ($1, $2, now(), now(), now())`,
		`INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate_id) VALUES ($1, $2, now(), now(), 'KEPT')`,
		`INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate, completed_at) VALUES ($1, $2, now(), now(), '{}', now())`,
	} {
		_, err := owner.Exec(t.Context(), sql, uuid.New(), uuid.New())
		require.NoError(t, err, i)
	}
	require.NoError(t, schema.Up(t.Context(), ownerURL))
	var made, kept, done int
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(DISTINCT certificate_id) FILTER (WHERE certificate_id ~ '^[0-9A-Z]{32}$'), count(*) FILTER (WHERE certificate_id = 'KEPT'),
		count(*) FILTER (WHERE certificate_id IS NULL AND completed_at IS NOT NULL) FROM deletions`).Scan(&made, &kept, &done))
	require.Equal(t, []int{4, 1, 1}, []int{made, kept, done})
	var forced bool
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT relforcerowsecurity FROM pg_class WHERE oid = 'deletions'::regclass`).Scan(&forced))
	require.True(t, forced)
}
