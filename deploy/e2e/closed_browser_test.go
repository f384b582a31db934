package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestAClosedAccountInTheBrowser deletes an account in Settings. Whatever is opened then, also after signing in again,
// is one page: when and what goes, the way back, and the export.
func TestAClosedAccountInTheBrowser(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t), env: []string{"SPECTER_ACCOUNT_DELETION_GRACE=696h"}})
	v := signIn(t, s)
	v.bringAxe(t)

	v.open(t, s.ProductID, "/settings?view=data")
	field := `section[aria-label="Delete this account"] input`
	v.shows(t, "main", "For 29 days signing in only lets you take it back")
	require.NoError(t, chromedp.Do(v.tab, chromedp.WaitVisible(field), chromedp.SendKeys(field, "not "+s.Email)))
	v.await(t, "another address to confirm nothing", `[...document.querySelectorAll("main button")].find((b) => b.textContent === "Delete this account").disabled`)
	v.await(t, "the field's text to be chosen", `(document.querySelector('`+field+`').select(), true)`)
	require.NoError(t, chromedp.Do(v.tab, chromedp.SendKeys(field, s.Email)))
	v.click(t, "main button", "Delete this account")
	v.shows(t, "main h1", "This account is closed")
	v.shows(t, "main", "UTC")
	v.shows(t, "main", "every product with its keys")
	v.await(t, "the certificate's address", `document.querySelector('main a[href^="/deletions/"]')`)

	// Signed in again, or anywhere else.
	v.click(t, "button", "Sign out")
	v.shows(t, "main h1", "Sign in")
	require.NoError(t, chromedp.Do(v.tab,
		chromedp.SendKeys(`input[name="email"]`, s.Email),
		chromedp.SendKeys(`input[name="password"]`, s.Password),
		chromedp.Click(`button[type="submit"]`),
	))
	v.shows(t, "main h1", "This account is closed")
	for _, path := range []string{"/", "/p/" + s.ProductID.String() + "/contexts", "/p/" + s.ProductID.String() + "/settings?view=billing"} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(v.base+path)))
		v.shows(t, "main h1", "This account is closed")
		require.Zero(t, look[int](t, v, `document.querySelectorAll("nav, [role=alert]").length`), "nothing else is there, and nothing is refused: %s", path)
	}

	v.click(t, "main button", "Start an export")
	v.await(t, "the archive", `[...document.querySelectorAll("main a")].some((a) => a.textContent === "Download")`)
	for _, width := range []int64{1280, 360} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(width, 800)))
		v.await(t, "it to fit", `document.documentElement.scrollWidth <= innerWidth`)
		v.requireAccessible(t, "main", fmt.Sprintf("a closed account, %d", width))
		for _, theme := range []string{"light", "dark"} {
			v.prefers(t, theme)
			keepScreenshot(t, v.tab, fmt.Sprintf("closed-account-%d-%s.png", width, theme))
		}
	}

	v.click(t, "main button", "Cancel the deletion")
	v.shows(t, "main h1", "Settings")
	require.Nil(t, call[api.Account](t, s, http.MethodGet, "/api/v1/account", nil).ClosedAt)
	program.Await(t, patience, "the key to work again", func() bool {
		status, _ := s.post(t, "/api/signals", s.IngestKey, `[]`)
		return status != http.StatusForbidden && status != http.StatusUnauthorized
	})
}

// TestADeletionWithoutAWayBack: where deletions begin at once, no page says otherwise, and the last one leads to the certificate.
func TestADeletionWithoutAWayBack(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t), env: []string{"SPECTER_ACCOUNT_DELETION_GRACE=0s"}})
	v := signIn(t, s)
	v.bringAxe(t)

	v.open(t, s.ProductID, "/settings?view=data")
	v.shows(t, "main", "This cannot be taken back.")
	v.requireTidy(t, "deletion-at-once")
	field := `section[aria-label="Delete this account"] input`
	require.NoError(t, chromedp.Do(v.tab, chromedp.WaitVisible(field), chromedp.SendKeys(field, s.Email)))
	v.click(t, "main button", "Delete this account")
	v.shows(t, "main", "That cannot be taken back any more.")
	require.Zero(t, look[int](t, v, `document.querySelectorAll("main button").length`), "nothing that would be refused")
	keepScreenshot(t, v.tab, "closed-at-once.png")

	v.shows(t, "main h1", "Everything is deleted")
	v.requireTidy(t, "gone")
	address := look[string](t, v, `document.querySelector('main a[href^="/deletions/"]').textContent`)
	program.Await(t, 2*patience, "the certificate", func() bool {
		res, body := send(t, http.DefaultClient, http.MethodGet, address, nil, nil)
		return res.StatusCode == http.StatusOK && strings.Contains(string(body), `"specter.account_deletion.v1"`)
	})
	v.click(t, "main a", "Start again")
	v.shows(t, "main h1", "Sign in")
}
