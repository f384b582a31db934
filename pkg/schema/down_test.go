package schema_test

import (
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
)

// plainOwner is the URL of a login that owns the database and may make roles, and is no
// superuser: row-level security applies to it, as it should in production.
func plainOwner(t *testing.T, db *testkit.DB) string {
	t.Helper()
	name := db.Name + "_owner"
	for _, sql := range []string{`CREATE ROLE ` + name + ` CREATEROLE NOBYPASSRLS`, `ALTER DATABASE ` + db.Name + ` OWNER TO ` + name} {
		_, err := db.Owner(t).Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	u, err := url.Parse(db.OwnerURL)
	require.NoError(t, err)
	q := u.Query()
	q.Set("role", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// ladder goes up and down the migrations a step at a time.
type ladder struct {
	t        *testing.T
	provider *goose.Provider
	versions []int64
}

func newLadder(t *testing.T, owner *pgxpool.Pool) ladder {
	t.Helper()
	sqlDB := stdlib.OpenDBFromPool(owner)
	t.Cleanup(func() { require.NoError(t, sqlDB.Close()) })
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, os.DirFS("migrations"))
	require.NoError(t, err)
	l := ladder{t: t, provider: provider}
	for _, source := range provider.ListSources() {
		l.versions = append(l.versions, source.Version)
	}
	return l
}

func (l ladder) apply(version int64, up bool) {
	l.t.Helper()
	_, err := l.provider.ApplyVersion(l.t.Context(), version, up)
	require.NoError(l.t, err, "version %d, up %v", version, up)
}

// catalog lists what migrations make, partitions apart: they come with time.
func catalog(t *testing.T, owner *pgxpool.Pool) []string {
	t.Helper()
	rows, err := owner.Query(t.Context(), `
		WITH spaces AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'auth_local')),
		things AS (SELECT s.nspname || '.' || c.relname AS name, c.* FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relname <> 'goose_db_version'),
		functions AS (SELECT p.oid::regprocedure::text AS name, p.* FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace)
		SELECT format('%s is a %s of %s, secured %s %s: %s', name, relkind, relowner::regrole, relrowsecurity, relforcerowsecurity, obj_description(oid, 'pg_class')) FROM things
		UNION ALL SELECT format('%s: %s may %s', name, CASE grantee WHEN 0 THEN 'anybody' ELSE grantee::regrole::text END, privilege_type)
			FROM things, aclexplode(coalesce(relacl, acldefault('r', relowner)))
		UNION ALL SELECT format('%s.%s is a %s, required %s, default %s, storage %s', name, attname, format_type(atttypid, atttypmod), attnotnull,
				(SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = things.oid AND d.adnum = attnum), attstorage)
			FROM things JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT format('%s.%s: %s may %s', name, attname, grantee::regrole, privilege_type)
			FROM things JOIN pg_attribute ON attrelid = oid AND NOT attisdropped, aclexplode(attacl)
		UNION ALL SELECT pg_get_indexdef(indexrelid) FROM things JOIN pg_index ON indrelid = oid
		UNION ALL SELECT format('%s: %s %s', name, conname, pg_get_constraintdef(k.oid)) FROM things JOIN pg_constraint k ON conrelid = things.oid
		UNION ALL SELECT format('%s reads %s', name, pg_get_viewdef(oid)) FROM things WHERE relkind = 'v'
		UNION ALL SELECT format('%s.%s: policy %s for %s of %s: %s, %s', schemaname, tablename, policyname, cmd, roles, qual, with_check) FROM pg_policies WHERE schemaname IN ('public', 'auth_local')
		UNION ALL SELECT format('%s is of %s: %s', name, proowner::regrole, pg_get_functiondef(oid)) FROM functions
		UNION ALL SELECT format('%s: %s may %s', name, CASE grantee WHEN 0 THEN 'anybody' ELSE grantee::regrole::text END, privilege_type)
			FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner)))
		UNION ALL SELECT 'the owner is a member of specter_directory' FROM pg_auth_members WHERE roleid = to_regrole('specter_directory') AND member = current_user::regrole
		ORDER BY 1`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

// What a Down leaves is what was there before its Up: tables, columns, indexes, functions,
// policies, and who may do what with them.
func TestEveryMigrationGoesDownAndUpAgain(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	owner, err := pg.Open(t.Context(), pg.Options{URL: plainOwner(t, db)})
	require.NoError(t, err)
	defer owner.Close()
	l := newLadder(t, owner)
	before := make(map[int64][]string)
	for _, version := range l.versions {
		before[version] = catalog(t, owner)
		l.apply(version, true)
	}
	top := catalog(t, owner)
	for i := len(l.versions) - 1; i >= 0; i-- {
		l.apply(l.versions[i], false)
		assert.Equal(t, before[l.versions[i]], catalog(t, owner), "after the Down of %d", l.versions[i])
	}
	for _, version := range l.versions {
		l.apply(version, true)
	}
	require.Equal(t, top, catalog(t, owner))
}

// A login that is no superuser is bound by row-level security like everybody else, though it
// owns the tables.
func TestTheOwnerSeesNoAccountWithoutItsTenant(t *testing.T) {
	t.Parallel()
	db := testkit.EmptyPostgres(t)
	ownerURL := plainOwner(t, db)
	require.NoError(t, schema.Up(t.Context(), ownerURL))
	who := testkit.SeedTenant(t, db)
	owner, err := pg.Open(t.Context(), pg.Options{URL: ownerURL})
	require.NoError(t, err)
	defer owner.Close()
	var accounts int
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(*) FROM accounts`).Scan(&accounts))
	require.Zero(t, accounts)
	require.NoError(t, db.Pool(t, "specter_dashboard").QueryRow(t.Context(), `SELECT count(*) FROM specter_accounts_by_email($1)`, who.Email).Scan(&accounts))
	require.Equal(t, 1, accounts, "the functions of the directory still do")
}

// The signals stay, and services find them, at every version on the way down and up again
// that keeps any.
func TestSignalsAreFoundOnTheWayDownAndUpAgain(t *testing.T) {
	t.Parallel()
	const keptFrom, foundFrom = 8, 12
	db := testkit.EmptyPostgres(t)
	ownerURL := plainOwner(t, db)
	require.NoError(t, schema.Up(t.Context(), ownerURL))
	owner, err := pg.Open(t.Context(), pg.Options{URL: ownerURL})
	require.NoError(t, err)
	defer owner.Close()
	who, other := testkit.SeedTenant(t, db), testkit.SeedTenant(t, db)
	services := map[string]*pgxpool.Pool{"specter_analyzer": db.Pool(t, "specter_analyzer"), "specter_dashboard": db.Pool(t, "specter_dashboard")}
	mine, imported, at := uuid.Must(uuid.NewV7()), uuid.New(), time.Now().UTC().Truncate(time.Hour)
	err = tenant.Tx(t.Context(), services["specter_analyzer"], who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO signal_blocks (account_id, product_id, context_id, block_id, first_at, last_at, n, types, ids, at_us, delay_us, type_nos, sessions, session_nos, flags, payloads)
			VALUES ($1, $2, $3, gen_random_uuid(), $4, $4, 2, '{purchase}', ARRAY[$5::uuid, $6], '{0,0}', '{1500,0}', '{1,1}', '{s1}', '{1,0}', '{0,16}', '[{"a": 1},{}]')`,
			who.AccountID, who.ProductID, who.ContextID, at, mine, imported)
		if err != nil {
			return err
		}
		_, err = tx.Exec(t.Context(), `INSERT INTO imported_ids (account_id, id, occurred_at) VALUES ($1, $2, $3)`, who.AccountID, imported, at)
		return err
	})
	require.NoError(t, err)
	read := func(service string, account uuid.UUID, from string, args ...any) (list []string) {
		t.Helper()
		err := tenant.Tx(t.Context(), services[service], account, func(tx pgx.Tx) error {
			rows, err := tx.Query(t.Context(), `SELECT concat_ws('|', account_id, product_id, context_id, id, type, payload, occurred_at, received_at, session_id, source, imported) FROM `+from+` ORDER BY id`, args...)
			if err != nil {
				return err
			}
			list, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
		require.NoError(t, err, "%s reads %s", service, from)
		return list
	}
	stored := read("specter_dashboard", who.AccountID, "signals")
	require.Len(t, stored, 2)
	check := func(version int64) {
		t.Helper()
		require.Equal(t, stored, read("specter_dashboard", who.AccountID, "signals"), "at %d", version)
		require.Empty(t, read("specter_dashboard", other.AccountID, "signals"), "at %d", version)
		if version < foundFrom {
			return
		}
		for service := range services {
			for _, id := range []uuid.UUID{mine, imported} {
				require.Len(t, read(service, who.AccountID, "specter_find_signal($1)", id), 1, "at %d", version)
				require.Empty(t, read(service, other.AccountID, "specter_find_signal($1)", id), "at %d", version)
			}
		}
	}
	l := newLadder(t, owner)
	top := len(l.versions) - 1
	check(l.versions[top])
	lowest := slices.Index(l.versions, keptFrom)
	for i := top; i > lowest; i-- {
		l.apply(l.versions[i], false)
		check(l.versions[i-1])
	}
	for i := lowest + 1; i <= top; i++ {
		l.apply(l.versions[i], true)
		check(l.versions[i])
	}
}
