package e2e

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestTheAuditLogInTheBrowser reads who did what, narrows it, and has the log checked; on a telephone as well.
func TestTheAuditLogInTheBrowser(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	product, _ := approvedProposal(t, s, "Audited")
	token := call[api.CreatedAccessToken](t, s, http.MethodPost, "/api/v1/tokens", map[string]any{"name": "Reporting", "scopes": []string{"products:read"}})
	status, answer := parts.NewPerson(t, s.URL).Try(t, "/api/v1/auth/login", s.Email, "not the password")
	require.Equal(t, http.StatusUnauthorized, status, answer)
	v := signIn(t, s)
	v.bringAxe(t)

	v.open(t, product, "/settings?view=audit")
	v.shows(t, `tbody`, "Token: created")
	v.shows(t, `tbody`, "Session: started")
	v.shows(t, `tbody`, s.Email)
	v.click(t, `button`, "Check the log")
	v.shows(t, `main`, "each as it was written")
	keepScreenshot(t, v.tab, "audit-log.png")

	v.click(t, `[aria-label="About"] button`, "Tokens")
	v.await(t, "the choice to be in the address", `location.search.includes("about=token")`)
	v.await(t, "sign-ins to be gone", `document.querySelector("tbody") && !document.querySelector("tbody").textContent.includes("Session")`)
	v.shows(t, `tbody`, "Token: created")
	v.click(t, `summary`, "Token: created")
	v.shows(t, `details[open] pre`, token.AccessToken.Id.String())
	v.click(t, `[aria-label="About"] button`, "Webhooks")
	v.shows(t, `main`, "Nothing of the kind was done.")
	v.click(t, `[aria-label="About"] button`, "Webhooks")
	v.click(t, `[aria-label="By"] button`, "Nobody signed in")
	v.shows(t, `tbody`, "Sign-in: refused")
	v.await(t, "what people did to be gone", `!document.querySelector("tbody").textContent.includes("started")`)

	_, err := chromedp.Call(v.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 360, Height: 740, DeviceScaleFactor: 1, Mobile: true})
	require.NoError(t, err)
	v.open(t, product, "/settings?view=audit")
	v.shows(t, `tbody`, "Token: created")
	v.await(t, "everything to fit", `document.documentElement.scrollWidth <= 360`)
	keepScreenshot(t, v.tab, "audit-log-360.png")
	v.requireAccessible(t, "main", "the audit log")
}
