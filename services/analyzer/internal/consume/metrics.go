package consume

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Metrics of storing signals.
type Metrics struct {
	signals  *prometheus.CounterVec
	redacted *prometheus.CounterVec
	batches  prometheus.Histogram
	missing  prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		signals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_analyzer_signals_total", Help: "Signals taken off the stream, by what became of them.",
		}, []string{"result"}),
		redacted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_analyzer_redactions_total", Help: "Values removed from signals that had passed a gateway, by class. Anything but 0 means that a gateway is older than the analyzer, or that something else writes to the stream.",
		}, []string{"class"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "specter_analyzer_store_seconds", Help: "Time to read and commit one group of batches.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
	}
	m.missing = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "specter_analyzer_reconciliation_missing_messages_total", Help: "Messages that the hourly reconciliation found acknowledged but neither stored nor a dead letter. Anything but 0 is a mistake worth a look; each is stored, or a dead letter, when it is counted.",
	})
	for _, c := range []prometheus.Collector{m.signals, m.redacted, m.batches, m.missing} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) count(results []signal.Stored) {
	var sum signal.Stored
	for _, r := range results {
		sum.New, sum.Known, sum.Homeless, sum.TooOld = sum.New+r.New, sum.Known+r.Known, sum.Homeless+r.Homeless, sum.TooOld+r.TooOld
	}
	for result, n := range map[string]int{"stored": sum.New, "known": sum.Known, "product_gone": sum.Homeless, "too_old": sum.TooOld} {
		m.signals.WithLabelValues(result).Add(float64(n))
	}
}
