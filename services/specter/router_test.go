package specter

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/gateway"
)

func testRouter(t *testing.T, src config.Source) *router {
	t.Helper()
	ingest, err := gateway.Serves(src)
	require.NoError(t, err)
	return &router{ingest: ingest}
}

func TestEachPathHasItsModule(t *testing.T) {
	t.Parallel()
	r := testRouter(t, config.Source{"SPECTER_SCRIPT_PATH": "/lib/site.js", "SPECTER_INGEST_PATH": "/collect"})
	for _, module := range []string{"gateway", "dashboard", "auth", "health"} {
		r.mount(module, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(module)) }))
	}
	for path, module := range map[string]string{
		"/": "dashboard", "/api/v1/products": "dashboard", "/api/proposals": "dashboard", "/p/1/signals": "dashboard",
		"/api/signals": "gateway", "/api/ingest": "gateway", "/s.js": "gateway", "/s/v1.0.0.js": "gateway",
		"/lib/site.js": "gateway", "/lib/site.js/v1.0.0.js": "gateway", "/lib/site/v1.0.0.js": "dashboard", "/collect": "gateway", "/lib/other.js": "dashboard", "/collected": "dashboard",
		"/api/signalsx": "dashboard", "/s.json": "dashboard", "/settings": "dashboard",
		"/auth/v1/token": "auth", "/auth/v1": "auth", "/auth/v10": "dashboard",
		"/healthz/ready": "health", "/healthz/live": "health", "/version": "health",
	} {
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, module, answer.Body.String(), path)
	}
}

func TestWhatIsNotHereIsNotFound(t *testing.T) {
	t.Parallel()
	r := testRouter(t, config.Source{})
	r.mount("analyzer", nil)
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/signals", nil))
	require.Equal(t, http.StatusNotFound, answer.Code)
}
