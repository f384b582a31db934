package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const testKey = "a secret key that only tests know, long enough"

func testFlows(t require.TestingT, now *time.Time) flows {
	f, err := newFlows(testKey, "https://specter.example/", func() time.Time { return *now })
	require.NoError(t, err)
	return f
}

// FuzzSafePath: wherever it leads, a browser on our origin stays there.
func FuzzSafePath(f *testing.F) {
	for _, text := range []string{
		"/", "/p/1/settings?view=security#x", "//evil.example", "/\\evil.example", "https://evil.example", "/%2f/evil.example", "/\t/evil.example",
		"javascript:alert(1)", "/..//evil.example", "/./\\evil", "/\u2028/evil", "/a\r\nSet-Cookie: x=y", "", "?x", "/@evil.example", "/:80",
	} {
		f.Add(text)
	}
	origin, err := url.Parse("https://specter.example")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		path := SafePath(text)
		u, err := origin.Parse(path)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.Equal(t, "specter.example", u.Host)
		require.Nil(t, u.User)
		require.True(t, strings.HasPrefix(path, "/"))
		// Browsers read a backslash as a slash, and leave tabs and line breaks out.
		require.False(t, strings.HasPrefix(strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(path), "//"), path)
		require.NotContains(t, path, "\n")
	})
}

// FuzzFlow: what we did not seal opens nothing.
func FuzzFlow(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one := testFlows(f, &now)
	own := flowOf(one.mail(RecoveryLink))
	f.Add(own)
	f.Add("")
	f.Add(own[:len(own)-1])
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := one.openMail(text); err == nil {
			require.Equal(t, own, text)
		}
		_, err := one.openProvider(text, "")
		require.Error(t, err)
	})
}

func flowOf(b Back) string {
	u, err := url.Parse(b.URL)
	if err != nil {
		return ""
	}
	return u.Query().Get("flow")
}

func TestAFlowOpensForItsPurposeAndTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		one := testFlows(t, &now)
		kind := rapid.SampledFrom([]LinkKind{SignUpLink, MagicLink, RecoveryLink, EmailLink}).Draw(t, "kind")
		b := one.mail(kind)
		back, cookie := one.provider("github", "/next")
		passed := time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "passed"))
		now = now.Add(passed)

		got, err := one.openMail(flowOf(b))
		require.Equal(t, passed < mailFlowLife, err == nil)
		if err == nil {
			require.Equal(t, kind, got.Kind)
			sum := sha256.Sum256([]byte(got.Verifier))
			require.Equal(t, b.Challenge, base64.RawURLEncoding.EncodeToString(sum[:]))
		}
		_, err = one.openProvider(cookie, flowOf(back))
		require.Equal(t, passed < providerFlowLife, err == nil)
		_, err = one.openProvider(cookie, flowOf(b))
		require.ErrorIs(t, err, errFlow, "another nonce")
		_, err = one.openMail(cookie)
		require.ErrorIs(t, err, errFlow, "a provider's is no mail's")
		_, err = one.openProvider(flowOf(b), "")
		require.ErrorIs(t, err, errFlow, "nor the other way round")
	})
}

func TestAnotherSecretKeyOpensNothing(t *testing.T) {
	t.Parallel()
	now := time.Now()
	other, err := newFlows(testKey+"x", "https://specter.example", func() time.Time { return now })
	require.NoError(t, err)
	_, err = other.openMail(flowOf(testFlows(t, &now).mail(MagicLink)))
	require.ErrorIs(t, err, errFlow)
}

func TestWithoutAPublicAddressTheAuthServerChoosesTheWayBack(t *testing.T) {
	t.Parallel()
	f, err := newFlows(testKey, "", time.Now)
	require.NoError(t, err)
	b := f.mail(SignUpLink)
	require.Empty(t, b.URL)
	require.NotEmpty(t, b.Challenge)
}

func TestDevicesHaveNames(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                   "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"": "Unknown browser",
	} {
		require.Equal(t, want, DeviceName(header), header)
	}
	require.LessOrEqual(t, len(DeviceName(strings.Repeat("x", 1000)+"/1.0 (X11; "+strings.Repeat("y", 1000)+")")), maxDevice)
}

func TestThereIsRoomForLettersOrThereIsNot(t *testing.T) {
	t.Parallel()
	l := newLetters(func(error) {})
	sent := 0
	for range lettersWaiting {
		require.NoError(t, l.post(t.Context(), func(context.Context) error { sent++; return nil }))
	}
	require.True(t, fault.Is(l.post(t.Context(), func(context.Context) error { return nil }), fault.Unavailable))
}
