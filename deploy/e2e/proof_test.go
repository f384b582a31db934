package e2e

import (
	"context"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// seeProof reads the verdict, the chart and the plan where people do, and what the prediction was worth.
func seeProof(t *testing.T, s *system, product uuid.UUID) {
	t.Helper()
	tab := chromium(t)
	page := s.URL + "/p/" + product.String() + "/deployments"
	require.NoError(t, chromedp.Do(tab,
		chromedp.Navigate(page),
		chromedp.WaitVisible(`input[name="email"]`),
		chromedp.SendKeys(`input[name="email"]`, s.Email),
		chromedp.SendKeys(`input[name="password"]`, s.Password),
		chromedp.Click(`button[type="submit"]`),
		chromedp.WaitVisible(`figure svg[role="img"]`),
	))
	opened, err := chromedp.Run(tab, chromedp.Evaluate[int](`(() => { const all = [...document.querySelectorAll("details")]; all.forEach((one) => { one.open = true }); return all.length })()`))
	require.NoError(t, err)
	require.GreaterOrEqual(t, opened, 2, "how sure it is, and the plan")
	awaitText(t, tab, "the proof", []string{
		"Improved", "was expected", "good of", "deployed", "Smallest effect it could see", "Predicted against measured", "range",
		"The same test on other grounds", "What happens by itself", "The whole test at earlier dates",
		"The plan, as registered", "Measured", "Must hold without", "Control contexts", "Decides at p ≤", "Decided", "Not needed",
	})
	wide, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`))
	require.NoError(t, err)
	require.False(t, wide, "nothing reaches beyond the page")
	keepScreenshot(t, tab, "proof.png")

	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(page+"?view=predictions"), chromedp.WaitVisible(`section`)))
	awaitText(t, tab, "the scoreboard", []string{"1 of 1", "Came of the predicted gain", "Each prediction"})
	keepScreenshot(t, tab, "predictions.png")

	board := call[api.Calibration](t, s, http.MethodGet, "/api/v1/products/"+product.String()+"/calibration", nil)
	require.Len(t, board.Groups, 1)
	require.Equal(t, 1, board.Groups[0].Measured)
}

func awaitText(t *testing.T, tab context.Context, what string, wanted []string) {
	t.Helper()
	var text string
	program.Await(t, patience, what+" to be shown", func() bool {
		var err error
		text, err = chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector("main").textContent`))
		require.NoError(t, err)
		return containsAll(text, wanted)
	})
}
