package telemetry_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/draftlabs/specter/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTraceContextSurvivesTheTrip(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	in := map[string]string{"traceparent": parent, "tracestate": "a=b"}
	ctx := telemetry.Extract(t.Context(), func(k string) string { return in[k] })

	out := map[string]string{}
	telemetry.Inject(ctx, func(k, v string) { out[k] = v })
	require.Equal(t, in, out)

	telemetry.Inject(t.Context(), func(k, v string) { t.Fatalf("unexpected %s=%s", k, v) })
}

func TestNewLoggerRefusesAnUnknownLevel(t *testing.T) {
	t.Parallel()
	_, err := telemetry.NewLogger("loud", "x")
	require.ErrorContains(t, err, "debug, info, warn or error")
	log, err := telemetry.NewLogger("warn", "x")
	require.NoError(t, err)
	require.False(t, log.Core().Enabled(0))
}

func TestMetricsServiceServesAndStops(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	reg := telemetry.NewRegistry()
	telemetry.MustRegister(reg, prometheus.NewCounter(prometheus.CounterOpts{Name: "specter_test_total", Help: "x"})).Inc()
	ctx, stop := context.WithCancel(t.Context())
	ready := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- telemetry.MetricsService(addr, reg).Run(ctx, func() { close(ready) }) }()
	<-ready

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Contains(t, string(body), "specter_test_total 1")
	require.Contains(t, string(body), "go_goroutines")

	stop()
	require.NoError(t, <-done)
}

func TestMetricsServiceSaysWhyItCannotListen(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	err = telemetry.MetricsService(taken.Addr().String(), telemetry.NewRegistry()).Run(t.Context(), func() {})
	require.ErrorContains(t, err, "SPECTER_METRICS_ADDR")
}

func TestMustRegisterSharesOneMetric(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	newCounter := func() prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "specter_shared_total", Help: "x"})
	}
	require.Same(t, telemetry.MustRegister(reg, newCounter()), telemetry.MustRegister(reg, newCounter()))
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
