package safehttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/safehttp"
)

type special struct {
	Refused []netip.Prefix
	Beside  []netip.Addr
}

func readSpecial(t *testing.T) special {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "special-purpose.json"))
	require.NoError(t, err)
	var s special
	require.NoError(t, json.Unmarshal(raw, &s))
	require.Greater(t, len(s.Refused), 50)
	return s
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// within draws an address of a prefix.
func within(r *rapid.T, p netip.Prefix) netip.Addr {
	b, random := p.Masked().Addr().AsSlice(), rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "host bits")
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= random[bit/8] & (1 << (7 - bit%8))
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func literal(a netip.Addr) string { return "https://" + netip.AddrPortFrom(a, 443).String() + "/" }

// answering is a guard whose every name has the address a.
func answering(a netip.Addr) *safehttp.Guard {
	return safehttp.New(safehttp.Policy{AllowHTTP: true}, safehttp.WithResolver(always{a}))
}

type always []netip.Addr

func (a always) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return a, nil }

func TestNoSpecialAddressIsReached(t *testing.T) {
	t.Parallel()
	s := readSpecial(t)
	refuses := func(t require.TestingT, a netip.Addr) {
		require.Error(t, answering(a).CheckURL(context.Background(), literal(a)), "%s as it is", a)
		// A resolver may give an IPv4 address in its mapped form: it is judged as what it is.
		if plain := a.Unmap(); plain == a || answering(plain).CheckURL(context.Background(), literal(plain)) != nil {
			require.Error(t, answering(a).CheckURL(context.Background(), "https://hooks.example.com/"), "%s behind a name", a)
		}
		if a.Is4() {
			mapped := netip.AddrFrom16(a.As16())
			require.Error(t, answering(mapped).CheckURL(context.Background(), "https://hooks.example.com/"), "%s mapped, behind a name", a)
			for _, carrier := range carriers(a) {
				require.Error(t, answering(carrier).CheckURL(context.Background(), "https://hooks.example.com/"), "%s inside %s", a, carrier)
			}
		}
	}
	for _, p := range s.Refused {
		refuses(t, p.Addr())
		refuses(t, last(p))
	}
	rapid.Check(t, func(r *rapid.T) { refuses(r, within(r, rapid.SampledFrom(s.Refused).Draw(r, "block"))) })
	for _, a := range s.Beside {
		require.NoError(t, answering(a).CheckURL(t.Context(), literal(a)), "%s is public", a)
		require.NoError(t, answering(a).CheckURL(t.Context(), "https://hooks.example.com/"), "%s is public", a)
	}
}

// carriers are IPv6 addresses that lead to the IPv4 address a somewhere.
func carriers(a netip.Addr) []netip.Addr {
	b := a.As4()
	quad := fmt.Sprintf("%02x%02x:%02x%02x", b[0], b[1], b[2], b[3])
	inverted := fmt.Sprintf("%02x%02x:%02x%02x", ^b[0], ^b[1], ^b[2], ^b[3])
	var out []netip.Addr
	for _, text := range []string{
		"::" + quad, "::ffff:" + quad, "::ffff:0:" + quad, "64:ff9b::" + quad, "64:ff9b:1::" + quad,
		"2002:" + quad + "::", "2002:" + quad + "::1", "2001:0:" + quad + "::" + inverted, "2001::" + inverted,
		"2620:fe::5efe:" + quad, "2620:fe::200:5efe:" + quad, "fe80::5efe:" + quad,
	} {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

// TestNoSpellingOfASpecialAddressIsReached writes addresses as all the parsers of the world read them.
func TestNoSpellingOfASpecialAddressIsReached(t *testing.T) {
	t.Parallel()
	s := readSpecial(t)
	var blocks []netip.Prefix
	for _, p := range s.Refused {
		if p.Addr().Is4() {
			blocks = append(blocks, p)
		}
	}
	// The guard's resolver finds a public address for whatever name it takes the spelling for.
	public := answering(netip.MustParseAddr("93.184.215.14"))
	rapid.Check(t, func(r *rapid.T) {
		a := within(r, rapid.SampledFrom(blocks).Draw(r, "block"))
		for _, host := range spellings(a) {
			for _, url := range []string{"http://" + host + "/", "https://" + host + ":8443/hook", "HTTPS://" + host, "https://" + host + "?x", "https://" + host + "#x"} {
				require.Error(r, public.CheckURL(context.Background(), url), url)
			}
		}
		for _, url := range disguises(a.String()) {
			require.Error(r, public.CheckURL(context.Background(), url), "%q", url)
		}
	})
}

func spellings(a netip.Addr) []string {
	b := a.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	octets := func(format string) string { return fmt.Sprintf(format, b[0], b[1], b[2], b[3]) }
	full := func(text string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r - '0' + '０'
			}
			return r
		}, text)
	}
	quad := a.String()
	out := []string{
		fmt.Sprint(n), fmt.Sprintf("0x%x", n), fmt.Sprintf("0X%X", n), fmt.Sprintf("0%o", n), fmt.Sprintf("00000%o", n), fmt.Sprintf("0x00000000%x", n),
		octets("0x%x.0x%x.0x%x.0x%x"), octets("0%o.0%o.0%o.0%o"), octets("%03d.%03d.%03d.%03d"), octets("0x%x.0%o.%d.%d"), octets("%d.%d.%d.0x%x"),
		fmt.Sprintf("%d.%d", b[0], n&0xffffff), fmt.Sprintf("%d.%d.%d", b[0], b[1], n&0xffff), fmt.Sprintf("0x%x.%d", b[0], n&0xffffff),
		fmt.Sprint(uint64(n) + 1<<32), octets("%d.%d.%d.%d.1"), octets("%[1]d.%[2]d.%[3]d.") + fmt.Sprint(256+int(b[3])),
		quad + ".", quad + "..", "." + quad, full(quad), full(fmt.Sprint(n)),
		strings.ReplaceAll(quad, ".", "。"), strings.ReplaceAll(quad, ".", "．"), strings.ReplaceAll(quad, ".", "｡"), strings.ReplaceAll(quad, ".", "%2e"),
		strings.Replace(quad, ".", "\u200b.", 1), strings.Replace(quad, ".", "\u00ad.", 1), quad + "%00", quad + "%20", quad + "\u2060",
		"[::ffff:" + quad + "]", "[::" + quad + "]", "[64:ff9b::" + quad + "]", "[::ffff:" + quad + "%25eth0]", "[" + quad + "]",
	}
	return out
}

func disguises(quad string) []string {
	return []string{
		"https://hooks.example.com@" + quad + "/", "https://hooks.example.com:443@" + quad + "/", "https://" + quad + "@hooks.example.com/", "https://hooks.example.com%40" + quad + "/",
		"https://hooks.example.com\\@" + quad + "/", "https://" + quad + "\\@hooks.example.com/", "https:\\\\" + quad + "/", "https:/" + quad + "/", "https:///" + quad + "/", "https:" + quad + "/",
		"https://" + quad + "\t/", "https://\t" + quad + "/", "https://" + quad + "\n.example.com/", "ht\ntps://" + quad + "/", " https://" + quad + "/", "https://" + quad + " .example.com/",
		"https://" + quad + ":443:80/", "https://" + quad + ":@hooks.example.com/", "https://" + quad + ";hooks.example.com/", "https://" + quad + ",hooks.example.com/",
		"https://hooks.example.com#@" + quad + "\\", "https://hooks.example.com/\r\nHost: " + quad, "//" + quad + "/", quad, quad + ":443",
		"ftp://" + quad + "/", "file://" + quad + "/etc/passwd", "gopher://" + quad + ":443/", "dict://" + quad + "/", "ldap://" + quad + "/", "jar:https://" + quad + "!/", "url:https://" + quad + "/",
		"https://" + quad + ":22/", "https://" + quad + ":0/", "https://" + quad + ":65536/", "https://" + quad + ":-1/", "https://" + quad + ":４４３/", "https://" + quad + ":+443/",
	}
}

func TestNamesThatAreNotPublicAreRefusedInAnySpelling(t *testing.T) {
	t.Parallel()
	public := answering(netip.MustParseAddr("93.184.215.14"))
	for _, name := range []string{
		"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "broadcasthost", "app.localhost", "printer.local", "metadata", "metadata.google.internal",
		"metadata.goog", "instance-data", "instance-data.ec2.internal", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "vault.service.consul",
		"host.docker.internal", "gateway.docker.internal", "router.lan", "nas.home.arpa", "nas.home", "x.corp", "x.mail", "wiki.intranet", "wiki.intra", "x.private", "x.test", "x.invalid", "x.onion", "1.0.0.127.in-addr.arpa",
		"db", "postgres", "redis",
	} {
		for _, spelling := range []string{name, strings.ToUpper(name), name + ".", strings.ReplaceAll(name, ".", "。"), strings.ReplaceAll(name, "l", "ⓛ"), strings.Replace(name, "o", "\u00ado", 1), wide(name)} {
			for _, url := range []string{"https://" + spelling + "/", "http://" + spelling + ":8080/"} {
				require.Error(t, public.CheckURL(t.Context(), url), url)
			}
		}
	}
}

// wide writes letters in their full width.
func wide(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'ａ'
		}
		return r
	}, text)
}

// TestTheSystemsSearchListMakesNoOtherName: a name is looked up as it is.
func TestTheSystemsSearchListMakesNoOtherName(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, fmt.Errorf("no name service in this test")
	}}
	a := safehttp.Absolute(recording{resolver, asked})
	_, err := a.LookupNetIP(t.Context(), "ip", "hooks.example.com")
	require.Error(t, err)
	require.Equal(t, "hooks.example.com.", <-asked)
}

type recording struct {
	safehttp.Resolver
	asked chan<- string
}

func (r recording) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	r.asked <- host
	return r.Resolver.LookupNetIP(ctx, network, host)
}

// TestTheEnvironmentsProxyIsIgnored: the client would otherwise hand every URL to it.
func TestTheEnvironmentsProxyIsIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	var dialed string
	g := safehttp.New(safehttp.Policy{AllowHTTP: true}, safehttp.WithResolver(always{netip.MustParseAddr("9.9.9.9")}),
		safehttp.WithTransport(func(tr *http.Transport) { tr.Proxy = http.ProxyFromEnvironment }),
		safehttp.WithDial(func(_ context.Context, _, address string) (net.Conn, error) {
			dialed = address
			return nil, fmt.Errorf("no network in this test")
		}))
	_, err := g.Client().Get("http://hooks.example.com/")
	require.Error(t, err)
	require.Equal(t, "9.9.9.9:80", dialed)
}
