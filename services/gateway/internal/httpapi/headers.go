package httpapi

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/proto/gen/go/ingestapi"
	"github.com/draftlabs/specter/services/gateway/internal/ingest"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

var exposed = strings.Join([]string{
	"Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
	"X-Quota-Limit", "X-Quota-Remaining", "X-Quota-Reset", "Preference-Applied", echo.HeaderXRequestID,
}, ", ")

// Header values that never change are shared by all answers.
var (
	anyOrigin       = []string{"*"}
	exposedHeaders  = []string{exposed}
	crossOrigin     = []string{"cross-origin"}
	jsonType        = []string{"application/json"}
	appliedPartial  = []string{"handling=lenient"}
	strictTransport = []string{"max-age=31536000"}
)

// allowOrigin lets every page send: what counts is the key. No credentials of a browser are ever
// looked at, so none are allowed.
func allowOrigin(h http.Header) {
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposedHeaders
	h["Cross-Origin-Resource-Policy"] = crossOrigin
}

func allowAnyOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		allowOrigin(c.Response().Header())
		return next(c)
	}
}

// preflight is remembered for a day by browsers that keep it that long.
func preflight(c echo.Context) error {
	h := c.Response().Header()
	h.Set(echo.HeaderAccessControlAllowMethods, "POST, OPTIONS")
	h.Set(echo.HeaderAccessControlAllowHeaders, "Content-Type, Content-Encoding, Authorization, X-Api-Key, X-Request-Id, Prefer")
	h.Set(echo.HeaderAccessControlMaxAge, "86400")
	h.Set(echo.HeaderAllow, "POST, OPTIONS")
	return c.NoContent(http.StatusNoContent)
}

// writeRate says what is left, in the fields of draft-ietf-httpapi-ratelimit-headers and in the
// classic ones; of the month only when it is limited, and what is left of it only when that is known.
func writeRate(h http.Header, r ingest.Rate, month quota.State, limited bool) {
	// Every answer has these, so their texts share one piece of memory.
	const policy, left, until = `"signals";q=`, `"signals";r=`, `;t=`
	var room [64]byte
	text := strconv.AppendInt(append(room[:0], left...), int64(r.Remaining), 10)
	end := len(text)
	text = strconv.AppendInt(append(text, until...), wholeSeconds(r.Reset), 10)
	now := string(text)
	values := [...]string{
		policy + r.LimitText + ";w=" + r.WindowText, now,
		r.LimitText, now[len(left):end], now[end+len(until):],
		"", "", "",
	}
	names := rateHeaders[:5]
	if limited {
		limit, reset := strconv.FormatInt(month.Limit, 10), strconv.FormatInt(wholeSeconds(month.Reset), 10)
		values[0] += `, "month";q=` + limit
		values[5], values[6] = limit, reset
		names = rateHeaders[:7]
		if month.Known {
			remaining := strconv.FormatInt(month.Remaining, 10)
			values[1] += `, "month";r=` + remaining + `;t=` + reset
			values[7] = remaining
			names = rateHeaders[:]
		}
	}
	for i, name := range names {
		h[name] = values[i : i+1 : i+1]
	}
}

// As net/http writes them.
var rateHeaders = [...]string{
	"Ratelimit-Policy", "Ratelimit", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset",
	"X-Quota-Limit", "X-Quota-Reset", "X-Quota-Remaining",
}

func wholeSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// appendRejected appends the list of what was left out.
func appendRejected(dst []byte, rejected []signal.Rejected) []byte {
	list := make([]ingestapi.Rejected, len(rejected))
	for i, r := range rejected {
		list[i] = ingestapi.Rejected{Index: r.Index, Code: r.Code, Detail: r.Detail}
	}
	text, _ := json.Marshal(list) // cannot fail: numbers and strings
	return append(dst, text...)
}
