package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/exportfile"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// padded is a history of n signals whose payloads take room.
func padded(n int) []api.HistoricSignal {
	from, pad := time.Now().Add(-20*24*time.Hour), strings.Repeat("what a long way down ", 40)
	signals := make([]api.HistoricSignal, n)
	for i := range signals {
		payload := map[string]any{"path": fmt.Sprint("/p/", i), "pad": pad}
		signals[i] = api.HistoricSignal{Id: uuid.New(), Type: "page_view", Timestamp: from.Add(time.Duration(i) * time.Second), Payload: &payload}
	}
	return signals
}

// awaitStored waits until the signals are in the database.
func awaitStored(t *testing.T, s *system, product uuid.UUID, n int) {
	t.Helper()
	program.Await(t, 120*time.Second, "the history to be stored", func() bool {
		return call[api.Product](t, s, http.MethodGet, "/api/v1/products/"+product.String(), nil).SignalsTotal >= int64(n)
	})
}

// TestAnExportSurvivesKillNine kills the whole process while it makes an archive; the next one goes on, and what it makes is
// whole and has every signal once.
func TestAnExportSurvivesKillNine(t *testing.T) {
	t.Parallel()
	const signals = 30_000
	dataDir, addr := t.TempDir(), program.FreeAddr(t)
	s, p := startUp(t, upOptions{dataDir: dataDir, addr: addr})
	history := padded(signals)
	importAll(t, s, s.ProductID, history)
	awaitStored(t, s, s.ProductID, signals)
	export := call[api.Export](t, s, http.MethodPost, "/api/v1/account/exports", nil)
	look := func() api.Export {
		return call[api.Export](t, s, http.MethodGet, "/api/v1/account/exports/"+export.Id.String(), nil)
	}
	var before api.Export
	program.Await(t, 150*time.Second, "the builder to get on", func() bool {
		before = look()
		return before.Rows > 1000
	})
	p.Kill()
	require.Equal(t, api.ExportBuilding, before.Status, "the archive was made before it could be interrupted")
	s, _ = startUp(t, upOptions{dataDir: dataDir, addr: addr})
	require.GreaterOrEqual(t, look().Rows, before.Rows, "what was saved is there")
	program.Await(t, 150*time.Second, "the archive", func() bool { return look().Status == api.ExportReady })

	file := filepath.Join(t.TempDir(), "export.tar.gz")
	cmd := exec.CommandContext(t.Context(), binary(t, "specter"), "export", "--resume", export.Id.String(), "--file", file, "--url", s.URL, "--token", s.Token)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "all checksums match")
	dir := t.TempDir()
	out, err = exec.CommandContext(t.Context(), "tar", "-xzf", file, "-C", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	parts, err := filepath.Glob(filepath.Join(dir, "json", "signals*"))
	require.NoError(t, err)
	require.Greater(t, len(parts), 2)
	seen := map[uuid.UUID]int{}
	for _, part := range parts {
		text, err := os.ReadFile(part)
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			var got struct {
				ID uuid.UUID `json:"id"`
			}
			require.NoError(t, json.Unmarshal(line, &got))
			seen[got.ID]++
		}
	}
	require.Len(t, seen, signals)
	for _, signal := range history {
		require.Equal(t, 1, seen[signal.Id])
	}
}

// TestAnExportInTheBrowser starts an export with nothing but what is on the screen, watches it, and downloads it.
func TestAnExportInTheBrowser(t *testing.T) {
	t.Parallel()
	s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
	importAll(t, s, s.ProductID, padded(12_000))
	awaitStored(t, s, s.ProductID, 12_000)
	v := signIn(t, s)
	v.bringAxe(t)
	downloads := t.TempDir()
	_, err := chromedp.Call(v.tab, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads})
	require.NoError(t, err)

	v.open(t, s.ProductID, "/settings?view=data")
	v.shows(t, "main", "Export everything")
	v.click(t, "main button", "Start an export")
	v.shows(t, "main", "Being made…") // until the page asks again, however fast it is made
	keepScreenshot(t, v.tab, "export-building.png")
	v.await(t, "the archive", `[...document.querySelectorAll("main a")].some(a => a.textContent === "Download")`)
	v.click(t, "main summary", "What is inside")
	v.shows(t, "main", "No secrets")
	v.requireAccessible(t, "main", "the export")
	keepScreenshot(t, v.tab, "export-ready.png")

	v.click(t, "main a", "Download")
	var file string
	program.Await(t, 60*time.Second, "the download", func() bool {
		found, err := filepath.Glob(filepath.Join(downloads, "specter-export-*.tar.gz"))
		require.NoError(t, err)
		if len(found) == 0 {
			return false
		}
		file = found[0]
		whole, err := os.Open(file)
		require.NoError(t, err)
		defer whole.Close()
		_, err = exportfile.Verify(whole)
		return err == nil
	})
	_, err = chromedp.Call(v.tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 360, Height: 740, DeviceScaleFactor: 1, Mobile: true})
	require.NoError(t, err)
	v.open(t, s.ProductID, "/settings?view=data")
	v.shows(t, "main", "here until")
	require.LessOrEqual(t, look[float64](t, v, `document.documentElement.scrollWidth`), 360.0, "nothing is wider than the screen")
	keepScreenshot(t, v.tab, "export-360.png")
	v.click(t, "main button", "Delete")
	v.await(t, "it to be gone", `![...document.querySelectorAll("main a")].some(a => a.textContent === "Download")`)
	audit := call[api.AuditEntryPage](t, s, http.MethodGet, "/api/v1/account/audit-log", nil)
	actions := map[string]bool{}
	for _, entry := range audit.Items {
		actions[entry.Action] = true
	}
	require.True(t, actions["export.requested"] && actions["export.downloaded"] && actions["export.deleted"], "%v", actions)
}
