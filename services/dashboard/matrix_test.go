package dashboard_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// bodies are bodies that pass every check, so that only the id decides.
func bodies(url string) map[string]any {
	return map[string]any{
		"updateProduct": map[string]any{"name": "x"}, "createKey": map[string]any{"name": "x"}, "createContext": map[string]any{"name": uuid.NewString()},
		"updateContext": map[string]any{"description": "x"}, "createImport": map[string]any{}, "requestAnalysis": map[string]any{},
		"importSignals":  map[string]any{"signals": []any{map[string]any{"id": uuid.New(), "type": "x", "timestamp": "2026-01-01T00:00:00Z"}}},
		"decideProposal": map[string]any{"decision": "rejected"}, "reportDeployment": map[string]any{}, "rollBackDeployment": map[string]any{},
		"updateDeployment": map[string]any{"version": "x"}, "updateDeployHook": map[string]any{"linked_by": []string{}}, "rotateDeployHookToken": map[string]any{},
		"rotateGitHubSecret": map[string]any{},
		"updateEndpoint":     map[string]any{"description": "x"}, "createEndpoint": map[string]any{"url": url}, "createProduct": map[string]any{"name": "x"},
		"rotateEndpointSecret": map[string]any{}, "recoverEndpoint": map[string]any{"since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)},
		"createShare": map[string]any{},
		"updateKey":   map[string]any{"name": "x"}, "rollKey": map[string]any{"grace": "now"}, "rollToken": map[string]any{"grace": "now"},
		"openCheckout": map[string]any{"price": "price_1"}, "openBillingPortal": map[string]any{},
		"createToken": map[string]any{"name": "x", "scopes": []string{"products:read"}}, "scheduleAccountDeletion": map[string]any{"confirm_email": "nobody@example.test"},
	}
}

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// ids makes one thing of everything in an account.
func (w *world) ids(tenant testkit.Tenant) map[string]string {
	w.t.Helper()
	c := w.withToken(tenant.Token)
	proposal := w.proposal(tenant, "Undecided", 1)
	approved := c.post("/api/v1/proposals/"+w.proposal(tenant, "Approved", 2).String()+"/decision", map[string]any{"decision": "approved"})
	session, signal, analysis := uuid.New(), signalAt(w.clock.Now(), "purchase"), uuid.New()
	w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO analyses (id, account_id, product_id, context_id, trigger, from_at, as_of, outcome, reason, signals_24h, started_at, finished_at)
		VALUES ($1, $2, $3, $4, 'timer', now(), now(), 'nothing_significant', 'Nothing stood out.', 7, now(), now())`, analysis, tenant.AccountID, tenant.ProductID, tenant.ContextID)
	w.block(tenant, signal)
	w.insert("specter_dashboard", tenant.AccountID, `INSERT INTO web_sessions (id, account_id, user_id, session_hash, csrf_token, expires_at) VALUES ($1, $2, $3, $4, 'x', now() + interval '1 day')`,
		session, tenant.AccountID, tenant.UserID, session[:])
	share := uuid.New()
	w.insert("specter_dashboard", tenant.AccountID, `INSERT INTO proof_shares (id, account_id, deployment_id, token_hash, hint, created_by, created_at) VALUES ($1, $2, $3, sha256($4), 'sps_abcd', 'x', now())`,
		share, tenant.AccountID, approved.str("deployment_id"), share[:])
	export := w.archive(tenant, []byte("an archive"))
	endpoint, delivery := c.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/"}).str("endpoint.id"), uuid.New()
	w.delivery(tenant, endpoint, delivery, "proposal.created", "failed", w.clock.Now())
	return map[string]string{
		"product_id": tenant.ProductID.String(), "context_id": tenant.ContextID.String(), "key_id": tenant.KeyID.String(), "token_id": tenant.TokenID.String(),
		"session_id": session.String(), "signal_id": signal.ID.String(), "proposal_id": proposal.String(), "deployment_id": approved.str("deployment_id"),
		"analysis_id": analysis.String(), "share_id": share.String(), "export_id": export.String(),
		"finding_id":  c.get("/api/v1/products/" + tenant.ProductID.String() + "/findings").str("items.0.id"),
		"import_id":   c.post("/api/v1/products/"+tenant.ProductID.String()+"/imports", map[string]any{}).str("id"),
		"endpoint_id": endpoint, "delivery_id": delivery.String(),
	}
}

func fill(path string, ids map[string]string) string {
	return parameter.ReplaceAllStringFunc(path, func(p string) string { return ids[strings.Trim(p, "{}")] })
}

// mixes are all ways to fill a path's parameters with one's own ids and another's, but for all one's own.
func mixes(path string, own, foreign map[string]string) (out []map[string]string) {
	names := parameter.FindAllStringSubmatch(path, -1)
	for bits := 1; bits < 1<<len(names); bits++ {
		mix := map[string]string{}
		for i, name := range names {
			mix[name[1]] = own[name[1]]
			if bits>>i&1 == 1 {
				mix[name[1]] = foreign[name[1]]
			}
		}
		out = append(out, mix)
	}
	return out
}

// TestForeignIdsAreAsAbsentAsInventedOnes walks every operation of the contract that names something, as a hostile owner
// with a session and with a token: another account's id and a random one get the same bytes, also below a product of one's own.
func TestForeignIdsAreAsAbsentAsInventedOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := w.tenant()
	ids := w.ids(victim)
	hostile, person := w.owner("mallory@example.test")
	own := w.ids(hostile)
	before := w.everything(victim.AccountID)
	callers := map[string]*caller{"session": person, "token": w.withToken(hostile.Token)}
	checked := 0
	for _, o := range operations(t) {
		if !strings.Contains(o.path, "{") || o.public { // in a public one the address or a signature is the credential
			continue
		}
		random := map[string]string{}
		for _, name := range parameter.FindAllStringSubmatch(o.path, -1) {
			random[name[1]] = uuid.NewString()
			require.NotEmpty(t, ids[name[1]], "%s names a %s: make one in ids()", o.id, name[1])
		}
		body := bodies("http://127.0.0.1:8080/")[o.id]
		for who, c := range callers {
			c = c.with("X-Request-Id", "same-request")
			invented := c.do(o.method, fill(o.path, random), body)
			require.Equal(t, http.StatusNotFound, invented.status, "%s as %s with ids that nobody has: give it a body that passes its checks in bodies(): %s", o.id, who, invented.text)
			for _, foreign := range append(mixes(o.path, own, ids), mixes(o.path, own, random)...) {
				r := c.do(o.method, fill(o.path, foreign), body)
				require.Equal(t, http.StatusNotFound, r.status, "%s as %s with %v: %s", o.id, who, foreign, r.text)
				require.Equal(t, invented.text, r.text, o.id)
				r.header.Del("Date")
				invented.header.Del("Date")
				require.Equal(t, invented.header, r.header, o.id)
			}
		}
		checked++
	}
	require.Greater(t, checked, 25)
	require.Equal(t, before, w.everything(victim.AccountID), "nothing of the victim's was changed by trying")
}

// everything is a digest of each table's rows of an account.
func (w *world) everything(account uuid.UUID) map[string]string {
	w.t.Helper()
	owner := w.db.Owner(w.t)
	rows, err := owner.Query(w.t.Context(), `SELECT tablename FROM pg_policies WHERE policyname = 'tenant' AND schemaname = 'public' AND tablename <> 'accounts'`)
	require.NoError(w.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	out := map[string]string{}
	for _, table := range tables {
		var digest string
		require.NoError(w.t, owner.QueryRow(w.t.Context(), fmt.Sprintf(`SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, chr(10) ORDER BY x::text)), '') FROM %s x WHERE account_id = $1`, table), account).Scan(&digest))
		out[table] = digest
	}
	return out
}

// TestListsHoldOnesOwnOnly reads every list of the account as each of two tenants.
func TestListsHoldOnesOwnOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.tenant(), w.tenant()
	ofOne, ofTwo := w.ids(one), w.ids(two)
	for _, o := range operations(t) {
		if o.method != http.MethodGet || o.public || o.scope == "" || strings.HasSuffix(o.path, "/stream") {
			continue
		}
		text := w.withToken(one.Token).get(fill(o.path, ofOne))
		require.Equal(t, http.StatusOK, text.status, "%s: %s", o.id, text.text)
		for name, id := range ofTwo {
			require.NotContains(t, text.text, id, "%s shows the other's %s", o.id, name)
		}
	}
}

// TestEveryOperationAsksForItsScope walks the contract with nothing, with an ingest key, and with
// a token that has every scope but the operation's.
func TestEveryOperationAsksForItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	ids := w.ids(tenant)
	tokens := map[string]string{}
	for _, missing := range allScopes() {
		var scopes []string
		for _, s := range allScopes() {
			if s != missing {
				scopes = append(scopes, s)
			}
		}
		r := w.withToken(tenant.Token).post("/api/v1/tokens", map[string]any{"name": missing, "scopes": scopes})
		require.Equal(t, http.StatusCreated, r.status, r.text)
		tokens[missing] = r.str("token")
	}
	for _, o := range operations(t) {
		if o.public {
			continue
		}
		path, body := fill(o.path, ids), bodies("")[o.id]
		require.Equal(t, "missing_key", w.anonymous().do(o.method, path, body).str("code"), o.id)
		require.Equal(t, "key_scope", w.withToken(tenant.Key).do(o.method, path, body).str("code"), o.id)
		require.Equal(t, "invalid_key", w.withToken("spt_"+strings.Repeat("x", 36)).do(o.method, path, body).str("code"), o.id)
		lacking := tokens[o.scope]
		if o.scope == "" {
			lacking = tenant.Token // for signed-in people only, whatever the scopes
		}
		r := w.withToken(lacking).do(o.method, path, body)
		require.Equal(t, http.StatusForbidden, r.status, fmt.Sprint(o.id, " ", r.text))
		require.Equal(t, "key_scope", r.str("code"), o.id)
	}
}
