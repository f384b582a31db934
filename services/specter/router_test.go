package specter

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachPathHasItsModule(t *testing.T) {
	t.Parallel()
	var r router
	for _, module := range []string{"gateway", "dashboard", "auth", "health"} {
		r.mount(module, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(module)) }))
	}
	for path, module := range map[string]string{
		"/": "dashboard", "/api/v1/products": "dashboard", "/api/proposals": "dashboard", "/p/1/signals": "dashboard",
		"/api/signals": "gateway", "/api/ingest": "gateway", "/s.js": "gateway", "/s/v1.0.0.js": "gateway",
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
	var r router
	r.mount("analyzer", nil)
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/signals", nil))
	require.Equal(t, http.StatusNotFound, answer.Code)
}
