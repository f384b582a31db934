package origin_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/origin"
)

func TestPatternsAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://shop.example":             "https://shop.example",
		"HTTPS://Shop.Example/":            "https://shop.example",
		"https://shop.example:443":         "https://shop.example",
		"http://shop.example:80":           "http://shop.example",
		"http://shop.example:443":          "http://shop.example:443",
		"https://shop.example:8443":        "https://shop.example:8443",
		"https://*.shop.example":           "https://*.shop.example",
		"https://*.shop.example:8443":      "https://*.shop.example:8443",
		"http://localhost:3000":            "http://localhost:3000",
		"http://my_service.internal":       "http://my_service.internal",
		"http://127.0.0.1:8080":            "http://127.0.0.1:8080",
		"http://[::1]:8080":                "http://[::1]:8080",
		"http://[2001:DB8:0:0:0:0:0:1]":    "http://[2001:db8::1]",
		"https://bücher.example":           "https://xn--bcher-kva.example",
		"https://*.BÜCHER.example":         "https://*.xn--bcher-kva.example",
		"https://xn--bcher-kva.example":    "https://xn--bcher-kva.example",
		"https://shop.example:65535":       "https://shop.example:65535",
		"https://a.b.c.d.e.f.shop.example": "https://a.b.c.d.e.f.shop.example",
	} {
		p, err := origin.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, p.String())
	}
}

func TestWhatIsNoOriginIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "*", "null", "shop.example", "//shop.example", "https:shop.example", "https:/shop.example", "https://", "https://*", "https://*.",
		"ftp://shop.example", "file://", "javascript://shop.example", "chrome-extension://abcdefgh", " https://shop.example", "https://shop.example ",
		"https://shop.example/checkout", "https://shop.example//", "https://shop.example?", "https://shop.example#x", `https://shop.example\`,
		"https://user@shop.example", "https://user:password@shop.example", "https://shop.example@evil.example",
		"https://shop.example:", "https://shop.example:0", "https://shop.example:65536", "https://shop.example:-1", "https://shop.example:+443",
		"https://shop.example:0443", "https://shop.example:4 43", "https://shop.example:443:443", "https://shop.example:https",
		"https://shop.example.", "https://.shop.example", "https://shop..example", "https://-shop.example", "https://shop-.example",
		"https://*shop.example", "https://sh*p.example", "https://www.*.example", "https://*.*.example", "https://shop.*", "https://*.127.0.0.1",
		"https://1.2.3", "https://0x7f000001", "https://127.1", "https://256.1.1.1", "https://shop.0x1", "https://[::1", "https://::1", "https://[::1]x",
		"https://[fe80::1%25eth0]", "https://[::ffff:127.0.0.1]", "https://*.[::1]", "https://[127.0.0.1]",
		"https://shop.example\x00", "https://shop\texample", "https://shop example", "https://\xff.example", "https://shop.example,https://b.example",
		"https://" + strings.Repeat("a", 64) + ".example", "https://" + strings.Repeat("a.", 127) + "example",
	} {
		_, err := origin.Parse(text)
		require.ErrorIs(t, err, origin.ErrMalformed, "%q", text)
	}
}

// TestTrickyOrigins is what pages that are not the customer's may try, and what browsers do.
func TestTrickyOrigins(t *testing.T) {
	t.Parallel()
	set := origin.NewSet([]string{"https://example.com", "https://*.example.com", "http://localhost:3000", "https://bücher.example", "http://[::1]:8080"})
	for header, want := range map[string]bool{
		"https://example.com":                      true,
		"https://www.example.com":                  true,
		"https://a.b.c.example.com":                true,
		"http://localhost:3000":                    true,
		"https://xn--bcher-kva.example":            true,
		"http://[::1]:8080":                        true,
		"https://EXAMPLE.com":                      true, // RFC 6454 folds the case of scheme and host
		"HTTPS://www.Example.Com":                  true,
		"https://example.com:443":                  true, // the same origin, although no browser writes it
		"":                                         false,
		"null":                                     false,
		"*":                                        false,
		"http://example.com":                       false, // another scheme
		"http://www.example.com":                   false,
		"https://example.com:8443":                 false, // another port
		"https://www.example.com:8443":             false,
		"http://localhost":                         false,
		"http://localhost:3001":                    false,
		"https://localhost:3000":                   false,
		"https://evil-example.com":                 false,
		"https://evilexample.com":                  false,
		"https://example.com.evil.com":             false,
		"https://www.example.com.evil.com":         false,
		"https://example.comevil.com":              false,
		"https://example.co":                       false,
		"https://xexample.com":                     false,
		"https://www.xexample.com":                 false,
		"https://example.com@evil.com":             false,
		"https://evil.com@example.com":             false,
		"https://user@www.example.com":             false,
		"https://example.com.":                     false, // another origin to a browser
		"https://www.example.com.":                 false,
		"https://.example.com":                     false,
		"https://..example.com":                    false,
		"https://*.example.com":                    false,
		"https://-.example.com":                    false,
		"https://www.example.com/":                 false,
		"https://www.example.com/path":             false,
		"https://evil.com/.example.com":            false,
		"https://evil.com?.example.com":            false,
		"https://evil.com#.example.com":            false,
		`https://evil.com\.example.com`:            false,
		"https://evil.com%2f.example.com":          false,
		"https://evil.com\x00.example.com":         false,
		"https://evil.com\n.example.com":           false,
		"https://evil.com, https://example.com":    false, // two headers
		"https://evil.com https://www.example.com": false,
		"https://bücher.example":                   false, // browsers send the form of DNS
		"https://bucher.example":                   false,
		"https://ехаmple.com":                      false, // Cyrillic letters
		"https://xn--mple-43d2bc.com":              false,
		"https://www.example。com":                  false, // an ideographic full stop
		"https://[::1]:8080":                       false,
		"http://[0:0:0:0:0:0:0:1]:8080":            true, // the same address
		"chrome-extension://abcdefghijklmnop":      false,
		"file://":                                  false,
		"blob:https://www.example.com":             false,
		"https:www.example.com":                    false,
		"//www.example.com":                        false,
	} {
		require.Equal(t, want, set.Allows(header), "%q", header)
	}
}

func TestASetWithoutPatternsAllowsAllAndOneOfNonsenseNothing(t *testing.T) {
	t.Parallel()
	require.False(t, origin.NewSet(nil).Restricted())
	require.True(t, origin.NewSet(nil).Allows("https://anything.example"))
	require.True(t, origin.NewSet([]string{}).Allows("null"))
	nonsense := origin.NewSet([]string{"*", "nonsense", ""})
	require.True(t, nonsense.Restricted())
	for _, header := range []string{"", "*", "nonsense", "null", "https://anything.example"} {
		require.False(t, nonsense.Allows(header), header)
	}
}

var (
	label = rapid.StringMatching(`[a-z]([a-z0-9-]{0,10}[a-z0-9])?`)
	host  = rapid.Custom(func(t *rapid.T) string {
		return strings.Join(append(rapid.SliceOfN(label, 1, 3).Draw(t, "labels"), "example"), ".")
	})
	scheme = rapid.SampledFrom([]string{"http", "https"})
	port   = rapid.SampledFrom([]string{"", ":8080", ":3000", ":1"})
)

func TestAnExactPatternAllowsItselfAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		own := scheme.Draw(t, "scheme") + "://" + host.Draw(t, "host") + port.Draw(t, "port")
		other := scheme.Draw(t, "other scheme") + "://" + host.Draw(t, "other host") + port.Draw(t, "other port")
		set := origin.NewSet([]string{own})
		if !set.Allows(own) {
			t.Fatalf("%q does not allow itself", own)
		}
		if set.Allows(other) != (own == other) {
			t.Fatalf("%q and %q", own, other)
		}
	})
}

func TestAWildcardAllowsSubdomainsAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, h, p, sub := scheme.Draw(t, "scheme"), host.Draw(t, "host"), port.Draw(t, "port"), label.Draw(t, "sub")
		set := origin.NewSet([]string{s + "://*." + h + p})
		for header, want := range map[string]bool{
			s + "://" + sub + "." + h + p:               true,
			s + "://" + sub + "." + sub + "." + h + p:   true,
			s + "://" + h + p:                           false,
			s + "://" + sub + h + p:                     strings.Contains(sub+h, "."+h), // never: there is no dot between
			s + "://" + sub + "-" + h + p:               false,
			s + "://" + sub + "." + h + ".evil.com" + p: false,
			s + "://" + sub + "." + h + "x" + p:         false,
			s + "://" + sub + "." + h + ":9" + p:        false,
			"x" + s + "://" + sub + "." + h + p:         false,
			s + "://" + sub + "@" + sub + "." + h + p:   false,
		} {
			if set.Allows(header) != want {
				t.Fatalf("https://*.%s on %q: %v", h, header, !want)
			}
		}
	})
}

// What has been put right once stays as it is, and means the same.
func TestParsingIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wild := rapid.SampledFrom([]string{"", "*."}).Draw(t, "wild")
		text := scheme.Draw(t, "scheme") + "://" + wild + strings.ToUpper(host.Draw(t, "host")) + port.Draw(t, "port")
		once, err := origin.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := origin.Parse(once.String())
		if err != nil || twice != once {
			t.Fatalf("%q became %q and then %q (%v)", text, once, twice, err)
		}
	})
}

func FuzzAllows(f *testing.F) {
	for _, header := range []string{"https://www.example.com", "null", "https://example.com.evil.com", "https://evil.com@example.com", "https://[::1]:80", "https://a.example.com:8443", "https://ü.example.com", "HTTPS://A.EXAMPLE.COM"} {
		f.Add(header)
	}
	set := origin.NewSet([]string{"https://example.com", "https://*.example.com"})
	f.Fuzz(func(t *testing.T, header string) {
		allowed := set.Allows(header)
		if p, err := origin.Parse(header); err == nil {
			again, err := origin.Parse(p.String())
			require.NoError(t, err)
			require.Equal(t, p, again)
		} else {
			require.ErrorIs(t, err, origin.ErrMalformed)
			require.False(t, allowed, "what cannot be read is never allowed")
		}
		if !allowed {
			return
		}
		// Read in the plainest way: it is https, and its host ends where the whole ends.
		rest, ok := strings.CutPrefix(strings.ToLower(header), "https://")
		require.True(t, ok)
		rest = strings.TrimSuffix(rest, ":443")
		require.True(t, rest == "example.com" || strings.HasSuffix(rest, ".example.com"), header)
		require.NotContains(t, rest, "@")
		require.NotContains(t, rest, "/")
		require.NotContains(t, rest, ":")
	})
}

func BenchmarkAllows(b *testing.B) {
	set := origin.NewSet([]string{"https://example.com", "https://*.example.org"})
	for name, header := range map[string]string{"exact": "https://example.com", "wildcard": "https://www.example.org", "refused": "https://evil.example"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Allows(header)
			}
		})
	}
}
