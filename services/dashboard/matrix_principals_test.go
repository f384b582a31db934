package dashboard_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
)

// cookie is the value of the session's cookie, for somebody who copies it or bends it.
func (c *caller) cookie() string {
	c.w.t.Helper()
	address, err := url.Parse(c.w.url)
	require.NoError(c.w.t, err)
	for _, cookie := range c.http.Jar.Cookies(address) {
		if cookie.Name == "specter_session" {
			return cookie.Value
		}
	}
	c.w.t.Fatal("there is no session")
	return ""
}

// withCookie is somebody with a session's cookie and the token of its page.
func (w *world) withCookie(value, csrf string) *caller {
	w.t.Helper()
	c := w.anonymous()
	address, err := url.Parse(w.url)
	require.NoError(w.t, err)
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	jar.SetCookies(address, []*http.Cookie{{Name: "specter_session", Value: value, Path: "/"}})
	c.http.Jar, c.csrf = jar, csrf
	return c
}

// stranger is a principal that no operation is open to, and what each tells it.
type stranger struct {
	name   string
	caller *caller
	status int
	code   string
}

// TestNoOperationIsOpenToStrangers walks the contract as everybody whose credential is none, or no longer one: with the
// account's own ids, with another's, and with ids that nobody has, the answer is the same.
func TestNoOperationIsOpenToStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, ann := w.owner("ann@example.test")
	other := w.tenant()
	ids, foreign := w.ids(tenant), w.ids(other)

	login := func() *caller {
		c := w.anonymous()
		r := c.post("/api/v1/auth/login", map[string]any{"email": "ann@example.test", "password": password})
		require.Equal(t, http.StatusOK, r.status, r.text)
		c.csrf = r.str("csrf_token")
		return c
	}
	revoked, expired := login(), login()
	w.tamperSession(revoked, `revoked_at = now()`)
	w.tamperSession(expired, `expires_at = now() - interval '1 second'`)
	idle := login()
	w.tamperSession(idle, `last_seen_at = now() - interval '90 days'`)
	bent := ann.cookie()
	bent = bent[:len(bent)-1] + map[bool]string{true: "A", false: "B"}[bent[len(bent)-1] != 'A']

	token := func(body map[string]any) (text, id string) {
		r := ann.post("/api/v1/tokens", body)
		require.Equal(t, http.StatusCreated, r.status, r.text)
		return r.str("token"), r.str("access_token.id")
	}
	revokedToken, id := token(map[string]any{"name": "revoked", "scopes": allScopes()})
	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/tokens/"+id).status)
	expiredToken, id := token(map[string]any{"name": "expired", "scopes": allScopes()})
	w.insert("specter_dashboard", tenant.AccountID, `UPDATE access_tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, id)
	revokedKey := ann.post("/api/v1/products/"+tenant.ProductID.String()+"/keys", map[string]any{"name": "revoked"})
	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/products/"+tenant.ProductID.String()+"/keys/"+revokedKey.str("id")).status)

	strangers := []stranger{
		{"nobody", w.anonymous(), 401, "missing_key"},
		{"a session that was revoked", revoked, 401, "session_ended"},
		{"a session that expired", expired, 401, "session_ended"},
		{"a session that was left idle", idle, 401, "session_ended"},
		{"a session that was tampered with", w.withCookie(bent, ann.csrf), 401, "session_ended"},
		{"a session made up", w.withCookie(strings.Repeat("A", 43), ann.csrf), 401, "session_ended"},
		{"the product's own ingest key", w.withToken(tenant.Key), 403, "key_scope"},
		{"another's ingest key", w.withToken(other.Key), 403, "key_scope"},
		{"an ingest key that was revoked", w.withToken(revokedKey.str("key")), 403, "key_scope"},
		{"a token that was revoked", w.withToken(revokedToken), 401, "key_revoked"},
		{"a token that expired", w.withToken(expiredToken), 401, "key_expired"},
		{"a token made up, well-formed", w.withToken(apikey.New(apikey.Access)), 401, "invalid_key"},
		{"a token with a wrong checksum", w.withToken(tenant.Token[:len(tenant.Token)-1] + "_"), 401, "invalid_key"},
		{"a token of another kind", w.withToken("sbp_" + strings.Repeat("0", 40)), 401, "invalid_key"},
	}
	for _, o := range operations(t) {
		if o.public {
			continue
		}
		invented := map[string]string{}
		for name := range ids {
			invented[name] = uuid.NewString()
		}
		for _, s := range strangers {
			c := s.caller.with("X-Request-Id", "same-request")
			first := ""
			for i, with := range []map[string]string{ids, foreign, invented} {
				r := c.do(o.method, fill(o.path, with), bodies("")[o.id])
				assert.Equal(t, s.status, r.status, "%s as %s: %s", o.id, s.name, r.text)
				assert.Equal(t, s.code, r.str("code"), "%s as %s", o.id, s.name)
				if i == 0 {
					first = r.text
				}
				assert.Equal(t, first, r.text, "%s as %s", o.id, s.name)
			}
		}
	}
}

// tamperSession changes the row of a caller's session, the newest of the account.
func (w *world) tamperSession(c *caller, change string) {
	w.t.Helper()
	me := c.get("/api/v1/session")
	w.insert("specter_dashboard", uuid.MustParse(me.str("account_id")), `UPDATE web_sessions SET `+change+` WHERE csrf_token = $1`, c.csrf)
}

// TestATokenOpensWhatItsOneScopeOpens walks the contract with a token for each scope alone.
func TestATokenOpensWhatItsOneScopeOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	invented := map[string]string{}
	for name := range w.ids(tenant) {
		invented[name] = uuid.NewString() // what is open finds nothing, and so does nothing
	}
	scopes := map[string]bool{}
	for _, scope := range allScopes() {
		scopes[scope] = true
		made := w.withToken(tenant.Token).post("/api/v1/tokens", map[string]any{"name": scope, "scopes": []string{scope}})
		require.Equal(t, http.StatusCreated, made.status, made.text)
		c := w.withToken(made.str("token"))
		for _, o := range operations(t) {
			if o.public || strings.HasSuffix(o.path, "/stream") && !strings.Contains(o.path, "{") {
				continue
			}
			r := c.do(o.method, fill(o.path, invented), bodies("http://127.0.0.1:8080/")[o.id])
			if o.scope != scope {
				assert.Equal(t, "key_scope", r.str("code"), "%s with %s alone: %s", o.id, scope, r.text)
				continue
			}
			if o.id == "createToken" {
				assert.Contains(t, r.str("detail"), "products:read", "a token makes none that may more than itself")
				continue
			}
			assert.NotContains(t, []int{401, 403, 500}, r.status, "%s with its scope: %s", o.id, r.text)
		}
	}
	for _, o := range operations(t) {
		if !o.public && o.scope != "" {
			assert.True(t, scopes[o.scope], "%s asks for %s: add it to allScopes()", o.id, o.scope)
		}
	}
}

// TestEveryChangeWithACookieNeedsTheTokenOfThePage: with a session every change asks for the token of the page first, whatever it names.
func TestEveryChangeWithACookieNeedsTheTokenOfThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, ann := w.owner("ann@example.test")
	ids := w.ids(tenant)
	forged := w.withCookie(ann.cookie(), "")
	before := w.everything(tenant.AccountID)
	for _, o := range operations(t) {
		if o.public || !o.changes() {
			continue
		}
		assert.Equal(t, "csrf", forged.do(o.method, fill(o.path, ids), bodies("")[o.id]).str("code"), o.id)
		assert.Equal(t, "cross_origin", ann.with("Sec-Fetch-Site", "cross-site").do(o.method, fill(o.path, ids), bodies("")[o.id]).str("code"), o.id)
	}
	require.Equal(t, before, w.everything(tenant.AccountID))
}

// TestMalformedIdsAreRefusedPlainly: what is no id is told so to its owner and to everybody alike, and breaks nothing.
func TestMalformedIdsAreRefusedPlainly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.tenant(), w.tenant()
	ids := w.ids(one)
	malformed := []string{"1", "not-an-id", "%27%20OR%201=1--", "..%2f..%2fproducts", strings.Repeat("a", 4000), "%00", "%ff", uuid.NewString() + "x", "%7B" + uuid.NewString() + "%7D-1"}
	for _, o := range operations(t) {
		if o.public {
			continue
		}
		for _, name := range parameter.FindAllStringSubmatch(o.path, -1) {
			for _, id := range malformed {
				with := map[string]string{name[1]: id}
				for n, v := range ids {
					if n != name[1] {
						with[n] = v
					}
				}
				var first response
				for i, tenant := range []string{one.Token, two.Token} {
					r := w.withToken(tenant).with("X-Request-Id", "same-request").do(o.method, fill(o.path, with), bodies("")[o.id])
					assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, r.status, "%s with %s=%s: %s", o.id, name[1], id, r.text)
					if i == 0 {
						first = r
					} else if strings.Count(o.path, "{") == 1 {
						assert.Equal(t, first.text, r.text, o.id)
					}
				}
			}
		}
	}
}

// TestGoodCredentialsReadEverythingOfTheirOwn: the walk above would prove nothing if good sessions were refused too.
func TestGoodCredentialsReadEverythingOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, ann := w.owner("ann@example.test")
	ids := w.ids(tenant)
	copied := w.withCookie(ann.cookie(), ann.csrf)
	w.clock.Advance(time.Minute)
	read := 0
	for _, o := range operations(t) {
		if o.public || o.changes() || strings.HasSuffix(o.path, "/stream") {
			continue
		}
		for who, c := range map[string]*caller{"session": ann, "the same cookie": copied} {
			r := c.get(fill(o.path, ids))
			assert.Equal(t, http.StatusOK, r.status, "%s as %s: %s", o.id, who, r.text)
		}
		read++
	}
	require.Greater(t, read, 25)
}
