package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/draftlabs/specter/pkg/lifecycle"
)

// NewRegistry returns a registry that already has the Go runtime's and the process's own metrics.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return reg
}

// MetricsService serves GET /metrics of reg on addr. With an empty addr it serves nothing and just
// runs until its context ends.
func MetricsService(addr string, reg *prometheus.Registry) lifecycle.Service {
	if addr == "" {
		return lifecycle.Group()
	}
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("listening for metrics (choose another address with SPECTER_METRICS_ADDR): %w", err)
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
		server := &http.Server{
			Handler:           mux,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			MaxHeaderBytes:    16 << 10,
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		ready()
		select {
		case err := <-served:
			return fmt.Errorf("serving metrics: %w", err)
		case <-ctx.Done():
		}
		// Scrapes are short and repeat by themselves: nothing is worth waiting for.
		if err := server.Close(); err != nil {
			return fmt.Errorf("closing the metrics server: %w", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving metrics: %w", err)
		}
		return nil
	})
}

// MustRegister registers c with reg, or returns the collector that an earlier call registered for the
// same metric, so that services sharing one process may share one metric. It panics when the name belongs to another kind.
func MustRegister[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	if err != nil {
		panic(fmt.Sprintf("registering a metric: %v", err)) // a programming error: two different metrics of one name
	}
	return c
}
