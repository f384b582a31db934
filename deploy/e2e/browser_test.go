package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// chromium opens a real browser; its tabs end with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	return chromiumFor(t, 60*time.Second)
}

func chromiumFor(t *testing.T, most time.Duration) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // the suite may run as root, where the sandbox refuses to start
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 900),
	)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	bounded, cancel := context.WithTimeout(tab, most)
	t.Cleanup(cancel)
	return bounded
}

// testScriptTag opens a page of another origin that carries the documented
// script tag, behaves like an annoyed visitor, and then looks at the dashboard.
func testScriptTag(t *testing.T, s *system) {
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Shop</title>
<script src="%s/s.js" data-api-key="%s" data-capture-automation async></script>
<button id="buy" data-specter="cta_click">Buy</button>
<button id="dead">Pay</button>
<form id="newsletter" action="/thanks" onsubmit="event.preventDefault()"><input name="email" value="secret@example.com"><button id="join">Join</button></form>
<button id="crash" onclick="null.boom()">Crash</button>`, s.URL, s.IngestKey)
	}))
	t.Cleanup(shop.Close)

	tab := chromium(t)
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(shop.URL+"/checkout?card=4111111111111111")))
	program.Await(t, patience, "the script tag to load", func() bool {
		loaded, err := chromedp.Run(tab, chromedp.Evaluate[bool](`typeof window.specter === "object" && typeof window.specter.track === "function"`))
		require.NoError(t, err)
		return loaded
	})
	require.NoError(t, chromedp.Do(tab,
		chromedp.Click("#buy"),
		chromedp.Click("#dead"), chromedp.Click("#dead"), chromedp.Click("#dead"), chromedp.Click("#dead"),
		chromedp.Click("#join"),
		chromedp.Click("#crash"),
	))

	wanted := []string{"page_view", "cta_click", "rage_click", "form_submit", "js_error"}
	list := "/api/v1/products/" + s.ProductID.String() + "/signals?limit=100"
	var answer []byte
	program.Await(t, patience, "the signals of the page", func() bool {
		_, answer = s.Do(t, http.MethodGet, list, nil)
		return containsAll(string(answer), wanted)
	})
	require.NotContains(t, string(answer), "secret@example.com", "a form field's value must never be sent")
	require.NotContains(t, string(answer), "4111111111111111", "a query string must never be sent")

	seeInDashboard(t, tab, s, wanted)
}

// seeInDashboard signs in as a person and reads the Signals page.
func seeInDashboard(t *testing.T, tab context.Context, s *system, wanted []string) {
	t.Helper()
	require.NoError(t, chromedp.Do(tab,
		chromedp.Navigate(s.URL+"/p/"+s.ProductID.String()+"/signals"),
		chromedp.WaitVisible(`input[name="email"]`),
		chromedp.SendKeys(`input[name="email"]`, s.Email),
		chromedp.SendKeys(`input[name="password"]`, s.Password),
		chromedp.Click(`button[type="submit"]`),
		chromedp.WaitVisible(`table`),
	))
	program.Await(t, patience, "the dashboard to show the signals", func() bool {
		text, err := chromedp.Run(tab, chromedp.Text(`main`))
		require.NoError(t, err)
		return containsAll(text, wanted)
	})
	keepScreenshot(t, tab, "signals.png")
	seeRejected(t, tab, s)
}

// seeRejected sends a signal without a type and finds it, with the reason, where people look for it.
func seeRejected(t *testing.T, tab context.Context, s *system) {
	t.Helper()
	answer, err := http.Post(s.URL+"/api/signals?key="+s.IngestKey, "application/json", strings.NewReader(`{"payload":{"path":"/basket"}}`))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(s.URL+"/p/"+s.ProductID.String()+"/signals?view=rejected"), chromedp.WaitVisible(`main`)))
	program.Await(t, patience, "the dashboard to show why a signal was refused", func() bool { // it looks again by itself
		text, err := chromedp.Run(tab, chromedp.Text(`main`))
		require.NoError(t, err)
		return containsAll(text, []string{"missing_type", "/basket"})
	})
	keepScreenshot(t, tab, "rejected.png")
}

// TestTheWebAppStaysSmall holds what a browser loads to its budgets, packed as it travels: the entry, the styles, and
// each page's own part.
func TestTheWebAppStaysSmall(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "services", "dashboard", "internal", "web", "dist", "assets", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "`make web` builds it")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		most := 30_000
		switch name := filepath.Base(file); {
		case strings.HasSuffix(name, ".css"):
			most = 12_000
		case strings.HasPrefix(name, "index-"):
			most = 100_000
		}
		require.LessOrEqual(t, len(gzipped(raw)), most, file)
	}
}

// keepScreenshot is for a person to look at: SPECTER_E2E_SCREENSHOTS names a directory.
func keepScreenshot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	if dir := os.Getenv("SPECTER_E2E_SCREENSHOTS"); dir != "" {
		image, err := chromedp.Run(tab, chromedp.FullScreenshot(100)) // a PNG; below 100 it is a JPEG
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), image, 0o600))
	}
}
