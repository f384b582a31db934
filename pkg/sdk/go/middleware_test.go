package specter

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// observed runs one request through Middleware and returns the signals it made.
func observed(t *testing.T, handler http.Handler, r *http.Request, options ...Option) (signals []sent, thrown any, answer *httptest.ResponseRecorder) {
	t.Helper()
	s := script()
	s.script = []http.HandlerFunc{s.ok}
	client, _ := newClient(t, s, options...)
	answer = httptest.NewRecorder()
	func() {
		defer func() { thrown = recover() }()
		client.Middleware(handler).ServeHTTP(answer, r.WithContext(ContextWith(r.Context(), WithSession("visit-1"))))
	}()
	must(t, client.Flush(t.Context()))
	_, batches := s.seen()
	for _, batch := range batches {
		signals = append(signals, batch...)
	}
	return signals, thrown, answer
}

func routed(pattern string, handler http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(pattern, handler)
	return mux
}

func payloadOf(t *testing.T, signal sent) map[string]any {
	t.Helper()
	var payload map[string]any
	must(t, json.Unmarshal(signal.Payload, &payload))
	return payload
}

func TestFailuresBecomeSignals(t *testing.T) {
	t.Parallel()
	fails := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints) // not the answer yet
		http.Error(w, "secret-in-body", http.StatusBadGateway)
	}
	request := httptest.NewRequest(http.MethodPost, "/users/4711/card?token=secret-in-query", strings.NewReader("secret-in-request"))
	request.Header.Set("Authorization", "secret-in-header")
	signals, thrown, answer := observed(t, routed("POST /users/{id}/card", fails), request)
	equal(t, "panic", thrown, nil)
	equal(t, "answer", answer.Body.String(), "secret-in-body\n")
	equal(t, "signals", len(signals), 1)
	equal(t, "type", signals[0].Type, "http_error")
	equal(t, "session", signals[0].Session, "visit-1")
	payload := payloadOf(t, signals[0])
	equal(t, "fields", len(payload), 4)
	equal(t, "route", payload["route"], "/users/{id}/card")
	equal(t, "method", payload["method"], "POST")
	equal(t, "status", payload["status"], 502.0)
	if text := string(signals[0].Payload); strings.Contains(text, "secret") || strings.Contains(text, "4711") {
		t.Fatalf("the payload tells too much: %s", text)
	}
}

func TestWhatIsNoFailureIsNoSignal(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"nothing written": func(http.ResponseWriter, *http.Request) {},
		"ok":              func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") },
		"ok, then 500": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
			w.WriteHeader(http.StatusBadGateway)
		},
		"not found": http.NotFound,
		"early hints": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNoContent)
		},
	} {
		signals, thrown, _ := observed(t, handler, httptest.NewRequest(http.MethodGet, "/", nil), WithSlowRequests(time.Hour))
		if len(signals) != 0 || thrown != nil {
			t.Errorf("%s: %v, %v", name, signals, thrown)
		}
	}
}

func TestPanicsAreRecordedAndPassedOn(t *testing.T) {
	t.Parallel()
	secret := errors.New("secret")
	for name, c := range map[string]struct {
		throw   func(w http.ResponseWriter)
		kind    string
		status  float64
		signals int
	}{
		"error":        {func(http.ResponseWriter) { panic(secret) }, "*errors.errorString", 500, 1},
		"text":         {func(http.ResponseWriter) { panic("secret") }, "string", 500, 1},
		"after header": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated); panic("secret") }, "string", 201, 1},
		"runtime":      {func(http.ResponseWriter) { _ = []int{}[len(secret.Error())] }, "runtime error: index out of range [6] with length 0", 500, 1},
		"abort":        {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "", 0, 0},
	} {
		handler := func(w http.ResponseWriter, _ *http.Request) { c.throw(w) }
		signals, thrown, _ := observed(t, routed("/pay/{id}", handler), httptest.NewRequest("BREW", "/pay/secret", nil))
		if thrown == nil {
			t.Fatalf("%s: the panic was swallowed", name)
		}
		equal(t, name, len(signals), c.signals)
		for _, signal := range signals {
			payload := payloadOf(t, signal)
			equal(t, name, signal.Type, "http_error")
			equal(t, name, payload["panic"], any(c.kind))
			equal(t, name, payload["status"], any(c.status))
			equal(t, name, payload["route"], "/pay/{id}")
			equal(t, name, payload["method"], "other")
			equal(t, name, strings.Contains(string(signal.Payload), "secret"), false)
		}
	}
}

func TestSlowRequestsBecomeSignalsWhenAsked(t *testing.T) {
	t.Parallel()
	quick := func(http.ResponseWriter, *http.Request) {}
	signals, _, _ := observed(t, http.HandlerFunc(quick), httptest.NewRequest(http.MethodGet, "/a", nil), WithSlowRequests(time.Nanosecond),
		WithRoute(func(r *http.Request) string { return "my router says " + r.URL.Path }))
	equal(t, "signals", len(signals), 1)
	equal(t, "type", signals[0].Type, "slow_request")
	payload := payloadOf(t, signals[0])
	equal(t, "status", payload["status"], 200.0)
	equal(t, "route", payload["route"], "my router says /a")
}

func TestPathsAreMasked(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/":                               "/",
		"":                                "",
		"/users/4711/orders":              "/users/:id/orders",
		"/reset/AbCd1234":                 "/reset/:id",
		"/u/jane@example.com/x":           "/u/:id/x",
		"/docs/getting-started.html":      "/docs/getting-started.html",
		"/名前":                             "/:id",
		"/" + strings.Repeat("abcdef", 6): "/:id",
		"/a/b/c/d/e/f/g/h/i/secret":       "/a/b/c/d/e/f/g/h/…",
	} {
		equal(t, path, maskPath(path), want)
	}
}

// TestHandlersKeepWhatTheirWriterCan: flushing, hijacking and sending files work as without the middleware.
func TestHandlersKeepWhatTheirWriterCan(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte("contents"), 0o600))
	s := script()
	s.script = []http.HandlerFunc{s.ok}
	client, _ := newClient(t, s)
	listening := httptest.NewServer(client.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/flush":
			w.(http.Flusher).Flush()
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		case "/hijack":
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhijacked")
				_ = connection.Close()
			}
		case "/file":
			http.ServeFile(w, r, file)
		}
	})))
	defer listening.Close()
	for path, want := range map[string]string{"/flush": "", "/hijack": "hijacked", "/file": "contents"} {
		response, err := http.Get(listening.URL + path)
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, errors.Join(err, response.Body.Close()))
		equal(t, path, string(body), want)
	}
	if _, can := any(&recorder{}).(http.Hijacker); can {
		t.Fatal("a writer that cannot be hijacked must not say so")
	}
	equal(t, "signals", client.Stats().Accepted, 0)
}
