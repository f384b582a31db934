package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/webhook"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/cli"
)

// hooked is as much of the dashboard as webhooks need.
type hooked struct {
	endpoint api.Endpoint
	delivery api.Delivery
	events   []string // of the stream, as data

	mu    sync.Mutex
	asked []string // method, path, query and body of each change
}

func newHooked(t *testing.T) (*hooked, config.Source) {
	t.Helper()
	code, failed, sent, server, url := 500, "answered 500", `{"type":"proposal.created"}`, map[string]string{"server": "nginx"}, "https://example.com/in?…"
	f := &hooked{endpoint: api.Endpoint{Id: uuid.New(), Url: "https://example.com/in", Events: []string{"*"}, Enabled: true, Status: api.Failing, CreatedAt: now}}
	reason := "exhausted"
	f.delivery = api.Delivery{
		Id: uuid.New(), EventId: uuid.New(), EventType: "proposal.created", Status: api.DeliveryStatusFailed, Reason: &reason, Attempts: 1, CreatedAt: now, Body: &sent,
		Log: &[]api.DeliveryAttempt{{Attempt: 1, At: now, DurationMs: 12, StatusCode: &code, Error: &failed, RequestUrl: &url, ResponseHeaders: &server}},
	}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	note := func(r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+strings.TrimPrefix(r.URL.RequestURI(), "/api/v1/webhook-endpoints")+" "+string(body)))
	}
	const base = "/api/v1/webhook-endpoints"
	mux.HandleFunc("GET "+base, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, api.EndpointPage{Items: []api.Endpoint{f.endpoint}})
	})
	mux.HandleFunc("POST "+base, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		answer(w, 201, api.CreatedEndpoint{Endpoint: f.endpoint, Secret: "whsec_new"})
	})
	mux.HandleFunc("PATCH "+base+"/{id}", func(w http.ResponseWriter, r *http.Request) { note(r); answer(w, 200, f.endpoint) })
	mux.HandleFunc("DELETE "+base+"/{id}", func(w http.ResponseWriter, r *http.Request) { note(r); w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST "+base+"/{id}/rotate-secret", func(w http.ResponseWriter, r *http.Request) {
		note(r)
		rotated, until := f.endpoint, now.Add(48*time.Hour)
		rotated.SecretOverlapUntil = &until
		answer(w, 200, api.CreatedEndpoint{Endpoint: rotated, Secret: "whsec_rotated"})
	})
	mux.HandleFunc("POST "+base+"/{id}/test", func(w http.ResponseWriter, r *http.Request) { note(r); w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("POST "+base+"/{id}/recover", func(w http.ResponseWriter, r *http.Request) {
		note(r)
		answer(w, 202, api.RecoveryBegun{Deliveries: 7})
	})
	mux.HandleFunc("GET "+base+"/{id}/deliveries", func(w http.ResponseWriter, r *http.Request) {
		note(r)
		answer(w, 200, api.DeliveryPage{Items: []api.Delivery{f.delivery}})
	})
	mux.HandleFunc("GET "+base+"/{id}/deliveries/{delivery}", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, f.delivery) })
	mux.HandleFunc("POST "+base+"/{id}/deliveries/{delivery}/resend", func(w http.ResponseWriter, r *http.Request) { note(r); w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("GET /api/v1/webhook-events/stream", func(w http.ResponseWriter, r *http.Request) {
		note(r)
		for i, data := range f.events {
			fmt.Fprintf(w, "id: %d\nevent: webhook\ndata: %s\n\n", i+1, data)
		}
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return f, config.Source{"SPECTER_URL": s.URL, "SPECTER_TOKEN": "spt_x"}
}

func (f *hooked) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[len(f.asked)-1]
}

func TestEndpointsAreManaged(t *testing.T) {
	t.Parallel()
	f, src := newHooked(t)
	id := f.endpoint.Id.String()
	for _, c := range []struct {
		args  []string
		asked string
		out   string
	}{
		{[]string{"list"}, "", "failing"},
		{[]string{"create", "https://example.com/in", "--events", "proposal.created,deployment.regressed"}, `POST  {"description":"","events":["proposal.created","deployment.regressed"],"url":"https://example.com/in"}`, "whsec_new"},
		{[]string{"pause", id}, "PATCH /" + id + ` {"enabled":false}`, "example.com"},
		{[]string{"resume", id[:9]}, "PATCH /" + id + ` {"enabled":true}`, "example.com"},
		{[]string{"rotate", "https://example.com/in", "--overlap", "48h"}, "POST /" + id + `/rotate-secret {"overlap_hours":48}`, "until 2026-06-03 12:00 UTC"},
		{[]string{"test", id}, "POST /" + id + "/test", "on its way"},
		{[]string{"deliveries", id, "--status", "failed", "--event", "proposal.created", "--since", "24h"}, "GET /" + id + "/deliveries?status=failed&event_type=proposal.created&since=2026-05-31T12%3A00%3A00Z&limit=50", "failed (exhausted)"},
		{[]string{"deliveries", id, f.delivery.Id.String()}, "", "< server: nginx"},
		{[]string{"resend", id, f.delivery.Id.String()}, "POST /" + id + "/deliveries/" + f.delivery.Id.String() + "/resend", "again"},
		{[]string{"recover", id, "--since", "6h"}, "POST /" + id + `/recover {"since":"2026-06-01T06:00:00Z"}`, "7 deliveries"},
		{[]string{"delete", id}, "DELETE /" + id, "removed"},
	} {
		code, out, errOut := run(t, src, append([]string{"webhooks"}, c.args...)...)
		require.Zero(t, code, "%v: %s", c.args, errOut)
		require.Contains(t, out, c.out, "%v", c.args)
		if c.asked != "" {
			require.Equal(t, c.asked, strings.TrimSpace(f.last()))
		}
		code, out, errOut = run(t, src, append([]string{"webhooks", "-o", "json"}, c.args...)...)
		require.Zero(t, code, "%v: %s", c.args, errOut)
		require.True(t, out == "" || json.Valid([]byte(out)), "%v: %s", c.args, out)
	}
}

func TestWrongWebhookCommandsSayWhatIsRight(t *testing.T) {
	t.Parallel()
	f, src := newHooked(t)
	id := f.endpoint.Id.String()
	for _, args := range [][]string{
		{"pause", "nobody"}, {"pause", ""}, {"rotate", id, "--overlap", "90m"}, {"rotate", id, "--overlap", "-1h"}, {"deliveries", id, "--status", "lost"}, {"deliveries", id, "--since", "yesterday"},
		{"deliveries", id, "x"}, {"resend", id, "x"}, {"recover", id}, {"recover", id, "--since", "x"}, {"listen", "--forward-to", "localhost:3000"}, {"listen", "--secret", "hunter2!"}, {"create"},
	} {
		code, _, errOut := run(t, src, append([]string{"webhooks"}, args...)...)
		require.Equal(t, 2, code, "%v: %s", args, errOut)
		require.Contains(t, errOut, "hint:", "%v", args)
	}
}

// TestListeningPassesEventsOnAsEndpointsGetThem: a local server verifies them with the official library.
func TestListeningPassesEventsOnAsEndpointsGetThem(t *testing.T) {
	t.Parallel()
	f, src := newHooked(t)
	first, second := uuid.New(), uuid.New()
	body := `{"type":"proposal.created","timestamp":"2026-06-01T12:00:00Z","data":{"title":"x"}}`
	for _, id := range []uuid.UUID{first, second} {
		f.events = append(f.events, fmt.Sprintf(`{"id":%q,"body":%s}`, id, body))
	}
	secret := webhook.NewSecret()
	ctx, stop := context.WithCancel(t.Context())
	var got []string
	local := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload, _ := io.ReadAll(r.Body)
		official, err := standardwebhooks.NewWebhook(secret)
		if err == nil {
			err = official.Verify(payload, r.Header)
		}
		got = append(got, fmt.Sprint(r.Header.Get("webhook-id"), string(payload), err))
		if len(got) == 1 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		defer time.AfterFunc(50*time.Millisecond, stop)
	}))
	t.Cleanup(local.Close)
	var out, errOut bytes.Buffer
	code := cli.Main(ctx, cli.Env{
		Args: []string{"webhooks", "listen", "--forward-to", local.URL + "/hooks", "--secret", secret, "--events", "proposal.created"}, In: strings.NewReader(""), Out: &out, Err: &errOut,
		Settings: func() (config.Source, error) { return src, nil }, Now: time.Now,
	})
	require.Zero(t, code, errOut.String())
	require.Equal(t, []string{first.String() + body + "<nil>", second.String() + body + "<nil>"}, got)
	require.Contains(t, out.String(), "→ 418")
	require.Contains(t, out.String(), "→ 204")
	require.Contains(t, errOut.String(), secret)
	require.Contains(t, f.asked[0], "events=proposal.created")
}
