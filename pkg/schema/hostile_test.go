package schema_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// Two hostile tenants, every role, every table and view, everything that the role may do.
func TestNoRoleReachesAnotherTenantsRows(t *testing.T) {
	t.Parallel()
	p := newProbe(t, testkit.Postgres(t).Owner(t))
	require.NoError(t, pgx.BeginFunc(t.Context(), p.owner, func(tx pgx.Tx) error {
		for _, x := range p.tables {
			for _, role := range p.roles {
				for _, found := range p.leaks(tx, role, x) {
					if x.name == "accounts" && role == "specter_directory" {
						continue // it is there to see every account's id; TestTheDirectoryTellsIdsAlone holds it
					}
					t.Error(found)
				}
			}
		}
		return nil
	}))
}

// The probe is worth something only if it finds a policy that lost one of its sides.
func TestTheProbeFindsEveryPolicyThatLostASide(t *testing.T) {
	t.Parallel()
	p := newProbe(t, testkit.Postgres(t).Owner(t))
	found := func(x table, sql string) (leaks int) {
		tx, err := p.owner.Begin(t.Context())
		require.NoError(t, err)
		defer func() { _ = tx.Rollback(t.Context()) }()
		_, err = tx.Exec(t.Context(), fmt.Sprintf(sql, x.name))
		require.NoError(t, err)
		for _, role := range p.roles {
			if role != "specter_directory" {
				leaks += len(p.leaks(tx, role, x))
			}
		}
		return leaks
	}
	for _, x := range p.tables {
		if x.view {
			require.Positive(t, found(x, `ALTER VIEW %s SET (security_invoker = false)`), "%s of its privileged owner", x.name)
			continue
		}
		require.Positive(t, found(x, `ALTER POLICY tenant ON %s WITH CHECK (true)`), "%s without WITH CHECK", x.name)
		require.Positive(t, found(x, `ALTER POLICY tenant ON %s USING (true)`), "%s without USING", x.name)
		require.Positive(t, found(x, `ALTER TABLE %s DISABLE ROW LEVEL SECURITY`), "%s without row-level security", x.name)
		require.Positive(t, found(x, `CREATE POLICY more ON %s USING (true)`), "%s with a second permissive policy", x.name)
	}
}

// What is over may be seen, and deleted, by retention alone and without a tenant; what is not may not.
func TestRetentionSeesWhatIsOverAndNothingElse(t *testing.T) {
	t.Parallel()
	p := newProbe(t, testkit.Postgres(t).Owner(t))
	rows, err := p.owner.Query(t.Context(), `SELECT tablename, qual FROM pg_policies WHERE policyname = 'by_age' ORDER BY 1`)
	require.NoError(t, err)
	var name, qual string
	ages := map[string]string{}
	_, err = pgx.ForEachRow(rows, []any{&name, &qual}, func() error { ages[name] = qual; return nil })
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(ages), 5)
	for name, qual := range ages {
		var column, age string
		n, err := fmt.Sscanf(qual, "(%s < (now() - '%s", &column, &age)
		require.Equal(t, 2, n, "%s: %s %v", name, qual, err)
		_, err = p.owner.Exec(t.Context(), fmt.Sprintf(`UPDATE %s SET %s = now() - interval '25 months' WHERE account_id = $1`, name, column), p.b)
		require.NoError(t, err)
		for _, role := range p.roles {
			var may bool
			require.NoError(t, p.owner.QueryRow(t.Context(), `SELECT has_table_privilege($1, $2, 'SELECT')`, role, name).Scan(&may))
			if !may {
				continue
			}
			p.in(p.owner, role, uuid.Nil, func(tx pgx.Tx) {
				rows, err := tx.Query(t.Context(), `SELECT account_id FROM `+name)
				require.NoError(t, err)
				seen, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
				require.NoError(t, err)
				if role == "specter_retention" {
					require.Equal(t, []uuid.UUID{p.b}, seen, name)
				} else {
					require.Empty(t, seen, "%s as %s", name, role)
				}
			})
		}
	}
}

// A credential shows the one row it is of, to the dashboard, for reading; another's shows nothing of it.
func TestACredentialShowsTheRowItIsOf(t *testing.T) {
	t.Parallel()
	p := newProbe(t, testkit.Postgres(t).Owner(t))
	for _, c := range []struct{ table, tenant, column, setting string }{
		{"accounts", "id", "owner_user_id::text", "user_id"},
		{"web_sessions", "account_id", "encode(session_hash, 'hex')", "session_hash"},
		{"access_tokens", "account_id", "encode(token_hash, 'hex')", "token_hash"},
		{"api_keys", "account_id", "encode(key_hash, 'hex')", "key_hash"},
		{"proof_shares", "account_id", "encode(token_hash, 'hex')", "share_hash"},
		{"deploy_hooks", "account_id", "product_id::text", "hook_product"},
	} {
		var credential string
		require.NoError(t, p.owner.QueryRow(t.Context(), fmt.Sprintf(`SELECT %s FROM %s WHERE %s = $1`, c.column, c.table, c.tenant), p.b).Scan(&credential))
		for _, role := range p.roles {
			p.in(p.owner, role, uuid.Nil, func(tx pgx.Tx) {
				_, err := tx.Exec(t.Context(), `SELECT set_config('specter.' || $1, $2, true)`, c.setting, credential)
				require.NoError(t, err)
				rows, err := tx.Query(t.Context(), fmt.Sprintf(`SELECT %s FROM %s`, c.tenant, c.table))
				require.NoError(t, err)
				seen, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
				switch {
				case role == "specter_dashboard":
					require.NoError(t, err)
					require.Equal(t, []uuid.UUID{p.b}, seen, c.table)
					tag, err := tx.Exec(t.Context(), fmt.Sprintf(`UPDATE %s SET created_at = created_at`, c.table))
					if codeOf(t, err) != "42501" {
						require.Zero(t, tag.RowsAffected(), "%s is shown for reading", c.table)
					}
				case role == "specter_directory" && c.table == "accounts":
					require.Len(t, seen, 2)
				case codeOf(t, err) != "42501":
					require.Empty(t, seen, "%s as %s", c.table, role)
				}
			})
		}
	}
}

// The directory's rights are in two functions, which tell ids. On a server of its own: roles belong to the whole cluster,
// and another test's migration makes its login a member for a moment.
func TestTheDirectoryTellsIdsAlone(t *testing.T) {
	t.Parallel()
	rows, err := newSupabase(t).owner.Query(t.Context(), `
		SELECT 'column ' || attname FROM pg_attribute WHERE attrelid = 'accounts'::regclass AND attnum > 0 AND has_column_privilege('specter_directory', attrelid, attnum, 'SELECT')
		UNION ALL SELECT 'table ' || oid::regclass FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND relnamespace = 'public'::regnamespace AND oid <> 'accounts'::regclass
			AND has_any_column_privilege('specter_directory', oid, 'SELECT')
		UNION ALL SELECT pg_get_function_result(oid) || ' from ' || oid::regprocedure FROM pg_proc WHERE proowner = 'specter_directory'::regrole
		UNION ALL SELECT 'member ' || member::regrole FROM pg_auth_members WHERE roleid = 'specter_directory'::regrole
		ORDER BY 1`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		"TABLE(account_id uuid) from specter_account_ids(uuid,integer)", "TABLE(account_id uuid) from specter_accounts_by_email(text)",
		"column closed_at", "column email", "column id", "column owner_user_id", "uuid from specter_private.account_of_person()",
	}, all)
}

// A partition that is addressed by its own name shows nothing, and COPY into a table of tenants is refused.
func TestPartitionsAndCopyAreNoWayAround(t *testing.T) {
	t.Parallel()
	p := newProbe(t, testkit.Postgres(t).Owner(t))
	rows, err := p.owner.Query(t.Context(), `SELECT c.oid::regclass::text FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace`)
	require.NoError(t, err)
	parts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, parts)
	for _, part := range parts {
		for _, role := range p.roles {
			p.in(p.owner, role, p.a, func(tx pgx.Tx) {
				_, err := tx.Exec(t.Context(), `SELECT FROM `+part)
				require.Equal(t, "42501", codeOf(t, err), "%s as %s", part, role)
			})
		}
	}
	for _, table := range []string{"signal_ids", "signal_blocks", "rollup_hourly"} {
		p.in(p.owner, "specter_analyzer", p.a, func(tx pgx.Tx) {
			_, err := tx.Exec(t.Context(), fmt.Sprintf(`COPY %s FROM STDIN`, table))
			require.Equal(t, "0A000", codeOf(t, err), table)
		})
	}
}
