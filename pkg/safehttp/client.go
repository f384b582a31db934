package safehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

const (
	maxHeaderBytes = 64 << 10
	// maxDials bounds how many addresses of one name are tried.
	maxDials = 4
)

// Client returns a client that applies the guard to every request and every
// connection. A redirect is returned to the caller, not followed. Connections are not
// reused: each request resolves and checks the name anew.
func (g *Guard) Client() *http.Client {
	t := &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true, // a small answer must stay small
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  g.policy.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	if g.adjust != nil {
		g.adjust(t)
	}
	t.Proxy = nil // one of the environment would connect on our behalf, past the address checks
	t.DialContext, t.DialTLSContext = g.dialChecked, nil
	return &http.Client{
		Transport: &guarded{guard: g, next: t},
		Timeout:   g.policy.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// guarded judges the URL of each request before a connection exists and bounds what
// is read of the answer.
type guarded struct {
	guard *Guard
	next  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.guard.checkRequest(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: t.guard.policy.MaxBody}
	return res, nil
}

// checkRequest judges a URL that is already taken apart. URL.String would escape a
// Unicode host, so the host is taken as it is.
func (g *Guard) checkRequest(u *url.URL) error {
	if u.User != nil {
		return refuse(UserInfo, "user names and passwords in the URL are not allowed")
	}
	if u.Opaque != "" {
		return refuse(Malformed, "the URL is not well formed")
	}
	_, err := g.parse(u.Scheme + "://" + u.Host + u.RequestURI())
	return err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (t *guarded) CloseIdleConnections() { t.next.CloseIdleConnections() }

// dialChecked resolves the host itself and connects to the addresses it checked, so
// that no second lookup can give another answer.
func (g *Guard) dialChecked(ctx context.Context, network, address string) (net.Conn, error) {
	hostText, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, refuse(Malformed, "the host is not well formed")
	}
	port, err := parsePort(portText)
	if err != nil {
		return nil, err
	}
	if _, ok := g.ports[port]; !ok {
		return nil, refuse(Port, "port "+portText+" is not allowed")
	}
	h := host{}
	if a, perr := netip.ParseAddr(hostText); perr == nil {
		h.addr = a
	} else if h, err = g.parseHost(hostText); err != nil {
		return nil, err
	}
	if g.proxyResolves() && h.name != "" {
		return g.dialProxy(ctx, net.JoinHostPort(h.name, portText))
	}
	addrs, err := g.addresses(ctx, h)
	if err != nil {
		return nil, err
	}
	if len(addrs) > maxDials {
		addrs = addrs[:maxDials]
	}
	var failures []error
	for _, a := range addrs {
		conn, err := g.connect(ctx, network, netip.AddrPortFrom(a, port).String())
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("connecting to port %s: %w", strconv.Itoa(int(port)), errors.Join(failures...))
}

// connect opens a connection to an address that passed, itself or through the operator's proxy.
func (g *Guard) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if g.policy.Proxy != nil {
		return g.dialProxy(ctx, address)
	}
	return g.dial(ctx, network, address)
}

// control runs between socket() and connect(): the last word on where a connection
// goes, whatever happened above.
func (g *Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse(Malformed, "the host is not well formed")
	}
	return g.checkAddr(ap.Addr().Unmap())
}

// boundedBody returns ErrBodyTooLarge instead of the byte after the last allowed one.
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		n, err := b.ReadCloser.Read(one[:])
		if n > 0 {
			return 0, ErrBodyTooLarge
		}
		return 0, err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
