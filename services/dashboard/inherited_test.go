package dashboard_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Whoever was the first to give an address a password, at the auth server itself or here, has no part in the account of
// the person who then shows that the address is theirs: not even before that person has chosen a password.
func TestAPasswordFromBeforeTheAddressWasProvenOpensNothing(t *testing.T) {
	t.Parallel()
	const theirs = "a password of somebody else"
	for kind, c := range map[string]struct{ way, outcome string }{
		"signup":    {"sign-up", "set_password"},
		"recovery":  {"recover", "set_password"},
		"magiclink": {"magic-link", "signed_in"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newPublicWorld(t)
			w.confirmed()
			w.auth.set(func() {
				w.auth.users["ann@example.test"], w.auth.password["ann@example.test"], w.auth.pending["ann@example.test"] = uuid.New(), theirs, true
			})
			ann := w.browser()
			require.Equal(t, http.StatusAccepted, ann.post("/api/v1/auth/"+c.way, map[string]any{"email": "ann@example.test", "password": password}).status)
			confirmed := ann.post("/api/v1/auth/confirm", w.follow(w.mailTo(kind, "ann@example.test")))
			require.Equal(t, c.outcome, confirmed.str("outcome"), confirmed.text)
			ann.csrf = confirmed.str("session.csrf_token")
			require.Equal(t, http.StatusUnauthorized, w.browser().signIn("ann@example.test", theirs).status)
			if c.outcome == "set_password" {
				require.Equal(t, http.StatusOK, ann.post("/api/v1/account/password", map[string]any{"new_password": password}).status)
				require.Equal(t, http.StatusOK, w.browser().signIn("ann@example.test", password).status)
				require.Equal(t, http.StatusUnauthorized, w.browser().signIn("ann@example.test", theirs).status)
			}
		})
	}
}

// A project may want the current password with a new one. Nobody is locked out for that who confirmed their address.
func TestWhoCannotBeDisinheritedIsSignedInAllTheSame(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.confirmed()
	w.auth.set(func() { w.auth.proves = true })
	ann := w.browser()
	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/auth/sign-up", map[string]any{"email": "ann@example.test"}).status)
	confirmed := ann.post("/api/v1/auth/confirm", w.follow(w.mailTo("signup", "ann@example.test")))
	require.Equal(t, "set_password", confirmed.str("outcome"), confirmed.text)
	require.Equal(t, http.StatusOK, ann.get("/api/v1/session").status)
}

// Who confirmed their address long ago, for another program of the same auth server, keeps the password they have there.
func TestAPersonOfTheAuthServersKeepsTheirPassword(t *testing.T) {
	t.Parallel()
	w := newPublicWorld(t)
	w.confirmed()
	w.auth.set(func() {
		w.auth.users["ann@example.test"], w.auth.password["ann@example.test"], w.auth.confirmed["ann@example.test"] = uuid.New(), password, w.clock.Now().Add(-time.Hour)
	})
	ann := w.browser()
	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/auth/magic-link", map[string]any{"email": "ann@example.test"}).status)
	require.Equal(t, "signed_in", ann.post("/api/v1/auth/confirm", w.follow(w.mailTo("magiclink", "ann@example.test"))).str("outcome"))
	require.Equal(t, http.StatusOK, w.browser().signIn("ann@example.test", password).status)
}
