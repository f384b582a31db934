package dashboard_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/proto/openapi"
)

// operation is one line of the contract.
type operation struct {
	method, path, id, scope string
	public                  bool
}

func operations(t *testing.T) []operation {
	t.Helper()
	var contract struct {
		Paths map[string]map[string]struct {
			ID       string                 `yaml:"operationId"`
			Scope    string                 `yaml:"x-scope"`
			Security *[]map[string][]string `yaml:"security"`
		} `yaml:"paths"`
	}
	require.NoError(t, yaml.Unmarshal(openapi.Dashboard, &contract))
	var out []operation
	for path, methods := range contract.Paths {
		for method, o := range methods {
			out = append(out, operation{strings.ToUpper(method), path, o.ID, o.Scope, o.Security != nil && len(*o.Security) == 0})
		}
	}
	require.Greater(t, len(out), 40)
	return out
}

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

// TestForeignIdsAreAsAbsentAsInventedOnes walks every operation of the contract that names
// something, as a hostile tenant: another account's id and a random one get the same bytes.
func TestForeignIdsAreAsAbsentAsInventedOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	ids := w.ids(victim)
	c := w.withToken(hostile.Token).with("X-Request-Id", "same-request")
	own := c.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/"}).str("endpoint.id")
	checked := 0
	for _, o := range operations(t) {
		if !strings.Contains(o.path, "{") || o.public { // in a public one the address or a signature is the credential
			continue
		}
		random := map[string]string{}
		for name := range ids {
			random[name] = uuid.NewString()
		}
		// With a product of one's own, a foreign key of it must be absent too.
		mixed := map[string]string{}
		for name, id := range ids {
			mixed[name] = id
		}
		if strings.Count(o.path, "{") > 1 {
			mixed["product_id"], mixed["endpoint_id"] = hostile.ProductID.String(), own
		}
		body := bodies("http://127.0.0.1:8080/")[o.id]
		invented := c.do(o.method, fill(o.path, random), body)
		require.Equal(t, http.StatusNotFound, invented.status, "%s: %s", o.id, invented.text)
		for _, foreign := range []map[string]string{ids, mixed} {
			r := c.do(o.method, fill(o.path, foreign), body)
			require.Equal(t, http.StatusNotFound, r.status, "%s: %s", o.id, r.text)
			require.Equal(t, invented.text, r.text, o.id)
			r.header.Del("Date")
			invented.header.Del("Date")
			require.Equal(t, invented.header, r.header, o.id)
		}
		checked++
	}
	require.Greater(t, checked, 25)

	// And nothing of the victim's was changed by trying.
	owner := w.withToken(victim.Token)
	require.Equal(t, http.StatusOK, owner.get("/api/v1/products/"+ids["product_id"]).status)
	require.Equal(t, "pending", owner.get("/api/v1/proposals/"+ids["proposal_id"]).str("status"))
	require.Equal(t, "planned", owner.get("/api/v1/deployments/"+ids["deployment_id"]).str("status"))
	require.Equal(t, http.StatusOK, owner.get("/api/v1/webhook-endpoints/"+ids["endpoint_id"]).status)
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
