package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Bounds of a host's name (RFC 1035).
const (
	maxHost  = 253
	maxLabel = 63
)

const anySubdomain = "*."

// ErrMalformed says that a text is no origin, and why.
var ErrMalformed = errors.New("not an origin")

// Pattern is one origin, or all subdomains of one.
type Pattern struct {
	scheme string // http or https
	host   string // as browsers write it; without the "*." of a wildcard
	port   string // "" is the scheme's own
	wild   bool
}

// Parse reads a pattern as people write it: capitals, an international name, the scheme's own port and
// one slash at the end are put right.
func Parse(text string) (Pattern, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return Pattern{}, malformed("it needs a scheme: https://")
	}
	p := Pattern{scheme: strings.ToLower(scheme)}
	if p.scheme != "https" && p.scheme != "http" {
		return Pattern{}, malformed("its scheme is neither https nor http")
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.Contains(rest, "@") {
		return Pattern{}, malformed("it has a user name")
	}
	if strings.ContainsAny(rest, `/\?#`) {
		return Pattern{}, malformed("it has a path, and an origin has none")
	}
	host, port, err := split(rest)
	if err != nil {
		return Pattern{}, err
	}
	if p.port, err = p.normalPort(port); err != nil {
		return Pattern{}, err
	}
	if p.wild = strings.HasPrefix(host, anySubdomain); p.wild {
		host = host[len(anySubdomain):]
	}
	if strings.Contains(host, "*") {
		return Pattern{}, malformed("a * stands for whole subdomains, once and in front: https://*.shop.example")
	}
	p.host, err = p.normalHost(host)
	return p, err
}

// String is the pattern as it is kept and shown.
func (p Pattern) String() string {
	host := p.host
	if p.wild {
		host = anySubdomain + host
	}
	return join(p.scheme, host, p.port)
}

// Wildcard tells whether it stands for subdomains, and of what host.
func (p Pattern) Wildcard() (of string, wild bool) { return p.host, p.wild }

func join(scheme, host, port string) string {
	if port == "" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + ":" + port
}

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }

// split parts host and port; the brackets of an IPv6 address stay with the host.
func split(authority string) (host, port string, err error) {
	end := strings.LastIndexByte(authority, ']') + 1
	if end == 0 {
		end = strings.IndexByte(authority, ':')
		if end < 0 {
			return authority, "", nil
		}
	}
	host, rest := authority[:end], authority[end:]
	switch {
	case rest == "":
		return host, "", nil
	case rest[0] != ':' || rest == ":":
		return "", "", malformed("its port cannot be read")
	default:
		return host, rest[1:], nil
	}
}

func (p Pattern) normalPort(port string) (string, error) {
	if port == "" {
		return "", nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
		return "", malformed("its port is none from 1 to 65535")
	}
	if p.scheme == "https" && port == "443" || p.scheme == "http" && port == "80" {
		return "", nil
	}
	return port, nil
}

func (p Pattern) normalHost(host string) (string, error) {
	if strings.HasPrefix(host, "[") {
		address, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !address.Is6() || address.Zone() != "" || p.wild || address.Is4In6() {
			return "", malformed("its host is no address")
		}
		return "[" + address.String() + "]", nil
	}
	if !isASCII(host) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil || !utf8.ValidString(host) {
			return "", malformed("its host cannot be written in DNS")
		}
		host = ascii
	}
	host = strings.ToLower(host)
	if !isHost(host) {
		return "", malformed("its host is no name of DNS")
	}
	if numeric(host) {
		address, err := netip.ParseAddr(host)
		if err != nil || p.wild {
			return "", malformed("its host is no address")
		}
		return address.String(), nil
	}
	return host, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isHost takes names as they occur in DNS and in private networks, where an underscore does too. A name
// with a dot at its end is another origin to a browser than one without, and nobody means it.
func isHost(host string) bool {
	if host == "" || len(host) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// numeric tells of a name whose last part is a number: the URL standard takes such a host for an
// address, and so does a browser.
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	return strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == ""
}
