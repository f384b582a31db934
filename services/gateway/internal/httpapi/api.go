package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/services/gateway/internal/ingest"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
	"github.com/draftlabs/specter/services/gateway/internal/script"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Ingest is what the handlers need of the ingest service.
type Ingest interface {
	Authorize(key string, caller ingest.Caller) (ingest.Sender, error)
	Rate(from ingest.Sender) ingest.Rate
	Quota(from ingest.Sender) (quota.State, bool)
	Admit(from ingest.Sender) error
	Accept(from ingest.Sender, r ingest.Request) (ingest.Outcome, error)
	Await(from ingest.Sender, out ingest.Outcome) error
	Refuse(from ingest.Sender, err error)
}

// Options of New.
type Options struct {
	BodyBytes   int64 // of one request, as sent and again when decompressed
	MemoryBytes int64 // of all bodies being handled; beyond it requests get 503
	HTTPS       bool  // the public address is https
	Metrics     prometheus.Registerer
	Paths       Paths
}

const service = "gateway"

// New returns the gateway's handler. scripts are the versions of the tag, the one to serve first.
func New(o Options, in Ingest, scripts []script.Script, log *zap.Logger) (http.Handler, error) {
	tag, err := newTag(scripts)
	if err != nil {
		return nil, err
	}
	bodies, err := newBodies(o.BodyBytes, o.MemoryBytes)
	if err != nil {
		return nil, err
	}
	e := httpx.NewEcho(log, httpx.Options{
		Service: service, BodyLimit: o.BodyBytes, HTTPS: o.HTTPS, ErrorSentence: true, Registerer: o.Metrics,
	})
	// Before everything, also before the body limit answers: without these headers a page cannot
	// read the status of its request and takes every refusal for a broken network.
	e.Pre(allowAnyOrigin)
	tag.route(e, o.Paths)
	routes := map[string]door{"/api/ingest": {formatOf: lenient, source: signal.Webhook}}
	for _, path := range o.Paths.ingest() {
		routes[path] = door{formatOf: strict, source: signal.REST}
	}
	doors := map[string]*door{}
	for path, d := range routes {
		d.ingest, d.bodies, d.log, d.https = in, bodies, log.With(zap.String("route", path)), o.HTTPS
		d.meter = httpx.NewRouteMeter(o.Metrics, service, http.MethodPost, path)
		doors[path] = &d
		e.HEAD(path, d.check)
		e.OPTIONS(path, preflight)
		// What is posted never gets here; the router must know that it could.
		e.POST(path, echo.NotFoundHandler)
	}
	return paths{doors: doors, others: e}, nil
}

// paths sends each request where it belongs.
type paths struct {
	doors  map[string]*door
	others http.Handler
}

func (p paths) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if d, ok := p.doors[r.URL.Path]; ok {
			d.ServeHTTP(w, r)
			return
		}
	}
	p.others.ServeHTTP(w, r)
}

// Plain says which requests a door answers.
func (p paths) Plain(path string) bool { return p.doors[path] != nil }

// formatOf says how to read a body of a media type; false when this door does not take the type.
type formatOf func(media string, body []byte) (ingest.Format, bool)

// strict is the format of POST /api/signals.
func strict(media string, _ []byte) (ingest.Format, bool) { return ingest.Strict, media != mediaForm }

// lenient is the format of POST /api/ingest. A form's media type on a body that is JSON is curl's
// default.
func lenient(media string, body []byte) (ingest.Format, bool) {
	if media == mediaForm && !looksLikeJSON(body) {
		return ingest.Form, true
	}
	return ingest.Lenient, true
}

// key finds the API key: the header first, and the query last, because a URL may have been
// written down by somebody else.
func key(r *http.Request, query query) string {
	if key := r.Header["X-Api-Key"]; len(key) > 0 && key[0] != "" {
		return key[0]
	}
	if scheme, token, ok := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return query.key
}

// query is what the ingest paths read of a URL.
type query struct {
	key     string
	source  string
	partial bool
	sentAt  time.Time // the client's clock at the time of sending; zero when not told
}

func queryOf(r *http.Request) query {
	if r.URL.RawQuery == "" {
		return query{}
	}
	values := r.URL.Query()
	q := query{key: values.Get("key"), source: values.Get("source")}
	q.partial = values.Get("partial") == "true" || values.Get("partial") == "1"
	if ms, err := strconv.ParseInt(values.Get("sent_at"), 10, 64); err == nil && ms > 0 {
		q.sentAt = time.UnixMilli(ms)
	}
	return q
}

// prefersPartial reports whether bad signals are to be left out instead of costing the whole body, as
// RFC 7240 lets a client ask for it.
func prefersPartial(r *http.Request) bool {
	for _, header := range r.Header["Prefer"] {
		for preference := range strings.SplitSeq(header, ",") {
			if strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(preference), " ", ""), "handling=lenient") {
				return true
			}
		}
	}
	return false
}

// sourceOf believes a client that calls itself the script or an SDK.
func sourceOf(q query, otherwise signal.Source) signal.Source {
	switch q.source {
	case "script":
		return signal.Script
	case "sdk":
		return signal.SDK
	default:
		return otherwise
	}
}
