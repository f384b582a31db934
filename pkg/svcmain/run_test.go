package svcmain

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/testkit"
)

type httpService struct {
	lifecycle.Service
	handler http.Handler
}

func (s httpService) Handler() http.Handler { return s.handler }

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestAProcessServesUntilItsDrainDelayIsOver(t *testing.T) {
	t.Parallel()
	db, broker := testkit.Postgres(t), testkit.NATS(t)
	m := testModule()
	m.Name, m.NeedsDB = "dashboard", true
	m.New = func(_ config.Source, p Platform) (Service, error) {
		var role string
		if err := p.DB.QueryRow(context.Background(), "SELECT current_user").Scan(&role); err != nil {
			return nil, err
		}
		require.Equal(t, "specter_dashboard", role)
		return httpService{lifecycle.Group(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "at work") })}, nil
	}
	metrics := free(t)
	src := config.Source{
		"SPECTER_DATABASE_URL": db.OwnerURL, "SPECTER_NATS_URL": broker.URL, "SPECTER_HTTP_ADDR": "127.0.0.1:0", "SPECTER_METRICS_ADDR": metrics,
		"SPECTER_LOG_LEVEL": "error", "SPECTER_DRAIN_DELAY": "400ms",
	}
	ctx, stop := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- Run(ctx, m, src, Hooks{Ready: func(a string) { addr <- a }}) }()
	var url string
	select {
	case a := <-addr:
		url = "http://" + a
	case err := <-done:
		t.Fatalf("ended at once: %v", err)
	}

	for path, want := range map[string]string{"/healthz/live": "ok", "/healthz/ready": "ok", "/": "at work"} {
		status, text := get(t, url+path)
		require.Equal(t, http.StatusOK, status, path)
		require.Contains(t, text, want)
	}
	_, text := get(t, url+"/version")
	var v struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	require.Equal(t, "dashboard", v.Name)
	status, _ := get(t, "http://"+metrics+"/metrics")
	require.Equal(t, http.StatusOK, status)

	stop()
	require.Eventually(t, func() bool { s, _ := get(t, url+"/healthz/ready"); return s == http.StatusServiceUnavailable }, 5*time.Second, 5*time.Millisecond, "not ready at once")
	status, _ = get(t, url+"/")
	require.Equal(t, http.StatusOK, status, "but still serving")
	require.NoError(t, <-done)
}

func TestAFailingServiceEndsTheProcessWithItsError(t *testing.T) {
	t.Parallel()
	broker := testkit.NATS(t)
	m := testModule()
	broken := errors.New("the disk is full")
	m.New = func(config.Source, Platform) (Service, error) {
		return httpService{lifecycle.Func(func(context.Context, func()) error { return broken }), nil}, nil
	}
	err := Run(t.Context(), m, config.Source{"SPECTER_NATS_URL": broker.URL, "SPECTER_HTTP_ADDR": "127.0.0.1:0", "SPECTER_LOG_LEVEL": "fatal"}, Hooks{})
	require.ErrorIs(t, err, broken)
}

func TestAUsedPortIsOneClearLine(t *testing.T) {
	t.Parallel()
	broker := testkit.NATS(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	err = Run(t.Context(), testModule(), config.Source{"SPECTER_NATS_URL": broker.URL, "SPECTER_HTTP_ADDR": taken.Addr().String(), "SPECTER_LOG_LEVEL": "fatal"}, Hooks{})
	require.ErrorContains(t, err, "SPECTER_HTTP_ADDR")
	require.ErrorContains(t, err, "in use")
}
