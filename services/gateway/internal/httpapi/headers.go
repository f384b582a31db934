package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/services/gateway/internal/ingest"
)

var exposed = strings.Join([]string{
	"Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", echo.HeaderXRequestID,
}, ", ")

// allowAnyOrigin lets every page send: what counts is the key. No credentials of a browser are
// ever looked at, so none are allowed.
func allowAnyOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
		h.Set(echo.HeaderAccessControlExposeHeaders, exposed)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		return next(c)
	}
}

// preflight is remembered for a day by browsers that keep it that long.
func preflight(c echo.Context) error {
	h := c.Response().Header()
	h.Set(echo.HeaderAccessControlAllowMethods, "POST, OPTIONS")
	h.Set(echo.HeaderAccessControlAllowHeaders, "Content-Type, Content-Encoding, Authorization, X-Api-Key, X-Request-Id")
	h.Set(echo.HeaderAccessControlMaxAge, "86400")
	h.Set(echo.HeaderAllow, "POST, OPTIONS")
	return c.NoContent(http.StatusNoContent)
}

// writeRate says what is left, in the fields of draft-ietf-httpapi-ratelimit-headers and in the
// classic ones.
func writeRate(h http.Header, r ingest.Rate) {
	limit, remaining, reset := strconv.Itoa(r.Limit), strconv.Itoa(r.Remaining), seconds(r.Reset)
	h.Set("RateLimit-Policy", `"signals";q=`+limit+`;w=`+seconds(r.Window))
	h.Set("RateLimit", `"signals";r=`+remaining+`;t=`+reset)
	h.Set("X-RateLimit-Limit", limit)
	h.Set("X-RateLimit-Remaining", remaining)
	h.Set("X-RateLimit-Reset", reset)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
