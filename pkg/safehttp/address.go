package safehttp

import "net/netip"

// refused4 is what the IANA IPv4 special-purpose registry does not call globally
// reachable, multicast and reserved space, the anycast services that are not servers,
// and one public-looking address that clouds answer on the inside.
var refused4 = prefixes(
	"0.0.0.0/8",        // this host, RFC 791
	"10.0.0.0/8",       // private, RFC 1918
	"100.64.0.0/10",    // carrier-grade NAT, RFC 6598
	"127.0.0.0/8",      // loopback, RFC 1122
	"169.254.0.0/16",   // link local and cloud metadata, RFC 3927
	"172.16.0.0/12",    // private, RFC 1918
	"192.0.0.0/24",     // protocol assignments, RFC 6890
	"192.0.2.0/24",     // documentation, RFC 5737
	"192.31.196.0/24",  // AS112, RFC 7535
	"192.52.193.0/24",  // AMT, RFC 7450
	"192.88.99.0/24",   // 6to4 relays, RFC 7526
	"192.168.0.0/16",   // private, RFC 1918
	"192.175.48.0/24",  // AS112, RFC 7534
	"198.18.0.0/15",    // benchmarking, RFC 2544
	"198.51.100.0/24",  // documentation, RFC 5737
	"203.0.113.0/24",   // documentation, RFC 5737
	"224.0.0.0/4",      // multicast, RFC 5771
	"240.0.0.0/4",      // reserved and broadcast, RFC 1112
	"168.63.129.16/32", // Azure's wire server, reachable only from inside
)

// global6 is the only IPv6 space handed out to servers (RFC 4291); everything outside,
// with unique local, link local, mapped, compatible and NAT64 forms, is refused.
var global6 = netip.MustParsePrefix("2000::/3")

// refused6 is what is special inside global6.
var refused6 = prefixes(
	"2001::/23",         // protocol assignments: Teredo, ORCHID, benchmarking, RFC 2928
	"2001:db8::/32",     // documentation, RFC 3849
	"2002::/16",         // 6to4, carries any IPv4 address, RFC 3056
	"2620:4f:8000::/48", // AS112, RFC 7534
	"3ffe::/16",         // the former 6bone, returned in 2006, RFC 3701
	"3fff::/20",         // documentation, RFC 9637
)

var nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

// checkAddr is the judgement on one address. Every connection passes through it.
func (g *Guard) checkAddr(a netip.Addr) error {
	if !a.IsValid() || a.Zone() != "" {
		return refuse(Address, "the host is not a public address")
	}
	if _, own := g.ownIPs[a.Unmap()]; own {
		return refuse(OwnHost, "the host is this service itself")
	}
	for _, p := range g.policy.AllowPrivate {
		if p.Contains(a) {
			return nil
		}
	}
	if g.policy.UnwrapNAT64 && nat64.Contains(a) {
		b := a.As16()
		inner := netip.AddrFrom4([4]byte(b[12:]))
		if _, own := g.ownIPs[inner]; !own && isPublic(inner) {
			return nil
		}
	}
	if !isPublic(a) {
		return refuse(Address, "the host is not a public address")
	}
	return nil
}

func isPublic(a netip.Addr) bool {
	if a.Is4() {
		return !containedIn(refused4, a)
	}
	return global6.Contains(a) && !containedIn(refused6, a) && !isISATAP(a)
}

// isISATAP recognises interface identifiers that tunnel to an IPv4 address (RFC 5214);
// they may stand behind any prefix.
func isISATAP(a netip.Addr) bool {
	b := a.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

func containedIn(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
