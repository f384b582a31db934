package schema_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/testkit"
)

// lint is a rule that the whole database keeps. Those with a number have the number and the name of Supabase's advisor
// of the same purpose, so that whoever runs the advisors on a Supabase database finds what is said of it here.
type lint struct {
	name string
	// query returns one line a violation. It may read the tables of lintViews.
	query string
	// planted breaks the rule; what is the violation it makes.
	planted, what string
	// but are violations that are meant, and why.
	but map[string]string
}

// lintViews is what the queries stand on: our schemas, relations, functions and policies, and who is granted what.
const lintViews = `
	CREATE TEMP VIEW spaces AS SELECT oid, nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema';
	CREATE TEMP VIEW relations AS
		SELECT c.oid, s.name AS space, c.relname, s.name || '.' || c.relname AS name, c.relkind AS kind, c.relispartition AS part, c.relrowsecurity AS secured,
		       c.relforcerowsecurity AS forced, c.relowner AS owner, c.relacl AS acl, c.reloptions AS options,
		       substring(obj_description(c.oid, 'pg_class') FROM '^writer: ([a-z]+)\. ') AS writer,
		       (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attname = CASE c.oid WHEN 'public.accounts'::regclass THEN 'id' ELSE 'account_id' END) AS tenant
		FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f');
	CREATE TEMP VIEW tables AS SELECT * FROM relations WHERE kind IN ('r', 'p');
	CREATE TEMP VIEW functions AS
		SELECT p.oid, s.name AS space, s.name || '.' || p.proname AS name, p.prosecdef AS definer, p.proconfig AS config, p.proleakproof AS leakproof, p.proowner AS owner,
		       p.proacl AS acl, p.prorettype = 'trigger'::regtype AS is_trigger
		FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace;
	CREATE TEMP VIEW policies AS
		SELECT r.oid AS relation, r.name || '.' || p.polname AS name, p.oid, p.polname, p.polpermissive AS permissive, p.polcmd AS cmd, p.polroles AS roles, r.writer, r.tenant, r.secured,
		       pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS checked
		FROM pg_policy p JOIN relations r ON r.oid = p.polrelid;
	CREATE TEMP VIEW grants AS
		SELECT r.oid, r.name, r.kind, r.owner, coalesce(g.grantee::regrole::text, '') AS role, g.grantee, g.privilege_type AS may, '' AS col
		FROM relations r, aclexplode(coalesce(r.acl, acldefault(CASE r.kind WHEN 'S' THEN 's' ELSE 'r' END::"char", r.owner))) g WHERE g.grantee <> r.owner
		UNION ALL SELECT r.oid, r.name, r.kind, r.owner, coalesce(g.grantee::regrole::text, ''), g.grantee, g.privilege_type, a.attname
		FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND NOT a.attisdropped, aclexplode(a.attacl) g WHERE g.grantee <> r.owner;
	CREATE TEMP VIEW calls AS
		SELECT f.*, g.grantee, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END AS role
		FROM functions f, aclexplode(coalesce(f.acl, acldefault('f', f.owner))) g WHERE g.grantee <> f.owner;`

func (l lint) violations(t *testing.T, tx pgx.Tx) []string {
	t.Helper()
	rows, err := tx.Query(t.Context(), l.query)
	require.NoError(t, err, l.name)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, l.name)
	return found
}

func lints() []lint { return append(append(advisors(), exposure()...), rules()...) }

// A database with all its migrations, and with every partition that may be made, keeps every rule.
func TestTheSchemaKeepsEveryRule(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	_, err := schema.EnsurePartitions(t.Context(), db.Pool(t, "specter_analyzer"), time.Now().AddDate(-2, 0, 0), time.Now().AddDate(0, 3, 0))
	require.NoError(t, err)
	tx, err := db.Owner(t).Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), lintViews)
	require.NoError(t, err)
	for _, l := range lints() {
		unused := map[string]bool{}
		for what := range l.but {
			unused[what] = true
		}
		for _, what := range l.violations(t, tx) {
			delete(unused, what)
			assert.NotEmpty(t, l.but[what], "%s: %s — mend it in a migration, or say in the rule why it is meant", l.name, what)
		}
		assert.Empty(t, unused, "%s: these are no longer so", l.name)
	}
}

// A rule that finds nothing proves something only if it would find it.
func TestEveryRuleFindsWhatBreaksIt(t *testing.T) {
	t.Parallel()
	owner := testkit.Postgres(t).Owner(t)
	for _, l := range lints() {
		tx, err := owner.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), lintViews)
		require.NoError(t, err)
		assert.NotContains(t, l.violations(t, tx), l.what, l.name)
		_, err = tx.Exec(t.Context(), l.planted)
		require.NoError(t, err, l.name)
		assert.Contains(t, l.violations(t, tx), l.what, l.name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
