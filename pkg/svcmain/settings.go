package svcmain

import (
	"time"

	"github.com/draftlabs/specter/pkg/config"
)

// Settings are those every service process has.
type Settings struct {
	HTTPAddr         string        `env:"SPECTER_HTTP_ADDR" envDefault:"127.0.0.1:8080" doc:"host:port of the HTTP server (API and health endpoints)."`
	MetricsAddr      string        `env:"SPECTER_METRICS_ADDR" doc:"host:port that serves Prometheus metrics at /metrics. Absent: no metrics are served."`
	LogLevel         string        `env:"SPECTER_LOG_LEVEL" envDefault:"info" doc:"Lowest level that is logged: debug, info, warn or error."`
	DatabaseURL      string        `env:"SPECTER_DATABASE_URL" secret:"true" doc:"postgres:// URL. Absent: services that keep data refuse to start; specter up starts a private Postgres."`
	DatabaseMaxConns int32         `env:"SPECTER_DATABASE_MAX_CONNS" envDefault:"10" doc:"Most database connections one service opens."`
	NATSURL          string        `env:"SPECTER_NATS_URL" envDefault:"nats://127.0.0.1:4222" secret:"true" doc:"nats:// URL of the message broker, several separated by commas."`
	NATSReplicas     int           `env:"SPECTER_NATS_REPLICAS" envDefault:"1" doc:"Copies of each stream; 3 in a cluster of three."`
	DrainDelay       time.Duration `env:"SPECTER_DRAIN_DELAY" envDefault:"0s" doc:"How long a stopping process goes on serving after it reports not ready, so that load balancers notice. 5s in Kubernetes."`
}

// PlatformSettings describes Settings for docs and checks.
func PlatformSettings() []config.Setting { return config.Describe[Settings]("platform") }
