package dashboard_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/disclosure"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/dashboard"
)

const aView = `{"event":"$pageview","distinct_id":"0123456789abcdef0123456789abcdef","properties":{"$pathname":"/p/:product/proposals"}}`

// postHog keeps what it was told.
type postHog struct {
	*httptest.Server
	mu    sync.Mutex
	heard []*http.Request
	texts []string
}

func newPostHog(t *testing.T) *postHog {
	t.Helper()
	p := &postHog{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.heard, p.texts = append(p.heard, r), append(p.texts, string(text))
		w.Header().Set("Set-Cookie", "ph_tracker=1")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = io.WriteString(w, `{"status":1}`)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *postHog) told() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.heard)
}

func measured(p *postHog) func(*dashboard.Config) {
	return func(c *dashboard.Config) { c.PostHogHost, c.PostHogKey = p.URL, "phc_test" }
}

func TestPostHogHearsOfAPageAndOfNobody(t *testing.T) {
	t.Parallel()
	hog := newPostHog(t)
	w := newWorld(t, measured(hog))
	ann := w.signedUp("ann@example.test")
	r := ann.with("X-Forwarded-For", "203.0.113.9").with("Referer", "https://specter.example/p/secret").
		with("User-Agent", "A very special browser").send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView))
	require.Equal(t, http.StatusNoContent, r.status, r.text)
	require.Empty(t, r.header.Get("Set-Cookie"))
	require.Empty(t, r.header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, r.text)

	require.Equal(t, 1, hog.told())
	heard := hog.heard[0]
	require.Equal(t, http.MethodPost, heard.Method)
	require.Equal(t, "/i/v0/e/", heard.URL.Path)
	require.Empty(t, heard.URL.RawQuery)
	heard.Header.Del("Content-Length")
	require.Equal(t, http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Specter"}, "Accept-Encoding": {"gzip"}}, heard.Header)
	require.JSONEq(t, `{"api_key":"phc_test","event":"$pageview","distinct_id":"0123456789abcdef0123456789abcdef","properties":{
		"$pathname":"/p/:product/proposals","$current_url":"/p/:product/proposals","$process_person_profile":false,"$geoip_disable":true}}`, hog.texts[0])
}

func TestPostHogHearsNothingElse(t *testing.T) {
	t.Parallel()
	hog := newPostHog(t)
	w := newWorld(t, measured(hog))
	ann := w.signedUp("ann@example.test")
	for _, path := range []string{"/ph/", "/ph/decide/", "/ph/s/", "/ph/batch/", "/ph/static/array.js", "/ph/i/v0/e/../../../api/projects", "/ph/i/v0/e/more"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			require.NotEqual(t, http.StatusNoContent, ann.send(method, path, strings.NewReader(aView)).status, path)
		}
	}
	for name, r := range map[string]response{
		"signed out":       w.anonymous().send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)),
		"a token":          w.withToken(w.tenant().Token).send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)),
		"another site":     ann.with("Origin", "https://elsewhere.example").with("Sec-Fetch-Site", "cross-site").send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)),
		"without the CSRF": (&caller{w: w, http: ann.http, header: http.Header{}}).send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)),
		"a signal":         ann.send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(strings.ReplaceAll(aView, "$pageview", "purchase"))),
		"too much":         ann.send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView+strings.Repeat(" ", 2000))),
	} {
		require.GreaterOrEqual(t, r.status, 400, name)
	}
	for _, wish := range []string{"Sec-GPC", "DNT"} {
		require.Equal(t, http.StatusNoContent, ann.with(wish, "1").send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)).status)
		require.Equal(t, false, ann.with(wish, "1").get("/api/v1/account/analytics").at("active"))
	}
	r := ann.do(http.MethodPut, "/api/v1/account/analytics", map[string]any{"enabled": false})
	require.Equal(t, false, r.at("active"), r.text)
	require.Equal(t, http.StatusNoContent, ann.send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)).status)
	require.Zero(t, hog.told())

	require.Equal(t, true, ann.do(http.MethodPut, "/api/v1/account/analytics", map[string]any{"enabled": true}).at("active"))
	require.Equal(t, http.StatusNoContent, ann.send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)).status)
	require.Equal(t, 1, hog.told())
	require.Equal(t, "account.analytics_changed", ann.get("/api/v1/account/audit-log").str("items.0.action"))
}

func TestMeasuringIsOffUnlessTheOperatorSetsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	require.JSONEq(t, `{"active":false,"instance":false,"account":true,"refused":false}`, ann.get("/api/v1/account/analytics").text)
	require.Equal(t, http.StatusNotFound, ann.send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)).status)
}

func TestAPostHogThatIsAwayDisturbsNobody(t *testing.T) {
	t.Parallel()
	hog := newPostHog(t)
	w := newWorld(t, measured(hog))
	ann := w.signedUp("ann@example.test")
	hog.Close()
	require.Equal(t, http.StatusNoContent, ann.send(http.MethodPost, "/ph/i/v0/e/", strings.NewReader(aView)).status)
}

func TestThePrivacyPageIsMadeOfTheSettings(t *testing.T) {
	t.Parallel()
	hog := newPostHog(t)
	w := newWorld(t, measured(hog), func(c *dashboard.Config) {
		c.Operator, c.Contact, c.Mail = "Example Ltd", "privacy@example.test", mail.Settings{Dir: t.TempDir()}
	})
	require.Contains(t, w.anonymous().get("/privacy").text, "Not known at the moment")
	require.NoError(t, disclosure.Tell(t.Context(), w.bus, disclosure.Disclosure{Service: "retention", SignalMonths: 6, Kept: []disclosure.Kept{{What: "the log", Days: 30}}}))
	require.NoError(t, disclosure.Tell(t.Context(), w.bus, disclosure.Disclosure{Service: "proposal", Recipients: []disclosure.Recipient{{Name: "A language model", Host: "llm.example.test"}}}))

	var page response // the services are heard every two seconds
	testkit.Eventually(t, func() bool {
		page = w.anonymous().get("/privacy")
		return !strings.Contains(page.text, "Not known")
	}, "the page to know what the services say")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'")
	for _, text := range []string{"Example Ltd", "mailto:privacy@example.test", "6 months", "PostHog", "A language model", "specter_session", mail.Kept} {
		require.Contains(t, page.text, text)
	}

	document := w.anonymous().get("/privacy.json")
	require.Equal(t, http.StatusOK, document.status)
	var out struct {
		SignalMonths int `json:"signal_months"`
		Recipients   []struct{ Name string }
	}
	require.NoError(t, json.Unmarshal([]byte(document.text), &out))
	require.Equal(t, 6, out.SignalMonths)
	require.Len(t, out.Recipients, 2)
}
