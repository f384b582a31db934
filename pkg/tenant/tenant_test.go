package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestAThousandInterleavedRequestsOfTwoTenantsOverOneConnection(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	a, b := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	pool := db.PoolOf(t, "specter_dashboard", 1)
	stop := errors.New("rolled back")

	var requests sync.WaitGroup
	for worker := range 8 {
		requests.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 7))
			for i := range 125 {
				me := a
				if random.IntN(2) == 0 {
					me = b
				}
				seen, err := products(t.Context(), func(fn func(pgx.Tx) error) error {
					return tenant.Tx(t.Context(), pool, me.AccountID, func(tx pgx.Tx) error {
						if err := fn(tx); err != nil {
							return err
						}
						if i%5 == 0 {
							return stop
						}
						return nil
					})
				})
				if (err != nil && !errors.Is(err, stop)) || len(seen) != 1 || seen[0] != me.ProductID {
					t.Errorf("saw %v, %v", seen, err)
				}
				if i%10 == 0 { // outside a tenant nothing shows
					seen, err := products(t.Context(), func(fn func(pgx.Tx) error) error { return pgx.BeginFunc(t.Context(), pool, fn) })
					if err != nil || len(seen) != 0 {
						t.Errorf("without a tenant saw %v, %v", seen, err)
					}
				}
			}
		})
	}
	requests.Wait()
}

func TestATenantCannotWriteForAnother(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	a, b := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	pool := db.Pool(t, "specter_dashboard")

	err := tenant.Tx(t.Context(), pool, a.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO products (id, account_id, name) VALUES (gen_random_uuid(), $1, 'planted')`, b.AccountID)
		return err
	})
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "42501", refused.Code)

	require.NoError(t, tenant.Tx(t.Context(), pool, a.AccountID, func(tx pgx.Tx) error {
		tag, err := tx.Exec(t.Context(), `UPDATE products SET name = 'defaced' WHERE id = $1`, b.ProductID)
		require.Zero(t, tag.RowsAffected())
		return err
	}))
}

func TestEnterSwitchesTheTenantWithinATransaction(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	a, b := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	require.NoError(t, pgx.BeginFunc(t.Context(), db.Pool(t, "specter_analyzer"), func(tx pgx.Tx) error {
		for _, me := range []testkit.Tenant{a, b, a} {
			require.NoError(t, tenant.Enter(t.Context(), tx, me.AccountID))
			seen, err := products(t.Context(), func(fn func(pgx.Tx) error) error { return fn(tx) })
			require.NoError(t, err)
			require.Equal(t, []uuid.UUID{me.ProductID}, seen)
		}
		require.ErrorIs(t, tenant.Enter(t.Context(), tx, uuid.Nil), tenant.ErrNoAccount)
		return nil
	}))
}

func TestLookupShowsExactlyTheMatchingRow(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	a, b := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	pool := db.PoolOf(t, "specter_dashboard", 1)

	lookups := map[string]struct {
		lookup tenant.Lookup
		table  string
		column string
	}{
		"key":   {tenant.Lookup{KeyHash: a.KeyHash}, "api_keys", "account_id"},
		"token": {tenant.Lookup{TokenHash: apikey.Hash(a.Token)}, "access_tokens", "account_id"},
		"user":  {tenant.Lookup{UserID: a.UserID}, "accounts", "id"},
	}
	for name, c := range lookups {
		var found []uuid.UUID
		require.NoError(t, tenant.LookupTx(t.Context(), pool, c.lookup, func(tx pgx.Tx) error {
			rows, err := tx.Query(t.Context(), fmt.Sprintf(`SELECT %s FROM %s`, c.column, c.table))
			require.NoError(t, err)
			found, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			return err
		}), name)
		require.Equal(t, []uuid.UUID{a.AccountID}, found, name)
		require.NotContains(t, found, b.AccountID)
	}
	require.ErrorIs(t, tenant.LookupTx(t.Context(), pool, tenant.Lookup{}, nil), tenant.ErrNoLookup)
	require.ErrorIs(t, tenant.Tx(t.Context(), pool, uuid.Nil, nil), tenant.ErrNoAccount)
}

// However a transaction ended, the next borrower of its connection finds no tenant and no credential.
func TestAReturnedConnectionHasNoTenantLeft(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	a := testkit.SeedTenant(t, db)
	pool := db.PoolOf(t, "specter_dashboard", 1)
	hash := apikey.Hash("anything")
	everything := tenant.Lookup{TokenHash: hash, SessionHash: hash, KeyHash: hash, ShareHash: hash, UserID: a.UserID, HookProduct: a.ProductID}
	const set = `SELECT coalesce(string_agg(name, ' '), '') FROM unnest(ARRAY['account_id', 'user_id', 'token_hash', 'session_hash', 'key_hash', 'share_hash', 'hook_product']) AS name
		WHERE nullif(current_setting('specter.' || name, true), '') IS NOT NULL`
	stop := errors.New("stop")
	endings := map[string]func(ctx context.Context, cancel func(), tx pgx.Tx) error{
		"committed":   func(context.Context, func(), pgx.Tx) error { return nil },
		"rolled back": func(context.Context, func(), pgx.Tx) error { return stop },
		"failed": func(ctx context.Context, _ func(), tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `SELECT 1 / 0`)
			return err
		},
		"abandoned": func(ctx context.Context, cancel func(), tx pgx.Tx) error {
			cancel()
			_, err := tx.Exec(ctx, `SELECT pg_sleep(60)`)
			return err
		},
		"committed by hand": func(ctx context.Context, _ func(), tx pgx.Tx) error { return errors.Join(tx.Commit(ctx), stop) },
	}
	for name, end := range endings {
		ctx, cancel := context.WithCancel(t.Context())
		within := func(want string) func(tx pgx.Tx) error {
			return func(tx pgx.Tx) error {
				var names string
				require.NoError(t, tx.QueryRow(ctx, set).Scan(&names))
				require.Equal(t, want, names, "within")
				return end(ctx, cancel, tx)
			}
		}
		_ = tenant.Tx(ctx, pool, a.AccountID, within("account_id"))
		left := func() (names string) {
			require.NoError(t, pool.QueryRow(t.Context(), set).Scan(&names))
			return names
		}
		require.Empty(t, left(), name)
		ctx, cancel = context.WithCancel(t.Context())
		_ = tenant.LookupTx(ctx, pool, everything, within("user_id token_hash session_hash key_hash share_hash hook_product"))
		require.Empty(t, left(), name)
		cancel()
	}
}

func TestALookupOfBillingShowsWhoseItIsAndWhatIsDue(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	a, b := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	pool := db.Pool(t, "specter_dashboard")
	now := time.Now()
	for customer, who := range map[string]testkit.Tenant{"cus_a'; --": a, "cus_b": b} {
		settle := now.Add(-time.Minute)
		if who.AccountID == b.AccountID {
			settle = now.Add(time.Minute)
		}
		require.NoError(t, tenant.Tx(t.Context(), pool, who.AccountID, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO billing_accounts (account_id, customer_id, settle_at, created_at) VALUES ($1, $2, $3, now())`, who.AccountID, customer, settle)
			return err
		}))
	}
	for _, l := range []tenant.Lookup{{Customer: "cus_a'; --"}, {BillingDue: now}} {
		var found []uuid.UUID
		require.NoError(t, tenant.LookupTx(t.Context(), pool, l, func(tx pgx.Tx) error {
			rows, err := tx.Query(t.Context(), `SELECT account_id FROM billing_accounts`)
			require.NoError(t, err)
			found, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			return err
		}))
		require.Equal(t, []uuid.UUID{a.AccountID}, found)
		var refused *pgconn.PgError
		require.ErrorAs(t, tenant.LookupTx(t.Context(), pool, l, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO billing_accounts (account_id, settle_at, created_at) VALUES ($1, now(), now())`, b.AccountID)
			return err
		}), &refused, "reading only")
	}
}

func TestALookupOfPurgesShowsThoseThatAreDue(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	pool := db.Pool(t, "specter_retention")
	now := time.Now()
	due := uuid.New()
	for id, at := range map[uuid.UUID]time.Time{due: now.Add(-time.Minute), uuid.New(): now.Add(time.Minute)} {
		account := testkit.SeedTenant(t, db).AccountID
		require.NoError(t, tenant.Tx(t.Context(), pool, account, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO deletions (id, account_id, requested_at, purge_at) VALUES ($1, $2, $3, $3)`, id, account, at)
			return err
		}))
	}
	lookup := tenant.Lookup{PurgesDue: now}
	require.NoError(t, tenant.LookupTx(t.Context(), pool, lookup, func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT id FROM deletions`)
		require.NoError(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		require.Equal(t, []uuid.UUID{due}, found)
		return err
	}))
	require.NoError(t, tenant.LookupTx(t.Context(), pool, lookup, func(tx pgx.Tx) error {
		done, err := tx.Exec(t.Context(), `UPDATE deletions SET cancelled_at = now()`)
		require.Zero(t, done.RowsAffected(), "reading only")
		return err
	}))
	require.NoError(t, tenant.LookupTx(t.Context(), db.Pool(t, "specter_dashboard"), lookup, func(tx pgx.Tx) error {
		var n int
		err := tx.QueryRow(t.Context(), `SELECT count(*) FROM deletions`).Scan(&n)
		require.Zero(t, n, "it is retention's")
		return err
	}))
}

func products(ctx context.Context, in func(func(pgx.Tx) error) error) (ids []uuid.UUID, err error) {
	err = in(func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT id FROM products`)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return ids, err
}
