package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// testSharedProof has a person share a proven deployment, a stranger read it in a browser of its own without scripts, and
// the person take the link back.
func testSharedProof(t *testing.T, s *system, product, deployment uuid.UUID) {
	link := shareInDashboard(t, s, product)
	require.Regexp(t, `^`+s.URL+`/proof/sps_[0-9A-Za-z]{36}$`, link)

	visitor := newStranger(t)
	visitor.withoutScripts(t)
	visitor.opens(t, link)
	for _, c := range []struct {
		width int64
		theme string
	}{{1280, "light"}, {1280, "dark"}, {390, "light"}, {390, "dark"}} {
		visitor.sees(t, c.width, c.theme)
		text, err := chromedp.Run(visitor.tab, chromedp.Text(`main`))
		require.NoError(t, err)
		for _, words := range []string{"Improved", "The numbers", "The test, as it was registered", "Does it hold up?", "How to reproduce this", "specter verify --csv"} {
			require.Contains(t, text, words)
		}
		layout, err := chromedp.Run(visitor.tab, chromedp.Evaluate[string](`[
			document.documentElement.scrollWidth <= innerWidth,
			[...document.querySelectorAll("figure svg")].filter((picture) => picture.getBoundingClientRect().width > 0).length,
		].join(" ")`))
		require.NoError(t, err)
		require.Equal(t, "true 2", layout, "nothing beside the screen; one chart, and the placebos")
		keepScreenshot(t, visitor.tab, fmt.Sprintf("proof-%d-%s.png", c.width, c.theme))
	}
	visitor.requireQuiet(t, s.URL)
	requireAccessibleProof(t, link)

	// The same as documents, for whoever has the link and no browser.
	for _, form := range []string{".md", ".json", ".svg", ".csv"} {
		res, text := send(t, http.DefaultClient, http.MethodGet, link+form, nil, nil)
		require.Equal(t, http.StatusOK, res.StatusCode, form)
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		require.NotContains(t, string(text), deployment.String())
		require.NotContains(t, string(text), s.Email)
	}

	requireReproducible(t, link)

	shares := call[api.SharePage](t, s, http.MethodGet, "/api/v1/shares?deployment_id="+deployment.String(), nil)
	require.Len(t, shares.Items, 1)
	require.NotNil(t, shares.Items[0].LastSeenAt)
	res, _ := s.Do(t, http.MethodDelete, "/api/v1/shares/"+shares.Items[0].Id.String(), nil)
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	visitor.opens(t, link)
	text, err := chromedp.Run(visitor.tab, chromedp.Text(`main`))
	require.NoError(t, err)
	require.Contains(t, text, "There is nothing at this address")
}

// requireReproducible does what the page says to do: the command it gives, over the counts it gives, finds the same.
func requireReproducible(t *testing.T, link string) {
	t.Helper()
	_, text := send(t, http.DefaultClient, http.MethodGet, link+".json", nil, nil)
	var proof api.Proof
	require.NoError(t, json.Unmarshal(text, &proof))
	at := slices.IndexFunc(proof.Reproduce, func(step string) bool { return strings.HasPrefix(step, "specter verify ") })
	require.GreaterOrEqual(t, at, 0)
	dir := t.TempDir()
	_, counts := send(t, http.DefaultClient, http.MethodGet, link+".csv", nil, nil)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "proof.csv"), counts, 0o600))

	command := exec.Command(binary(t, "specter"), append(strings.Fields(proof.Reproduce[at])[1:], "-o", "json")...)
	command.Dir = dir
	out, err := command.Output()
	require.NoError(t, err)
	var again struct {
		Verdict                 string
		Effect                  float64
		Low                     float64 `json:"effect_low"`
		High                    float64 `json:"effect_high"`
		ProbabilityImproved     float64 `json:"probability_improved"`
		MinimumDetectableEffect float64 `json:"minimum_detectable_effect"`
	}
	require.NoError(t, json.Unmarshal(out, &again))
	require.EqualValues(t, proof.Status, again.Verdict)
	require.InDelta(t, proof.Effect.Value, again.Effect, 1e-9)
	require.InDelta(t, proof.Effect.Low, again.Low, 1e-9)
	require.InDelta(t, proof.Effect.High, again.High, 1e-9)
	require.InDelta(t, *proof.Effect.ProbabilityImproved, again.ProbabilityImproved, 1e-9)
	require.InDelta(t, *proof.Effect.MinimumDetectable, again.MinimumDetectableEffect, 1e-9)
}

// shareInDashboard signs in as the owner, presses Share at the newest deployment and reads the link.
func shareInDashboard(t *testing.T, s *system, product uuid.UUID) (link string) {
	t.Helper()
	const links = `section[aria-label="Links to this proof"]`
	v := signIn(t, s)
	v.open(t, product, "/deployments")
	v.click(t, "button", "Share")
	v.click(t, links+` button[type="submit"]`, "")
	v.await(t, "the link", `document.querySelector('input[aria-label="The link"]')?.value`)
	v.shows(t, links, "open")
	v.shows(t, links, "never read")
	keepScreenshot(t, v.tab, "share.png")
	return look[string](t, v, `document.querySelector('input[aria-label="The link"]').value`)
}

// stranger is somebody with a browser of its own, who notes what the browser asks for and complains about.
type stranger struct {
	tab context.Context

	mu       sync.Mutex
	requests []string
	problems []string
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	v := &stranger{tab: chromium(t)}
	require.NoError(t, chromedp.Listen(v.tab, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			v.requests = append(v.requests, e.Request.URL)
		case *log.EventEntryAdded:
			v.problems = append(v.problems, e.Entry.Text)
		}
	}))
	return v
}

func (v *stranger) withoutScripts(t *testing.T) {
	t.Helper()
	_, err := chromedp.Call(v.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
}

func (v *stranger) opens(t *testing.T, link string) {
	t.Helper()
	require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(link), chromedp.WaitVisible(`main h1`)))
}

// sees sets the width of the screen and the theme the visitor prefers.
func (v *stranger) sees(t *testing.T, width int64, theme string) {
	t.Helper()
	_, err := chromedp.Call(v.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	require.NoError(t, err)
	_, err = chromedp.Call(v.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
	require.NoError(t, err)
}

// requireQuiet: nothing was asked of anybody else, no cookie was left, and no policy was broken.
func (v *stranger) requireQuiet(t *testing.T, origin string) {
	t.Helper()
	cookies, err := chromedp.Call(v.tab, network.GetCookies, network.GetCookiesParams{})
	require.NoError(t, err)
	require.Empty(t, cookies.Cookies)
	v.mu.Lock()
	defer v.mu.Unlock()
	require.NotEmpty(t, v.requests)
	for _, url := range v.requests {
		require.True(t, strings.HasPrefix(url, origin+"/"), url)
	}
	require.Empty(t, v.problems)
}

// requireAccessibleProof runs axe-core, which comes with the web app's development tools, over a shared page in both themes.
func requireAccessibleProof(t *testing.T, link string) {
	t.Helper()
	v := newStranger(t)
	v.opens(t, link)
	_, err := chromedp.Run(v.tab, chromedp.Evaluate[json.RawMessage](axe(t)+";null"))
	require.NoError(t, err)
	for _, width := range []int64{1280, 390} {
		for _, theme := range []string{"light", "dark"} {
			v.sees(t, width, theme)
			violations, err := chromedp.Run(v.tab, chromedp.Evaluate[[]string](`axe.run({resultTypes: ["violations"]}).then(({violations}) =>
				violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html).join(" ")))`, chromedp.EvalAwaitPromise))
			require.NoError(t, err)
			require.Empty(t, violations, "%d px, %s", width, theme)
		}
	}
}
