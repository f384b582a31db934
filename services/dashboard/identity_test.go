package dashboard_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/dashboard"
)

const origin = "https://specter.example"

// newPublicWorld is a world that knows its own address, so that links can lead back to it.
func newPublicWorld(t *testing.T, change ...func(*dashboard.Config)) *world {
	t.Helper()
	return newWorld(t, append([]func(*dashboard.Config){func(c *dashboard.Config) { c.Egress.PublicURL = origin }}, change...)...)
}

// confirmed has addresses confirmed from here on.
func (w *world) confirmed() {
	w.t.Helper()
	w.auth.set(func() { w.auth.confirms = true })
	w.clock.Advance(2 * time.Minute) // the settings are asked for again
}

// mailTo waits for a mail of the kind.
func (w *world) mailTo(kind, email string) mailed {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool { return len(w.auth.sent(kind, email)) > 0 }, "a %s mail to %s", kind, email)
	mails := w.auth.sent(kind, email)
	return mails[len(mails)-1]
}

// follow opens a mail's link as the default templates have it: at the auth server, which sends the browser to the web app.
// It returns what the web app's page then sends.
func (w *world) follow(m mailed) map[string]any {
	w.t.Helper()
	res := w.visit(w.auth.URL + "/verify?" + url.Values{"token": {m.hash}, "type": {m.kind}, "redirect_to": {m.back}}.Encode())
	require.Equal(w.t, http.StatusSeeOther, res.StatusCode)
	back, err := res.Location()
	require.NoError(w.t, err)
	require.Equal(w.t, origin+"/auth/confirm", back.Scheme+"://"+back.Host+back.Path, "links lead to our own origin")
	return map[string]any{"code": back.Query().Get("code"), "flow": back.Query().Get("flow")}
}

func (w *world) visit(address string) *http.Response {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, address, nil)
	require.NoError(w.t, err)
	res, err := client.Do(r)
	require.NoError(w.t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(w.t, res.Body.Close())
	return res
}

// browser is an anonymous caller whose cookies work although the tests' server speaks http.
func (w *world) browser() *caller {
	c := w.anonymous()
	c.http.Jar = &plainJar{}
	return c
}

// plainJar keeps cookies by name alone: Secure ones, too.
type plainJar struct{ kept []*http.Cookie }

func (j *plainJar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		for i, old := range j.kept {
			if old.Name == c.Name {
				j.kept = append(j.kept[:i], j.kept[i+1:]...)
				break
			}
		}
		if c.MaxAge >= 0 {
			j.kept = append(j.kept, c)
		}
	}
}

func (j *plainJar) Cookies(*url.URL) []*http.Cookie { return j.kept }

func (j *plainJar) value(name string) string {
	for _, c := range j.kept {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

const hostCookie = "__Host-specter_session"

func (c *caller) secret() string { return c.http.Jar.(*plainJar).value(hostCookie) }

// entered is a signed-in browser.
func (w *world) entered(email string) *caller {
	w.t.Helper()
	c := w.browser()
	r := c.post("/api/v1/auth/sign-up", map[string]any{"email": email, "password": password})
	require.Equal(w.t, http.StatusCreated, r.status, r.text)
	c.csrf = r.str("csrf_token")
	return c
}

func (c *caller) signIn(email, password string) response {
	c.w.t.Helper()
	r := c.post("/api/v1/auth/login", map[string]any{"email": email, "password": password})
	if r.status == http.StatusOK {
		c.csrf = r.str("csrf_token")
	}
	return r
}

func (c *caller) actions() []string {
	c.w.t.Helper()
	var out []string
	for _, item := range c.get("/api/v1/account/audit-log?limit=100").list("items") {
		out = append(out, item.(map[string]any)["action"].(string))
	}
	return out
}

func TestSigningUpWithAnAddressThatHasToBeConfirmed(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.auth.set(func() { w.auth.confirms = true })
	ann := w.browser()
	require.True(t, ann.get("/api/v1/auth/ways").at("confirms_email").(bool))
	r := ann.post("/api/v1/auth/sign-up", map[string]any{"email": "Ann@Example.test"})
	require.Equal(t, http.StatusAccepted, r.status, r.text)
	require.Empty(t, r.header.Get("Set-Cookie"))
	w.mailTo("signup", "ann@example.test")

	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/auth/resend", map[string]any{"email": "ann@example.test"}).status)
	testkit.Eventually(t, func() bool { return len(w.auth.sent("signup", "ann@example.test")) == 2 }, "a second mail")

	// On another device, which has no cookie of ours.
	phone := w.browser()
	confirmed := phone.post("/api/v1/auth/confirm", w.follow(w.auth.sent("signup", "ann@example.test")[0]))
	require.Equal(t, http.StatusOK, confirmed.status, confirmed.text)
	require.Equal(t, "set_password", confirmed.str("outcome"))
	require.Equal(t, "ann@example.test", confirmed.str("session.email"))
	phone.csrf = confirmed.str("session.csrf_token")
	require.Equal(t, http.StatusOK, phone.post("/api/v1/account/password", map[string]any{"new_password": password}).status)
	require.Equal(t, http.StatusOK, phone.get("/api/v1/session").status)
	require.Equal(t, http.StatusOK, ann.signIn("ann@example.test", password).status)
	require.Equal(t, confirmed.str("session.account_id"), ann.get("/api/v1/session").str("account_id"))
	require.Subset(t, ann.actions(), []string{"account.created", "session.started"})
}

func TestAMailTemplateOfOnesOwnLeadsStraightToTheWebApp(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	require.Equal(t, http.StatusAccepted, w.browser().post("/api/v1/auth/magic-link", map[string]any{"email": "ann@example.test"}).status)
	m := w.mailTo("magiclink", "ann@example.test")
	phone := w.browser()
	link := map[string]any{"token_hash": m.hash, "type": m.kind}
	confirmed := phone.post("/api/v1/auth/confirm", link)
	require.Equal(t, "signed_in", confirmed.str("outcome"), confirmed.text)
	require.Equal(t, http.StatusOK, phone.get("/api/v1/session").status)

	again := w.browser().post("/api/v1/auth/confirm", link)
	require.Equal(t, http.StatusBadRequest, again.status)
	require.Equal(t, "link_expired", again.str("code"))
}

func TestAForgottenPasswordIsSetAnewByALink(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	require.Equal(t, http.StatusAccepted, w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"}).status)

	phone := w.browser()
	confirmed := phone.post("/api/v1/auth/confirm", w.follow(w.mailTo("recovery", "ann@example.test")))
	require.Equal(t, "set_password", confirmed.str("outcome"), confirmed.text)
	phone.csrf = confirmed.str("session.csrf_token")
	require.True(t, phone.get("/api/v1/session").at("may_set_password").(bool))

	short := phone.post("/api/v1/account/password", map[string]any{"new_password": "short"})
	require.Equal(t, "/new_password", short.str("errors.0.pointer"), "and the link is not used up by it")
	const next = "another long password"
	set := phone.post("/api/v1/account/password", map[string]any{"new_password": next})
	require.Equal(t, http.StatusOK, set.status, set.text)
	phone.csrf = set.str("csrf_token")
	require.False(t, phone.get("/api/v1/session").at("may_set_password").(bool))
	require.Equal(t, http.StatusBadRequest, phone.post("/api/v1/account/password", map[string]any{"new_password": "a third long password"}).status, "once")

	require.Equal(t, http.StatusUnauthorized, ann.get("/api/v1/session").status, "whoever was signed in is not any more")
	require.Equal(t, http.StatusUnauthorized, w.browser().signIn("ann@example.test", password).status)
	require.Equal(t, http.StatusOK, w.browser().signIn("ann@example.test", next).status)
	require.Contains(t, phone.actions(), "password.changed")
}

func TestARecoveryLinkIsGoodForAMomentOnly(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"})
	phone := w.browser()
	confirmed := phone.post("/api/v1/auth/confirm", w.follow(w.mailTo("recovery", "ann@example.test")))
	phone.csrf = confirmed.str("session.csrf_token")
	w.clock.Advance(16 * time.Minute)
	late := phone.post("/api/v1/account/password", map[string]any{"new_password": "another long password"})
	require.Equal(t, "wrong_password", late.str("code"), late.text)
}

func TestChangingThePasswordProvesTheCurrentOneAndEndsOtherSessions(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann, phone := w.entered("ann@example.test"), w.browser()
	require.Equal(t, http.StatusOK, phone.signIn("ann@example.test", password).status)
	w.auth.set(func() { w.auth.proves = true })
	const next = "another long password"
	for name, current := range map[string]string{"none": "", "wrong": "not the password"} {
		r := ann.post("/api/v1/account/password", map[string]any{"current_password": current, "new_password": next})
		require.Equal(t, http.StatusBadRequest, r.status, name)
		require.Equal(t, "wrong_password", r.str("code"), name)
	}
	before := ann.secret()
	r := ann.post("/api/v1/account/password", map[string]any{"current_password": password, "new_password": next})
	require.Equal(t, http.StatusOK, r.status, r.text)
	require.NotEqual(t, before, ann.secret(), "the secret is a new one")
	require.NotEqual(t, ann.csrf, r.str("csrf_token"))
	ann.csrf = r.str("csrf_token")
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status)
	require.Equal(t, http.StatusUnauthorized, phone.get("/api/v1/session").status)
	require.Contains(t, w.auth.signOuts, "others")
	require.Equal(t, "same_password", ann.post("/api/v1/account/password", map[string]any{"current_password": next, "new_password": next}).str("errors.0.code"))
}

func TestTheAddressFollowsWhenTheAuthServerSaysSo(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.auth.set(func() { w.auth.confirms = false })
	ann := w.entered("ann@example.test")
	w.entered("bob@example.test")
	w.auth.set(func() { w.auth.confirms = true })
	w.clock.Advance(2 * time.Minute) // the settings are asked for again

	require.Equal(t, "wrong_password", ann.post("/api/v1/account/email", map[string]any{"new_email": "ann@new.example", "password": "not the password"}).str("code"))
	taken := ann.post("/api/v1/account/email", map[string]any{"new_email": "bob@example.test", "password": password})
	w.clock.Advance(time.Minute)
	asked := ann.post("/api/v1/account/email", map[string]any{"new_email": "ann@new.example", "password": password})
	require.Equal(t, http.StatusOK, asked.status, asked.text)
	require.Equal(t, asked.text, taken.text, "that somebody has the address is not said")
	require.Equal(t, "ann@example.test", ann.get("/api/v1/account").str("email"), "nothing has changed yet")

	m := w.mailTo("email_change", "ann@example.test")
	phone := w.browser()
	confirmed := phone.post("/api/v1/auth/confirm", w.follow(m))
	require.Equal(t, "email_changed", confirmed.str("outcome"), confirmed.text)
	require.Equal(t, "ann@new.example", phone.get("/api/v1/account").str("email"))
	require.Equal(t, "ann@new.example", ann.get("/api/v1/account").str("email"), "one account")
	require.Subset(t, phone.actions(), []string{"email.change_asked", "email.changed"})
}

func TestAnAddressThatChangedElsewhereFollowsWithTheNextWordOfTheAuthServer(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	w.auth.set(func() {
		w.auth.users["ann@new.example"] = w.auth.users["ann@example.test"]
		delete(w.auth.users, "ann@example.test")
		for token := range w.auth.refresh {
			w.auth.refresh[token] = "ann@new.example"
		}
	})
	require.Equal(t, "ann@example.test", ann.get("/api/v1/session").str("email"))
	w.clock.Advance(2 * time.Hour)
	require.Equal(t, "ann@new.example", ann.get("/api/v1/session").str("email"))
}

func TestSigningInThroughAProvider(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.browser()
	unconfirmed := ann.get("/api/v1/auth/ways")
	require.Empty(t, unconfirmed.list("providers"), "anybody may have made an account by this address, with a password")
	require.Equal(t, false, unconfirmed.at("magic_link"))
	w.confirmed()
	ways := ann.get("/api/v1/auth/ways")
	require.Equal(t, "GitHub", ways.str("providers.0.title"), ways.text)
	require.Len(t, ways.list("providers"), 1, "only what is on")
	require.Equal(t, http.StatusNotFound, ann.post("/api/v1/auth/providers/google", map[string]any{}).status)

	started := ann.post("/api/v1/auth/providers/github", map[string]any{"next": "/p/1/settings?view=security"})
	require.Equal(t, http.StatusOK, started.status, started.text)
	for _, part := range []string{"__Host-specter_provider=", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} {
		require.Contains(t, started.header.Get("Set-Cookie"), part)
	}
	target, err := url.Parse(started.str("url"))
	require.NoError(t, err)
	require.Equal(t, "provider.example", target.Host)
	back := strings.TrimPrefix(target.Query().Get("back"), origin)
	require.True(t, strings.HasPrefix(back, "/auth/callback?flow="), back)

	ann.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	done := ann.with("Sec-Fetch-Site", "cross-site").get(back)
	require.Equal(t, http.StatusSeeOther, done.status, done.text)
	require.Equal(t, "/p/1/settings?view=security", done.header.Get("Location"))
	require.Equal(t, "ann@github.example", ann.get("/api/v1/session").str("email"))
	require.Equal(t, "/sign-in?problem=provider_lost", ann.get(back).header.Get("Location"), "once")
	require.Equal(t, "/sign-in?problem=provider_refused", ann.get("/auth/callback?error=access_denied&error_description=%3Cscript%3E").header.Get("Location"))
}

func TestSessionsAreListedByDeviceAndEnded(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	ann := w.entered("ann@example.test").with("User-Agent", firefox)
	require.Equal(t, http.StatusOK, ann.signIn("ann@example.test", password).status)
	phone, tablet := w.browser(), w.browser()
	require.Equal(t, http.StatusOK, phone.signIn("ann@example.test", password).status)
	require.Equal(t, http.StatusOK, tablet.signIn("ann@example.test", password).status)
	sessions := ann.get("/api/v1/account/sessions")
	require.Len(t, sessions.list("items"), 3, "the browser's first session ended when it signed in again")
	require.Equal(t, "Firefox on Linux", sessions.str("items.2.device"))
	require.True(t, sessions.at("items.2.current").(bool))

	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/account/sessions/"+sessions.str("items.0.id")).status)
	require.Equal(t, http.StatusUnauthorized, tablet.get("/api/v1/session").status)
	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/account/sessions").status)
	require.Equal(t, http.StatusUnauthorized, phone.get("/api/v1/session").status)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status)
	require.Contains(t, w.auth.signOuts, "others")
	require.Subset(t, ann.actions(), []string{"session.ended", "session.others_ended"})
}

func TestTheOldestOfTooManySessionsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signedUp("ann@example.test")
	second := w.anonymous()
	require.Equal(t, http.StatusOK, second.signIn("ann@example.test", password).status)
	for range 49 {
		w.clock.Advance(time.Minute)
		require.Equal(t, http.StatusOK, w.anonymous().signIn("ann@example.test", password).status)
	}
	require.Equal(t, http.StatusUnauthorized, first.get("/api/v1/session").status)
	require.Equal(t, http.StatusOK, second.get("/api/v1/session").status)
	require.Len(t, second.get("/api/v1/account/sessions?limit=100").list("items"), 50)
}

func TestTheLivesOfSessionsAreConfigurable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.SessionIdle, c.SessionLife = time.Hour, 3*time.Hour })
	w.auth.set(func() { w.auth.life = 365 * 24 * time.Hour })
	ann, bob := w.signedUp("ann@example.test"), w.signedUp("bob@example.test")
	for range 5 {
		w.clock.Advance(31 * time.Minute)
		require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status)
	}
	require.Equal(t, http.StatusUnauthorized, bob.get("/api/v1/session").status, "not seen for an hour")
	w.clock.Advance(31 * time.Minute)
	require.Equal(t, http.StatusUnauthorized, ann.get("/api/v1/session").status, "three hours, whatever happens")
}

// TestWhoIsActiveIsNotSignedOutByIdleness: at the shortest time too, whenever their requests come.
func TestWhoIsActiveIsNotSignedOutByIdleness(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{5 * time.Minute, 10 * time.Minute, 3 * time.Hour} {
		w := newWorld(t, func(c *dashboard.Config) { c.SessionIdle = idle })
		w.auth.set(func() { w.auth.life = 365 * 24 * time.Hour })
		ann, bob := w.signedUp("ann@example.test"), w.signedUp("bob@example.test")
		step := min(5*time.Minute, idle/10) // how exactly their last use is known
		for _, pause := range []time.Duration{time.Minute, idle / 2, step - 5*time.Second, idle - 10*time.Second, step - 5*time.Second, idle - 10*time.Second} {
			w.clock.Advance(pause)
			require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status, "%s: after %s", idle, pause)
		}
		require.Equal(t, http.StatusUnauthorized, bob.get("/api/v1/session").status, "%s: nobody was there", idle)
		require.Len(t, ann.get("/api/v1/account/sessions").list("items"), 1, idle)
		w.clock.Advance(idle + step)
		require.Equal(t, http.StatusUnauthorized, ann.get("/api/v1/session").status, "%s: a tenth, or five minutes, later at most", idle)
	}
}
