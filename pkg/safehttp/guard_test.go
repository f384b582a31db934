package safehttp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/draftlabs/specter/pkg/safehttp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPrivateRangesOpenOnlyByPolicy(t *testing.T) {
	t.Parallel()
	g := safehttp.New(safehttp.Policy{
		AllowHTTP:    true,
		AllowPorts:   []uint16{9999},
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
	})
	require.NoError(t, g.CheckURL(t.Context(), "http://10.1.2.3:9999/hook"))
	require.Error(t, g.CheckURL(t.Context(), "http://10.2.2.3:9999/hook"))
	require.Error(t, g.CheckURL(t.Context(), "http://10.1.2.3:9998/hook"))
	require.Error(t, g.CheckURL(t.Context(), "http://[::ffff:10.1.2.3]:9999/hook"))
}

func TestNAT64IsJudgedByTheAddressInside(t *testing.T) {
	t.Parallel()
	answer := func(addr string) safehttp.Option {
		return safehttp.WithResolver(newNames(corpusCase{Sequence: map[string][][]string{"hooks.example.com": {{addr}}}}))
	}
	const url = "https://hooks.example.com/"
	unwrap := safehttp.Policy{UnwrapNAT64: true, OwnIPs: []netip.Addr{netip.MustParseAddr("9.9.9.9")}}
	require.Error(t, safehttp.New(safehttp.Policy{}, answer("64:ff9b::808:808")).CheckURL(t.Context(), url))
	require.NoError(t, safehttp.New(unwrap, answer("64:ff9b::808:808")).CheckURL(t.Context(), url))
	require.Error(t, safehttp.New(unwrap, answer("64:ff9b::a9fe:a9fe")).CheckURL(t.Context(), url))
	require.Error(t, safehttp.New(unwrap, answer("64:ff9b::909:909")).CheckURL(t.Context(), url), "own address inside")
}

func TestOwnAddressIsRefusedThroughAnyName(t *testing.T) {
	t.Parallel()
	g := safehttp.New(
		safehttp.Policy{OwnIPs: []netip.Addr{netip.MustParseAddr("198.41.0.4")}},
		safehttp.WithResolver(newNames(corpusCase{Sequence: map[string][][]string{"me.example.com": {{"198.41.0.4"}}}})),
	)
	var refused *safehttp.Error
	require.ErrorAs(t, g.CheckURL(t.Context(), "https://me.example.com/"), &refused)
	require.Equal(t, safehttp.OwnHost, refused.Reason)
}

// net/http drops an empty port, so this one is a rule about what is saved only.
func TestColonWithoutPortIsRefused(t *testing.T) {
	t.Parallel()
	g := safehttp.New(safehttp.Policy{}, safehttp.WithResolver(newNames(corpusCase{})))
	require.Error(t, g.CheckURL(t.Context(), "https://hooks.example.com:/"))
}

func TestErrorNeverTellsWhatANameResolvesTo(t *testing.T) {
	t.Parallel()
	g := safehttp.New(safehttp.Policy{},
		safehttp.WithResolver(newNames(corpusCase{Sequence: map[string][][]string{"a.example.com": {{"10.20.30.40"}}}})))
	err := g.CheckURL(t.Context(), "https://a.example.com/")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "10.20.30.40")
}

// TestDefaultDialerRefusesByItself proves the second line of defence: even a resolver
// whose answer changes after the check cannot make the socket connect.
func TestDefaultDialerRefusesByItself(t *testing.T) {
	t.Parallel()
	hit := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit <- struct{}{} }))
	t.Cleanup(s.Close)
	ap := netip.MustParseAddrPort(s.Listener.Addr().String())
	policy := safehttp.Policy{AllowHTTP: true, AllowPorts: []uint16{ap.Port()}}

	_, err := safehttp.New(policy).Client().Get(s.URL)
	var refused *safehttp.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, safehttp.Address, refused.Reason)
	require.Empty(t, hit)

	policy.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	res, err := safehttp.New(policy).Client().Get(s.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Len(t, hit, 1)
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fits":
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 101))
		case "/slow":
			<-r.Context().Done()
		}
	}))
	t.Cleanup(s.Close)
	g := safehttp.New(
		safehttp.Policy{AllowHTTP: true, MaxBody: 100, Timeout: 500 * time.Millisecond},
		safehttp.WithDial(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
		}),
	)
	read := func(path string) (int, error) {
		res, err := g.Client().Get("http://9.9.9.9" + path)
		if err != nil {
			return 0, err
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		return len(b), err
	}
	n, err := read("/fits")
	require.NoError(t, err)
	require.Equal(t, 100, n)
	n, err = read("/large")
	require.ErrorIs(t, err, safehttp.ErrBodyTooLarge)
	require.Equal(t, 100, n)
	_, err = read("/slow")
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func TestEveryAddressOfANameIsTried(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	var dialed []string
	g := safehttp.New(safehttp.Policy{AllowHTTP: true},
		safehttp.WithResolver(newNames(corpusCase{Sequence: map[string][][]string{"two.example.com": {{"9.9.9.9", "149.112.112.112"}}}})),
		safehttp.WithDial(func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			if len(dialed) == 1 {
				return nil, errors.New("unreachable")
			}
			return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
		}))
	res, err := g.Client().Get("http://two.example.com/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, []string{"9.9.9.9:80", "149.112.112.112:80"}, dialed)
}

// FuzzCheckURL: whatever is accepted, net/http agrees about where it goes, and the
// client dials nothing that is not public.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://hooks.example.com/in?a=b#c", "http://0x7f.1/", "https://[::1]/", "https://ⓛⓞⓒⓐⓛ.example/",
		"https://a@b.example/", "https://example.com%2f@10.0.0.1/", "https://1.1.1.1.:443/", "https://bücher.example:8443/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var dialed []string
		g := safehttp.New(safehttp.Policy{AllowHTTP: true},
			safehttp.WithResolver(newNames(corpusCase{})),
			safehttp.WithDial(func(_ context.Context, _, address string) (net.Conn, error) {
				dialed = append(dialed, address)
				return nil, errors.New("no network in this test")
			}))
		if g.CheckURL(t.Context(), raw) != nil {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, raw, http.NoBody)
		if err != nil {
			t.Fatalf("accepted %q, which net/http refuses: %v", raw, err)
		}
		if _, err = g.Client().Do(req); err == nil {
			t.Fatal("a request without a network succeeded")
		}
		for _, address := range dialed {
			a := netip.MustParseAddrPort(address).Addr()
			if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
				t.Fatalf("%q led to %s", raw, address)
			}
		}
	})
}
