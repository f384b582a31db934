package dashboard_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// verified is a deployment of the tenant with a recorded verification, as the verifier stores it.
func (w *world) verified(tenant testkit.Tenant, title, recording string) (deployment string) {
	w.t.Helper()
	c := w.withToken(tenant.Token)
	approved := c.post("/api/v1/proposals/"+w.proposal(tenant, title, 1).String()+"/decision", map[string]any{"decision": "approved"})
	deployment = approved.str("deployment_id")
	require.Equal(w.t, http.StatusOK, c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{"version": "2.14.0", "commit": "0123456789abcdef", "url": "https://git.example.test/1"}).status)
	text, err := os.ReadFile("internal/proof/testdata/" + recording + ".json")
	require.NoError(w.t, err)
	var r struct {
		Status               string
		Plan, Result, Inputs json.RawMessage
		Looks                []struct {
			Day    int
			AsOf   time.Time `json:"as_of"`
			Result json.RawMessage
		}
	}
	require.NoError(w.t, json.Unmarshal(text, &r))
	verification := uuid.New()
	var decided *time.Time
	if r.Status != "collecting" {
		decided = &r.Looks[len(r.Looks)-1].AsOf
	}
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, result, registered_at, decided_at)
		VALUES ($1, $2, $3, $4, $5, $6, now(), $7, 'pcf/1', $8, $9, now(), $10)`,
		verification, tenant.AccountID, tenant.ProductID, tenant.ContextID, deployment, approved.str("id"), string(r.Plan), r.Status, string(r.Result), decided)
	for _, l := range r.Looks {
		w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verification_looks (account_id, verification_id, revision, look_day, as_of, inputs, result, result_sha256, created_at)
			VALUES ($1, $2, 1, $3, $4, $5, $6, sha256('x'), now())`, tenant.AccountID, verification, l.Day, l.AsOf, string(r.Inputs), string(l.Result))
	}
	return deployment
}

// shared makes a link to a deployment's proof and returns its id and path.
func (c *caller) shared(deployment string, body map[string]any) (id, path string) {
	c.w.t.Helper()
	r := c.post("/api/v1/deployments/"+deployment+"/shares", body)
	require.Equal(c.w.t, http.StatusCreated, r.status, r.text)
	return r.str("share.id"), r.str("path")
}

func TestALinkShowsTheProofToWhoeverHoldsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	owner := w.withToken(tenant.Token)
	deployment := w.verified(tenant, "Make <b>#pay</b> respond", "improved")
	id, path := owner.shared(deployment, map[string]any{})
	require.Regexp(t, `^/proof/sps_[0-9A-Za-z]{36}$`, path)

	page := w.anonymous().get(path)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.text, "Make &lt;b&gt;#pay&lt;/b&gt; respond")
	require.Contains(t, page.text, "Improved")
	require.Contains(t, page.text, "before 5967 positive and 2720 negative in 28 days, after 1768 and 338 in 7 days")
	require.Equal(t, "text/html; charset=UTF-8", page.header.Get("Content-Type"))
	for _, secret := range []string{deployment, id, tenant.AccountID.String(), tenant.ProductID.String(), tenant.ContextID.String(), tenant.UserID.String(), tenant.TokenID.String(), "0123456789abcdef", "git.example.test"} {
		require.NotContains(t, page.text, secret)
	}

	require.NotRegexp(t, `\w@\w`, page.text, "nobody's address")
	for ending, want := range map[string]string{".md": "text/markdown; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".csv": "text/csv; charset=utf-8"} {
		r := w.anonymous().get(path + ending)
		require.Equal(t, http.StatusOK, r.status, ending)
		require.Equal(t, want, r.header.Get("Content-Type"))
		own := owner.get("/api/v1/deployments/" + deployment + "/report?format=" + ending[1:])
		require.Equal(t, http.StatusOK, own.status, own.text)
		require.Equal(t, own.text, r.text, "what an owner reads is what a link shows")
		require.Equal(t, want, own.header.Get("Content-Type"))
	}
	require.Equal(t, owner.get("/api/v1/deployments/"+deployment+"/report").text, owner.get("/api/v1/deployments/"+deployment+"/report?format=json").text)
	require.Equal(t, http.StatusBadRequest, owner.get("/api/v1/deployments/"+deployment+"/report?format=pdf").status)

	// The JSON is the contract's, without a field more.
	d := json.NewDecoder(strings.NewReader(w.anonymous().get(path + ".json").text))
	d.DisallowUnknownFields()
	var proof dashboardapi.Proof
	require.NoError(t, d.Decode(&proof))
	require.Equal(t, dashboardapi.ProofStatusImproved, proof.Status)
	require.Len(t, proof.Looks, 7)
	require.NotNil(t, proof.Effect.MinimumDetectable)
	require.Len(t, *proof.ResultSha256, 64)
	requireXML(t, w.anonymous().get(path+".svg").text)

	head, err := w.anonymous().http.Head(w.url + path)
	require.NoError(t, err)
	require.NoError(t, head.Body.Close())
	require.Equal(t, http.StatusOK, head.StatusCode)
}

func requireXML(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestEveryAnswerAtALinksAddressIsPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	_, path := w.withToken(tenant.Token).shared(w.verified(tenant, "One", "improved"), map[string]any{})
	for _, at := range []string{path, path + ".md", path + ".json", path + ".svg", path + ".csv", "/proof/wrong", path + ".exe"} {
		h := w.anonymous().get(at).header
		require.Equal(t, "no-store", h.Get("Cache-Control"), at)
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"), at)
		require.Contains(t, h.Get("X-Robots-Tag"), "noindex", at)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), at)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), at)
		require.Empty(t, h.Values("Set-Cookie"), at)
		require.Empty(t, h.Get("ETag"), at)
		require.Empty(t, h.Get("Access-Control-Allow-Origin"), at)
		policy := h.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", at)
		require.NotContains(t, policy, "script", at)
		require.NotContains(t, policy, "unsafe", at)
		require.NotContains(t, policy, "http", at)
	}
}

// TestLinksThatOpenNothingAreAlike gets the same bytes for every reason.
func TestLinksThatOpenNothingAreAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, closing := w.tenant(), w.tenant()
	owner := w.withToken(tenant.Token)
	deployment := w.verified(tenant, "One", "improved")
	revokedID, revoked := owner.shared(deployment, map[string]any{})
	_, expired := owner.shared(deployment, map[string]any{"expires_at": w.clock.Now().Add(time.Hour)})
	_, open := owner.shared(deployment, map[string]any{})
	_, closed := w.withToken(closing.Token).shared(w.verified(closing, "Two", "improved"), map[string]any{})
	visitor := w.anonymous().with("X-Request-Id", "same-request")
	for _, path := range []string{revoked, expired, open, closed} {
		require.Equal(t, http.StatusOK, visitor.get(path).status)
	}

	require.Equal(t, http.StatusNoContent, owner.delete("/api/v1/shares/"+revokedID).status)
	require.Equal(t, http.StatusNoContent, owner.delete("/api/v1/shares/"+revokedID).status, "twice is fine")
	w.clock.Advance(time.Hour)
	w.insert("specter_dashboard", closing.AccountID, `UPDATE accounts SET closed_at = now() WHERE id = $1`, closing.AccountID)

	want := visitor.get("/proof/" + apikey.New(apikey.Share))
	require.Equal(t, http.StatusNotFound, want.status)
	require.Contains(t, want.text, "There is nothing at this address")
	want.header.Del("Date")
	for name, path := range map[string]string{
		"revoked": revoked, "expired": expired, "closed": closed, "misspelt": open[:len(open)-1] + "_", "short": "/proof/x", "another kind": "/proof/" + apikey.New(apikey.Access), "another form": open + ".exe", "revoked as json": revoked + ".json",
	} {
		got := visitor.get(path)
		got.header.Del("Date")
		require.Equal(t, want.status, got.status, name)
		require.Equal(t, want.text, got.text, name)
		require.Equal(t, want.header, got.header, name)
	}
	require.Equal(t, http.StatusOK, visitor.get(open).status, "the others' end is not this one's")
}

func TestLinksAreListedWithWhoAndWhen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	owner := w.withToken(tenant.Token)
	one, two := w.verified(tenant, "One", "improved"), w.verified(tenant, "Two", "collecting")
	expires := w.clock.Now().Add(24 * time.Hour).UTC().Truncate(time.Microsecond)
	first, path := owner.shared(one, map[string]any{"expires_at": expires})
	w.clock.Advance(time.Second)
	second, _ := owner.shared(two, map[string]any{})

	list := owner.get("/api/v1/shares")
	require.Equal(t, second, list.str("items.0.id"), "the newest first")
	require.Equal(t, first, list.str("items.1.id"))
	require.Equal(t, "One", list.str("items.1.title"))
	require.Equal(t, "active", list.str("items.1.status"))
	require.Equal(t, expires.Format(time.RFC3339Nano), list.str("items.1.expires_at"))
	require.Equal(t, "token:"+tenant.TokenID.String(), list.str("items.1.created_by"))
	require.Nil(t, list.at("items.1.last_seen_at"))
	require.NotContains(t, list.text, path[len("/proof/"):], "a link is shown once")
	require.Contains(t, path, list.str("items.1.hint"))

	require.Equal(t, http.StatusOK, w.anonymous().get(path).status)
	seen := owner.get("/api/v1/shares?deployment_id=" + one)
	require.Len(t, seen.list("items"), 1)
	at := seen.str("items.0.last_seen_at")
	w.clock.Advance(30 * time.Second)
	require.Equal(t, http.StatusOK, w.anonymous().get(path+".md").status)
	require.Equal(t, at, owner.get("/api/v1/shares?deployment_id="+one).str("items.0.last_seen_at"), "noted to the minute")
	w.clock.Advance(time.Minute)
	require.Equal(t, http.StatusOK, w.anonymous().get(path+".md").status)
	require.NotEqual(t, at, owner.get("/api/v1/shares?deployment_id="+one).str("items.0.last_seen_at"))

	require.Equal(t, http.StatusNoContent, owner.delete("/api/v1/shares/"+first).status)
	require.Equal(t, "revoked", owner.get("/api/v1/shares?deployment_id="+one).str("items.0.status"))
	page := owner.get("/api/v1/shares?limit=1")
	require.Equal(t, first, owner.get("/api/v1/shares?limit=1&cursor="+page.str("next_cursor")).str("items.0.id"))

	audit := owner.get("/api/v1/account/audit-log?subject_id=" + first)
	require.Equal(t, "share.revoked", audit.str("items.0.action"), audit.text)
	require.Equal(t, "share.created", audit.str("items.1.action"))
	require.Equal(t, one, audit.str("items.1.detail.deployment_id"))
	require.Len(t, audit.list("items"), 2)
}

func TestOnlyWhatHasShippedIsSharedAndNotEndlessly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	owner := w.withToken(tenant.Token)
	planned := owner.post("/api/v1/proposals/"+w.proposal(tenant, "Planned", 1).String()+"/decision", map[string]any{"decision": "approved"}).str("deployment_id")
	r := owner.post("/api/v1/deployments/"+planned+"/shares", map[string]any{})
	require.Equal(t, http.StatusConflict, r.status, r.text)
	require.Contains(t, owner.get("/api/v1/deployments/"+planned+"/report").str("sentence"), "not shipped yet")

	require.Equal(t, http.StatusOK, owner.post("/api/v1/deployments/"+planned+"/report", map[string]any{}).status)
	for _, at := range []time.Time{w.clock.Now(), w.clock.Now().Add(367 * 24 * time.Hour)} {
		require.Equal(t, http.StatusBadRequest, owner.post("/api/v1/deployments/"+planned+"/shares", map[string]any{"expires_at": at}).status)
	}
	last := ""
	for range 20 {
		last, _ = owner.shared(planned, map[string]any{})
	}
	r = owner.post("/api/v1/deployments/"+planned+"/shares", map[string]any{})
	require.Equal(t, "limit_reached", r.str("code"))
	require.Equal(t, http.StatusNoContent, owner.delete("/api/v1/shares/"+last).status)
	_, path := owner.shared(planned, map[string]any{})
	require.Contains(t, w.anonymous().get(path).text, "Its test is being registered")
}

func TestSharesStayWithinTheirAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim, hostile := w.tenant(), w.tenant()
	deployment := w.verified(victim, "Secret plan", "improved")
	id, path := w.withToken(victim.Token).shared(deployment, map[string]any{})
	c := w.withToken(hostile.Token)
	require.Equal(t, http.StatusNotFound, c.post("/api/v1/deployments/"+deployment+"/shares", map[string]any{}).status)
	require.Equal(t, http.StatusNotFound, c.get("/api/v1/deployments/"+deployment+"/report").status)
	require.Equal(t, http.StatusNotFound, c.delete("/api/v1/shares/"+id).status)
	foreign, invented := c.get("/api/v1/shares?deployment_id="+deployment), c.get("/api/v1/shares?deployment_id="+uuid.NewString())
	require.Equal(t, invented.text, foreign.text)
	require.Empty(t, foreign.list("items"))
	require.Equal(t, http.StatusOK, c.get(path).status, "a link opens whoever brings it")

	// The one row a link shows before its account is known is its own, to read, and only of this table.
	pool := w.db.PoolOf(t, "specter_dashboard", 1)
	defer pool.Close()
	secret := strings.TrimPrefix(path, "/proof/")
	require.NoError(t, tenant.LookupTx(t.Context(), pool, tenant.Lookup{ShareHash: apikey.Hash(secret)}, func(tx pgx.Tx) error {
		for _, table := range []string{"proof_shares", "deployments", "verifications", "verification_looks", "proposals", "accounts", "access_tokens", "audit_log"} {
			var n int
			require.NoError(t, tx.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
			if table == "proof_shares" {
				require.Equal(t, 1, n)
			} else {
				require.Zero(t, n, table)
			}
		}
		tag, err := tx.Exec(t.Context(), `UPDATE proof_shares SET revoked_at = NULL, last_seen_at = now()`)
		require.NoError(t, err)
		require.Zero(t, tag.RowsAffected())
		return nil
	}))
	require.NoError(t, tenant.LookupTx(t.Context(), pool, tenant.Lookup{ShareHash: apikey.Hash("sps_another")}, func(tx pgx.Tx) error {
		var n int
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT count(*) FROM proof_shares").Scan(&n))
		require.Zero(t, n)
		return nil
	}))
	// What a link shows, to whom and until when, the service itself cannot change.
	for _, column := range []string{"token_hash = token_hash", "deployment_id = deployment_id", "expires_at = NULL", "account_id = account_id"} {
		err := tenant.Tx(t.Context(), pool, victim.AccountID, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE proof_shares SET "+column)
			return err
		})
		require.ErrorContains(t, err, "permission denied", column)
	}
}

func TestAVisitorWhoReadsTooFastIsAskedToWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	_, path := w.withToken(tenant.Token).shared(w.verified(tenant, "One", "improved"), map[string]any{})
	var refused response
	for i := 0; refused.status != http.StatusTooManyRequests; i++ {
		require.Less(t, i, 120)
		refused = w.anonymous().with("X-Forwarded-For", "203.0.113.9").get(fmt.Sprintf("/proof/guess%d", i))
	}
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Equal(t, "no-store", refused.header.Get("Cache-Control"))
	require.Equal(t, http.StatusTooManyRequests, w.anonymous().with("X-Forwarded-For", "198.51.100.1, 203.0.113.9").get(path).status, "who comes before the proxy may say anything")
	require.Equal(t, http.StatusOK, w.anonymous().with("X-Forwarded-For", "203.0.113.10").get(path).status)
	w.clock.Advance(time.Minute)
	require.Equal(t, http.StatusOK, w.anonymous().with("X-Forwarded-For", "203.0.113.9").get(path).status)
}
