package auth_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/infra/auth"
	"github.com/draftlabs/specter/services/specter/infra/auth/authtest"
)

// TestConformance holds the local server to what Specter expects of an auth server, and the real
// one too when SPECTER_SUPABASE_AUTH_URL names it.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, autoconfirm := range map[string]bool{"with mail": false, "believing every address": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(o *auth.Options) { o.Autoconfirm = autoconfirm })
			target := authtest.Target{
				URL: s.URL, AnonKey: "anon", ServiceKey: s.serviceKey(t), JWTSecret: secret, SiteURL: site, Domain: "example.com",
				Pass: func(_ *testing.T, d time.Duration) { s.clock.Advance(d) },
			}
			if !autoconfirm {
				target.Mail = func(t *testing.T, to string, nth int) string { return s.mails.Await(t, to, nth).Text }
			}
			authtest.Run(t, target)
		})
	}
	url := os.Getenv("SPECTER_SUPABASE_AUTH_URL")
	if url == "" {
		return
	}
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		authtest.Run(t, authtest.Target{
			URL: url, AnonKey: os.Getenv("SPECTER_SUPABASE_ANON_KEY"), ServiceKey: needed(t, "SPECTER_SUPABASE_SERVICE_KEY"),
			JWTSecret: os.Getenv("SPECTER_SUPABASE_JWT_SECRET"), SiteURL: needed(t, "SPECTER_PUBLIC_URL"), Domain: "example.com",
			Pass: func(t *testing.T, d time.Duration) {
				select {
				case <-time.After(d): // its clock is the world's
				case <-t.Context().Done():
				}
			},
		})
	})
}

func needed(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s must be set beside SPECTER_SUPABASE_AUTH_URL", name)
	return value
}
