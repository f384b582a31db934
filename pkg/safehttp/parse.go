package safehttp

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxURL is in bytes; the longest URL that common receivers accept.
const maxURL = 2048

// target is the part of a URL that decides where a request goes.
type target struct {
	host host
	port uint16
}

// host is either an address or a name, in the one spelling everything below agrees on.
type host struct {
	addr netip.Addr // valid for a literal
	name string     // lower case ASCII without the trailing dot, for a name
}

// parse takes the URL apart itself instead of trusting one parser's reading: where
// parsers disagree about the host (user information, backslashes, escapes, spaces)
// the URL is refused.
func (g *Guard) parse(raw string) (target, error) {
	if len(raw) > maxURL {
		return target{}, refuse(TooLong, "the URL is longer than 2,048 bytes")
	}
	if err := checkCharacters(raw); err != nil {
		return target{}, err
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return target{}, refuse(Scheme, "the URL must start with https://")
	}
	port := uint16(443)
	switch {
	case strings.EqualFold(scheme, "https"):
	case strings.EqualFold(scheme, "http"):
		if !g.policy.AllowHTTP {
			return target{}, refuse(Scheme, "plain http is not allowed, use https")
		}
		port = 80
	default:
		return target{}, refuse(Scheme, "the URL must start with https://")
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if strings.ContainsRune(authority, '@') {
		return target{}, refuse(UserInfo, "user names and passwords in the URL are not allowed")
	}
	if strings.ContainsRune(authority, '%') {
		return target{}, refuse(Malformed, "the host must not contain escapes")
	}
	// A fragment or path that net/url rejects would fail at delivery: refuse it now.
	if u, err := url.Parse(raw); err != nil || u.Host != authority || u.User != nil {
		return target{}, refuse(Malformed, "the URL is not well formed")
	}
	hostText, portText, err := splitPort(authority)
	if err != nil {
		return target{}, err
	}
	if portText != "" {
		if port, err = parsePort(portText); err != nil {
			return target{}, err
		}
	}
	if _, ok := g.ports[port]; !ok {
		return target{}, refuse(Port, "port "+strconv.Itoa(int(port))+" is not allowed")
	}
	h, err := g.parseHost(hostText)
	if err != nil {
		return target{}, err
	}
	return target{host: h, port: port}, nil
}

func checkCharacters(raw string) error {
	if !utf8.ValidString(raw) {
		return refuse(Malformed, "the URL is not valid UTF-8")
	}
	for _, r := range raw {
		if r == '\\' || r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Z) {
			return refuse(Malformed, "the URL contains a space, a backslash or a control character")
		}
	}
	return nil
}

// splitPort cuts "host:port" and "[v6]:port". A colon without a port is refused: it is
// legal and always a mistake.
func splitPort(authority string) (hostText, port string, err error) {
	malformed := refuse(Malformed, "the host is not well formed")
	end := strings.IndexByte(authority, ':')
	if strings.HasPrefix(authority, "[") {
		end = strings.IndexByte(authority, ']') + 1
		if end == 0 {
			return "", "", malformed
		}
		if end == len(authority) {
			end = -1
		}
	}
	if end < 0 {
		return authority, "", nil
	}
	hostText, port = authority[:end], authority[end:]
	if len(port) < 2 || port[0] != ':' || strings.ContainsRune(port[1:], ':') {
		return "", "", malformed
	}
	return hostText, port[1:], nil
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, refuse(Port, "the port is not a number between 1 and 65535")
	}
	return uint16(n), nil
}

// profile folds a host name the way browsers do (UTS #46, non-transitional) and
// validates every label. Hyphens in places 3 and 4 are left alone: content networks
// use them.
var profile = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
	idna.CheckHyphens(false),
)

func (g *Guard) parseHost(text string) (host, error) {
	if strings.HasPrefix(text, "[") {
		return parseIPv6(text)
	}
	if text == "" {
		return host{}, refuse(HostName, "the host is missing")
	}
	folded, err := profile.ToASCII(text)
	if err != nil {
		return host{}, refuse(HostName, "the host is not a valid host name")
	}
	name := strings.TrimSuffix(folded, ".")
	labels := strings.Split(name, ".")
	if endsInNumber(labels[len(labels)-1]) {
		// The canonical spelling is required of what was typed, not of what it folds to.
		addr, err := netip.ParseAddr(text)
		if err != nil || !addr.Is4() || addr.String() != text {
			return host{}, refuse(HostName, "an address must be written as four decimal numbers")
		}
		return host{addr: addr}, nil
	}
	for _, l := range labels {
		if !isLabel(l) {
			return host{}, refuse(HostName, "the host is not a valid host name")
		}
	}
	if _, own := g.ownHosts[name]; own {
		return host{}, refuse(OwnHost, "the host is this service itself")
	}
	if isPrivateName(name, labels) {
		return host{}, refuse(HostName, "the host is not a public name")
	}
	return host{name: name}, nil
}

func parseIPv6(text string) (host, error) {
	if !strings.HasSuffix(text, "]") {
		return host{}, refuse(Malformed, "the host is not well formed")
	}
	addr, err := netip.ParseAddr(text[1 : len(text)-1])
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return host{}, refuse(HostName, "the host is not a valid IPv6 address")
	}
	return host{addr: addr}, nil
}

// endsInNumber is the rule of the WHATWG URL standard that makes a host an IPv4
// address for some parser: all digits, or 0x and hexadecimal digits.
func endsInNumber(label string) bool {
	if label == "" {
		return false
	}
	digits := strings.Trim(label, "0123456789") == ""
	hex := len(label) >= 2 && (label[:2] == "0x" || label[:2] == "0X") &&
		strings.Trim(label[2:], "0123456789abcdefABCDEF") == ""
	return digits || hex
}

// isLabel accepts letters, digits and inner hyphens (RFC 1123), and of the punycode
// labels only those that decode.
func isLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := 0; i < len(l); i++ {
		c := l[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	if rest, ok := strings.CutPrefix(l, "xn--"); ok {
		u, err := profile.ToUnicode(l)
		return rest != "" && err == nil && u != l
	}
	return true
}

func canonicalOwnHost(h string) string {
	folded, err := profile.ToASCII(h)
	if err != nil {
		folded = strings.ToLower(h)
	}
	return strings.TrimSuffix(folded, ".")
}
