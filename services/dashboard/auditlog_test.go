package dashboard_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

const auditPath = "/api/v1/account/audit-log"

// audited writes n entries for a tenant and returns somebody who may read them.
func (w *world) audited(tenant testkit.Tenant, n int) *caller {
	w.t.Helper()
	for i := range n {
		w.insert("specter_dashboard", tenant.AccountID, `INSERT INTO audit_log (account_id, at, actor, action, subject_type, subject_id, detail)
			VALUES ($1, $2, 'service:test', 'thing.done', 'thing', $3, jsonb_build_object('ü', $4::int, 'price', 1.50, 'b', '{"x": null}'::jsonb))`,
			tenant.AccountID, w.clock.Now(), uuid.New(), i)
	}
	return w.withToken(tenant.Token)
}

// tamper changes the log as only the owner of the database can, with the guards taken off.
func (w *world) tamper(sql string, args ...any) {
	w.t.Helper()
	tx, err := w.db.Owner(w.t).Begin(w.t.Context())
	require.NoError(w.t, err)
	_, err = tx.Exec(w.t.Context(), `SET LOCAL session_replication_role = replica`)
	require.NoError(w.t, err)
	_, err = tx.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
	require.NoError(w.t, tx.Commit(w.t.Context()))
}

func TestTheAuditLogIsAChainThatShowsWhatWasChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		sql    string
		broken float64
		reason string
	}{
		"another actor":   {`UPDATE audit_log SET actor = 'user:somebody' WHERE account_id = $1 AND seq = 3`, 3, "altered"},
		"another time":    {`UPDATE audit_log SET at = at + interval '1 microsecond' WHERE account_id = $1 AND seq = 4`, 4, "altered"},
		"another detail":  {`UPDATE audit_log SET detail = '{}' WHERE account_id = $1 AND seq = 1`, 1, "altered"},
		"another subject": {`UPDATE audit_log SET subject_id = NULL WHERE account_id = $1 AND seq = 5`, 5, "altered"},
		"an entry taken":  {`DELETE FROM audit_log WHERE account_id = $1 AND seq = 2`, 2, "missing"},
		"taken and numbered anew": {`WITH gone AS (DELETE FROM audit_log WHERE account_id = $1 AND seq = 2)
			UPDATE audit_log SET seq = seq + 93 WHERE account_id = $1 AND seq > 2`, 2, "missing"},
		"rehashed alone": {`UPDATE audit_log l SET actor = 'x', hash = specter_audit_hash(r) FROM audit_log o, LATERAL (SELECT (jsonb_populate_record(o, '{"actor": "x"}')).*) AS r
			WHERE l.account_id = $1 AND l.seq = 2 AND o.account_id = l.account_id AND o.seq = l.seq`, 3, "relinked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant, other := w.tenant(), w.tenant()
			c1, c2 := w.audited(tenant, 5), w.audited(other, 2)
			whole := c1.get(auditPath + "/verify")
			require.Equal(t, true, whole.at("intact"), whole.text)
			require.EqualValues(t, 5, whole.at("entries"))
			require.Equal(t, c1.get(auditPath).str("items.0.hash"), whole.str("head.hash"))

			w.tamper(c.sql, tenant.AccountID)
			r := c1.get(auditPath + "/verify")
			require.Equal(t, false, r.at("intact"), r.text)
			require.Equal(t, c.broken, r.at("first_broken.id"), r.text)
			require.Equal(t, c.reason, r.at("first_broken.reason"), r.text)
			require.Equal(t, true, c2.get(auditPath+"/verify").at("intact"), "the other account's chain is its own")
		})
	}
}

// A chain that was made anew from its beginning is whole; what somebody noted outside tells.
func TestANotedEntryTellsOfALogThatWasWrittenAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.audited(tenant, 4)
	head := c.get(auditPath + "/verify")
	known := fmt.Sprintf("?known=%.0f:%s", head.at("head.id"), head.str("head.hash"))
	w.audited(tenant, 2)
	require.Equal(t, true, c.get(auditPath+"/verify"+known).at("intact"), "a log grows")

	w.tamper(`DELETE FROM audit_log WHERE account_id = $1 AND seq > 3`, tenant.AccountID)
	require.Equal(t, true, c.get(auditPath+"/verify").at("intact"), "nothing shows that the end is gone")
	r := c.get(auditPath + "/verify" + known)
	require.EqualValues(t, 4, r.at("first_broken.id"), r.text)
	require.Equal(t, "missing", r.str("first_broken.reason"))

	w.audited(tenant, 3)
	r = c.get(auditPath + "/verify" + known)
	require.EqualValues(t, 4, r.at("first_broken.id"), r.text)
	require.Equal(t, "replaced", r.str("first_broken.reason"))

	for _, bad := range []string{"4", "4:", "0:" + head.str("head.hash"), "x:" + head.str("head.hash"), "4:" + strings.Repeat("g", 64), "4:abcd"} {
		require.Equal(t, http.StatusBadRequest, c.get(auditPath+"/verify?known="+bad).status, bad)
	}
}

func TestAnEmptyAuditLogIsWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.withToken(w.tenant().Token).get(auditPath + "/verify")
	require.Equal(t, true, r.at("intact"), r.text)
	require.EqualValues(t, 0, r.at("entries"))
	require.Nil(t, r.at("head"))
}

func TestNobodyChangesAnEntryAndTheDashboardTakesNoneOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	w.audited(tenant, 2)
	for _, sql := range []string{`UPDATE audit_log SET actor = 'x'`, `TRUNCATE audit_log`} {
		_, err := w.db.Owner(t).Exec(t.Context(), sql)
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused, sql)
		require.Equal(t, "23001", refused.Code, "%s by the owner", sql)
		require.Equal(t, "42501", w.refusedTo("specter_dashboard", tenant, sql), sql)
	}
	require.Equal(t, "42501", w.refusedTo("specter_dashboard", tenant, `DELETE FROM audit_log`))
	// A deleted account's log goes with it.
	w.insert("specter_retention", tenant.AccountID, `DELETE FROM audit_log`)
	require.EqualValues(t, 0, w.withToken(tenant.Token).get(auditPath+"/verify").at("entries"))
}

// What a writer says of an entry's place and hash is overwritten.
func TestAWriterCannotForgeAnEntrysPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.audited(tenant, 1)
	w.insert("specter_dashboard", tenant.AccountID, `INSERT INTO audit_log (account_id, actor, action, subject_type, seq, prev_hash, hash)
		VALUES ($1, 'a', 'b.c', 'd', 99, sha256('x'), sha256('y'))`, tenant.AccountID)
	require.EqualValues(t, 2, c.get(auditPath).at("items.0.id"))
	require.Equal(t, true, c.get(auditPath+"/verify").at("intact"))
}

func TestEntriesWrittenAtOnceStandInOneChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.tenant(), w.tenant()
	var writers sync.WaitGroup
	const each = 20
	for i := range 8 {
		writers.Go(func() {
			tenant := []testkit.Tenant{one, two}[i%2]
			for n := range each {
				r := w.withToken(tenant.Token).post("/api/v1/products", map[string]any{"name": fmt.Sprint("p", i, n)})
				if r.status != http.StatusCreated {
					t.Error(r.text)
				}
			}
		})
	}
	writers.Wait()
	for _, tenant := range []testkit.Tenant{one, two} {
		r := w.withToken(tenant.Token).get(auditPath + "/verify")
		require.Equal(t, true, r.at("intact"), r.text)
		require.GreaterOrEqual(t, r.at("entries"), float64(4*each))
	}
}

func TestTheAuditLogIsFilteredByWhoWhatAndWhen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/tokens", map[string]any{"name": "CI", "scopes": []string{"products:write", "account:read"}})
	ci := w.withToken(made.str("token"))
	noon := w.clock.Now()
	w.clock.Advance(time.Hour)
	require.Equal(t, http.StatusCreated, ci.post("/api/v1/products", map[string]any{"name": "Shop"}).status)

	actions := func(query string) (out []string) {
		t.Helper()
		r := ann.get(auditPath + query)
		require.Equal(t, http.StatusOK, r.status, r.text)
		for i := range r.list("items") {
			out = append(out, r.str(fmt.Sprintf("items.%d.action", i)))
		}
		return out
	}
	all := actions("")
	require.Subset(t, all, []string{"product.created", "token.created", "session.started"})
	require.Equal(t, []string{"token.created"}, actions("?action=token.created"))
	require.Contains(t, actions("?action=session"), "session.started")
	require.NotContains(t, actions("?action=session"), "token.created")
	require.Empty(t, actions("?action=sess"))
	require.Contains(t, actions("?actor=token"), "product.created")
	require.NotContains(t, actions("?actor=token"), "token.created")
	require.Equal(t, actions("?actor=token"), actions("?actor=token:"+made.str("access_token.id")))
	at := noon.UTC().Format(time.RFC3339Nano)
	require.Equal(t, all, append(actions("?from="+at), actions("?to="+at)...))
	require.NotContains(t, actions("?to="+at), "product.created")
	require.Equal(t, "CI", ann.get(auditPath+"?actor=token").str("items.0.actor_name"))
	require.Equal(t, "ann@example.test", ann.get(auditPath+"?action=token.created").str("items.0.actor_name"))
	require.Equal(t, http.StatusBadRequest, ann.get(auditPath+"?from="+at+"&to="+at).status)
	require.Equal(t, http.StatusBadRequest, ann.get(auditPath+"?from=yesterday").status)
}

// refusedTo runs a statement as a service in a tenant, and returns the code of Postgres's refusal: "" when there is none.
func (w *world) refusedTo(role string, tenant testkit.Tenant, sql string) string {
	w.t.Helper()
	tx, err := w.db.Pool(w.t, role).Begin(w.t.Context())
	require.NoError(w.t, err)
	defer func() { _ = tx.Rollback(w.t.Context()) }()
	_, err = tx.Exec(w.t.Context(), `SELECT set_config('specter.account_id', $1, true)`, tenant.AccountID.String())
	require.NoError(w.t, err)
	_, err = tx.Exec(w.t.Context(), sql)
	var refused *pgconn.PgError
	if err == nil {
		return ""
	}
	require.ErrorAs(w.t, err, &refused)
	return refused.Code
}
