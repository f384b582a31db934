package quota

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/telemetry"
)

type metrics struct {
	leases  prometheus.Gauge
	settled *prometheus.CounterVec
	refused prometheus.Counter
	lost    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	return &metrics{
		leases: telemetry.MustRegister(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "specter_quota_leases", Help: "Accounts with a monthly limit that this gateway holds a lease of.",
		})),
		settled: telemetry.MustRegister(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specter_quota_settlements_total", Help: "Leases settled with the broker, by outcome.",
		}, []string{"outcome"})),
		refused: telemetry.MustRegister(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "specter_quota_refused_signals_total", Help: "Signals refused because their account's monthly limit is used up.",
		})),
		lost: telemetry.MustRegister(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "specter_quota_lost_signals_total", Help: "Signals counted as used because a gateway that held them went silent.",
		})),
	}
}
