package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestDeploymentsInTheBrowser marks a deployment with one key, corrects it and reads its history, and sets up how the next
// ones are noticed, with nothing but what is on the screen.
func TestDeploymentsInTheBrowser(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	product, approved := approvedProposal(t, s, "Browser")
	tab := chromium(t)
	pages := s.URL + "/p/" + product.String()
	require.NoError(t, chromedp.Do(tab,
		chromedp.Navigate(pages+"/deployments"),
		chromedp.WaitVisible(`input[name="email"]`),
		chromedp.SendKeys(`input[name="email"]`, s.Email), chromedp.SendKeys(`input[name="password"]`, s.Password), chromedp.Click(`button[type="submit"]`),
	))
	shows(t, tab, "○ planned", "Mark deployed")
	deployment := func() api.Deployment {
		return call[api.Deployment](t, s, http.MethodGet, "/api/v1/deployments/"+approved.DeploymentId.String(), nil)
	}

	require.NoError(t, chromedp.Do(tab, chromedp.KeyEvent("d")))
	program.Await(t, patience, "the key to mark it deployed", func() bool { return deployment().DeployedAt != nil })
	require.EqualValues(t, "web", *deployment().ReportedVia)
	shows(t, tab, "is deployed since", "marked by hand")
	clickOn(t, tab, "Correct")
	require.NoError(t, chromedp.Do(tab, chromedp.WaitVisible(`form`), chromedp.Focus(`form input`), chromedp.KeyEvent("2.3.2d"), chromedp.KeyEvent(kb.Enter)))
	program.Await(t, patience, "the correction", func() bool { return deployment().Version != nil })
	require.Equal(t, "2.3.2d", *deployment().Version, "keys are letters in a field")
	shows(t, tab, "2.3.2d")
	clickOn(t, tab, "History")
	shows(t, tab, "Approved, waits to be shipped", "version 2.3.2d", s.Email)
	keepScreenshot(t, tab, "deployments.png")

	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(pages+"/deploy-hook")))
	shows(t, tab, "Any pipeline", "GitHub", "What counts", "Nothing came in the last 30 days")
	clickOn(t, tab, "Make the address")
	shows(t, tab, "shown once", "/api/hooks/deploy/sph_", "git rev-parse HEAD")
	clickOn(t, tab, "Make the secret")
	shows(t, tab, "Secret, shown once", "/api/hooks/github/"+product.String())
	address, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector("pre").textContent`))
	require.NoError(t, err)
	res, _ := send(t, http.DefaultClient, http.MethodPost, address+"?version=9&commit="+uuid.NewString(), nil, nil)
	require.Equal(t, http.StatusOK, res.StatusCode)
	shows(t, tab, "? unmatched", "the report names no proposal") // it looks again by itself
	keepScreenshot(t, tab, "deploy-hook.png")
}

// shows waits until the page has the texts.
func shows(t *testing.T, tab context.Context, texts ...string) {
	t.Helper()
	var page string
	program.Await(t, patience, strings.Join(texts, " and "), func() bool {
		var err error
		page, err = chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector("main")?.innerText ?? ""`))
		require.NoError(t, err)
		return containsAll(page, texts)
	})
}

// clickOn presses the button that says so.
func clickOn(t *testing.T, tab context.Context, words string) {
	t.Helper()
	press := fmt.Sprintf(`(button => { button?.click(); return button !== undefined })([...document.querySelectorAll("main button")].find(b => b.textContent.includes(%q)))`, words)
	program.Await(t, patience, "a button "+words, func() bool {
		pressed, err := chromedp.Run(tab, chromedp.Evaluate[bool](press))
		require.NoError(t, err)
		return pressed
	})
}
