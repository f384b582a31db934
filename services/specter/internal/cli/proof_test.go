package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// sharing is as much of the dashboard as proofs and their links need.
type sharing struct {
	deployment uuid.UUID
	share      api.Share
	public     string // the server's public URL, where it knows it
	asked      atomic.Pointer[api.NewShare]
	revoked    atomic.Pointer[string]
}

func newSharing(t *testing.T) (*sharing, string, config.Source) {
	t.Helper()
	f := &sharing{deployment: uuid.New()}
	f.share = api.Share{Id: uuid.New(), DeploymentId: f.deployment, Title: "Make “#pay” respond\x1b[31m", Hint: "sps_AbCd", Status: api.ShareStatusActive, CreatedAt: now}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("POST /api/v1/deployments/{id}/shares", func(w http.ResponseWriter, r *http.Request) {
		var body api.NewShare
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.asked.Store(&body)
		share := f.share
		share.ExpiresAt = body.ExpiresAt
		w.WriteHeader(http.StatusCreated)
		answer(w, api.CreatedShare{Share: share, Path: "/proof/sps_secret", Url: f.public + "/proof/sps_secret"})
	})
	mux.HandleFunc("GET /api/v1/shares", func(w http.ResponseWriter, r *http.Request) {
		page := api.SharePage{Items: []api.Share{f.share}}
		if id := r.URL.Query().Get("deployment_id"); id != "" && id != f.deployment.String() {
			page.Items = []api.Share{}
		}
		answer(w, page)
	})
	mux.HandleFunc("DELETE /api/v1/shares/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		f.revoked.Store(&id)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /api/v1/deployments/{id}/report", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("the proof as " + r.URL.Query().Get("format") + "\n"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, server.URL, config.Source{"SPECTER_URL": server.URL, "SPECTER_TOKEN": "spt_x"}
}

func TestAProofIsShownInEveryForm(t *testing.T) {
	t.Parallel()
	f, _, src := newSharing(t)
	for want, args := range map[string][]string{"md": nil, "json": {"-o", "json"}, "svg": {"--format", "svg"}, "csv": {"--format", "csv", "-o", "json"}} {
		code, out, errOut := run(t, src, append([]string{"proof", "show", f.deployment.String()}, args...)...)
		require.Zero(t, code, errOut)
		require.Equal(t, "the proof as "+want+"\n", out)
	}
	file := filepath.Join(t.TempDir(), "chart.svg")
	code, out, errOut := run(t, src, "proof", "show", f.deployment.String(), "--format", "svg", "--file", file)
	require.Zero(t, code, errOut)
	require.Empty(t, out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "the proof as svg\n", string(text))

	code, _, errOut = run(t, src, "proof", "show", f.deployment.String(), "--format", "pdf")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "md, json, svg or csv")
	code, _, _ = run(t, src, "proof", "show", "x")
	require.Equal(t, 2, code)
}

func TestALinkIsMadeListedAndTakenBack(t *testing.T) {
	t.Parallel()
	f, base, src := newSharing(t)
	code, out, errOut := run(t, src, "proof", "create", f.deployment.String())
	require.Zero(t, code, errOut)
	require.Equal(t, base+"/proof/sps_secret\n", out, "the link alone, for a script")
	require.Contains(t, errOut, "proof revoke "+f.share.Id.String())
	require.NotContains(t, errOut, "\x1b", "a title steers no terminal")
	require.Nil(t, f.asked.Load().ExpiresAt)

	f.public = "https://specter.example.test"
	for text, want := range map[string]time.Time{"30d": now.AddDate(0, 0, 30), "12h": now.Add(12 * time.Hour), "2026-12-31": time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)} {
		code, out, errOut = run(t, src, "proof", "create", f.deployment.String(), "--expires", text)
		require.Zero(t, code, errOut)
		require.Equal(t, "https://specter.example.test/proof/sps_secret\n", out)
		require.WithinDuration(t, want, *f.asked.Load().ExpiresAt, time.Second, text)
	}
	for _, text := range []string{"soon", "-1h", "0d"} {
		code, _, errOut = run(t, src, "proof", "create", f.deployment.String(), "--expires", text)
		require.Equal(t, 2, code, text)
		require.Contains(t, errOut, "30d")
	}

	code, out, errOut = run(t, src, "proof", "list")
	require.Zero(t, code, errOut)
	for _, want := range []string{f.share.Id.String(), "active", "sps_AbCd…", "never"} {
		require.Contains(t, out, want)
	}
	code, out, _ = run(t, src, "proof", "list", "--deployment", uuid.NewString())
	require.Zero(t, code)
	require.Contains(t, out, "nothing is shared")

	code, out, errOut = run(t, src, "proof", "revoke", f.share.Id.String())
	require.Zero(t, code, errOut)
	require.Contains(t, out, "revoked")
	require.Equal(t, f.share.Id.String(), *f.revoked.Load())
}
