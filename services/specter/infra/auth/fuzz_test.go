package auth

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/mail"
)

// FuzzRedirectTarget: whatever is wanted, a link leads to the site or below it.
func FuzzRedirectTarget(f *testing.F) {
	for _, wanted := range []string{
		"https://site.test/app/reset?next=1#x", "//elsewhere.test", `https://site.test\@elsewhere.test`, "https://site.test/app/../../x", "https://site.test/app/%2e%2e/x",
		"https://site.test/app//elsewhere.test", "https:site.test/app", "javascript:alert(1)", "https://site.test/app\x00", "https://site.test/app/;//x",
	} {
		f.Add(wanted)
	}
	site, err := url.Parse("https://site.test/app")
	require.NoError(f, err)
	s := &Server{site: site}
	f.Fuzz(func(t *testing.T, wanted string) {
		text := s.redirectTarget(wanted).String()
		rest, ok := strings.CutPrefix(text, "https://site.test/app")
		require.True(t, ok, text)
		require.True(t, rest == "" || strings.ContainsAny(rest[:1], "/?"), text)
		require.False(t, strings.ContainsAny(text, "\r\n\t\\ #"), text)
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(path.Clean(u.Path)+"/", "/app/"), text)
	})
}

// FuzzNormalEmail: an address has one spelling, and mail can be sent to it.
func FuzzNormalEmail(f *testing.F) {
	for _, email := range []string{"Ann@Example.com ", "a+b@example.com", "\u212aate@example.com", "\"a b\"@example.com", "a@b@c", "a@[127.0.0.1]", "a\x00@b", "аnn@example.com"} {
		f.Add(email)
	}
	f.Fuzz(func(t *testing.T, email string) {
		normal, err := normalEmail(email)
		if err != nil {
			return
		}
		again, err := normalEmail(normal)
		require.NoError(t, err)
		require.Equal(t, normal, again)
		require.Equal(t, strings.ToLower(normal), normal)
		require.True(t, strings.EqualFold(normal, strings.TrimSpace(email)), "only case and surrounding space may differ")
		require.NoError(t, mail.Message{To: normal, Subject: "x", Text: "x"}.Check())
		for _, r := range normal {
			require.Less(t, r, rune(0x7f))
		}
	})
}
