package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// webServerLog is a real log when the shared data is there (SPECTER_DATA), else a small one of our own.
func webServerLog(t *testing.T) (path string, lines int) {
	t.Helper()
	path = filepath.Join("testdata", "access.log")
	if data := os.Getenv("SPECTER_DATA"); data != "" {
		path = filepath.Join(data, "logs", "semicomplete_2015.log")
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	absolute, err := filepath.Abs(path)
	require.NoError(t, err)
	return absolute, strings.Count(string(raw), "\n")
}

// testImportLog imports a log, expects an honest analysis of it, and that a
// second import of the same file changes nothing.
func testImportLog(t *testing.T, s *system) {
	made := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Log"})
	product := made.Product.Id
	log, lines := webServerLog(t)
	run := func() {
		cmd := exec.CommandContext(t.Context(), binary(t, "specter"), "import", "--url", s.URL, "--token", s.Token,
			"--product", product.String(), "--format", "combined", log)
		cmd.Env = program.Environ()
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	total := func() int64 {
		return call[api.Product](t, s, http.MethodGet, "/api/v1/products/"+product.String(), nil).SignalsTotal
	}
	run()
	program.Await(t, 60*time.Second, "every line to be stored", func() bool { return total() == int64(lines) })

	path := "/api/v1/products/" + product.String() + "/contexts"
	contexts := call[api.ContextPage](t, s, http.MethodGet, path, nil)
	require.NotEmpty(t, contexts.Items)
	var analysed api.AnalysisPage
	program.Await(t, 60*time.Second, "an analysis of every context that has signals", func() bool {
		for _, c := range contexts.Items {
			analysed = call[api.AnalysisPage](t, s, http.MethodGet, "/api/v1/contexts/"+c.Id.String()+"/analyses", nil)
			if len(analysed.Items) > 0 {
				return true
			}
		}
		return false
	})
	require.NotEmpty(t, analysed.Items[0].Reason, "an analysis says why, also when it found nothing")

	run()
	// The second import is judged too; once that is done, nothing of it can still be on its way.
	first := len(analysed.Items)
	program.Await(t, 60*time.Second, "the second import to be judged", func() bool {
		page := call[api.AnalysisPage](t, s, http.MethodGet, "/api/v1/contexts/"+analysed.Items[0].ContextId.String()+"/analyses", nil)
		return len(page.Items) > first
	})
	require.EqualValues(t, lines, total(), "importing the same file twice changes nothing")
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
