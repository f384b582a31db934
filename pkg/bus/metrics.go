package bus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/telemetry"
)

type metrics struct {
	connected   prometheus.Gauge
	published   *prometheus.CounterVec
	publishTime *prometheus.HistogramVec
	handled     *prometheus.CounterVec
	handleTime  *prometheus.HistogramVec
	running     *prometheus.GaugeVec
	trimmed     *prometheus.CounterVec
}

// newMetrics shares the metrics of every Bus on the same registry.
func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return telemetry.MustRegister(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
	}
	seconds := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return telemetry.MustRegister(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help,
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels))
	}
	return &metrics{
		connected: telemetry.MustRegister(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "specter_bus_connected", Help: "1 while connected to the message broker.",
		})),
		published:   counter("specter_bus_published_total", "Messages published, by event and result (stored, duplicate, failed).", "event", "result"),
		publishTime: seconds("specter_bus_publish_seconds", "Time from publish to the broker's acknowledgement.", "event"),
		handled:     counter("specter_bus_handled_total", "Deliveries by verdict (ack, retry, dead_letter, handed_back).", "consumer", "event", "verdict"),
		handleTime:  seconds("specter_bus_handle_seconds", "Time a handler took.", "consumer", "event"),
		running: telemetry.MustRegister(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "specter_bus_handlers_running", Help: "Handlers running now.",
		}, []string{"consumer"})),
		trimmed: counter("specter_bus_trimmed_messages_total", "Processed messages removed early to keep a stream below its bound.", "stream"),
	}
}
