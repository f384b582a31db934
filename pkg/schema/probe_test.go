package schema_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// A probe is a database in which two tenants have a row in every table, and in which row-level security has to hold alone:
// constraints and triggers, which might refuse something before it does, are taken away.
type probe struct {
	t      *testing.T
	owner  *pgxpool.Pool
	a, b   uuid.UUID
	tables []table
	roles  []string
}

// table is a table of tenants, or a view of such.
type table struct {
	name, tenant string
	view         bool
	ofB          string // B's row as JSON; of a view there is none
}

// sample is what a column of a type is filled with.
var sample = map[string]string{
	"uuid": "gen_random_uuid()", "text": "md5(random()::text)", "bytea": "sha256(random()::text::bytea)", "boolean": "false",
	"smallint": "1", "integer": "1", "bigint": "1", "numeric": "1", "double precision": "0.5", "date": "(now() AT TIME ZONE 'UTC')::date",
	"timestamp with time zone": "now()", "jsonb": "'{}'", "json": "'[]'", "interval": "'1 hour'", "inet": "'192.0.2.1'",
}

// sampleOf is for what the type does not tell: a block of signals holds one.
var sampleOf = map[string]string{
	"signal_blocks.ids": "ARRAY[gen_random_uuid()]", "signal_blocks.at_us": "'{0}'", "signal_blocks.delay_us": "'{0}'", "signal_blocks.type_nos": "'{1}'", "signal_blocks.types": "'{x}'",
	"signal_blocks.sessions": "'{s}'", "signal_blocks.session_nos": "'{1}'", "signal_blocks.flags": "'{0}'", "signal_blocks.payloads": "'[{}]'",
}

func newProbe(t *testing.T, owner *pgxpool.Pool) *probe {
	t.Helper()
	p := &probe{t: t, owner: owner, a: uuid.New(), b: uuid.New()}
	p.strip()
	rows, err := owner.Query(t.Context(), `
		SELECT c.relname, a.attname, c.relkind = 'v' FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = CASE c.relname WHEN 'accounts' THEN 'id' ELSE 'account_id' END
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition ORDER BY 1`)
	require.NoError(t, err)
	p.tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x table, err error) {
		return x, row.Scan(&x.name, &x.tenant, &x.view)
	})
	require.NoError(t, err)
	require.Greater(t, len(p.tables), 45)
	for i, x := range p.tables {
		if !x.view {
			p.fill(x, p.a)
			p.fill(x, p.b)
			require.NoError(t, owner.QueryRow(t.Context(), fmt.Sprintf(`SELECT to_jsonb(x)::text FROM %s x WHERE %s = $1`, x.name, x.tenant), p.b).Scan(&p.tables[i].ofB), x.name)
		}
	}
	rows, err = owner.Query(t.Context(), `SELECT rolname::text FROM pg_roles WHERE rolname ~ '^specter_(analyzer|proposal|verifier|notifier|retention|dashboard|auth|directory)$' ORDER BY 1`)
	require.NoError(t, err)
	p.roles, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Len(t, p.roles, 8)
	return p
}

// strip takes every guard away but row-level security.
func (p *probe) strip() {
	p.t.Helper()
	_, err := p.owner.Exec(p.t.Context(), `DO $$
		DECLARE
			x record;
		BEGIN
			FOR x IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE contype IN ('c', 'f') AND coninhcount = 0 AND conparentid = 0
				AND connamespace = 'public'::regnamespace AND conrelid <> 0 ORDER BY contype DESC LOOP
				EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', x.t, x.conname);
			END LOOP;
			FOR x IN SELECT DISTINCT tgrelid::regclass AS t FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace LOOP
				EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', x.t);
			END LOOP;
		END
		$$`)
	require.NoError(p.t, err)
}

// fill gives an account a row of a table.
func (p *probe) fill(x table, account uuid.UUID) {
	p.t.Helper()
	rows, err := p.owner.Query(p.t.Context(), `SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
		AND attnotnull AND NOT atthasdef AND attidentity = '' AND attgenerated = '' AND attname <> $2`, "public."+x.name, x.tenant)
	require.NoError(p.t, err)
	columns, values := []string{x.tenant}, []string{"$1"}
	var column, kind string
	_, err = pgx.ForEachRow(rows, []any{&column, &kind}, func() error {
		value, special := sampleOf[x.name+"."+column]
		switch {
		case special:
		case strings.HasSuffix(kind, "[]"):
			value = "'{}'"
		default:
			value = sample[kind]
		}
		require.NotEmpty(p.t, value, "%s.%s is a %s: say in sample what such a column is filled with", x.name, column, kind)
		columns, values = append(columns, column), append(values, value)
		return nil
	})
	require.NoError(p.t, err)
	_, err = p.owner.Exec(p.t.Context(), fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, x.name, strings.Join(columns, ", "), strings.Join(values, ", ")), account)
	require.NoError(p.t, err, x.name)
}

// in runs fn in a transaction as a role, with a tenant or none, and forgets what it did.
func (p *probe) in(db interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}, role string, account uuid.UUID, fn func(tx pgx.Tx),
) {
	p.t.Helper()
	tx, err := db.Begin(p.t.Context())
	require.NoError(p.t, err)
	defer func() { _ = tx.Rollback(p.t.Context()) }()
	setting := ""
	if account != uuid.Nil {
		setting = account.String()
	}
	_, err = tx.Exec(p.t.Context(), `SELECT set_config('role', $1, true), set_config('specter.account_id', $2, true)`, role, setting)
	require.NoError(p.t, err)
	fn(tx)
}

// rights is what a role may do with a table, by column.
type rights struct {
	reads          bool
	deletes        bool
	inserts        []string
	updates        string // a column it may read and write; "" is none
	updatesTenants bool
}

func (p *probe) rights(tx pgx.Tx, role string, x table) (r rights) {
	p.t.Helper()
	require.NoError(p.t, tx.QueryRow(p.t.Context(), `
		SELECT has_any_column_privilege($1, $2, 'SELECT'), has_table_privilege($1, $2, 'DELETE'),
			coalesce(array_agg(attname::text) FILTER (WHERE attgenerated = '' AND has_column_privilege($1, attrelid, attnum, 'INSERT')), '{}'),
			coalesce(min(attname::text) FILTER (WHERE attgenerated = '' AND attidentity = '' AND has_column_privilege($1, attrelid, attnum, 'UPDATE') AND has_column_privilege($1, attrelid, attnum, 'SELECT')), ''),
			has_column_privilege($1, $2, $3, 'UPDATE')
		FROM pg_attribute WHERE attrelid = $2::regclass AND attnum > 0 AND NOT attisdropped`, role, "public."+x.name, x.tenant).
		Scan(&r.reads, &r.deletes, &r.inserts, &r.updates, &r.updatesTenants))
	return r
}

// leaks tries everything that a role may do with a table, in the name of A, against B.
func (p *probe) leaks(tx pgx.Tx, role string, x table) (found []string) {
	p.t.Helper()
	leak := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s %s", x.name, role, fmt.Sprintf(format, args...)))
	}
	may := p.rights(tx, role, x)
	rows := func(account uuid.UUID, sql string, args ...any) (n int64, code string) {
		p.in(tx, role, account, func(tx pgx.Tx) {
			tag, err := tx.Exec(p.t.Context(), sql, args...)
			n, code = tag.RowsAffected(), codeOf(p.t, err)
		})
		return n, code
	}
	if may.reads {
		if n, code := rows(p.a, `SELECT FROM `+x.name); n != 1 || code != "" {
			leak("sees %d rows as A: %s", n, code)
		}
		if n, code := rows(uuid.Nil, `SELECT FROM `+x.name); n != 0 || code != "" {
			leak("sees %d rows as nobody: %s", n, code)
		}
	}
	if may.deletes {
		if n, code := rows(p.a, `DELETE FROM `+x.name); n != 1 || code != "" {
			leak("deletes %d rows as A: %s", n, code)
		}
		if n, _ := rows(uuid.Nil, `DELETE FROM `+x.name); n != 0 {
			leak("deletes %d rows as nobody", n)
		}
	}
	if may.updates != "" {
		if n, code := rows(p.a, fmt.Sprintf(`UPDATE %s SET %s = %[2]s`, x.name, may.updates)); n != 1 || code != "" {
			leak("changes %d rows as A: %s", n, code)
		}
	}
	if may.updatesTenants {
		if _, code := rows(p.a, fmt.Sprintf(`UPDATE %s SET %s = $1`, x.name, x.tenant), p.b); code != "42501" {
			leak("gives a row of A to B: %q", code)
		}
	}
	if len(may.inserts) > 0 && !x.view {
		columns := strings.Join(may.inserts, ", ")
		sql := fmt.Sprintf(`INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %[2]s FROM jsonb_populate_record(NULL::%[1]s, $1)`, x.name, columns)
		for _, account := range []uuid.UUID{p.a, uuid.Nil} {
			if _, code := rows(account, sql, x.ofB); code != "42501" {
				leak("adds a row of B as %s: %q", account, code)
			}
		}
	}
	return found
}
