package dashboard_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/testkit"
)

// What somebody tries who wants into another person's account. Forged, foreign, expired and confused tokens are in
// internal/supabase (attacks_test.go there); other tenants' ids in matrix_test.go.

func TestBruteForceIsThrottledForOneAddressFromOneNetwork(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test").with("X-Forwarded-For", "203.0.113.7")
	attacker := func() *caller { return w.browser().with("X-Forwarded-For", "198.51.100.1") }
	tries := map[int]int{}
	for i := range 20 {
		r := attacker().signIn("ann@example.test", fmt.Sprintf("guess number %d", i))
		tries[r.status]++
		if r.status == http.StatusTooManyRequests {
			require.NotEmpty(t, r.header.Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{http.StatusUnauthorized: 10, http.StatusTooManyRequests: 10}, tries)
	require.Equal(t, http.StatusTooManyRequests, attacker().signIn("ANN@example.test ", password).status, "the right one neither, however it is spelled")
	require.Equal(t, http.StatusUnauthorized, attacker().signIn("bob@example.test", password).status, "others are not affected")

	elsewhere := w.browser().with("X-Forwarded-For", "203.0.113.7")
	require.Equal(t, http.StatusOK, elsewhere.signIn("ann@example.test", password).status, "nor is the person, whom guesses must not lock out")
	changed := ann.post("/api/v1/account/password", map[string]any{"current_password": password, "new_password": "another long password"})
	require.Equal(t, http.StatusOK, changed.status, changed.text)

	w.clock.Advance(30 * time.Second)
	require.Equal(t, http.StatusOK, attacker().signIn("ann@example.test", "another long password").status)
	require.Equal(t, http.StatusUnauthorized, attacker().signIn("ann@example.test", "a guess").status, "whoever proved to be right starts afresh")
}

// atOnce has n visitors do something at the same time and counts the statuses: a refusal of a password takes its time.
func (w *world) atOnce(n int, do func(i int) response) map[int]int {
	w.t.Helper()
	var all sync.WaitGroup
	statuses := make([]int, n)
	for i := range n {
		all.Go(func() { statuses[i] = do(i).status })
	}
	all.Wait()
	tries := map[int]int{}
	for _, status := range statuses {
		tries[status]++
	}
	return tries
}

func TestBruteForceIsThrottledForOneAddressFromEverywhere(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	tries := map[int]int{}
	for status, n := range w.atOnce(120, func(i int) response { // each from another network
		return w.browser().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).signIn("ann@example.test", fmt.Sprintf("guess number %d", i))
	}) {
		tries[status] += n
	}
	require.Equal(t, map[int]int{http.StatusUnauthorized: 100, http.StatusTooManyRequests: 20}, tries)
	w.clock.Advance(10 * time.Second)
	require.Equal(t, http.StatusOK, w.browser().signIn("ann@example.test", password).status)
}

func TestGuessesInASessionAreThrottled(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	tries := map[int]int{}
	for i := range 15 { // from wherever somebody took the browser
		r := ann.with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).post("/api/v1/account/password", map[string]any{"current_password": "a guess", "new_password": "another long password"})
		tries[r.status]++
	}
	require.Equal(t, map[int]int{http.StatusBadRequest: 10, http.StatusTooManyRequests: 5}, tries)
}

func TestBruteForceIsThrottledForOneNetworkOverAllAddresses(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	tries := w.atOnce(60, func(i int) response {
		return w.browser().with("X-Forwarded-For", fmt.Sprintf("2001:db8:1:2::%x", i)).signIn(fmt.Sprintf("person%d@example.test", i), "a guess") // one network
	})
	require.Equal(t, 30, tries[http.StatusTooManyRequests])
}

func TestAForwardedAddressIsBelievedOfAKnownProxyOnly(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	c := w.config()
	c.TrustedProxies = nil
	w.start(c, zap.NewNop())
	tries := w.atOnce(40, func(i int) response {
		return w.anonymous().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).signIn(fmt.Sprintf("person%d@example.test", i), "a guess")
	})
	require.Equal(t, 10, tries[http.StatusTooManyRequests], "all of them came from here, whatever they said")
}

// TestTheAuthServerIsToldWhoAsks: it throttles by address, and would else take all people for one.
func TestTheAuthServerIsToldWhoAsks(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test").with("X-Forwarded-For", "203.0.113.9, 198.51.100.7") // the last hop is the known proxy's word
	told := func(path string) (visitor string) {
		w.auth.set(func() { visitor = w.auth.visitors[path] })
		return visitor
	}
	require.Equal(t, http.StatusOK, ann.signIn("ann@example.test", password).status)
	require.Equal(t, "198.51.100.7", told("/token"))
	other := w.browser().with("X-Forwarded-For", "2001:db8:1:2::3")
	require.Equal(t, http.StatusCreated, other.post("/api/v1/auth/sign-up", map[string]any{"email": "bob@example.test", "password": password}).status)
	require.Equal(t, "2001:db8:1:2::3", told("/signup"))
	require.Equal(t, http.StatusAccepted, other.post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"}).status)
	w.mailTo("recovery", "ann@example.test")
	require.Equal(t, "2001:db8:1:2::3", told("/recover"), "also of what is done after the answer")
	w.clock.Advance(2 * time.Hour)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status)
	require.Equal(t, "198.51.100.7", told("/token"), "also of what keeps a session alive")
}

func TestMailsToOneAddressAreThrottled(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	for _, email := range []string{"ann@example.test", "nobody@example.test"} { // known or not
		if email == "ann@example.test" {
			w.entered(email)
		}
		for i, way := range []string{"recover", "magic-link", "resend"} {
			ask := func(c *caller) int { return c.post("/api/v1/auth/"+way, map[string]any{"email": email}).status }
			attacker := func() *caller { return w.browser().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)) }
			for range 5 {
				require.Equal(t, http.StatusAccepted, ask(attacker()), "%s to %s", way, email)
			}
			require.Equal(t, http.StatusTooManyRequests, ask(attacker()), "%s to %s", way, email)
			require.Equal(t, http.StatusAccepted, ask(w.browser().with("X-Forwarded-For", "203.0.113.9")), "from elsewhere: %s to %s", way, email)
		}
		w.clock.Advance(time.Minute)
	}
}

// TestWhoAsksForMailsKeepsNobodyFromTheirs: neither the same kind nor another, however long somebody goes on.
func TestWhoAsksForMailsKeepsNobodyFromTheirs(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	ask := func(from, way string) int {
		return w.browser().with("X-Forwarded-For", from).post("/api/v1/auth/"+way, map[string]any{"email": "ann@example.test"}).status
	}
	for range 60 {
		ask("198.51.100.1", "resend")
		ask("198.51.100.1", "recover")
		w.clock.Advance(12 * time.Second)
	}
	ask("198.51.100.1", "recover")
	require.Equal(t, http.StatusTooManyRequests, ask("198.51.100.1", "recover"), "the attacker goes on as soon as one may")
	require.Equal(t, http.StatusAccepted, ask("203.0.113.9", "recover"), "the person is not in their way")
	require.Equal(t, http.StatusAccepted, ask("198.51.100.1", "magic-link"), "nor those of their network who want another mail")
}

func TestMailsToOneAddressAreThrottledFromEverywhere(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	tries := map[int]int{}
	for i := range 60 { // each from another network
		r := w.browser().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"})
		tries[r.status]++
	}
	require.Equal(t, map[int]int{http.StatusAccepted: 50, http.StatusTooManyRequests: 10}, tries)
	w.clock.Advance(5 * time.Second)
	require.Equal(t, http.StatusAccepted, w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"}).status)
}

// TestAskingForAnAddressOfSomebodysKeepsNobodyFromTheirMails: whoever is signed in counts as themselves, wherever they ask from.
func TestAskingForAnAddressOfSomebodysKeepsNobodyFromTheirMails(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	mallory, bob := w.entered("mallory@example.test"), w.entered("bob@example.test")
	w.entered("ann@example.test")
	statuses := map[int]int{}
	for i := range 8 {
		r := mallory.with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).post("/api/v1/account/email", map[string]any{"new_email": "ann@example.test", "password": "wrong password"})
		statuses[r.status]++
	}
	require.Equal(t, map[int]int{http.StatusBadRequest: 5, http.StatusTooManyRequests: 3}, statuses)
	r := bob.post("/api/v1/account/email", map[string]any{"new_email": "ann@example.test", "password": "wrong password"})
	require.Equal(t, http.StatusBadRequest, r.status, r.text)
	require.Equal(t, http.StatusAccepted, w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"}).status)
}

// TestWhatCannotBeASignInIsNotCountedForItsAddress: else it filled the memory without ever reaching the auth server.
func TestWhatCannotBeASignInIsNotCountedForItsAddress(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	for path, body := range map[string]map[string]any{
		"/api/v1/auth/login":      {"email": "ann@example.test", "password": ""},
		"/api/v1/auth/sign-up":    {"email": "bob@example.test", "password": "short"},
		"/api/v1/auth/recover":    {"email": strings.Repeat("x", 300) + "@example.test"},
		"/api/v1/auth/magic-link": {"email": "not an address"},
		"/api/v1/auth/resend":     {"email": ""},
	} {
		for range 12 {
			r := w.browser().post(path, body)
			require.Equal(t, http.StatusBadRequest, r.status, "%s: %s", path, r.text)
		}
		w.clock.Advance(2 * time.Minute) // for the network, which is counted
	}
	for range 8 {
		r := ann.post("/api/v1/account/email", map[string]any{"new_email": "not an address", "password": password})
		require.Equal(t, http.StatusBadRequest, r.status, r.text)
	}
}

func TestACookiePlantedBeforeTheSignInIsNeverAdopted(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	mallory := w.entered("mallory@example.test")
	for name, planted := range map[string]string{"an invented one": "planted", "a live one of the attacker's": mallory.secret()} {
		victim := w.browser()
		victim.http.Jar.SetCookies(nil, []*http.Cookie{{Name: hostCookie, Value: planted}})
		require.Equal(t, http.StatusOK, victim.signIn("ann@example.test", password).status, name)
		require.NotEqual(t, planted, victim.secret(), name)
		attacker := w.browser()
		attacker.http.Jar.SetCookies(nil, []*http.Cookie{{Name: hostCookie, Value: planted}})
		require.Equal(t, http.StatusUnauthorized, attacker.get("/api/v1/session").status, "%s: the planted secret opens nothing", name)
	}
	require.Equal(t, http.StatusUnauthorized, mallory.get("/api/v1/session").status, "the browser's earlier session ended")
}

func TestAnotherSiteCannotActNorSignItsVisitorsIn(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	foreign := []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
		{"Origin": {"https://specter.example.evil.example"}}, {"Origin": {"http://specter.example"}}, {"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}},
	}
	unsafe := 0
	for _, o := range operations(t) {
		if o.method == http.MethodGet || strings.HasPrefix(o.path, "/api/hooks/") { // those are other servers' calls, by secrets of their own
			continue
		}
		unsafe++
		for _, header := range foreign {
			c := *ann
			c.header = header
			r := c.do(o.method, parameter.ReplaceAllString(o.path, uuid.NewString()), bodies("")[o.id])
			require.Equal(t, http.StatusForbidden, r.status, "%s with %v: %s", o.id, header, r.text)
			require.Equal(t, "cross_origin", r.str("code"), o.id)
			require.Empty(t, r.header.Get("Set-Cookie"), o.id)
			require.Empty(t, r.header.Get("Access-Control-Allow-Origin"), o.id)
		}
	}
	require.Greater(t, unsafe, 25)
	require.Equal(t, http.StatusOK, ann.with("Origin", origin).with("Sec-Fetch-Site", "same-origin").get("/api/v1/session").status)
	require.Equal(t, http.StatusOK, ann.with("Origin", origin).signIn("ann@example.test", password).status)

	ann.csrf = ""
	require.Equal(t, "csrf", ann.with("Origin", origin).post("/api/v1/account/password", map[string]any{"current_password": password, "new_password": "another long password"}).str("code"))
	require.Equal(t, "csrf", ann.with("Origin", origin).delete("/api/v1/account/sessions").str("code"))
}

func TestNobodyIsSignedInByAWayBackThatTheirBrowserDidNotBegin(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.confirmed()
	mallory, victim := w.browser(), w.browser()
	started := mallory.post("/api/v1/auth/providers/github", map[string]any{})
	target, err := url.Parse(started.str("url"))
	require.NoError(t, err)
	back := strings.TrimPrefix(target.Query().Get("back"), origin)
	victim.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// The victim may have begun one, too.
	victim.post("/api/v1/auth/providers/github", map[string]any{})
	r := victim.get(back)
	require.Equal(t, "/sign-in?problem=provider_lost", r.header.Get("Location"))
	require.Empty(t, victim.secret())
}

func TestAWayBackNeverLeavesOurOrigin(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.confirmed()
	for _, next := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "javascript:alert(1)", "/\t/evil.example", "/ok"} {
		ann := w.browser()
		started := ann.post("/api/v1/auth/providers/github", map[string]any{"next": next})
		target, err := url.Parse(started.str("url"))
		require.NoError(t, err)
		ann.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		location := ann.get(strings.TrimPrefix(target.Query().Get("back"), origin)).header.Get("Location")
		u, err := url.Parse(origin)
		require.NoError(t, err)
		resolved, err := u.Parse(location)
		require.NoError(t, err)
		require.Equal(t, "specter.example", resolved.Host, "%q led to %q", next, location)
	}
}

func TestALinksFlowIsNotForgedNorUsedForAnother(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	w.browser().post("/api/v1/auth/magic-link", map[string]any{"email": "ann@example.test"})
	link := w.follow(w.mailTo("magiclink", "ann@example.test"))
	flow := link["flow"].(string)
	provider := w.browser()
	provider.post("/api/v1/auth/providers/github", map[string]any{})
	for name, forged := range map[string]string{
		"none": "", "another": uuid.NewString(), "changed": flow[:len(flow)-2] + "AA", "a provider's": provider.http.Jar.(*plainJar).value("__Host-specter_provider"),
	} {
		r := w.browser().post("/api/v1/auth/confirm", map[string]any{"code": link["code"], "flow": forged})
		require.Equal(t, "link_expired", r.str("code"), name)
		require.Empty(t, r.header.Get("Set-Cookie"), name)
	}
	ann := w.browser()
	require.Equal(t, "signed_in", ann.post("/api/v1/auth/confirm", link).str("outcome"))
	require.Equal(t, "link_expired", w.browser().post("/api/v1/auth/confirm", link).str("code"), "a code is good once")
}

func TestAnswersDoNotTellWhoIsKnown(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	w.auth.set(func() { w.auth.confirms = true })
	w.clock.Advance(2 * time.Minute) // the settings are asked for again
	for way, body := range map[string]map[string]any{
		"login":      {"password": "not the password"},
		"sign-up":    {"password": "another long password"},
		"recover":    {},
		"magic-link": {},
		"resend":     {},
	} {
		answers := map[string]response{}
		for _, email := range []string{"ann@example.test", "nobody@example.test"} {
			body["email"] = email
			r := w.browser().with("X-Request-Id", "same-request").post("/api/v1/auth/"+way, body)
			r.header.Del("Date")
			answers[email] = r
		}
		require.Equal(t, answers["nobody@example.test"].status, answers["ann@example.test"].status, way)
		require.Equal(t, answers["nobody@example.test"].text, answers["ann@example.test"].text, way)
		require.Equal(t, answers["nobody@example.test"].header, answers["ann@example.test"].header, way)
	}
}

// TestAskingAgainDoesNotTellWhoIsKnown: the auth server refuses to mail an address again so soon, and never says so of one
// that has an account.
func TestAskingAgainDoesNotTellWhoIsKnown(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	bob := w.entered("bob@example.test")
	w.auth.set(func() { w.auth.confirms = true })
	w.clock.Advance(2 * time.Minute) // the settings are asked for again
	for _, email := range []string{"ann@example.test", "new@example.test"} {
		for range 2 {
			r := w.browser().post("/api/v1/auth/sign-up", map[string]any{"email": email, "password": password})
			require.Equal(t, http.StatusAccepted, r.status, "%s: %s", email, r.text)
		}
	}
	for _, email := range []string{"ann@example.test", "other@example.test"} {
		change := map[string]any{"new_email": email, "password": password}
		r := bob.post("/api/v1/account/email", change)
		require.Equal(t, http.StatusOK, r.status, "%s: %s", email, r.text)
		require.JSONEq(t, `{"pending":true}`, r.text, email)
		require.Equal(t, http.StatusTooManyRequests, bob.post("/api/v1/account/email", change).status, email)
		w.clock.Advance(time.Minute)
	}
}

// TestTheTimeOfAnAnswerDoesNotTellWhoIsKnown has the auth server be slow for addresses that it knows, as one that sends a
// mail is: nothing of it shows.
func TestTheTimeOfAnAnswerDoesNotTellWhoIsKnown(t *testing.T) {
	t.Parallel()
	const mailTakes, hashTakes = 700 * time.Millisecond, 200 * time.Millisecond
	w := newPublicWorld(t)
	w.entered("ann@example.test")
	bob := w.entered("bob@example.test")
	w.auth.set(func() { w.auth.confirms, w.auth.mailTakes, w.auth.hashTakes = true, mailTakes, hashTakes })
	w.clock.Advance(2 * time.Minute) // the settings are asked for again
	for _, way := range []string{"recover", "magic-link", "resend"} {
		var took []time.Duration
		for _, email := range []string{"ann@example.test", "nobody@example.test"} {
			began := time.Now()
			require.Equal(t, http.StatusAccepted, w.browser().post("/api/v1/auth/"+way, map[string]any{"email": email}).status)
			took = append(took, time.Since(began))
		}
		require.Less(t, slices.Max(took), mailTakes/2, "%s: the mail is sent after the answer", way)
	}
	for _, kind := range []string{"recovery", "magiclink", "signup"} {
		testkit.Eventually(t, func() bool { return len(w.auth.sent(kind, "ann@example.test")) > 0 }, "the %s mail", kind)
	}
	var took []time.Duration
	for _, email := range []string{"new@example.test", "ann@example.test"} {
		began := time.Now()
		require.Equal(t, http.StatusAccepted, w.browser().post("/api/v1/auth/sign-up", map[string]any{"email": email, "password": password}).status)
		took = append(took, time.Since(began))
	}
	require.Less(t, slices.Max(took), mailTakes/2, "sign-up: the mail is sent after the answer")
	w.mailTo("signup", "new@example.test")
	took = nil
	for _, email := range []string{"ann@example.test", "nobody@example.test"} {
		began := time.Now()
		require.Equal(t, http.StatusUnauthorized, w.browser().signIn(email, "a guess").status)
		took = append(took, time.Since(began))
	}
	require.Less(t, (took[0] - took[1]).Abs(), hashTakes/2, "sign-in: both are refused at the same time")
	took = nil
	for _, email := range []string{"other@example.test", "ann@example.test"} {
		began := time.Now()
		require.Equal(t, http.StatusOK, bob.post("/api/v1/account/email", map[string]any{"new_email": email, "password": password}).status)
		took = append(took, time.Since(began))
		w.clock.Advance(time.Minute)
	}
	require.Less(t, (took[0] - took[1]).Abs(), mailTakes/2, "change of address: both are answered at the same time")
}

func TestAFailedSignInIsWrittenDownForItsOwnerAloneAndBounded(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	for i := range 30 {
		w.browser().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).signIn("ann@example.test", "a guess")
		w.clock.Advance(20 * time.Second)
	}
	count := func() int {
		return len(slices.DeleteFunc(ann.actions(), func(a string) bool { return a != "session.refused" }))
	}
	testkit.Eventually(t, func() bool { return count() >= 5 }, "the failures are in the audit log")
	require.LessOrEqual(t, count(), 7)
}

func TestAStolenRefreshTokenIsNotInAnybodysBrowser(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	var refresh []string
	w.auth.set(func() {
		for token := range w.auth.refresh {
			refresh = append(refresh, token)
		}
	})
	require.Len(t, refresh, 1)
	for _, text := range []string{ann.get("/api/v1/session").text, ann.get("/api/v1/account/sessions").text, ann.secret()} {
		require.NotContains(t, text, refresh[0])
		require.NotContains(t, text, "eyJ", "nor an access token")
	}
	// Used elsewhere, the session that it belonged to ends with the next word of the auth server.
	w.auth.set(func() { delete(w.auth.refresh, refresh[0]) })
	w.clock.Advance(time.Hour + time.Second)
	require.Equal(t, "session_ended", ann.get("/api/v1/session").str("code"))
}

func TestADeletedPersonIsOutWithinTheLifeOfAnAccessToken(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann := w.entered("ann@example.test")
	w.auth.set(func() { delete(w.auth.users, "ann@example.test") })
	w.clock.Advance(59 * time.Minute)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status)
	w.clock.Advance(2 * time.Minute)
	require.Equal(t, http.StatusUnauthorized, ann.get("/api/v1/session").status)
}

// TestRevocationEndsOpenStreams opens both streams in a browser that is then signed out from another one.
func TestRevocationEndsOpenStreams(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	ann, phone := w.entered("ann@example.test"), w.browser()
	product := ann.post("/api/v1/products", map[string]any{"name": "Shop"}).str("product.id")
	require.Equal(t, http.StatusOK, phone.signIn("ann@example.test", password).status)
	ended := make(chan time.Time, 2)
	for _, path := range []string{"/api/v1/products/" + product + "/signals/stream", "/api/v1/webhook-events/stream"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		require.NoError(t, err)
		res, err := phone.http.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { _ = res.Body.Close() })
		require.Equal(t, http.StatusOK, res.StatusCode, path)
		lines := bufio.NewScanner(res.Body)
		require.True(t, lines.Scan(), path)
		go func() {
			for lines.Scan() {
				continue
			}
			ended <- time.Now()
		}()
	}
	revoked := time.Now()
	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/account/sessions").status)
	require.Equal(t, http.StatusUnauthorized, phone.get("/api/v1/session").status, "a request at once")
	for range 2 {
		select {
		case at := <-ended:
			require.LessOrEqual(t, at.Sub(revoked), 5*time.Second)
		case <-time.After(20 * time.Second):
			t.Fatal("a stream outlived its session")
		}
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	core, logged := observer.New(zap.DebugLevel)
	c := w.config()
	c.Egress.PublicURL = origin
	w.start(c, zap.New(core))
	ann := w.entered("ann@example.test")
	w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"})
	m := w.mailTo("recovery", "ann@example.test")
	w.browser().signIn("ann@example.test", "a wrong password")
	w.auth.set(func() { w.auth.down = true })
	w.browser().signIn("ann@example.test", password)
	w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"})
	w.browser().post("/api/v1/auth/confirm", map[string]any{"token_hash": m.hash, "type": "recovery"})
	w.auth.Close()
	w.browser().post("/api/v1/auth/confirm", map[string]any{"token_hash": m.hash, "type": "recovery"})
	w.browser().post("/api/v1/auth/recover", map[string]any{"email": "ann@example.test"})
	testkit.Eventually(t, func() bool { return logged.FilterMessageSnippet("auth server").Len() >= 2 }, "the failures are logged")
	back, err := url.Parse(m.back)
	require.NoError(t, err)
	for _, entry := range logged.All() {
		text := fmt.Sprint(entry.Message, entry.ContextMap())
		for _, secret := range []string{password, "a wrong password", "ann@example.test", url.QueryEscape("ann@example.test"), m.hash, back.Query().Get("flow"), ann.secret(), ann.csrf} {
			require.NotContains(t, text, secret)
		}
	}
}
