package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// TestTheUsagePage: a person sees what is used, what was dropped for the limit, what would use less, and what the plan allows.
func TestTheUsagePage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := startUp(t, upOptions{dataDir: dir, addr: program.FreeAddr(t)})
	program.Start(t, "specter account limit", []string{"SPECTER_DATA_DIR=" + filepath.Join(dir, "specter")}, binary(t, "specter"), "account", "limit", s.Email, "10").Wait(t)
	refused := 0
	program.Await(t, time.Minute, "signals to be refused", func() bool {
		status, _ := s.post(t, "/api/signals", s.IngestKey, `{"type":"page_view"}`)
		if status == http.StatusTooManyRequests {
			refused++
		}
		return refused == 5
	})
	v := signIn(t, s)
	v.bringAxe(t)
	for name, size := range map[string][2]int64{"wide": {1280, 900}, "narrow": {360, 800}} {
		require.NoError(t, chromedp.Do(v.tab, chromedp.EmulateViewport(size[0], size[1])))
		program.Await(t, time.Minute, "what was dropped to be told", func() bool {
			v.open(t, s.ProductID, "/settings?view=usage")
			v.shows(t, "main", "What the plan allows")
			text := look[string](t, v, `document.querySelector("main").innerText`)
			return strings.Contains(text, "dropped") && strings.Contains(text, "The limit is used up") // a gateway at rest tells the last of it after some seconds
		})
		for _, text := range []string{"of 10 used", "The limit is used up, and signals are refused.", "page_view is 100 %: turn it off with data-track-pageviews=false", "1, no limit", "24 months"} {
			v.shows(t, "main", text)
		}
		require.LessOrEqual(t, look[int64](t, v, `document.documentElement.scrollWidth`), size[0], "nothing sticks out")
		v.requireAccessible(t, "main", "usage, "+name)
		keepScreenshot(t, v.tab, "usage-"+name+".png")
	}
}
