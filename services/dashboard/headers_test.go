package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/dashboard"
)

// secured checks what every answer of the dashboard carries, whatever it is.
func secured(t *testing.T, r response, what string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
	} {
		require.Equal(t, []string{want}, r.header.Values(name), "%s: %s", what, name)
	}
	policies := r.header.Values("Content-Security-Policy")
	require.Len(t, policies, 1, what)
	require.Contains(t, policies[0], "frame-ancestors 'none'", what)
	require.NotContains(t, policies[0], "unsafe-inline", what)
	require.NotContains(t, policies[0], "unsafe-eval", what)
	require.Contains(t, r.header.Get("Permissions-Policy"), "camera=()", what)
	require.Contains(t, []string{"no-referrer", "same-origin"}, r.header.Get("Referrer-Policy"), what)
	require.NotEmpty(t, r.header.Get("Cache-Control"), what)
	for name := range r.header {
		require.False(t, strings.HasPrefix(name, "Access-Control-"), "%s: no other site may read it: %s", what, name)
	}
	require.Empty(t, r.header.Get("Server"), what)
	require.Empty(t, r.header.Get("X-Powered-By"), what)
}

// TestEveryAnswerIsSecured walks the contract: good answers, refusals, and what does not exist.
func TestEveryAnswerIsSecured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.Egress.PublicURL = origin })
	tenant := w.tenant()
	ids := w.ids(tenant)
	owner := w.withToken(tenant.Token)
	for _, o := range operations(t) {
		body := bodies("http://127.0.0.1:8080/")[o.id]
		answers := map[string]response{
			"as nobody":     w.anonymous().do(o.method, fill(o.path, ids), body),
			"before asking": owner.with("Access-Control-Request-Method", o.method).with("Origin", "https://evil.example").do(http.MethodOptions, fill(o.path, ids), nil),
		}
		switch {
		case strings.HasSuffix(o.path, "/stream"):
			answers["as the owner"] = owner.begin(fill(o.path, ids))
		case strings.Contains(o.id, "AccountDeletion"), strings.Contains(o.path, "{token_id}"): // everything after it would be refused
		default:
			answers["as the owner"] = owner.do(o.method, fill(o.path, ids), body)
			answers["with nonsense"] = owner.do(o.method, parameter.ReplaceAllString(o.path, "nonsense"), body)
			answers["from another site"] = owner.with("Origin", "https://evil.example").do(o.method, parameter.ReplaceAllString(o.path, uuid.NewString()), body)
		}
		for how, r := range answers {
			secured(t, r, o.id+" "+how)
			require.Equal(t, "no-store", r.header.Get("Cache-Control"), "%s %s", o.id, how)
		}
	}
}

func TestEveryPageIsSecured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.Egress.PublicURL = origin })
	c := w.anonymous()
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{
		"/", "/sign-in", "/auth/confirm?token_hash=x&type=recovery", "/auth/callback", "/auth/callback?error=access_denied", "/p/1/settings",
		"/assets/none.js", "/favicon.svg", "/proof/none", "/proof/none.json", "/api/none", "/api/hooks/deploy/none", "/../x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, "TRACE", "NONSENSE"} {
			secured(t, c.do(method, path, nil), method+" "+path)
		}
	}
	long := c.with("Content-Type", "application/json").send(http.MethodPost, "/api/v1/auth/login", strings.NewReader(`{"email":"`+strings.Repeat("x", 5<<20)+`"}`))
	require.Equal(t, http.StatusRequestEntityTooLarge, long.status)
	secured(t, long, "what is too large")
}

// begin reads the head of an answer that does not end.
func (c *caller) begin(path string) response {
	c.w.t.Helper()
	r, err := http.NewRequestWithContext(c.w.t.Context(), http.MethodGet, c.w.url+path, nil)
	require.NoError(c.w.t, err)
	r.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(r)
	require.NoError(c.w.t, err)
	require.Equal(c.w.t, http.StatusOK, res.StatusCode)
	require.NoError(c.w.t, res.Body.Close())
	return response{t: c.w.t, status: res.StatusCode, header: res.Header}
}
