package httpx_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(e http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func problem(t *testing.T, w *httptest.ResponseRecorder) httpx.Problem {
	t.Helper()
	require.Equal(t, httpx.ProblemType, w.Header().Get("Content-Type"))
	var p httpx.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, w.Code, p.Status)
	return p
}

func TestEveryKindHasItsStatus(t *testing.T) {
	t.Parallel()
	want := map[fault.Kind]int{
		fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
		fault.PreconditionFailed: 412, fault.TooLarge: 413, fault.RateLimited: 429, fault.QuotaExceeded: 429, fault.Unavailable: 503,
	}
	for kind, status := range want {
		require.Equal(t, status, httpx.NewProblem(fault.New(kind, "c", "d")).Status, kind)
	}
	require.Equal(t, 500, httpx.NewProblem(io.EOF).Status)
	require.Equal(t, 503, httpx.NewProblem(context.DeadlineExceeded).Status)
	require.Equal(t, 499, httpx.NewProblem(context.Canceled).Status)
	require.Equal(t, 413, httpx.NewProblem(&http.MaxBytesError{Limit: 5}).Status)
	require.Equal(t, 405, httpx.NewProblem(echo.ErrMethodNotAllowed).Status)
	require.Equal(t, 400, httpx.NewProblem(echo.NewHTTPError(400, "no")).Status)
	require.Equal(t, "Send the body as application/json.", httpx.NewProblem(echo.ErrUnsupportedMediaType).Detail)
	require.Equal(t, "Only gzip.", httpx.NewProblem(echo.NewHTTPError(415, "Only gzip.")).Detail)
}

func TestAProblemCarriesEverythingTheCallerNeeds(t *testing.T) {
	t.Parallel()
	e := httpx.NewEcho(zap.NewNop(), httpx.Options{ErrorSentence: true})
	e.POST("/api/signals", func(echo.Context) error {
		return fault.New(fault.QuotaExceeded, "quota_exceeded", "The month's signals are used up.").
			With("/0/type", "missing_type", "type is required").After(1500 * time.Millisecond)
	})
	r := httptest.NewRequest(http.MethodPost, "/api/signals", nil)
	r.Header.Set("X-Request-Id", "abcdefgh-1")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)

	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	require.Equal(t, "abcdefgh-1", w.Header().Get("X-Request-Id"))
	require.JSONEq(t, `{"type":"urn:specter:problem:quota_exceeded","title":"Quota exceeded","status":429,
		"detail":"The month's signals are used up.","instance":"urn:specter:request:abcdefgh-1","code":"quota_exceeded","request_id":"abcdefgh-1",
		"errors":[{"pointer":"/0/type","code":"missing_type","detail":"type is required"}],"error":"The month's signals are used up."}`, w.Body.String())
}

func TestUnknownErrorsReadInternalOutsideAndWholeInTheLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	e := httpx.NewEcho(zap.New(core), httpx.Options{})
	e.GET("/x", func(echo.Context) error { return errors.New("password=hunter2 refused") })
	e.GET("/panic", func(echo.Context) error { panic("oh no") })

	w := serve(e, http.MethodGet, "/x", "")
	require.Equal(t, "internal", problem(t, w).Code)
	require.NotContains(t, w.Body.String(), "hunter2")
	require.Equal(t, 1, logs.FilterMessage("request failed").Len())

	require.Equal(t, "internal", problem(t, serve(e, http.MethodGet, "/panic", "")).Code)
	require.Equal(t, 1, logs.FilterMessage("handler panicked").Len())

	require.Equal(t, "not_found", problem(t, serve(e, http.MethodGet, "/nowhere", "")).Code)
	require.Equal(t, "method_not_allowed", problem(t, serve(e, http.MethodPost, "/x", "")).Code)
}

func TestHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	e := httpx.NewEcho(zap.NewNop(), httpx.Options{HTTPS: true})
	w := serve(e, http.MethodGet, "/nowhere", "")
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "default-src 'none'; frame-ancestors 'none'", w.Header().Get("Content-Security-Policy"))
	require.Contains(t, w.Header().Get("Strict-Transport-Security"), "max-age=")
	require.NotEmpty(t, w.Header().Get("X-Request-Id"))

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Request-Id", "evil\"><script>")
	w = httptest.NewRecorder()
	e.ServeHTTP(w, r)
	require.NotContains(t, w.Header().Get("X-Request-Id"), "script")

	require.Equal(t, "Bearer realm=\"specter\"", unauthenticated(t).Header().Get("WWW-Authenticate"))
}

func unauthenticated(t *testing.T) *httptest.ResponseRecorder {
	t.Helper()
	e := httpx.NewEcho(zap.NewNop(), httpx.Options{})
	e.GET("/", func(c echo.Context) error {
		httpx.WriteProblem(c, fault.New(fault.Unauthenticated, "missing_key", "Sign in."))
		return nil
	})
	w := serve(e, http.MethodGet, "/", "")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	return w
}

func TestTheBodyIsBoundedWithAndWithoutALength(t *testing.T) {
	t.Parallel()
	e := httpx.NewEcho(zap.NewNop(), httpx.Options{BodyLimit: 8})
	e.POST("/", func(c echo.Context) error {
		_, err := io.ReadAll(c.Request().Body)
		return err
	})
	require.Equal(t, "payload_too_large", problem(t, serve(e, http.MethodPost, "/", "123456789")).Code)

	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("12345"), strings.NewReader("6789")))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	require.Equal(t, "payload_too_large", problem(t, w).Code)
}

func TestRequestsAreMeasuredByRoute(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	e := httpx.NewEcho(zap.NewNop(), httpx.Options{Service: "x", Registerer: reg})
	e.GET("/things/:id", func(echo.Context) error { return httpx.ErrNotFound })
	serve(e, http.MethodGet, "/things/spk_secret", "")

	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	require.Contains(t, families[0].String(), "/things/:id")
	require.Contains(t, families[0].String(), "404")
	require.NotContains(t, families[0].String(), "spk_secret")
	require.Equal(t, 1, testutil.CollectAndCount(reg, "specter_http_request_seconds"))
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var broken error
	h := httpx.WithHealth(httpx.HealthHandler("gateway", "v1", func(context.Context) error { return broken }), nil)

	require.Equal(t, http.StatusOK, serve(h, http.MethodGet, "/healthz/live", "").Code)
	require.Equal(t, http.StatusOK, serve(h, http.MethodGet, "/healthz/ready", "").Code)
	broken = errors.New("postgres://secret")
	w := serve(h, http.MethodGet, "/healthz/ready", "")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotContains(t, w.Body.String(), "secret")
	require.Contains(t, serve(h, http.MethodGet, "/version", "").Body.String(), `"name":"gateway"`)
	require.Equal(t, http.StatusNotFound, serve(h, http.MethodGet, "/", "").Code)
}

func TestServerFinishesRequestsInFlightAndEndsStreams(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 2)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-release
		if r.Context().Err() != nil {
			http.Error(w, "cut off", http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "finished")
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-httpx.Draining(r.Context())
		_, _ = io.WriteString(w, "bye")
		close(release)
	})
	server := httpx.NewServer("127.0.0.1:0", mux, zap.NewNop())
	require.Empty(t, server.Addr())
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	<-ready

	bodies := make(chan string, 2)
	for _, path := range []string{"/slow", "/stream"} {
		go func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			res, err := client.Get("http://" + server.Addr() + path)
			if err != nil {
				bodies <- err.Error()
				return
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			bodies <- string(body)
		}()
	}
	<-entered
	<-entered
	stop()
	require.ElementsMatch(t, []string{"finished", "bye"}, []string{<-bodies, <-bodies})
	require.NoError(t, <-done)
}

func TestServerSpeaksHTTP2WithoutTLS(t *testing.T) {
	t.Parallel()
	server := httpx.NewServer("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}), zap.NewNop())
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	<-ready
	for version, enable := range map[int]func(*http.Protocols, bool){1: (*http.Protocols).SetHTTP1, 2: (*http.Protocols).SetUnencryptedHTTP2} {
		protocols := &http.Protocols{}
		enable(protocols, true)
		transport := &http.Transport{Protocols: protocols}
		res, err := (&http.Client{Transport: transport}).Post("http://"+server.Addr(), "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, version, res.ProtoMajor)
		require.Equal(t, "hello", string(body))
		transport.CloseIdleConnections()
	}
	stop()
	require.NoError(t, <-done)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		id := httpx.RequestIDOf(r)
		require.Len(t, id, 32)
		require.False(t, seen[id])
		seen[id] = true
		for _, bad := range []string{"short", strings.Repeat("x", 65), "with space", "new\nline1", "ünïcode1"} {
			r.Header.Set("X-Request-Id", bad)
			require.NotEqual(t, bad, httpx.RequestIDOf(r))
		}
		r.Header.Set("X-Request-Id", id)
		require.Equal(t, id, httpx.RequestIDOf(r), "a caller's own is kept")
	}
}

func TestServerSaysWhyItCannotListen(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	err = httpx.NewServer(taken.Addr().String(), http.NotFoundHandler(), zap.NewNop()).Run(t.Context(), func() {})
	require.ErrorContains(t, err, taken.Addr().String())
	require.ErrorContains(t, err, "SPECTER_HTTP_ADDR")
	require.ErrorContains(t, err, "in use")
}

// A sender that does not look for an answer before it is through gets it all the same.
func TestARefusedBodyIsReadSoThatItsSenderHearsWhy(t *testing.T) {
	t.Parallel()
	e := httpx.NewEcho(zap.NewNop(), httpx.Options{BodyLimit: 8})
	e.POST("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	const size = 8 << 20 // more than the sockets hold
	_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat(" ", size))
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
}
