package specter_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// backup is a copy of every table that holds accounts' rows, in a schema of its own.
type backup struct {
	db     *pgx.Conn
	tables []string
}

// takeBackup copies the tables of the private database.
func takeBackup(t *testing.T, p place) *backup {
	t.Helper()
	url, err := os.ReadFile(filepath.Join(p.dir, "database.url"))
	require.NoError(t, err)
	b := &backup{}
	b.db, err = pgx.Connect(t.Context(), strings.TrimSpace(string(url)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.db.Close(context.Background()) })
	rows, err := b.db.Query(t.Context(), `SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND (c.relname = 'accounts'
			OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'account_id' AND NOT a.attisdropped)) AND c.relname <> 'deletions'`)
	require.NoError(t, err)
	b.tables, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	b.exec(t, `CREATE SCHEMA backup`)
	for _, table := range b.tables {
		b.exec(t, `CREATE TABLE backup.`+table+` AS SELECT * FROM public.`+table)
	}
	return b
}

func (b *backup) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := b.db.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

// restore brings back what is gone, as a restored dump would: without triggers.
func (b *backup) restore(t *testing.T) {
	t.Helper()
	tx, err := b.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica`)
	require.NoError(t, err)
	for _, table := range b.tables {
		var columns string
		require.NoError(t, tx.QueryRow(t.Context(), `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = ('public.' || $1)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`, table).Scan(&columns))
		_, err = tx.Exec(t.Context(), `INSERT INTO public.`+table+` (`+columns+`) OVERRIDING SYSTEM VALUE SELECT `+columns+` FROM backup.`+table+` ON CONFLICT DO NOTHING`)
		require.NoError(t, err, table)
	}
	require.NoError(t, tx.Commit(t.Context()))
}

// rows counts what is left of an account, over all tables.
func (b *backup) rows(t *testing.T, account uuid.UUID) (total int) {
	t.Helper()
	for _, table := range b.tables {
		column := "account_id"
		if table == "accounts" {
			column = "id"
		}
		var n int
		require.NoError(t, b.db.QueryRow(t.Context(), `SELECT count(*) FROM public.`+table+` WHERE `+column+` = $1`, account).Scan(&n))
		total += n
	}
	return total
}

// listed are the deletions as the command tells them to scripts.
type listed struct {
	OnTheirWay   []json.RawMessage     `json:"on_their_way"`
	Certificates []erasure.Certificate `json:"certificates"`
}

func (p place) deletions(t *testing.T) (out listed) {
	t.Helper()
	code, text, errOut := p.specter(t, "deletions", "list", "-o", "json")
	require.Zero(t, code, errOut)
	require.NoError(t, json.Unmarshal([]byte(text), &out))
	return out
}

// awaitCertificates waits until so many deletions are done and none is on its way.
func (p place) awaitCertificates(t *testing.T, n int) []erasure.Certificate {
	t.Helper()
	var got listed
	program.Await(t, startTime, "the certificates", func() bool {
		got = p.deletions(t)
		return len(got.OnTheirWay) == 0 && len(got.Certificates) == n
	})
	return got.Certificates
}

func TestAnOperatorDeletesAnAccountForGood(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, args := range [][]string{{"deletions", "list"}, {"account", "delete", "ann@example.test", "--yes"}} {
		code, _, errOut := p.specter(t, args...)
		require.Equal(t, 2, code, errOut)
		require.Contains(t, errOut, "specter up")
	}
	s := p.up(t)
	defer s.stop(syscall.SIGTERM)
	email := p.facts(t).Email
	saved := takeBackup(t, p)
	var account uuid.UUID
	require.NoError(t, saved.db.QueryRow(t.Context(), `SELECT id FROM accounts`).Scan(&account))

	code, out, errOut := p.specter(t, "deletions", "list")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "No account was deleted, and none is going to be.")
	for want, args := range map[string][]string{
		"add --yes":                            {"account", "delete", email},
		"the address the person signs in with": {"account", "delete", "nobody@example.test", "--yes"},
		"`specter deletions list`":             {"account", "cancel-deletion", email},
		"when everything is gone":              {"deletions", "show", erasure.NewID()},
	} {
		code, _, errOut = p.specter(t, args...)
		require.NotZero(t, code, args)
		require.Contains(t, errOut, want, args)
	}

	// As long as it can be taken back.
	code, out, errOut = p.specter(t, "account", "delete", email, "--grace", "72h", "--yes")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "is closed; everything goes from")
	code, _, errOut = p.specter(t, "account", "delete", email, "--yes")
	require.Equal(t, 4, code, errOut)
	program.Await(t, startTime, "the deletion to be noted", func() bool { return len(p.deletions(t).OnTheirWay) == 1 })
	code, out, errOut = p.specter(t, "deletions", "list")
	require.Zero(t, code, errOut)
	require.Regexp(t, `asked for .* UTC, begins `, out)
	code, out, errOut = p.specter(t, "account", "cancel-deletion", email)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "is open again")
	program.Await(t, startTime, "the deletion to be forgotten", func() bool { return len(p.deletions(t).OnTheirWay) == 0 })

	// Now.
	code, _, errOut = p.specter(t, "account", "delete", email, "--grace", "0s", "--yes")
	require.Zero(t, code, errOut)
	program.Await(t, startTime, "every row to go", func() bool { return saved.rows(t, account) == 0 })
	c := p.awaitCertificates(t, 1)[0]
	require.True(t, c.Subject.Is(account))
	code, document, errOut := p.specter(t, "deletions", "show", c.ID)
	require.Zero(t, code, errOut)
	file := filepath.Join(t.TempDir(), "certificate.json")
	require.NoError(t, os.WriteFile(file, []byte(document), 0o600))
	code, out, errOut = p.specter(t, "deletions", "verify", file, "--account", account.String())
	require.Zero(t, code, errOut)
	require.Contains(t, out, "certificate "+c.ID)
	code, _, errOut = p.specter(t, "deletions", "verify", file, "--account", uuid.NewString())
	require.Equal(t, 4, code, errOut)
	require.Contains(t, errOut, "another account")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(document, `"accounts": 1`, `"accounts": 2`, 1)), 0o600))
	code, _, errOut = p.specter(t, "deletions", "verify", file)
	require.Equal(t, 4, code, errOut)
	require.Contains(t, errOut, "it proves nothing")

	ledger := filepath.Join(p.dir, "deletions.jsonl")
	kept, err := os.ReadFile(ledger)
	require.NoError(t, err)
	code, out, errOut = p.specter(t, "deletions", "export")
	require.Zero(t, code, errOut)
	require.Equal(t, string(kept), out, "the file has what the database has")
	code, out, errOut = p.specter(t, "deletions", "replay", ledger)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "1 certificates read, 0 accounts were back, 0 of them are being deleted again")

	// A backup brings everything back but the certificate.
	saved.restore(t)
	require.Positive(t, saved.rows(t, account))
	require.NoError(t, os.WriteFile(file, append(kept, "half a li"...), 0o600))
	code, out, errOut = p.specter(t, "deletions", "replay", file)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "1 certificates read, 1 accounts were back, 1 of them are being deleted again")
	require.Contains(t, out, "1 lines are no certificate")
	program.Await(t, startTime, "every row to go again", func() bool { return saved.rows(t, account) == 0 })
	p.awaitCertificates(t, 2)
}
