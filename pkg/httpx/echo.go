package httpx

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/telemetry"
)

// HeaderRequestID carries the id under which a request is found in the log.
const HeaderRequestID = echo.HeaderXRequestID

// defaultBodyLimit bounds a request body when Options does not say otherwise.
const defaultBodyLimit = 1 << 20

// APIPolicy forbids a browser to do anything with an answer but hand it to the caller.
const APIPolicy = "default-src 'none'; frame-ancestors 'none'"

// Options of NewEcho; the zero value is a plain JSON API.
type Options struct {
	Service       string                // label of the metrics
	BodyLimit     int64                 // bytes, as sent; 0 = 1 MiB
	Policy        string                // Content-Security-Policy; "" = an API's, that allows nothing
	HTTPS         bool                  // the public address is https: adds Strict-Transport-Security
	ErrorSentence bool                  // problem answers also carry `error` (the ingest paths)
	Registerer    prometheus.Registerer // nil = no metrics
	Headers       http.Header           // more of them, for every answer
}

// NewEcho returns an echo with our middleware and error answers and no routes.
func NewEcho(log *zap.Logger, o Options) *echo.Echo {
	if o.BodyLimit <= 0 {
		o.BodyLimit = defaultBodyLimit
	}
	if o.Policy == "" {
		o.Policy = APIPolicy
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = errorHandler(log, o.ErrorSentence)

	e.Use(requestID)                      // first: everything after it can be found by the id
	e.Use(securityHeaders(o))             // before anything can answer, so that errors carry them too
	e.Use(observe(o))                     // outside recovery: a panic counts as the 500 it becomes
	e.Use(recovery(log, o.ErrorSentence)) // around all that can panic
	e.Use(traceContext)                   // the handlers publish with the caller's trace
	e.Use(bodyLimit(o.BodyLimit))         // last: only handlers read the body
	return e
}

// WriteProblem writes err as a problem answer from a plain handler.
func WriteProblem(c echo.Context, err error) { c.Error(err) }

// RequestID returns the id of the request being handled.
func RequestID(c echo.Context) string { return c.Response().Header().Get(HeaderRequestID) }

func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(HeaderRequestID, RequestIDOf(c.Request()))
		return next(c)
	}
}

func securityHeaders(o Options) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			SecureHeaders(c.Response().Header(), o.Policy, o.HTTPS)
			maps.Copy(c.Response().Header(), o.Headers)
			return next(c)
		}
	}
}

// observe measures each request by route (never by URL, which may hold ids and keys).
func observe(o Options) echo.MiddlewareFunc {
	if o.Registerer == nil {
		return func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	}
	seconds := requestSeconds(o.Registerer)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			if err := next(c); err != nil {
				c.Error(err) // the status is known only after the error was answered
			}
			seconds.WithLabelValues(o.Service, knownMethod(c.Request().Method), c.Path(), strconv.Itoa(c.Response().Status)).
				Observe(time.Since(start).Seconds())
			return nil
		}
	}
}

// knownMethod bounds the label: a client may send any word as its method.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	default:
		return "other"
	}
}

// recovery turns a panic into a 500 with its stack in the log. http.ErrAbortHandler goes on: it is
// how a handler drops the connection on purpose.
func recovery(log *zap.Logger, sentence bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				r := recover()
				if r == nil {
					return
				}
				if e, ok := r.(error); ok && errors.Is(e, http.ErrAbortHandler) {
					panic(r)
				}
				log.Error("handler panicked", zap.String("request_id", RequestID(c)), zap.String("route", c.Path()),
					zap.String("panic", fmt.Sprint(r)), zap.ByteString("stack", debug.Stack()))
				if !c.Response().Committed {
					ServeProblem(c.Response(), c.Request(), errPanicked, RequestID(c), sentence)
				}
			}()
			return next(c)
		}
	}
}

var errPanicked = errors.New("handler panicked")

func traceContext(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		c.SetRequest(r.WithContext(telemetry.Extract(r.Context(), r.Header.Get)))
		return next(c)
	}
}

// readForNothing is how long a refused body may be that is read all the same: who is still
// sending when the connection ends may get a reset in place of the answer.
const readForNothing = 8 << 20

func bodyLimit(limit int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if r.ContentLength > limit {
				if r.ContentLength <= readForNothing {
					_, _ = io.Copy(io.Discard, r.Body) // it is refused, however much of it comes
				}
				return &http.MaxBytesError{Limit: limit}
			}
			if r.Body != nil {
				r.Body = http.MaxBytesReader(c.Response(), r.Body, limit)
			}
			return next(c)
		}
	}
}

// errorHandler is the one place that logs a request's error.
func errorHandler(log *zap.Logger, sentence bool) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		id := RequestID(c)
		if c.Response().Committed {
			if NewProblem(err).Status >= http.StatusInternalServerError {
				log.Error("request failed after its answer had begun", zap.String("request_id", id), zap.String("route", c.Path()), zap.Error(err))
			}
			return
		}
		p := ServeProblem(c.Response(), c.Request(), err, id, sentence)
		if p.Status >= http.StatusInternalServerError {
			log.Error("request failed", zap.String("request_id", id), zap.String("method", c.Request().Method),
				zap.String("route", c.Path()), zap.Int("status", p.Status), zap.Error(err))
		}
	}
}
