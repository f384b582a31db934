package safehttp_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/safehttp"
)

// connectProxy is an operator's egress proxy: it tunnels to wherever the test says.
type connectProxy struct {
	*httptest.Server
	mu   sync.Mutex
	asks []*http.Request
}

func newConnectProxy(t *testing.T, answer string, to string) *connectProxy {
	t.Helper()
	p := &connectProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asks = append(p.asks, r)
		p.mu.Unlock()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, answer); err != nil || to == "" {
			return
		}
		target, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
		if err != nil {
			return
		}
		defer func() { _ = target.Close() }()
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(target, conn); _ = target.(*net.TCPConn).CloseWrite() })
		_, _ = io.Copy(conn, target)
		_ = conn.Close()
		both.Wait()
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *connectProxy) policy(t *testing.T) safehttp.Policy {
	t.Helper()
	u, err := url.Parse(p.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("specter", "word")
	return safehttp.Policy{AllowHTTP: true, Proxy: u, Timeout: 5 * time.Second}
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

func TestAnOperatorsProxyIsAskedForTheAddressThatPassed(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.Host) }))
	t.Cleanup(s.Close)
	p := newConnectProxy(t, established, s.Listener.Addr().String())
	never := safehttp.WithDial(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("past the proxy") })
	g := safehttp.New(p.policy(t), safehttp.WithResolver(always{netip.MustParseAddr("9.9.9.9")}), never, trust(s))
	res, err := g.Client().Get("https://hooks.example.com/in")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "hello hooks.example.com", string(body))
	require.Equal(t, "9.9.9.9:443", p.asks[0].Host, "the proxy has nothing to resolve")
	require.Equal(t, "Basic c3BlY3Rlcjp3b3Jk", p.asks[0].Header.Get("Proxy-Authorization"))

	private := safehttp.New(p.policy(t), safehttp.WithResolver(always{netip.MustParseAddr("10.0.0.1")}), never)
	_, err = private.Client().Get("https://hooks.example.com/in")
	var refused *safehttp.Error
	require.ErrorAs(t, err, &refused)
	require.Len(t, p.asks, 1, "it was not even asked")
}

func TestAProxyThatResolvesIsGivenNames(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	p := newConnectProxy(t, established, s.Listener.Addr().String())
	policy := p.policy(t)
	policy.ProxyResolves = true
	g := safehttp.New(policy, safehttp.WithResolver(newNames(corpusCase{Sequence: map[string][][]string{"hooks.example.com": {{}}}})))
	require.NoError(t, g.CheckURL(t.Context(), "http://hooks.example.com/"))
	res, err := g.Client().Get("http://hooks.example.com/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "hooks.example.com:80", p.asks[0].Host)
	for _, url := range []string{"http://10.0.0.1/", "http://localhost/", "http://[::1]/", "http://metadata.google.internal/"} {
		require.Error(t, g.CheckURL(t.Context(), url), url)
		_, err := g.Client().Get(url)
		require.Error(t, err, url)
	}
	require.Len(t, p.asks, 1)
}

func TestAProxyThatRefusesOrBabblesIsAFailure(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"refuses":    "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"babbles":    established + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"no HTTP":    "SSH-2.0-OpenSSH_9.2\r\n",
		"never ends": "HTTP/1.1 200 " + strings.Repeat("x", 20<<10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newConnectProxy(t, answer, "")
			g := safehttp.New(p.policy(t), safehttp.WithResolver(always{netip.MustParseAddr("9.9.9.9")}))
			_, err := g.Client().Get("http://hooks.example.com/")
			require.ErrorIs(t, err, safehttp.ErrProxy)
			require.NotContains(t, err.Error(), "word")
		})
	}
}

// raw serves each connection with bytes of the test's own.
func raw(t *testing.T, policy safehttp.Policy, serve func(net.Conn)) *http.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					serve(conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		served.Wait()
	})
	g := safehttp.New(policy, safehttp.WithDial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}))
	return g.Client()
}

func fetch(c *http.Client) (int, error) {
	res, err := c.Get("http://9.9.9.9/")
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return len(b), err
}

func TestHostileAnswersAreCutOff(t *testing.T) {
	t.Parallel()
	const limit = 1000
	bomb := func() string {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		_, _ = z.Write(make([]byte, 10<<20))
		_ = z.Close()
		return b.String()
	}()
	drip := func(conn net.Conn, piece string) {
		for {
			if _, err := io.WriteString(conn, piece); err != nil {
				return
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-t.Context().Done():
				return
			}
		}
	}
	for name, c := range map[string]struct {
		serve func(net.Conn)
		ends  func(n int, err error) bool
	}{
		"a head that drips": {func(conn net.Conn) { drip(conn, "H") }, nil},
		"headers that drip": {func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); drip(conn, "X: y\r\n") }, nil},
		"a body that drips": {func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); drip(conn, "x") }, nil},
		"headers without end": {func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 1<<20)+"\r\n\r\n")
		}, nil},
		"a body without end": {func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("y", 1<<20)) }, nil},
		"chunks without end": {func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\nx\r\n", 1<<16))
		}, nil},
		"interim answers for ever": {func(conn net.Conn) { drip(conn, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n") }, nil},
		"a bomb": {
			func(conn net.Conn) {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb), bomb)
			},
			func(n int, err error) bool { return n <= limit && errors.Is(err, safehttp.ErrBodyTooLarge) }, // it is not unpacked
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			n, err := fetch(raw(t, safehttp.Policy{AllowHTTP: true, MaxBody: limit, Timeout: 500 * time.Millisecond}, c.serve))
			require.Error(t, err)
			require.LessOrEqual(t, n, limit)
			require.Less(t, time.Since(began), 3*time.Second)
			if c.ends != nil {
				require.True(t, c.ends(n, err), "%d bytes, %v", n, err)
			}
		})
	}
}

func TestACertificateMustBeGood(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	to := safehttp.WithDial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	})
	_, err := safehttp.New(safehttp.Policy{}, to).Client().Get("https://9.9.9.9/")
	var unverified *tls.CertificateVerificationError
	require.ErrorAs(t, err, &unverified)
}
