package rig

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// StartLeaving starts what carries deletions out: the dashboard, the auth server and retention.
func (r *Rig) StartLeaving(t testing.TB) {
	t.Helper()
	r.startDashboard(t)
	r.StartRetention(t)
}

// Leavers are the targets of the first n accounts, and stayers those of all others.
func (r *Rig) Leavers(n int) (leavers, stayers []load.Target) {
	var accounts []uuid.UUID
	for _, target := range r.Targets {
		if !slices.Contains(accounts, target.Account) {
			accounts = append(accounts, target.Account)
		}
		if len(accounts) <= n {
			leavers = append(leavers, target)
		} else {
			stayers = append(stayers, target)
		}
	}
	return leavers, stayers
}

// Delete has the deletion of the first n accounts begin at once, as an operator does.
func (r *Rig) Delete(t testing.TB, n int) {
	t.Helper()
	for _, email := range r.owners[:n] {
		program.Start(t, "specter account delete", []string{"SPECTER_DATABASE_URL=" + r.Database.URL()},
			parts.Binary(t, "specter"), "account", "delete", email, "--grace", "0s", "--yes").Wait(t)
	}
}

// AwaitDeleted waits until n certificates are signed and no deletion is left.
func (r *Rig) AwaitDeleted(t testing.TB, n int) {
	t.Helper()
	program.Await(t, SettleLimit, "the deletions to be done", func() bool {
		var done, left int
		r.QueryRow(t, `SELECT (SELECT count(*) FROM deletion_certificates), (SELECT count(*) FROM deletions)`, &done, &left)
		return done == n && left == 0
	})
}

// RowsOf counts the rows of accounts in every table that holds accounts' rows, by table; none are left out.
func (r *Rig) RowsOf(t testing.TB, targets []load.Target) map[string]int {
	t.Helper()
	var accounts []uuid.UUID
	for _, target := range targets {
		accounts = append(accounts, target.Account)
	}
	conn, err := pgx.Connect(t.Context(), r.Database.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'account_id' AND NOT a.attisdropped
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	found := map[string]int{}
	for _, table := range tables {
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` WHERE account_id = ANY($1)`, accounts).Scan(&n))
		if n > 0 {
			found[table] = n
		}
	}
	require.Greater(t, len(tables), 20)
	return found
}

// quietly is how soon rows that come late would be there.
const quietly = 5 * time.Second

// StaysGone requires that no row of the accounts is there, or comes.
func (r *Rig) StaysGone(t testing.TB, targets []load.Target) {
	t.Helper()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for end := time.After(quietly); ; {
		require.Empty(t, r.RowsOf(t, targets))
		select {
		case <-look.C:
		case <-end:
			return
		}
	}
}
