package schema_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
)

// likeSupabase makes what a Supabase project has before anybody's first migration: the roles of its API, an auth schema,
// and default privileges that grant them whatever its role postgres makes in public.
const likeSupabase = `
	CREATE ROLE anon NOLOGIN NOINHERIT;
	CREATE ROLE authenticated NOLOGIN NOINHERIT;
	CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
	CREATE ROLE authenticator LOGIN NOINHERIT;
	GRANT anon, authenticated, service_role TO authenticator;
	CREATE ROLE postgres LOGIN CREATEROLE CREATEDB REPLICATION BYPASSRLS;
	GRANT anon, authenticated, service_role TO postgres;
	ALTER DATABASE specter OWNER TO postgres;
	GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON TABLES TO postgres, anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON SEQUENCES TO postgres, anon, authenticated, service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON FUNCTIONS TO postgres, anon, authenticated, service_role;
	CREATE SCHEMA auth;
	CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
	ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
	GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
	CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
		SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
	$$;`

// supabase is a migrated database like a Supabase project's, on a server of its own: roles belong to the whole server.
type supabase struct {
	*testkit.DB
	super *pgxpool.Pool // who may do everything
	owner *pgxpool.Pool // Supabase's postgres, which migrates
	api   *pgxpool.Pool // what its API connects as
}

func newSupabase(t *testing.T) supabase {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: testkit.ShortDir(t), Unsafe: true, Log: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	as := func(login string) string {
		u, err := url.Parse(server.URL())
		require.NoError(t, err)
		u.User = url.User(login)
		return u.String()
	}
	open := func(address string) *pgxpool.Pool {
		pool, err := pg.Open(t.Context(), pg.Options{URL: address})
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		return pool
	}
	s := supabase{DB: &testkit.DB{Name: "specter", OwnerURL: as("postgres")}, super: open(server.URL())}
	_, err = s.super.Exec(t.Context(), likeSupabase)
	require.NoError(t, err)
	s.owner = open(s.OwnerURL)
	require.NoError(t, schema.Up(t.Context(), s.OwnerURL))
	s.api = open(as("authenticator"))
	return s
}

// request does what Supabase's API does with one: a transaction in the role of the token, with its claims as settings.
func (s supabase) request(t *testing.T, role, claims string, fn func(tx pgx.Tx)) {
	t.Helper()
	tx, err := s.api.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), `SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`, role, claims)
	require.NoError(t, err)
	fn(tx)
}

func of(user uuid.UUID) string { return fmt.Sprintf(`{"sub": %q, "role": "authenticated"}`, user) }

func TestOnSupabaseEverythingIsClosedToItsAPI(t *testing.T) {
	t.Parallel()
	s := newSupabase(t)
	// What is made later is closed as well: by the services, and by migrations to come.
	_, err := schema.EnsurePartitions(t.Context(), s.Pool(t, "specter_analyzer"), time.Now().AddDate(-1, 0, 0), time.Now())
	require.NoError(t, err)
	_, err = s.owner.Exec(t.Context(), aTable+aTenantPolicy+`CREATE FUNCTION later() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1'`)
	require.NoError(t, err)
	require.NoError(t, schema.Up(t.Context(), s.OwnerURL), "again, for the policies of what is new")

	tx, err := s.super.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), lintViews)
	require.NoError(t, err)
	for _, l := range lints() {
		for _, what := range l.violations(t, tx) {
			if !strings.HasPrefix(what, "auth.") && l.but[what] == "" { // the auth schema is Supabase's
				t.Errorf("%s: %s", l.name, what)
			}
		}
	}
	for _, role := range []string{"anon", "authenticated", "service_role"} {
		for _, sql := range []string{`SELECT FROM products`, `SELECT FROM signals`, `SELECT FROM planted`, `SELECT later()`, `INSERT INTO products DEFAULT VALUES`, `SELECT specter_user()`,
			`SELECT FROM auth_local.users`, `SELECT FROM river_dashboard.river_job`, `SELECT specter_ensure_partitions(now(), now())`, `SELECT * FROM specter_account_ids('00000000-0000-0000-0000-000000000000', 9)`} {
			s.request(t, role, of(uuid.New()), func(tx pgx.Tx) {
				_, err := tx.Exec(t.Context(), sql)
				require.Equal(t, "42501", codeOf(t, err), "%s: %s", role, sql)
			})
		}
	}
}

// After GRANT SELECT … TO authenticated, which is the operator's to give.
func TestOnSupabaseASignedInPersonReadsTheirOwnAccount(t *testing.T) {
	t.Parallel()
	s := newSupabase(t)
	ann, bob, gone := testkit.SeedTenant(t, s.DB), testkit.SeedTenant(t, s.DB), testkit.SeedTenant(t, s.DB)
	for _, sql := range []string{
		`GRANT SELECT ON accounts, products, contexts, signal_blocks, signals, proposals, audit_log TO authenticated, anon`,
		`UPDATE accounts SET closed_at = now() WHERE id = '` + gone.AccountID.String() + `'`,
	} {
		_, err := s.owner.Exec(t.Context(), sql) // BYPASSRLS, as it is there
		require.NoError(t, err)
	}
	seen := func(role, claims string, settings ...string) (ids []uuid.UUID) {
		t.Helper()
		s.request(t, role, claims, func(tx pgx.Tx) {
			for _, sql := range settings {
				_, err := tx.Exec(t.Context(), sql)
				require.NoError(t, err)
			}
			rows, err := tx.Query(t.Context(), `SELECT id FROM accounts UNION ALL SELECT account_id FROM products UNION ALL SELECT account_id FROM contexts UNION ALL SELECT account_id FROM signals`)
			require.NoError(t, err)
			ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			require.NoError(t, err)
		})
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
		return slices.Compact(ids)
	}
	require.Equal(t, []uuid.UUID{ann.AccountID}, seen("authenticated", of(ann.UserID)))
	require.Equal(t, []uuid.UUID{bob.AccountID}, seen("authenticated", of(bob.UserID)))
	require.Equal(t, []uuid.UUID{ann.AccountID}, seen("authenticated", "", `SELECT set_config('request.jwt.claim.sub', '`+ann.UserID.String()+`', true)`), "as older versions of the API say it")
	for name, ids := range map[string][]uuid.UUID{
		"somebody without an account":      seen("authenticated", of(uuid.New())),
		"somebody whose account is closed": seen("authenticated", of(gone.UserID)),
		"a token without a subject":        seen("authenticated", `{"role": "authenticated"}`),
		"no claims":                        seen("authenticated", ""),
		"nobody":                           seen("anon", ""),
		"nobody, with somebody's claims":   seen("anon", of(ann.UserID)),
		"nobody, with an account chosen":   seen("anon", "", `SELECT set_config('specter.account_id', '`+ann.AccountID.String()+`', true)`),
	} {
		require.Empty(t, ids, name)
	}
	require.Equal(t, []uuid.UUID{ann.AccountID}, seen("authenticated", of(ann.UserID), `SELECT set_config('specter.account_id', '`+bob.AccountID.String()+`', true)`), "a person cannot choose")

	// It reads who is asking where auth.uid() does.
	s.request(t, "authenticated", of(ann.UserID), func(tx pgx.Tx) {
		var uid, account uuid.UUID
		require.NoError(t, tx.QueryRow(t.Context(), `SELECT auth.uid(), specter_account()`).Scan(&uid, &account))
		require.Equal(t, ann.UserID, uid)
		require.Equal(t, ann.AccountID, account)
	})
}

// Even where an operator grants everything, a person reads their own rows and writes none.
func TestOnSupabaseASignedInPersonChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSupabase(t)
	p := newProbe(t, s.super)
	ann := uuid.New()
	_, err := s.super.Exec(t.Context(), `UPDATE accounts SET owner_user_id = CASE id WHEN '`+p.a.String()+`' THEN '`+ann.String()+`'::uuid ELSE owner_user_id END`)
	require.NoError(t, err)
	_, err = s.super.Exec(t.Context(), `GRANT ALL ON ALL TABLES IN SCHEMA public TO authenticated`)
	require.NoError(t, err)
	for _, x := range p.tables {
		s.request(t, "authenticated", of(ann), func(tx pgx.Tx) {
			tag, err := tx.Exec(t.Context(), `SELECT FROM `+x.name)
			require.NoError(t, err, x.name)
			assert.EqualValues(t, 1, tag.RowsAffected(), "reading %s", x.name)
			if x.view {
				return
			}
			for _, sql := range []string{fmt.Sprintf(`UPDATE %s SET %s = %[2]s`, x.name, x.tenant), `DELETE FROM ` + x.name} {
				tag, err := tx.Exec(t.Context(), sql)
				require.NoError(t, err, sql)
				assert.Zero(t, tag.RowsAffected(), sql)
			}
			_, err = tx.Exec(t.Context(), fmt.Sprintf(`INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_record(NULL::%[1]s, jsonb_set($1, ARRAY[$2], to_jsonb($3::text)))`, x.name),
				x.ofB, x.tenant, p.a)
			assert.Equal(t, "42501", codeOf(t, err), "adding to %s", x.name)
		})
	}
}

// The service key passes row-level security by, so it has no grants; nothing of ours needs it.
func TestOnSupabaseServicesWorkAsAnywhere(t *testing.T) {
	t.Parallel()
	s := newSupabase(t)
	ann, bob := testkit.SeedTenant(t, s.DB), testkit.SeedTenant(t, s.DB)
	pool := s.Pool(t, "specter_dashboard")
	var ids []uuid.UUID
	require.NoError(t, tenant.Tx(t.Context(), pool, ann.AccountID, func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT account_id FROM products`)
		require.NoError(t, err)
		ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	}))
	require.Equal(t, []uuid.UUID{ann.AccountID}, ids)
	var found uuid.UUID
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT specter_accounts_by_email($1)`, bob.Email).Scan(&found))
	require.Equal(t, bob.AccountID, found)
	_, err := pool.Exec(t.Context(), `SELECT specter_private.account_of_person()`)
	require.Equal(t, "42501", codeOf(t, err), "who a person is, is no service's question")
}

// codeOf is Postgres's code of a refusal, "" of none.
func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	return refused.Code
}
