package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// TestTheAccountsSettingsNeedNoProduct: mails lead to a view of the settings, whoever signs in for it and has no product.
func TestTheAccountsSettingsNeedNoProduct(t *testing.T) {
	t.Parallel()
	up, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	s := signUp(t, up.URL)
	v := &screen{tab: chromiumFor(t, 3*time.Minute), base: s.URL}
	v.bringAxe(t)
	require.NoError(t, chromedp.Do(v.tab,
		chromedp.Navigate(v.base+"/settings/data"),
		chromedp.WaitVisible(`input[name="email"]`),
		chromedp.SendKeys(`input[name="email"]`, s.Email),
		chromedp.SendKeys(`input[name="password"]`, s.Password),
		chromedp.Click(`button[type="submit"]`),
	))
	v.shows(t, "main", "Export everything")
	v.requireTidy(t, "account-data")
	for tab, text := range map[string]string{
		"Profile": "E-mail address", "Security": "Where you are signed in", "Access tokens": "token", "Usage": "What the plan allows", "Billing": "Your plan: ", "Audit log": "Check the log", "Data": "Delete",
	} {
		v.click(t, `nav[aria-label="Settings"] a`, tab)
		v.await(t, tab, `document.querySelector('nav[aria-label="Settings"] a[aria-current]').textContent === "`+tab+`"`)
		v.shows(t, "main", text)
		v.await(t, "the page to have a name", `document.title === "`+tab+` · Specter"`)
	}
	v.click(t, `nav[aria-label="Sections"] a`, "Products")
	v.shows(t, "main h1", "Products")
	v.click(t, `nav[aria-label="Sections"] a`, "Settings")
	v.shows(t, "main h1", "Account settings")
	v.requireTidy(t, "account-settings")
}
