package batch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/telemetry"
)

type metrics struct {
	requests prometheus.Histogram
	signals  *prometheus.CounterVec
	seconds  prometheus.Histogram
	refusals *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	return metrics{
		requests: telemetry.MustRegister(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "specter_gateway_batch_requests", Help: "Requests released by one acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		})),
		signals: telemetry.MustRegister(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_gateway_signals_total", Help: "Signals by outcome of their append: stored or failed.",
		}, []string{"outcome"})),
		seconds: telemetry.MustRegister(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "specter_gateway_append_seconds", Help: "Time until the broker acknowledged one message.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
		})),
		refusals: telemetry.MustRegister(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_gateway_refused_requests_total", Help: "Requests answered 503, by reason: full, stalled, stopping.",
		}, []string{"reason"})),
	}
}

func (m metrics) refused(reason string, requests int) {
	m.refusals.WithLabelValues(reason).Add(float64(requests))
}

func (m metrics) appended(requests, signals int, took time.Duration, err error) {
	outcome := "stored"
	if err != nil {
		outcome = "failed"
	}
	m.requests.Observe(float64(requests))
	m.signals.WithLabelValues(outcome).Add(float64(signals))
	m.seconds.Observe(took.Seconds())
}
