package httpx

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/telemetry"
)

// The parts of NewEcho's middleware for a handler that is too hot for echo.

// RequestIDOf keeps a caller's well-formed X-Request-Id, so that a trace can cross proxies, or makes
// one. An id is for finding a request in the log; it guards nothing.
func RequestIDOf(r *http.Request) string {
	if sent := r.Header["X-Request-Id"]; len(sent) > 0 && acceptableID(sent[0]) {
		return sent[0]
	}
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	return hex.EncodeToString(raw[:])
}

func acceptableID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// SecureHeaders tells browsers to do nothing with an answer that its policy does not allow. https
// adds Strict-Transport-Security.
func SecureHeaders(h http.Header, policy string, https bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	if https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func requestSeconds(r prometheus.Registerer) *prometheus.HistogramVec {
	return telemetry.MustRegister(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "specter_http_request_seconds",
		Help:    "Time to answer an HTTP request.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"service", "method", "route", "status"}))
}

// RouteMeter measures the requests of one route.
type RouteMeter struct {
	seconds *prometheus.HistogramVec // with everything but the status filled in
	success prometheus.Observer
}

// NewRouteMeter returns a meter whose samples stand beside those of NewEcho.
func NewRouteMeter(r prometheus.Registerer, service, method, route string) *RouteMeter {
	vec, _ := requestSeconds(r).CurryWith(prometheus.Labels{"service": service, "method": method, "route": route}) // the labels exist
	m := &RouteMeter{}
	m.seconds, _ = vec.(*prometheus.HistogramVec)
	m.success = m.seconds.WithLabelValues("200")
	return m
}

// Observe counts one answer.
func (m *RouteMeter) Observe(status int, took time.Duration) {
	if status == http.StatusOK { // by far the most: without a look-up
		m.success.Observe(took.Seconds())
		return
	}
	m.seconds.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}
