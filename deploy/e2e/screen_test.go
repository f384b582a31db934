package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// screen is the dashboard in Chromium, worked by keys and clicks.
type screen struct {
	tab  context.Context
	base string
}

// signIn opens the dashboard as its owner, for as long as the test runs.
func signIn(t *testing.T, s *system) *screen {
	t.Helper()
	v := &screen{tab: chromiumFor(t, 3*time.Minute), base: s.URL}
	require.NoError(t, chromedp.Do(v.tab,
		chromedp.Navigate(v.base),
		chromedp.WaitVisible(`input[name="email"]`),
		chromedp.SendKeys(`input[name="email"]`, s.Email),
		chromedp.SendKeys(`input[name="password"]`, s.Password),
		chromedp.Click(`button[type="submit"]`),
		chromedp.WaitVisible(`main li`), // the products
	))
	return v
}

// open goes to a page of a product.
func (v *screen) open(t *testing.T, product uuid.UUID, page string) {
	t.Helper()
	require.NoError(t, chromedp.Do(v.tab, chromedp.Navigate(v.base+"/p/"+product.String()+page), chromedp.WaitVisible(`main h1`)))
}

// press sends keys to whatever has the focus. A key's text goes with it, not after it: the page may refuse both.
func (v *screen) press(t *testing.T, keys string, modifiers ...chromedp.Modifier) {
	t.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := events[0], events[len(events)-1]
		for _, m := range modifiers {
			down.Modifiers |= int64(m)
			up.Modifiers |= int64(m)
		}
		if len(events) == 3 && len(modifiers) == 0 {
			down.Text = events[1].Text
		}
		for _, event := range []*input.DispatchKeyEventParams{down, up} {
			_, err := chromedp.Call(v.tab, input.DispatchKeyEvent, *event)
			require.NoError(t, err)
		}
	}
}

// click presses the first thing of that selector whose text begins so; while a dialog is open, nothing behind it.
func (v *screen) click(t *testing.T, selector, text string) {
	t.Helper()
	arguments, err := json.Marshal([]string{selector, text})
	require.NoError(t, err)
	v.await(t, "a "+selector+" that says "+text, `(([selector, text]) => {
		const within = document.querySelector("dialog:modal") ?? document;
		const found = [...within.querySelectorAll(selector)].find((e) => e.textContent.trim().startsWith(text) && !e.disabled);
		found?.click();
		return found !== undefined;
	})(`+string(arguments)+`)`)
}

// await waits until an expression holds in the page.
func (v *screen) await(t *testing.T, what, expression string) {
	t.Helper()
	program.Await(t, patience, what, func() bool {
		holds, err := chromedp.Run(v.tab, chromedp.Evaluate[bool](`Boolean(`+expression+`)`))
		require.NoError(t, err, what)
		return holds
	})
}

// shows waits until there is such a text in what a selector finds.
func (v *screen) shows(t *testing.T, selector, text string) {
	t.Helper()
	arguments, err := json.Marshal([]string{selector, text})
	require.NoError(t, err)
	v.await(t, selector+" to say "+text, `(([selector, text]) => [...document.querySelectorAll(selector)].some((e) => e.textContent.includes(text)))(`+string(arguments)+`)`)
}

// axe is axe-core, which comes with the web app's development tools.
func axe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "services", "dashboard", "internal", "web", "node_modules", "axe-core", "axe.min.js"))
	require.NoError(t, err, "`make web` installs it")
	return string(text)
}

// bringAxe has every page that is opened from now on carry it.
func (v *screen) bringAxe(t *testing.T) {
	t.Helper()
	_, err := chromedp.Call(v.tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: axe(t)})
	require.NoError(t, err)
}

// requireTidy holds the page to axe's rules on a wide and a narrow screen, on neither of which anything sticks out.
func (v *screen) requireTidy(t *testing.T, name string) {
	t.Helper()
	for size, dimensions := range map[string][2]int64{"wide": {1280, 900}, "narrow": {360, 800}} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(dimensions[0], dimensions[1])))
		require.LessOrEqual(t, look[int64](t, v, `document.documentElement.scrollWidth`), dimensions[0], "%s, %s: nothing sticks out", name, size)
		v.requireAccessible(t, "main", name+", "+size)
		keepScreenshot(t, v.tab, name+"-"+size+".png")
	}
}

// look says what an expression is in the page.
func look[T any](t *testing.T, v *screen, expression string) T {
	t.Helper()
	value, err := chromedp.Run(v.tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(t, err, expression)
	return value
}

// prefers has the person prefer a theme.
func (v *screen) prefers(t *testing.T, theme string) {
	t.Helper()
	_, err := chromedp.Call(v.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
	require.NoError(t, err)
}
