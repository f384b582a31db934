package httpx

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"time"
)

// readyTimeout bounds one readiness check; probes usually wait one second.
const readyTimeout = 900 * time.Millisecond

// HealthHandler answers GET /healthz/live (the process runs), /healthz/ready (it can do its work:
// ready returned nil; otherwise 503) and /version. The reason for not being ready is not shown:
// the endpoints are public.
func HealthHandler(name, version string, ready func(ctx context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz/live", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /healthz/ready", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := ready(ctx); err != nil {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"name": name, "version": version, "go": runtime.Version()})
	})
	return mux
}

// WithHealth serves the health endpoints beside h; a nil h answers 404 everywhere else.
func WithHealth(health, h http.Handler) http.Handler {
	if h == nil {
		h = http.NotFoundHandler()
	}
	return withHealth{health, h}
}

type withHealth struct{ health, other http.Handler }

func (h withHealth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz/live", "/healthz/ready", "/version":
		h.health.ServeHTTP(w, r)
	default:
		h.other.ServeHTTP(w, r)
	}
}

func (h withHealth) Plain(path string) bool { return IsPlain(h.other, path) }

func writeJSON(w http.ResponseWriter, status int, body map[string]string) {
	text, err := json.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
