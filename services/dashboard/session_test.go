package dashboard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/dashboard"
)

func TestSignUpSignInAndOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("Ann@Example.test")
	me := ann.get("/api/v1/session")
	require.Equal(t, http.StatusOK, me.status, me.text)
	require.Equal(t, "ann@example.test", me.str("email"))
	require.Equal(t, http.StatusConflict, w.anonymous().post("/api/v1/auth/sign-up", map[string]any{"email": "ann@example.test", "password": password}).status)

	again := w.anonymous()
	require.Equal(t, "invalid_credentials", again.post("/api/v1/auth/login", map[string]any{"email": "ann@example.test", "password": "not the password"}).str("code"))
	in := again.post("/api/v1/auth/login", map[string]any{"email": "ann@example.test", "password": password})
	require.Equal(t, http.StatusOK, in.status, in.text)
	require.Equal(t, me.str("account_id"), in.str("account_id"), "one person, one account")
	cookie := in.header.Get("Set-Cookie")
	for _, part := range []string{"specter_session=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		require.Contains(t, cookie, part)
	}
	again.csrf = in.str("csrf_token")

	sessions := ann.get("/api/v1/account/sessions")
	require.Len(t, sessions.list("items"), 2)
	require.Equal(t, http.StatusNoContent, again.post("/api/v1/auth/logout", nil).status)
	require.Equal(t, http.StatusUnauthorized, again.get("/api/v1/session").status)
	require.Len(t, ann.get("/api/v1/account/sessions").list("items"), 1)

	require.Equal(t, http.StatusNoContent, ann.post("/api/v1/auth/logout?everywhere=true", nil).status)
	require.Equal(t, http.StatusUnauthorized, ann.get("/api/v1/session").status)
	require.Equal(t, []string{"global"}, w.auth.signOuts)
}

func TestCookiesUnderHTTPSAreSecure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.Egress.PublicURL = "https://specter.example" })
	r := w.anonymous().post("/api/v1/auth/sign-up", map[string]any{"email": "a@example.test", "password": password})
	require.Equal(t, http.StatusCreated, r.status, r.text)
	require.True(t, strings.HasPrefix(r.header.Get("Set-Cookie"), "__Host-specter_session="))
	require.Contains(t, r.header.Get("Set-Cookie"), "Secure")
	require.NotEmpty(t, r.header.Get("Strict-Transport-Security"))
}

func TestWritesWithACookieNeedTheTokenOfThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	csrf := ann.csrf
	ann.csrf = ""
	require.Equal(t, "csrf", ann.post("/api/v1/products", map[string]any{"name": "Shop"}).str("code"))
	require.Equal(t, "csrf", ann.with("X-Csrf-Token", csrf+"x").post("/api/v1/products", map[string]any{"name": "Shop"}).str("code"))
	ann.csrf = csrf
	require.Equal(t, "cross_origin", ann.with("Sec-Fetch-Site", "cross-site").post("/api/v1/products", map[string]any{"name": "Shop"}).str("code"))
	require.Equal(t, "cross_origin", ann.with("Origin", "https://evil.example").post("/api/v1/auth/logout", nil).str("code"))
	require.Equal(t, http.StatusCreated, ann.post("/api/v1/products", map[string]any{"name": "Shop"}).status)
}

func TestASessionLivesAsLongAsTheAuthServersWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")

	w.clock.Advance(2 * time.Hour)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status, "refreshed")

	w.auth.set(func() { w.auth.down = true })
	w.clock.Advance(2 * time.Hour)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status, "the auth server is away: the session goes on")

	w.auth.set(func() { w.auth.down = false; clear(w.auth.refresh) })
	w.clock.Advance(2 * time.Minute)
	require.Equal(t, "session_ended", ann.get("/api/v1/session").str("code"), "it refused: the session ends")
	require.Equal(t, "session_ended", ann.get("/api/v1/session").str("code"))
}

func TestAnUnseenSessionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.auth.set(func() { w.auth.life = 365 * 24 * time.Hour })
	ann := w.signedUp("ann@example.test")
	w.clock.Advance(8 * 24 * time.Hour)
	require.Equal(t, http.StatusUnauthorized, ann.get("/api/v1/session").status)
}

func TestOnlyGoodTokensOfTheAuthServerAreBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tamper := range map[string]func(jwt.MapClaims){
		"another issuer":   func(c jwt.MapClaims) { c["iss"] = "https://elsewhere.example" },
		"another audience": func(c jwt.MapClaims) { c["aud"] = "anon" },
		"expired":          func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no expiry":        func(c jwt.MapClaims) { delete(c, "exp") },
		"service role":     func(c jwt.MapClaims) { c["role"] = "service_role" },
		"no uuid":          func(c jwt.MapClaims) { c["sub"] = "1 or 1=1" },
	} {
		w.auth.set(func() { w.auth.tamper = tamper })
		r := w.anonymous().post("/api/v1/auth/sign-up", map[string]any{"email": strings.ReplaceAll(name, " ", "-") + "@example.test", "password": password})
		require.Equal(t, http.StatusServiceUnavailable, r.status, name)
		require.Empty(t, r.header.Get("Set-Cookie"), name)
	}
}

func TestBadCredentialsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	short := w.anonymous().post("/api/v1/auth/sign-up", map[string]any{"email": "a@example.test", "password": "short"})
	require.Equal(t, http.StatusBadRequest, short.status)
	require.Equal(t, "/password", short.str("errors.0.pointer"))
	nobody := w.anonymous().post("/api/v1/auth/sign-up", map[string]any{"email": "nobody", "password": password})
	require.Equal(t, http.StatusBadRequest, nobody.status)
	require.Equal(t, "invalid_request", nobody.str("code"))
	require.Equal(t, "/email", nobody.str("errors.0.pointer"))
	require.Equal(t, "invalid_email", nobody.str("errors.0.code"))
	w.auth.set(func() { w.auth.down = true })
	away := w.anonymous().post("/api/v1/auth/login", map[string]any{"email": "a@example.test", "password": password})
	require.Equal(t, http.StatusServiceUnavailable, away.status)
	require.NotEmpty(t, away.header.Get("Retry-After"))
}

func TestTokensAreShownOnceAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/tokens", map[string]any{"name": "CI", "scopes": []string{"products:read", "account:admin"}})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	ci := w.withToken(made.str("token"))
	require.Equal(t, http.StatusOK, ci.get("/api/v1/products").status)
	require.Equal(t, "key_scope", ci.post("/api/v1/products", map[string]any{"name": "x"}).str("code"))
	require.Equal(t, "key_scope", ci.get("/api/v1/session").str("code"), "a session is a person's")
	require.Equal(t, "key_scope", ci.post("/api/v1/tokens", map[string]any{"name": "more", "scopes": []string{"proposals:decide"}}).str("code"), "no token makes a stronger one")
	require.NotContains(t, ann.get("/api/v1/tokens").text, made.str("token"))

	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/tokens/"+made.str("access_token.id")).status)
	require.Equal(t, "key_revoked", ci.get("/api/v1/products").str("code"))

	soon := w.clock.Now().Add(time.Hour)
	brief := ann.post("/api/v1/tokens", map[string]any{"name": "brief", "scopes": []string{"products:read"}, "expires_at": soon})
	b := w.withToken(brief.str("token"))
	require.Equal(t, http.StatusOK, b.get("/api/v1/products").status)
	w.clock.Advance(2 * time.Hour)
	require.Equal(t, "key_expired", b.get("/api/v1/products").str("code"))

	require.Equal(t, http.StatusBadRequest, ann.post("/api/v1/tokens", map[string]any{"name": "x", "scopes": []string{"everything"}}).status)
	require.Equal(t, "invalid_key", w.withToken("spt_nonsense").get("/api/v1/products").str("code"))
	require.Equal(t, "missing_key", w.anonymous().get("/api/v1/products").str("code"))
}

func TestIngestKeysCannotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := testkit.SeedTenant(t, w.db)
	for name, r := range map[string]response{
		"bearer":    w.withToken(tenant.Key).get("/api/proposals?status=pending"),
		"x-api-key": w.anonymous().with("X-Api-Key", tenant.Key).get("/api/proposals"),
		"query":     w.anonymous().get("/api/proposals?key=" + tenant.Key),
		"v1":        w.withToken(tenant.Key).get("/api/v1/products"),
	} {
		require.Equal(t, http.StatusForbidden, r.status, name)
		require.Equal(t, "key_scope", r.str("code"), name)
	}
}

func TestAccountDeletionClosesEveryDoorUntilCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	product := ann.post("/api/v1/products", map[string]any{"name": "Shop"})
	token := ann.post("/api/v1/tokens", map[string]any{"name": "CI", "scopes": []string{"products:read"}}).str("token")
	require.Equal(t, http.StatusBadRequest, ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "bob@example.test"}).status)

	r := ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "ann@example.test"})
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	require.NotEmpty(t, r.str("purge_at"))
	require.Equal(t, "account_closed", ann.get("/api/v1/products").str("code"))
	require.Equal(t, "account_closed", w.withToken(token).get("/api/v1/products").str("code"))
	require.Equal(t, http.StatusOK, ann.get("/api/v1/account").status)
	require.Eventually(t, func() bool { p, ok := w.catalogue(product.str("product.id")); return ok && p.GetClosed() }, 10*time.Second, 20*time.Millisecond)

	back := w.anonymous()
	in := back.post("/api/v1/auth/login", map[string]any{"email": "ann@example.test", "password": password})
	back.csrf = in.str("csrf_token")
	require.Equal(t, http.StatusOK, back.delete("/api/v1/account/deletion").status)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/products").status)
	require.Eventually(t, func() bool { p, ok := w.catalogue(product.str("product.id")); return ok && !p.GetClosed() }, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, http.StatusConflict, back.delete("/api/v1/account/deletion").status)
}
