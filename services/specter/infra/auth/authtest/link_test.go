package authtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinksAndCodesAreFound in mails as the local server writes them and in the HTML of Supabase's own templates.
func TestLinksAndCodesAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, token, code string }{
		"text": {
			"Open this link:\n\nhttp://127.0.0.1:8080/auth/v1/verify?redirect_to=http%3A%2F%2Fsite.test%2F&token=abc&type=magiclink\n\nOr enter this code where you are asked for it: 12345678\n\nThe link works until 1 March 2026.",
			"abc", "12345678",
		},
		"HTML": {
			`<h2>Magic Link</h2><p><a href="https://x.supabase.co/auth/v1/verify?token=pkce_1f&type=magiclink&redirect_to=http://site.test/a?flow=1">Log In</a></p><p>Alternatively, enter the code: 123456</p>`,
			"pkce_1f", "123456",
		},
		"HTML without a code": {
			`<p><a href='http://auth:9999/verify?token=2e&type=magiclink'>Log In</a></p><p>Sent on 2026-03-01.</p>`, "2e", "",
		},
	} {
		s := &suite{T: t, mails: map[string]int{}, Target: Target{Mail: func(_ *testing.T, to string, nth int) string {
			require.Equal(t, "ann@example.com", to)
			require.Equal(t, 1, nth)
			return c.text
		}}}
		l := s.mailed("ann@example.com")
		require.Equal(t, c.token, l.token, name)
		require.Equal(t, "magiclink", l.kind, name)
		require.Equal(t, c.code, l.code, name)
	}
}
