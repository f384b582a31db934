package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/safehttp"
)

// Settings are read with config.Load, as a field of a service's own settings.
type Settings struct {
	AllowPrivate []netip.Prefix `env:"SPECTER_WEBHOOK_ALLOW_PRIVATE" doc:"Private address ranges webhooks may go to, as CIDR separated by commas. Absent: public addresses only."`
	AllowHTTP    bool           `env:"SPECTER_WEBHOOK_ALLOW_HTTP" envDefault:"false" doc:"Whether webhooks may go to http:// URLs (and ports 80 and 8080)."`
	AllowPorts   string         `env:"SPECTER_WEBHOOK_ALLOW_PORTS" doc:"Ports webhooks may go to beside 443 and 8443: numbers and ranges separated by commas, such as 9000,30000-32767."`
	Timeout      time.Duration  `env:"SPECTER_WEBHOOK_TIMEOUT" envDefault:"15s" doc:"How long a webhook receiver may take to answer, at most 1m."`
	Proxy        string         `env:"SPECTER_WEBHOOK_PROXY" secret:"true" doc:"http:// or https:// URL of a proxy through which webhooks leave (CONNECT), with user and password if it wants them. Absent: directly; the environment's own proxy settings are never used."`
	// ProxyResolves gives up the check of addresses.
	ProxyResolves bool   `env:"SPECTER_WEBHOOK_PROXY_RESOLVES" envDefault:"false" doc:"Whether that proxy resolves host names, for networks without a name service: then it alone keeps webhooks out of private networks."`
	PublicURL     string `env:"SPECTER_PUBLIC_URL" doc:"URL under which browsers reach Specter. Absent: http:// and SPECTER_HTTP_ADDR."`
}

const (
	maxTimeout = time.Minute
	// maxAnswer is how much of a receiver's answer is read.
	maxAnswer = 64 << 10
)

// Policy is what the settings allow.
func (s Settings) Policy() (safehttp.Policy, error) {
	p := safehttp.Policy{AllowHTTP: s.AllowHTTP, AllowPrivate: s.AllowPrivate, Timeout: s.Timeout, MaxBody: maxAnswer}
	if s.Timeout <= 0 || s.Timeout > maxTimeout {
		return p, fmt.Errorf("SPECTER_WEBHOOK_TIMEOUT: %s is not between 0 and %s", s.Timeout, maxTimeout)
	}
	var err error
	if p.AllowPorts, err = ports(s.AllowPorts); err != nil {
		return p, fmt.Errorf("SPECTER_WEBHOOK_ALLOW_PORTS: %w", err)
	}
	if err := s.proxy(&p); err != nil {
		return p, fmt.Errorf("SPECTER_WEBHOOK_PROXY: %w", err)
	}
	if s.PublicURL != "" {
		u, err := url.Parse(s.PublicURL)
		if err != nil {
			return p, fmt.Errorf("SPECTER_PUBLIC_URL: %w", err)
		}
		// A name is ours alone; a local address may have receivers beside us, on other ports.
		if _, err := netip.ParseAddr(u.Hostname()); err != nil && u.Hostname() != "" && u.Hostname() != "localhost" {
			p.OwnHosts = []string{u.Hostname()}
		}
	}
	return p, nil
}

func (s Settings) proxy(p *safehttp.Policy) error {
	if s.Proxy == "" {
		return nil
	}
	u, err := url.Parse(s.Proxy)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return errors.New("it is not an http:// or https:// URL") // which may hold a password
	}
	p.Proxy, p.ProxyResolves = u, s.ProxyResolves
	return nil
}

func ports(list string) ([]uint16, error) {
	var all []uint16
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		from, to, isRange := strings.Cut(item, "-")
		if !isRange {
			to = from
		}
		low, lowErr := strconv.ParseUint(from, 10, 16)
		high, highErr := strconv.ParseUint(to, 10, 16)
		if lowErr != nil || highErr != nil || low == 0 || low > high {
			return nil, fmt.Errorf("%q is neither a port nor a range of ports", item)
		}
		for port := low; port <= high; port++ {
			all = append(all, uint16(port))
		}
	}
	return all, nil
}
