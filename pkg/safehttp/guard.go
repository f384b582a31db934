package safehttp

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultMaxBody = 1 << 20
	defaultTimeout = 15 * time.Second

	// lookupTimeout bounds one name lookup, so that a slow resolver cannot hold the
	// request that saves an endpoint.
	lookupTimeout = 5 * time.Second
)

// Policy says what a Guard lets through. The zero value is the one for production:
// https on 443 and 8443 to public addresses.
type Policy struct {
	// AllowHTTP admits plain http, and with it the ports 80 and 8080. For development.
	AllowHTTP bool
	// AllowPorts are admitted besides the standard ones.
	AllowPorts []uint16
	// AllowPrivate are ranges that may be reached although they are not public, for
	// operators whose receivers live on a private network. Host names that are private
	// by convention stay refused.
	AllowPrivate []netip.Prefix
	// UnwrapNAT64 judges 64:ff9b::/96 by the IPv4 address it carries, for networks whose
	// resolver synthesises such answers (DNS64). Without it the range is refused.
	UnwrapNAT64 bool
	// OwnHosts and OwnIPs are this installation's own names and addresses: an endpoint
	// there would feed deliveries back into ingestion.
	OwnHosts []string
	OwnIPs   []netip.Addr
	// Proxy is the operator's egress proxy, http or https, through which every connection is tunnelled
	// (CONNECT). It is given the address that passed, so that it has nothing to resolve. The environment's
	// proxies are never used.
	Proxy *url.URL
	// ProxyResolves gives the proxy host names instead, for networks whose names only the proxy can
	// resolve. Then the proxy alone keeps requests out of private networks: here only names and literal
	// addresses are judged.
	ProxyResolves bool
	// MaxBody is how many bytes of an answer may be read; 0 means 1 MiB.
	MaxBody int64
	// Timeout bounds a whole exchange, from the lookup to the last byte; 0 means 15 s.
	Timeout time.Duration
}

// Resolver answers names with addresses; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DialFunc opens a connection to an "ip:port" that passed the guard.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Option changes what a Guard stands on.
type Option func(*Guard)

// WithResolver replaces the system's resolver.
func WithResolver(r Resolver) Option { return func(g *Guard) { g.resolver = r } }

// WithDial replaces the system's dialer. It is called only with addresses that passed.
func WithDial(d DialFunc) Option { return func(g *Guard) { g.dial = d } }

// WithTransport adjusts the transport of clients before first use, for instance to
// trust another root certificate. Dialing, proxies and redirects stay the guard's.
func WithTransport(adjust func(*http.Transport)) Option {
	return func(g *Guard) { g.adjust = adjust }
}

// Guard judges URLs and hands out clients that obey the judgement. It is immutable
// and safe for concurrent use.
type Guard struct {
	policy   Policy
	ownHosts map[string]struct{}
	ownIPs   map[netip.Addr]struct{}
	ports    map[uint16]struct{}
	resolver Resolver
	dial     DialFunc
	adjust   func(*http.Transport)
}

// New returns a guard for the policy.
func New(p Policy, opts ...Option) *Guard {
	if p.MaxBody <= 0 {
		p.MaxBody = defaultMaxBody
	}
	if p.Timeout <= 0 {
		p.Timeout = defaultTimeout
	}
	g := &Guard{
		policy:   p,
		ownHosts: make(map[string]struct{}, len(p.OwnHosts)),
		ownIPs:   make(map[netip.Addr]struct{}, len(p.OwnIPs)),
		ports:    map[uint16]struct{}{443: {}, 8443: {}},
		resolver: absolute{net.DefaultResolver},
	}
	for _, h := range p.OwnHosts {
		g.ownHosts[canonicalOwnHost(h)] = struct{}{}
	}
	for _, ip := range p.OwnIPs {
		g.ownIPs[ip.Unmap().WithZone("")] = struct{}{}
	}
	if p.AllowHTTP {
		g.ports[80], g.ports[8080] = struct{}{}, struct{}{}
	}
	for _, port := range p.AllowPorts {
		g.ports[port] = struct{}{}
	}
	d := &net.Dialer{Timeout: p.Timeout, ControlContext: g.control}
	g.dial = d.DialContext
	for _, o := range opts {
		o(g)
	}
	return g
}

// CheckURL returns nil when the URL may be called now, or an [*Error] that says why
// it may not. It resolves the host name.
func (g *Guard) CheckURL(ctx context.Context, rawURL string) error {
	t, err := g.parse(rawURL)
	if err != nil {
		return err
	}
	if g.proxyResolves() && t.host.name != "" {
		return nil
	}
	_, err = g.addresses(ctx, t.host)
	return err
}

func (g *Guard) proxyResolves() bool { return g.policy.Proxy != nil && g.policy.ProxyResolves }

// absolute asks for names as they are: the system's search list would make another name of one that
// does not exist.
type absolute struct{ Resolver }

// LookupNetIP implements Resolver.
func (a absolute) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return a.Resolver.LookupNetIP(ctx, network, strings.TrimSuffix(host, ".")+".")
}

// addresses returns where the host may be reached: all of its addresses passed, or
// there is an error. A host is resolved exactly once.
func (g *Guard) addresses(ctx context.Context, h host) ([]netip.Addr, error) {
	if h.addr.IsValid() {
		if err := g.checkAddr(h.addr); err != nil {
			return nil, err
		}
		return []netip.Addr{h.addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	answer, err := g.resolver.LookupNetIP(ctx, "ip", h.name)
	if err != nil {
		return nil, &Error{Reason: Unresolvable, Detail: "the host name could not be resolved", Err: err}
	}
	if len(answer) == 0 {
		return nil, refuse(Unresolvable, "the host name has no address")
	}
	checked := make([]netip.Addr, 0, len(answer))
	for _, a := range answer {
		// net.Resolver hands IPv4 answers out in their IPv6-mapped form, so here that form
		// says nothing about the record; the address inside decides.
		a = a.Unmap()
		if err := g.checkAddr(a); err != nil {
			return nil, err
		}
		checked = append(checked, a)
	}
	return checked, nil
}
