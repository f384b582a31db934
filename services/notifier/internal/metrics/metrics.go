// Package metrics counts what became of attempts.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/services/notifier/internal/delivery"
)

// Attempts implements delivery.Observer.
type Attempts struct {
	now      func() time.Time
	attempts *prometheus.CounterVec
	answers  prometheus.Histogram
	delay    prometheus.Histogram
}

// New registers the metrics.
func New(r prometheus.Registerer, now func() time.Time) (*Attempts, error) {
	a := &Attempts{
		now: now,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_webhook_attempts_total", Help: "Attempts to deliver a webhook, by outcome: delivered, retried or failed.",
		}, []string{"outcome"}),
		answers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "specter_webhook_answer_seconds", Help: "How long receivers take to answer, those that do not included.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60},
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "specter_webhook_delay_seconds", Help: "Time from an event's acceptance to its delivery at the first attempt.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300},
		}),
	}
	for _, c := range []prometheus.Collector{a.attempts, a.answers, a.delay} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Attempted implements delivery.Observer.
func (a *Attempts) Attempted(d delivery.Delivery, answer delivery.Answer, v delivery.Verdict) {
	outcome := "retried"
	switch v.Status {
	case delivery.Delivered:
		outcome = "delivered"
	case delivery.Failed:
		outcome = "failed"
	}
	a.attempts.WithLabelValues(outcome).Inc()
	a.answers.Observe(answer.Took.Seconds())
	if v.Status == delivery.Delivered && d.Attempts == 0 {
		a.delay.Observe(a.now().Sub(d.CreatedAt).Seconds())
	}
}
