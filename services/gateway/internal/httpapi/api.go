package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/proto/gen/go/ingestapi"
	"github.com/draftlabs/specter/services/gateway/internal/ingest"
	"github.com/draftlabs/specter/services/gateway/internal/script"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Ingest is what the handlers need of the ingest service.
type Ingest interface {
	Authorize(key, origin string) (ingest.Grant, error)
	Rate(g ingest.Grant) ingest.Rate
	Admit(g ingest.Grant) error
	Accept(ctx context.Context, g ingest.Grant, r ingest.Request) (int, error)
}

// Options of New.
type Options struct {
	BodyBytes   int64 // of one request, as sent and again when decompressed
	MemoryBytes int64 // of all bodies being handled; beyond it requests get 503
	HTTPS       bool  // the public address is https
	Metrics     prometheus.Registerer
	Paths       Paths
}

// New returns the gateway's handler. scripts are the versions of the tag, the one to serve first.
func New(o Options, in Ingest, scripts []script.Script, log *zap.Logger) (http.Handler, error) {
	tag, err := newTag(scripts)
	if err != nil {
		return nil, err
	}
	a := &api{ingest: in, bodies: bodies{limit: o.BodyBytes, memory: semaphore.NewWeighted(o.MemoryBytes)}}
	e := httpx.NewEcho(log, httpx.Options{
		Service: "gateway", BodyLimit: o.BodyBytes, HTTPS: o.HTTPS, ErrorSentence: true, Registerer: o.Metrics,
	})
	// Before everything, also before the body limit answers: without these headers a page cannot
	// read the status of its request and takes every refusal for a broken network.
	e.Pre(allowAnyOrigin)

	for _, path := range o.Paths.ingest() {
		e.POST(path, a.signals)
		e.OPTIONS(path, preflight)
	}
	e.POST("/api/ingest", a.lenient)
	e.OPTIONS("/api/ingest", preflight)
	tag.route(e, o.Paths)
	return e, nil
}

type api struct {
	ingest Ingest
	bodies bodies
}

// signals handles POST /api/signals.
func (a *api) signals(c echo.Context) error {
	return a.accept(c, func(media string, _ []byte) (ingest.Format, bool) {
		return ingest.Strict, media != mediaForm
	}, signal.REST)
}

// lenient handles POST /api/ingest. A form's media type on a body that is JSON is curl's default.
func (a *api) lenient(c echo.Context) error {
	return a.accept(c, func(media string, body []byte) (ingest.Format, bool) {
		if media == mediaForm && !looksLikeJSON(body) {
			return ingest.Form, true
		}
		return ingest.Lenient, true
	}, signal.Webhook)
}

type formatOf func(media string, body []byte) (ingest.Format, bool)

func (a *api) accept(c echo.Context, formatOf formatOf, source signal.Source) error {
	received, err := a.receive(c, formatOf, source)
	switch {
	case fault.Is(err, fault.Unavailable):
		// Answered here, so that an outage of the broker is one line in the log (the batcher's)
		// and not one a request.
		httpx.ServeProblem(c.Response(), c.Request(), err, httpx.RequestID(c), true)
		return nil
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, ingestapi.Received{Received: received})
}

func (a *api) receive(c echo.Context, formatOf formatOf, source signal.Source) (int, error) {
	r := c.Request()
	grant, err := a.ingest.Authorize(key(r), r.Header.Get(echo.HeaderOrigin))
	if err != nil {
		return 0, err
	}
	// After the work: the headers tell what is left when the answer is written.
	c.Response().Before(func() { writeRate(c.Response().Header(), a.ingest.Rate(grant)) })
	if err := a.ingest.Admit(grant); err != nil {
		return 0, err
	}
	media, err := mediaType(r)
	if err != nil {
		return 0, err
	}
	body, release, err := a.bodies.read(c.Response().Header(), r)
	defer release()
	if err != nil {
		return 0, err
	}
	format, ok := formatOf(media, body)
	if !ok {
		return 0, errMediaType
	}
	return a.ingest.Accept(r.Context(), grant, ingest.Request{
		Body: body, Format: format, Source: sourceOf(r, source), SentAt: sentAt(r),
	})
}

// key finds the API key: the header first, and the query last, because a URL may have been
// written down by somebody else.
func key(r *http.Request) string {
	if key := r.Header.Get("X-Api-Key"); key != "" {
		return key
	}
	if scheme, token, ok := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("key")
}

// sourceOf believes a client that calls itself the script or an SDK.
func sourceOf(r *http.Request, otherwise signal.Source) signal.Source {
	switch r.URL.Query().Get("source") {
	case "script":
		return signal.Script
	case "sdk":
		return signal.SDK
	default:
		return otherwise
	}
}

// sentAt is the client's clock at the time of sending, in milliseconds since 1970.
func sentAt(r *http.Request) time.Time {
	ms, err := strconv.ParseInt(r.URL.Query().Get("sent_at"), 10, 64)
	if err != nil || ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
