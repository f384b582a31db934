package safehttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/safehttp"
)

// corpusCase is one URL with the answer wanted and the name service it is asked in.
type corpusCase struct {
	ID       string                     `json:"id"`
	URL      string                     `json:"url"`
	Expect   string                     `json:"expect"`
	Why      string                     `json:"why"`
	Profile  string                     `json:"profile"`
	Phase    string                     `json:"phase"`
	Resolve  map[string]json.RawMessage `json:"resolve"`
	Sequence map[string][][]string      `json:"resolve_sequence"`
	OwnIPs   []netip.Addr               `json:"own_ips"`
	Redirect *struct {
		Status          int    `json:"status"`
		Location        string `json:"location"`
		ContentLocation string `json:"content_location"`
	} `json:"redirect"`
}

func TestGuardAnswersItsOwnCases(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "cases.json"))
	require.NoError(t, err)
	var cases []corpusCase
	require.NoError(t, json.Unmarshal(raw, &cases))
	runCases(t, cases)
}

// TestGuardAnswersTheSharedCorpus runs the larger set where the environment names it
// (`make test` does).
func TestGuardAnswersTheSharedCorpus(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SPECTER_CORPORA")
	if dir == "" {
		t.Log("SPECTER_CORPORA is not set: only the cases in testdata ran")
		return
	}
	raw, err := os.ReadFile(filepath.Join(dir, "ssrf-dev.json"))
	require.NoError(t, err)
	var file struct {
		Cases []corpusCase `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	runCases(t, file.Cases)
}

func runCases(t *testing.T, cases []corpusCase) {
	for _, c := range cases {
		name := c.ID
		if name == "" {
			name = c.Why
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runCase(t, c)
		})
	}
}

func runCase(t *testing.T, c corpusCase) {
	policy := safehttp.Policy{
		AllowHTTP: c.Profile != "production",
		OwnHosts:  []string{"API.specter.test"},
		OwnIPs:    c.OwnIPs,
	}
	checked := safehttp.New(policy, safehttp.WithResolver(newNames(c))).CheckURL(t.Context(), c.URL)
	if c.Phase != "delivery" {
		requireAnswer(t, c, checked)
		if c.Expect == "block" {
			policy.AllowHTTP = false
			strict := safehttp.New(policy, safehttp.WithResolver(newNames(c)))
			require.Error(t, strict.CheckURL(t.Context(), c.URL), "production profile")
		}
	}
	deliver(t, c, policy)
}

func requireAnswer(t *testing.T, c corpusCase, err error) {
	t.Helper()
	if c.Expect == "allow" {
		require.NoError(t, err, "%s: %s", c.URL, c.Why)
		return
	}
	require.Error(t, err, "%s: %s", c.URL, c.Why)
	var refused *safehttp.Error
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, refused.Reason)
}

// deliver sends a request through the client: no connection may go to an address that
// is not public, and no redirect may be followed.
func deliver(t *testing.T, c corpusCase, policy safehttp.Policy) {
	t.Helper()
	var requests atomic.Int32
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		if c.Redirect != nil {
			if c.Redirect.Location != "" {
				w.Header().Set("Location", c.Redirect.Location)
			}
			if c.Redirect.ContentLocation != "" {
				w.Header().Set("Content-Location", c.Redirect.ContentLocation)
			}
			w.WriteHeader(c.Redirect.Status)
		}
	})
	secure, plain := httptest.NewTLSServer(handler), httptest.NewServer(handler)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	secure.Config.ErrorLog, plain.Config.ErrorLog = nil, nil

	var mu sync.Mutex
	var dialed []string
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		dialed = append(dialed, address)
		mu.Unlock()
		server := secure
		if port := netip.MustParseAddrPort(address).Port(); port == 80 || port == 8080 {
			server = plain
		}
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	names := newNames(c)
	g := safehttp.New(policy, safehttp.WithResolver(names), safehttp.WithDial(dial), trust(secure))
	saved := g.CheckURL(t.Context(), c.URL)
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL, http.NoBody)
		if err != nil {
			require.Equal(t, "block", c.Expect, "net/http refuses the URL: %v", err)
			return
		}
		res, err := g.Client().Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			require.NoError(t, res.Body.Close())
		}
		if c.Expect == "allow" {
			require.NoError(t, saved)
			require.NoError(t, err, "%s: %s", c.URL, c.Why)
		} else if c.Redirect == nil && c.Sequence == nil {
			require.Error(t, err, "%s: %s", c.URL, c.Why)
		}
		if c.Redirect != nil {
			require.NoError(t, err)
			require.Equal(t, c.Redirect.Status, res.StatusCode)
			require.EqualValues(t, 1, requests.Swap(0), "a redirect was followed")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	public := safehttp.New(safehttp.Policy{OwnIPs: c.OwnIPs})
	for _, address := range dialed {
		ap := netip.MustParseAddrPort(address)
		literal := "https://" + netip.AddrPortFrom(ap.Addr(), 443).String()
		require.NoError(t, public.CheckURL(t.Context(), literal), "dialed %s", address)
	}
}

// trust makes clients accept the test server's certificate for whatever name it plays.
func trust(s *httptest.Server) safehttp.Option {
	return safehttp.WithTransport(func(tr *http.Transport) {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		tr.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12}
	})
}

// names is a name service in memory. Names it does not know resolve to a public
// address, so that a guard which lets a name through is noticed.
type names struct {
	c     corpusCase
	mu    sync.Mutex
	asked map[string]int
}

func newNames(c corpusCase) *names { return &names{c: c, asked: map[string]int{}} }

// LookupNetIP implements safehttp.Resolver.
func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	turn := n.asked[host]
	n.asked[host]++
	n.mu.Unlock()
	if seq, ok := n.c.Sequence[host]; ok {
		return parseAddrs(seq[min(turn, len(seq)-1)]), nil
	}
	raw, ok := n.c.Resolve[host]
	if !ok {
		return parseAddrs([]string{"93.184.215.14"}), nil
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		if len(list) == 0 {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return parseAddrs(list), nil
	}
	var chain struct {
		A []string `json:"a"`
	}
	if json.Unmarshal(raw, &chain) == nil {
		return parseAddrs(chain.A), nil
	}
	return nil, errors.New("server failure")
}

func parseAddrs(list []string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, a := range list {
		out[i] = netip.MustParseAddr(a)
	}
	return out
}
