package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// startEdge has Caddy serve deploy/caddy/Caddyfile before a gateway and a dashboard, and returns its
// address. Only what names the machines of the compose stack is changed, and it listens on loopback.
func startEdge(t *testing.T, gateway, dashboard, auth string) (url string) {
	t.Helper()
	caddy, err := exec.LookPath("caddy")
	require.NoError(t, err, "caddy is installed by scripts/bootstrap.sh test, and found by make")
	raw, err := os.ReadFile(filepath.Join(root(t), "deploy", "caddy", "Caddyfile"))
	require.NoError(t, err)
	text := string(raw)
	for _, change := range [][2]string{
		{"\n\tservers {", "\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tservers {"},
		{"gateway:8080", gateway},
		{"dashboard:8080", dashboard},
		{"auth:9999", auth},
	} {
		require.Equal(t, 1, strings.Count(text, change[0]), "%q in the Caddyfile", change[0])
		text = strings.Replace(text, change[0], change[1], 1)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "Caddyfile")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	url = "http://" + program.FreeAddr(t)
	edge := program.Start(t, "caddy", []string{
		"SPECTER_SITE_ADDRESS=" + url, "HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir,
	}, caddy, "run", "--config", config, "--adapter", "caddyfile")
	edge.AwaitReady(t, url+"/s.js")
	return url
}

// TestTheEdgePassesOnlyLinksToTheAuthServer: with a POST a short code could be guessed there, past the dashboard's throttles.
func TestTheEdgePassesOnlyLinksToTheAuthServer(t *testing.T) {
	t.Parallel()
	upstream := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Upstream", name+" "+r.URL.Path)
		}))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	edge := startEdge(t, upstream("gateway"), upstream("dashboard"), upstream("auth"))
	for request, want := range map[string]string{
		"GET /auth/v1/verify":     "auth /verify",
		"HEAD /auth/v1/verify":    "auth /verify",
		"GET /auth/v1/callback":   "auth /callback",
		"POST /auth/v1/verify":    "dashboard /auth/v1/verify",
		"PUT /auth/v1/verify":     "dashboard /auth/v1/verify",
		"OPTIONS /auth/v1/verify": "dashboard /auth/v1/verify",
		"POST /auth/v1/callback":  "dashboard /auth/v1/callback",
		"POST /AUTH/V1/verify":    "dashboard /AUTH/V1/verify",
		"POST /auth/v1/otp":       "dashboard /auth/v1/otp",
		"POST /api/signals":       "gateway /api/signals",
	} {
		method, path, _ := strings.Cut(request, " ")
		res, _ := send(t, noRedirects, method, edge+path, http.Header{"X-Http-Method-Override": {"GET"}}, nil)
		require.Equal(t, want, res.Header.Get("Upstream"), request)
	}
}

// testEdge: what is inside stays there, and nothing that hides behind a request comes through.
func testEdge(t *testing.T, s *system) {
	for path, want := range map[string]int{
		"/":                    200, // the dashboard
		"/api/v1/account":      200,
		"/s.js":                200, // the gateway
		"/s/versions.json":     200,
		"/healthz/live":        404,
		"/healthz/ready":       404,
		"//healthz/live":       404,
		"/%68ealthz/live":      404,
		"/HEALTHZ/live":        404,
		"/api/../healthz/live": 404,
		"/metrics":             404,
		"/auth/v1/verify":      404, // the auth server, which has its links elsewhere in this stack
		"/auth/v1/settings":    200, // the dashboard's page: no more of the auth server comes through
		"/auth/v1/admin/users": 200,
	} {
		res, answer := send(t, noRedirects, http.MethodGet, s.URL+path, http.Header{"Authorization": {"Bearer " + s.Token}}, nil)
		require.Equal(t, want, res.StatusCode, "%s: %.200s", path, answer)
		require.Equal(t, []string{"max-age=31536000; includeSubDomains"}, res.Header.Values("Strict-Transport-Security"))
	}
	status, answer := s.post(t, "/api/signals", s.IngestKey, `{"type":"through_the_edge"}`)
	require.Equal(t, http.StatusOK, status, answer)
	require.JSONEq(t, `{"received":1}`, answer)

	// Where a body ends is said in two ways. Whoever takes what follows for a request holds it to the
	// same rules.
	host := strings.TrimPrefix(s.URL, "http://")
	inside := "GET /healthz/live HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	for _, body := range []string{"0\r\n\r\n", "16\r\n{\"type\":\"two_lengths\"}\r\n0\r\n\r\n"} {
		connection := dialRaw(t, s)
		_, err := fmt.Fprintf(connection, "POST /api/signals HTTP/1.1\r\nHost: %s\r\nX-Api-Key: %s\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s",
			host, s.IngestKey, len(body+inside), body+inside)
		require.NoError(t, err)
		statuses := readStatuses(t, connection)
		require.NotEmpty(t, statuses)
		require.Contains(t, []int{200, 400}, statuses[0])
		require.NotContains(t, statuses[1:], 200)
	}

	// Another host is none of ours.
	for _, head := range []string{"POST http://other.example/api/signals HTTP/1.1\r\nHost: other.example", "POST /api/signals HTTP/1.1\r\nHost: other.example"} {
		connection := dialRaw(t, s)
		_, err := io.WriteString(connection, head+"\r\nX-Api-Key: "+s.IngestKey+"\r\nConnection: close\r\nContent-Length: 12\r\n\r\n"+`{"type":"a"}`)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err)
		answer, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NotContains(t, string(answer), "received", "%s: %d", head, res.StatusCode)
	}
}
