package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// The cookies: whose session it is, and which sign-in through a provider this browser has begun.
const (
	sessionCookie  = "specter_session"
	providerCookie = "specter_provider"
	// providerCookieLife is that of what is in it.
	providerCookieLife = 10 * time.Minute
)

// cookies writes our cookies. Under https their names carry __Host-, which browsers take only with Secure, without a
// domain and for the whole site: no neighbour under the same domain can plant one.
type cookies struct{ secure bool }

func (c cookies) name(base string) string {
	if c.secure {
		return "__Host-" + base
	}
	return base
}

// Cookies are the names of all that are ever set at a public address, with what each is for.
func Cookies(publicURL string) map[string]string {
	c := cookies{secure: strings.HasPrefix(publicURL, "https://")}
	return map[string]string{
		c.name(sessionCookie):  "set when you sign in, to stay signed in",
		c.name(providerCookie): "set for ten minutes while you sign in through another provider",
	}
}

func (c cookies) read(r *http.Request, base string) string {
	cookie, err := r.Cookie(c.name(base))
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (c cookies) session(s account.SignedIn) *http.Cookie {
	return c.cookie(sessionCookie, s.Secret, s.Session.ExpiresAt, 0)
}

func (c cookies) provider(text string) *http.Cookie {
	return c.cookie(providerCookie, text, time.Time{}, int(providerCookieLife/time.Second))
}

func (c cookies) clear(base string) *http.Cookie { return c.cookie(base, "", time.Time{}, -1) }

// cookie sets SameSite=Lax: the way back from a provider is another site's link to us.
func (c cookies) cookie(base, value string, expires time.Time, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure wherever the public address is https
		Name: c.name(base), Value: value, Path: "/", Expires: expires, MaxAge: maxAge, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	}
}
