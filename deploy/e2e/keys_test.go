package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestKeysAndTokens makes, restricts, rolls and revokes what opens a running Specter, by page and by command, and sends
// signals with it meanwhile.
func TestKeysAndTokens(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	v := signIn(t, s)
	v.bringAxe(t)
	t.Run("the keys' page", func(t *testing.T) { testKeysPage(t, s, v) })
	t.Run("the tokens' page", func(t *testing.T) { testTokensPage(t, s, v) })
	t.Run("the command line", func(t *testing.T) { testKeysCommand(t, s) })
}

// from sends one signal as a page of an origin does, or as a server with none.
func (s *system) from(t *testing.T, key, origin string) (status int, code string) {
	t.Helper()
	header := http.Header{"X-Api-Key": {key}, "Content-Type": {"application/json"}}
	if origin != "" {
		header.Set("Origin", origin)
	}
	res, body := send(t, http.DefaultClient, http.MethodPost, s.URL+"/api/signals", header, strings.NewReader(`{"type":"cta_click"}`))
	for _, known := range []string{"origin_not_allowed", "key_revoked", "key_expired"} {
		if strings.Contains(string(body), `"`+known+`"`) {
			code = known
		}
	}
	return res.StatusCode, code
}

func (s *system) keyNamed(t *testing.T, name, status string) (api.ApiKey, bool) {
	t.Helper()
	for _, k := range call[api.ApiKeyPage](t, s, http.MethodGet, "/api/v1/products/"+s.ProductID.String()+"/keys?limit=100", nil).Items {
		if k.Name == name && string(k.Status) == status {
			return k, true
		}
	}
	return api.ApiKey{}, false
}

func testKeysPage(t *testing.T, s *system, v *screen) {
	status, _ := s.from(t, s.IngestKey, "")
	require.Equal(t, http.StatusOK, status)
	program.Await(t, patience, "the dashboard to be told of its use", func() bool { k, _ := s.keyNamed(t, "Default key", "active"); return k.LastUsedAt != nil })
	v.open(t, s.ProductID, "/settings")
	v.shows(t, "main code", s.IngestKey)
	v.shows(t, "main li", "last used")
	v.shows(t, "main pre", `data-api-key="`+s.IngestKey)

	require.NoError(t, chromedp.Do(v.tab, chromedp.SendKeys(`form input[placeholder="Storefront"]`, "Webshop"), chromedp.SendKeys(`form textarea`, "https://shop.example"+kb.Enter+"https://*.shop.example")))
	v.click(t, "form button", "Make the key")
	v.shows(t, `main [role="status"]`, "Made Webshop")
	made, ok := s.keyNamed(t, "Webshop", "active")
	require.True(t, ok)
	require.Equal(t, []string{"https://shop.example", "https://*.shop.example"}, made.AllowedOrigins)
	program.Await(t, patience, "the gateway to know the key", func() bool {
		status, _ := s.from(t, made.Key, "https://eu.shop.example")
		return status == http.StatusOK
	})
	for _, origin := range []string{"https://evil-shop.example", "null", ""} {
		status, code := s.from(t, made.Key, origin)
		require.Equal(t, http.StatusForbidden, status, origin)
		require.Equal(t, "origin_not_allowed", code, origin)
	}

	v.click(t, `button[aria-label="Edit Webshop"]`, "")
	v.shows(t, "dialog[open]", "Allowed origins")
	v.requireAccessible(t, "dialog", "editing a key")
	v.click(t, `dialog[open] input[type="checkbox"]`, "")
	v.click(t, "dialog[open] button", "Save")
	program.Await(t, patience, "servers to be allowed", func() bool { status, _ := s.from(t, made.Key, ""); return status == http.StatusOK })
	v.shows(t, "main li", "servers")

	v.click(t, `button[aria-label="Roll Webshop"]`, "")
	v.shows(t, "dialog[open]", "takes its place")
	v.requireAccessible(t, "dialog", "rolling a key")
	v.click(t, "dialog[open] button", "Roll")
	v.shows(t, "main li", "◐ retiring")
	next, ok := s.keyNamed(t, "Webshop", "active")
	require.True(t, ok)
	program.Await(t, patience, "both to work", func() bool {
		old, _ := s.from(t, made.Key, "")
		fresh, _ := s.from(t, next.Key, "")
		return old == http.StatusOK && fresh == http.StatusOK
	})

	program.Await(t, patience, "the page to be told of their use", func() bool {
		old, _ := s.keyNamed(t, "Webshop", "retiring")
		fresh, _ := s.keyNamed(t, "Webshop", "active")
		return old.LastUsedAt != nil && fresh.LastUsedAt != nil
	})
	for _, width := range []int64{1280, 360} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(width, 900)))
		v.open(t, s.ProductID, "/settings")
		v.shows(t, "main li", "◐ retiring")
		v.await(t, "the keys to fit", `document.documentElement.scrollWidth <= innerWidth`)
		require.NoError(t, chromedp.Do(v.tab, chromedp.Click(`main details summary`)))
		v.requireAccessible(t, "main", "the keys")
		keepScreenshot(t, v.tab, map[int64]string{1280: "keys.png", 360: "keys-narrow.png"}[width])
	}
	require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(1280, 900)))

	v.await(t, "the retiring one's button", `(li => { li?.querySelector('button[aria-label="Revoke Webshop"]').click(); return li !== undefined })([...document.querySelectorAll("main li")].find((li) => li.textContent.includes("retiring")))`)
	v.shows(t, "dialog[open]", "Signals they send from then on are lost")
	v.shows(t, "dialog[open]", made.Hint)
	v.requireAccessible(t, "dialog", "revoking a key")
	keepScreenshot(t, v.tab, "key-revoke.png")
	v.click(t, "dialog[open] button", "Revoke the key")
	v.shows(t, "main summary", "1 that work no more")
	program.Await(t, patience, "it to be refused", func() bool { _, code := s.from(t, made.Key, ""); return code == "key_revoked" })
	v.open(t, s.ProductID, "/signals?view=rejected")
	v.shows(t, "main", "origin_not_allowed")
	v.shows(t, "main", "key_revoked")
}

func testTokensPage(t *testing.T, s *system, v *screen) {
	v.open(t, s.ProductID, "/settings?view=tokens")
	v.shows(t, "main legend", "Deployments")
	require.NoError(t, chromedp.Do(v.tab, chromedp.SendKeys(`form input[placeholder="What it is for"]`, "Pipeline")))
	require.False(t, look[bool](t, v, `document.querySelector("main").innerText.includes("Choose at least one scope")`), "nothing is wrong yet")
	v.click(t, "form button", "Make the token")
	v.shows(t, `form [role="alert"]`, "Choose at least one scope.")
	v.click(t, "form button", "A pipeline")
	v.click(t, "form button", "Make the token")
	v.shows(t, `main [role="status"]`, "It is shown once")
	const inView = `(box => box.top >= 0 && box.bottom <= innerHeight)(document.querySelector('main [role="status"]').getBoundingClientRect())`
	v.await(t, "it to be seen, and the keyboard to be there", inView+` && document.activeElement === document.querySelector('main [role="status"]')`)
	require.Zero(t, look[int](t, v, `document.querySelectorAll('form [role="alert"]').length`), "the emptied form does not look as if it had failed")
	text := look[string](t, v, `document.querySelector('main [role="status"] code').textContent`)
	_, err := apikey.Parse(text)
	require.NoError(t, err)
	opens := func(token string) int {
		res, _ := send(t, http.DefaultClient, http.MethodGet, s.URL+"/api/v1/products/"+s.ProductID.String()+"/deployments", http.Header{"Authorization": {"Bearer " + token}}, nil)
		return res.StatusCode
	}
	require.Equal(t, http.StatusOK, opens(text))
	for _, width := range []int64{1280, 360} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(width, 900)))
		v.await(t, "the tokens to fit", `document.documentElement.scrollWidth <= innerWidth`)
		v.requireAccessible(t, "main", "the tokens")
		keepScreenshot(t, v.tab, map[int64]string{1280: "tokens.png", 360: "tokens-narrow.png"}[width])
	}
	require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(1280, 900)))

	// Over plain http a page has no clipboard.
	look[bool](t, v, `Object.defineProperty(navigator, "clipboard", { value: undefined }), true`)
	v.click(t, `button[aria-label="Copy the token Pipeline"]`, "")
	v.shows(t, "dialog[open] h2", "Press Ctrl+C to copy")
	v.await(t, "the token to be selected", `document.activeElement.value === "`+text+`" && document.activeElement.selectionEnd === document.activeElement.value.length`)
	v.requireAccessible(t, "dialog", "copying by hand")
	keepScreenshot(t, v.tab, "copy-by-hand.png")
	look[bool](t, v, `document.execCommand("copy")`)
	v.await(t, "it to be over", `document.querySelector("dialog") === null`)
	v.shows(t, `button[aria-label="Copy the token Pipeline"]`, "Copied")

	v.click(t, `button[aria-label="Roll Pipeline"]`, "")
	v.shows(t, "dialog[open]", "It is shown once")
	v.requireAccessible(t, "dialog", "rolling a token")
	v.click(t, "dialog[open] button", "Roll")
	v.shows(t, "main li", "◐ retiring")
	next := look[string](t, v, `document.querySelector('main [role="status"] code').textContent`)
	require.NotEqual(t, text, next)
	v.await(t, "it to have the keyboard", `document.activeElement === document.querySelector('main [role="status"]')`)
	require.Equal(t, http.StatusOK, opens(next))
	require.Equal(t, http.StatusOK, opens(text), "both work meanwhile")
	v.await(t, "the retiring one's button", `(li => { li?.querySelector('button[aria-label="Revoke Pipeline"]').click(); return li !== undefined })([...document.querySelectorAll("main li")].find((li) => li.textContent.includes("retiring")))`)
	v.requireAccessible(t, "dialog", "revoking a token")
	v.click(t, "dialog[open] button", "Revoke the token")
	v.shows(t, "main summary", "1 that work no more")
	require.Equal(t, http.StatusUnauthorized, opens(text))
	require.Equal(t, next, look[string](t, v, `document.querySelector('main [role="status"] code').textContent`), "the one that took its place can still be copied")
	v.click(t, `button[aria-label="Revoke Pipeline"]`, "")
	v.click(t, "dialog[open] button", "Revoke the token")
	v.shows(t, "main summary", "2 that work no more")
	v.await(t, "what is worth nothing to be gone", `document.querySelector('main [role="status"] code') === null`)
	v.open(t, s.ProductID, "/settings?view=tokens")
	v.shows(t, "main summary", "2 that work no more")
	require.False(t, look[bool](t, v, `document.querySelector("main").innerText.includes("`+next+`")`), "no token is shown twice")
}

// testKeysCommand does what KEYS.md shows.
func testKeysCommand(t *testing.T, s *system) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "KEYS.md"))
	require.NoError(t, err)
	ran := 0
	for _, command := range shellCommands(string(text)) {
		cmd := specterCommand(t, s)
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", command}
		cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(binary(t, "specter"))+":/usr/bin:/bin")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", command, out)
		ran++
	}
	require.GreaterOrEqual(t, ran, 11)
	_, ok := s.keyNamed(t, "Backend", "revoked")
	require.True(t, ok)

	leak := exec.CommandContext(t.Context(), binary(t, "specter"), "keys", "check")
	leak.Stdin = strings.NewReader("deploy:\n  token: " + s.Token + "\n")
	out, err := leak.CombinedOutput()
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, 5, ended.ExitCode())
	require.Contains(t, string(out), "access token")
	require.NotContains(t, string(out), s.Token)
}
