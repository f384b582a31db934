package httpx

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
)

// ProblemType is the media type of every error answer (RFC 9457).
const ProblemType = "application/problem+json"

// statusClientClosed is nginx's 499: the client went away; nobody reads the answer.
const statusClientClosed = 499

// Problem is the body of an error answer.
type Problem struct {
	Type      string         `json:"type"` // urn:specter:problem:<code>
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty"`
	Instance  string         `json:"instance,omitempty"` // urn:specter:request:<request id>
	Code      string         `json:"code"`
	RequestID string         `json:"request_id,omitempty"`
	Errors    []ProblemField `json:"errors,omitempty"`
	Error     string         `json:"error,omitempty"` // the sentence again, on the ingest paths only

	RetryAfter time.Duration `json:"-"`
}

// ProblemField is one bad part of the request.
type ProblemField struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// NewProblem says what err means over HTTP. Only an error that carries a fault.Error or is one of
// the HTTP stack's own speaks for itself; every other one reads "internal".
func NewProblem(err error) Problem {
	if f := fault.As(err); f != nil {
		return fromFault(f)
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fromFault(fault.Newf(fault.TooLarge, "payload_too_large", "The body is larger than %d bytes.", tooLarge.Limit))
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return fromEcho(he)
	}
	if errors.Is(err, context.Canceled) {
		return Problem{Type: urn("client_closed"), Title: "Client closed the request", Status: statusClientClosed, Code: "client_closed"}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fromFault(fault.New(fault.Unavailable, "unavailable", "This took too long. Try again."))
	}
	return fromFault(fault.New(fault.Internal, "internal", "Something went wrong on our side. The request id finds it in the log."))
}

func fromFault(f *fault.Error) Problem {
	p := Problem{Code: f.Code, Detail: f.Detail, RetryAfter: f.RetryAfter}
	p.Status, p.Title = meaning(f.Kind)
	if f.Kind == fault.Internal {
		p.Code, p.Detail = "internal", "Something went wrong on our side. The request id finds it in the log."
	}
	if f.Kind == fault.Unavailable && p.RetryAfter == 0 {
		// Spread the retries of clients that failed together over a few seconds.
		p.RetryAfter = time.Second + rand.N(3*time.Second)
	}
	p.Type = urn(p.Code)
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, ProblemField(field))
	}
	return p
}

func meaning(k fault.Kind) (status int, title string) {
	switch k {
	case fault.Invalid:
		return http.StatusBadRequest, "Invalid request"
	case fault.Unauthenticated:
		return http.StatusUnauthorized, "Not signed in"
	case fault.Forbidden:
		return http.StatusForbidden, "Not allowed"
	case fault.NotFound:
		return http.StatusNotFound, "Not found"
	case fault.Conflict:
		return http.StatusConflict, "Conflict"
	case fault.PreconditionFailed:
		return http.StatusPreconditionFailed, "Changed in the meantime"
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge, "Too large"
	case fault.RateLimited:
		return http.StatusTooManyRequests, "Too many requests"
	case fault.QuotaExceeded:
		return http.StatusTooManyRequests, "Quota exceeded"
	case fault.Unavailable:
		return http.StatusServiceUnavailable, "Temporarily unavailable"
	default:
		return http.StatusInternalServerError, "Internal error"
	}
}

// fromEcho maps what the router and binders of echo report.
func fromEcho(he *echo.HTTPError) Problem {
	p := Problem{Status: he.Code, Title: http.StatusText(he.Code)}
	switch he.Code {
	case http.StatusNotFound:
		return fromFault(ErrNotFound)
	case http.StatusMethodNotAllowed:
		p.Code, p.Detail = "method_not_allowed", "This address does not answer to that method."
	case http.StatusUnsupportedMediaType:
		p.Code, p.Detail = "unsupported_media_type", "Send the body as application/json."
		if text, ok := he.Message.(string); ok && text != p.Title {
			p.Detail = text
		}
	case http.StatusRequestEntityTooLarge:
		return fromFault(fault.New(fault.TooLarge, "payload_too_large", "The body is too large."))
	default:
		switch {
		case he.Code >= http.StatusInternalServerError:
			return fromFault(fault.New(fault.Internal, "internal", ""))
		default:
			p.Code, p.Detail = "invalid_request", "The request could not be understood."
			if text, ok := he.Message.(string); ok && text != "" {
				p.Detail = text
			}
		}
	}
	p.Type = urn(p.Code)
	return p
}

// ErrNotFound is the answer for what is absent and for what belongs to somebody else, byte for
// byte the same.
var ErrNotFound = fault.New(fault.NotFound, "not_found", "There is nothing at this address.")

// ServeProblem writes err as a problem answer. requestID may be empty; sentence also writes the
// detail as `error`, the ingest paths' older form.
func ServeProblem(w http.ResponseWriter, r *http.Request, err error, requestID string, sentence bool) Problem {
	p := NewProblem(err)
	p.RequestID = requestID
	if requestID != "" {
		p.Instance = "urn:specter:request:" + requestID
	}
	if sentence {
		p.Error = p.Detail
	}
	body, encodeErr := json.Marshal(p)
	if encodeErr != nil { // only strings and numbers in there
		body = []byte(`{"type":"urn:specter:problem:internal","title":"Internal error","status":500,"code":"internal"}`)
		p.Status = http.StatusInternalServerError
	}
	h := w.Header()
	h.Set("Content-Type", ProblemType)
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	h.Del("Last-Modified")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="specter"`)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n'))
	}
	return p
}

func urn(code string) string { return "urn:specter:problem:" + code }
