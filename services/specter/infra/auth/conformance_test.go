package auth_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/infra/auth"
	"github.com/draftlabs/specter/services/specter/infra/auth/authtest"
)

// TestConformance holds the local server to what Specter expects of an auth server, with all that there is to try it
// with and with as little as may be known of a real one; and the real one too when SPECTER_SUPABASE_AUTH_URL names it.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ autoconfirm, mail, service bool }{
		"with mail":                    {mail: true, service: true},
		"no mail":                      {service: true},
		"believing every address":      {autoconfirm: true, service: true},
		"with mail, nothing but a URL": {mail: true},
		"nothing but a URL":            {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(o *auth.Options) { o.Autoconfirm = c.autoconfirm })
			target := authtest.Target{
				URL: s.URL, Domain: "example.com", Pass: func(_ *testing.T, d time.Duration) { s.clock.Advance(d) },
			}
			if c.service {
				target.AnonKey, target.ServiceKey, target.JWTSecret, target.SiteURL = "anon", s.serviceKey(t), secret, site
			}
			if c.mail {
				target.Mail = func(t *testing.T, to string, nth int) string { return s.mails.Await(t, to, nth).Text }
			}
			authtest.Run(t, target)
		})
	}
	if url := os.Getenv("SPECTER_SUPABASE_AUTH_URL"); url != "" {
		t.Run("real", func(t *testing.T) {
			t.Parallel()
			authtest.Run(t, realTarget(t, url))
		})
	}
}

// patience is how long the real server may take to allow what is refused because there was too much of it: a hosted
// project allows 30 uses of links in five minutes.
const patience = 8 * time.Minute

// realTarget is the server at a URL, with whatever else is set.
func realTarget(t *testing.T, url string) authtest.Target {
	t.Helper()
	target := authtest.Target{
		URL: url, AnonKey: os.Getenv("SPECTER_SUPABASE_ANON_KEY"), ServiceKey: os.Getenv("SPECTER_SUPABASE_SERVICE_KEY"),
		JWTSecret: os.Getenv("SPECTER_SUPABASE_JWT_SECRET"), SiteURL: os.Getenv("SPECTER_PUBLIC_URL"), Domain: "example.com",
		Patience: patience,
		Pass: func(t *testing.T, d time.Duration) {
			select {
			case <-time.After(d): // its clock is the world's
			case <-t.Context().Done():
			}
		},
	}
	if domain := os.Getenv("SPECTER_TEST_MAIL_DOMAIN"); domain != "" {
		target.Domain = domain
	}
	if box := os.Getenv("SPECTER_TEST_MAILPIT_URL"); box != "" {
		target.Mail = mailpit{url: box, client: &http.Client{Timeout: 10 * time.Second}}.await
	}
	if target.ServiceKey == "" && target.JWTSecret != "" {
		target.ServiceKey = minted(t, target)
		target.ServiceAPIKey = target.AnonKey
	}
	return target
}

// minted makes a service key of the secret, as the dashboard does; "" when the server believes none, because it signs
// with keys.
func minted(t *testing.T, target authtest.Target) string {
	t.Helper()
	key, err := auth.ServiceKey([]byte(target.JWTSecret), target.URL, time.Now())
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target.URL+"/admin/users?page=1&per_page=1", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Apikey", target.AnonKey)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Logf("a service key made with SPECTER_SUPABASE_JWT_SECRET is refused (%s): set SPECTER_SUPABASE_SERVICE_KEY", response.Status)
		return ""
	}
	return key
}
