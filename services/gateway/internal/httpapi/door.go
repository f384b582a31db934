package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/services/gateway/internal/ingest"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// door takes signals in at one path. It is a plain handler: everything a request needs is done once
// and in the order it is needed, because this is where the gateway's time goes.
type door struct {
	ingest   Ingest
	bodies   *bodies
	formatOf formatOf
	source   signal.Source
	https    bool
	meter    *httpx.RouteMeter
	log      *zap.Logger
}

// ServeHTTP answers one POST.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	id := httpx.RequestIDOf(r)
	status := http.StatusInternalServerError
	defer func() {
		if panicked := recover(); panicked != nil {
			d.panicked(w, r, id, panicked)
		}
		d.meter.Observe(status, time.Since(began))
	}()
	h := w.Header()
	h[httpx.HeaderRequestID] = []string{id}
	if _, browser := r.Header["Origin"]; browser {
		allowOrigin(h)
	}
	outcome, err := d.accept(w, r)
	if err != nil {
		status = d.refuse(w, r, id, err)
		return
	}
	status = http.StatusOK
	d.confirm(h, w, outcome)
}

func (d *door) accept(w http.ResponseWriter, r *http.Request) (ingest.Outcome, error) {
	query := queryOf(r)
	from, err := d.ingest.Authorize(key(r, query), d.caller(r, query))
	if err != nil {
		return ingest.Outcome{}, err //nolint:wrapcheck // a fault, to be shown as it is
	}
	outcome, err := d.take(w, r, from, query)
	if err == nil {
		err = d.ingest.Await(from, outcome)
	}
	// After the work: the headers tell what is left when the answer is written.
	d.writeLimits(w.Header(), from)
	return outcome, err
}

func (d *door) caller(r *http.Request, query query) ingest.Caller {
	return ingest.Caller{Origin: origin(r), UserAgent: r.UserAgent(), Source: sourceOf(query, d.source)}
}

// origin is what a browser says of its page. More than one such header is no browser's doing, and is no
// origin that a key could allow.
func origin(r *http.Request) string {
	return strings.Join(r.Header[echo.HeaderOrigin], ", ")
}

func (d *door) writeLimits(h http.Header, from ingest.Sender) {
	month, limited := d.ingest.Quota(from)
	writeRate(h, d.ingest.Rate(from), month, limited)
}

// take reads the body and gives its memory back before anything waits.
func (d *door) take(w http.ResponseWriter, r *http.Request, from ingest.Sender, query query) (ingest.Outcome, error) {
	if err := d.ingest.Admit(from); err != nil {
		return ingest.Outcome{}, err //nolint:wrapcheck // a fault, to be shown as it is
	}
	body, format, err := d.read(w, r, from)
	if err != nil {
		d.note(from, err)
		return ingest.Outcome{}, err
	}
	defer d.bodies.release(body)
	partial := query.partial
	if prefersPartial(r) {
		partial = true
		w.Header()["Preference-Applied"] = appliedPartial
	}
	return d.ingest.Accept(from, ingest.Request{ //nolint:wrapcheck // a fault, to be shown as it is
		Body: body.text, Format: format, SentAt: query.sentAt, Partial: partial,
	})
}

func (d *door) read(w http.ResponseWriter, r *http.Request, from ingest.Sender) (*body, ingest.Format, error) {
	media, err := mediaType(r)
	if err != nil {
		return nil, 0, err
	}
	body, err := d.bodies.read(w, r, from.Holding())
	if err != nil {
		return nil, 0, err
	}
	format, ok := d.formatOf(media, body.text)
	if !ok {
		d.bodies.release(body)
		return nil, 0, errMediaType
	}
	return body, format, nil
}

// note tells why a body could not be read, unless that is our fault.
func (d *door) note(from ingest.Sender, err error) {
	if p := httpx.NewProblem(err); p.Status < http.StatusInternalServerError {
		err = fault.New(fault.Invalid, p.Code, p.Detail)
	}
	d.ingest.Refuse(from, err)
}

// confirm answers that everything received is durable.
func (d *door) confirm(h http.Header, w http.ResponseWriter, outcome ingest.Outcome) {
	body := make([]byte, 0, 64)
	body = strconv.AppendInt(append(body, `{"received":`...), int64(outcome.Received), 10)
	if len(outcome.Rejected) > 0 {
		body = appendRejected(append(body, `,"rejected":`...), outcome.Rejected)
	}
	body = append(body, "}\n"...)
	// Few headers, because each is as dear as reading a signal: nothing in this body is a sender's
	// but numbers, so there is nothing for a browser to be kept from.
	h["Content-Type"] = jsonType
	if d.https {
		h["Strict-Transport-Security"] = strictTransport
	}
	_, _ = w.Write(body) // a client that has gone will retry, and its ids count once
}

// refuse answers err and returns the status.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, id string, err error) int {
	httpx.SecureHeaders(w.Header(), httpx.APIPolicy, d.https)
	p := httpx.ServeProblem(w, r, err, id, true)
	// An outage of the broker is one line in the log (the batcher's) and not one a request.
	if p.Status >= http.StatusInternalServerError && !fault.Is(err, fault.Unavailable) {
		d.log.Error("request failed", zap.String("request_id", id), zap.Int("status", p.Status), zap.Error(err))
	}
	return p.Status
}

// panicked answers 500. http.ErrAbortHandler goes on: it is how a handler drops the connection on
// purpose.
func (d *door) panicked(w http.ResponseWriter, r *http.Request, id string, panicked any) {
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(panicked)
	}
	d.log.Error("handler panicked", zap.String("request_id", id), zap.String("panic", fmt.Sprint(panicked)), zap.ByteString("stack", debug.Stack()))
	httpx.ServeProblem(w, r, errPanicked, id, true)
}

var errPanicked = errors.New("handler panicked")

// check handles HEAD: is this key good here, and what is left of its rate. It costs nothing.
func (d *door) check(c echo.Context) error {
	r := c.Request()
	query := queryOf(r)
	from, err := d.ingest.Authorize(key(r, query), d.caller(r, query))
	if err != nil {
		return err //nolint:wrapcheck // a fault, to be shown as it is
	}
	d.writeLimits(c.Response().Header(), from)
	return c.NoContent(http.StatusOK)
}
