package specter

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// Types of the signals that Middleware sends.
const (
	TypeHTTPError   = "http_error"
	TypeSlowRequest = "slow_request"
)

// Middleware sends http_error for answers of 500 and above and for panics, which it passes on, and
// slow_request when WithSlowRequests is set. The payload is method, route, status and duration_ms,
// for a panic also its kind. Headers, bodies and queries are never read.
func (c *Client) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		recorder, wrapped := record(w)
		defer func() {
			thrown := recover()
			c.observe(r, recorder.status, time.Since(began), thrown)
			if thrown != nil {
				panic(thrown) // the stack of the first panic is still there
			}
		}()
		next.ServeHTTP(wrapped, r)
	})
}

func (c *Client) observe(r *http.Request, status int, took time.Duration, thrown any) {
	var signalType string
	switch {
	case thrown == http.ErrAbortHandler: //nolint:errorlint // net/http compares it the same way
		return // how a handler says that the client has gone
	case thrown != nil:
		signalType = TypeHTTPError
		if status == 0 {
			status = http.StatusInternalServerError
		}
	case status >= http.StatusInternalServerError:
		signalType = TypeHTTPError
	case c.slowRequest > 0 && took >= c.slowRequest:
		signalType = TypeSlowRequest
	default:
		return
	}
	if status == 0 {
		status = http.StatusOK // what net/http sends when nothing was written
	}
	payload := map[string]any{
		"method": method(r.Method), "route": c.routeOf(r), "status": status, "duration_ms": took.Milliseconds(),
	}
	if thrown != nil {
		payload["panic"] = kind(thrown)
	}
	_ = c.Track(r.Context(), signalType, payload) // it is counted; the request must not notice
}

// routeOf is the pattern a request was routed by.
func (c *Client) routeOf(r *http.Request) string {
	if c.route != nil {
		return c.route(r)
	}
	if r.Pattern != "" {
		if i := strings.IndexByte(r.Pattern, '/'); i >= 0 {
			return r.Pattern[i:] // without method and host
		}
		return r.Pattern
	}
	return maskPath(r.URL.Path)
}

const (
	maxSegments = 8
	maxWord     = 32 // bytes of a segment that is taken for a word
)

// maskPath keeps the words of a path. What has a digit or anything but letters, '-', '_' and '.', or
// is long, may be somebody's id, name or token.
func maskPath(path string) string {
	segments := strings.Split(path, "/")
	if len(segments) > maxSegments+1 {
		segments = append(segments[:maxSegments+1:maxSegments+1], "…")
	}
	for i, segment := range segments {
		if segment != "…" && (len(segment) > maxWord || strings.IndexFunc(segment, outsideWords) >= 0) {
			segments[i] = ":id"
		}
	}
	return strings.Join(segments, "/")
}

func outsideWords(r rune) bool {
	word := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '-' || r == '_' || r == '.'
	return !word
}

// method is a request's method; one that nobody knows may be anything.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return "other"
	}
}

// kind says what panicked. Only the runtime's own texts are told; others may hold anything.
func kind(thrown any) string {
	if text, ok := thrown.(runtime.Error); ok {
		return text.Error()
	}
	return fmt.Sprintf("%T", thrown)
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
}

// record wraps w so that what it can do beyond http.ResponseWriter stays visible to handlers that ask
// for it by type assertion; http.ResponseController finds the rest by Unwrap.
func record(w http.ResponseWriter) (*recorder, http.ResponseWriter) {
	r := &recorder{ResponseWriter: w}
	flusher, flushes := w.(http.Flusher)
	hijacker, hijacks := w.(http.Hijacker)
	switch {
	case flushes && hijacks:
		return r, struct {
			*recorder
			http.Flusher
			http.Hijacker
		}{r, flusher, hijacker}
	case flushes:
		return r, struct {
			*recorder
			http.Flusher
		}{r, flusher}
	default:
		return r, r
	}
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		r.status = status // 1xx are not the answer yet
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.ok()
	return r.ResponseWriter.Write(p)
}

// ReadFrom keeps sendfile possible.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.ok()
	return io.Copy(r.ResponseWriter, src)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) ok() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
}
