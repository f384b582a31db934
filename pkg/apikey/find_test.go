package apikey_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/apikey"
)

var kinds = []string{apikey.Ingest, apikey.Access, apikey.Hook, apikey.Share}

// TestTheDocumentedPatternIsTheRightOne holds what docs/KEYS.md tells scanners to what keys look like.
func TestTheDocumentedPatternIsTheRightOne(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/KEYS.md")
	require.NoError(t, err)
	documented := regexp.MustCompile("(?m)^```regex\n(.+)\n```$").FindSubmatch(page)
	require.NotNil(t, documented, "the page shows the pattern")
	require.Equal(t, apikey.Pattern, string(documented[1]))
	pattern := regexp.MustCompile(string(documented[1]))
	for _, kind := range kinds {
		for range 100 {
			key := apikey.New(kind)
			require.Equal(t, key, pattern.FindString(`{"key":"`+key+`"}`))
		}
	}
	for _, found := range apikey.Find(page) {
		require.False(t, found.Genuine, "an example on the page must not look like a leak to a scanner that asks for the checksum")
	}
}

func TestPatternMatchesNothingElse(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(apikey.Pattern)
	for _, text := range []string{
		"", "spk_", "spk_short", "sk_live_" + strings.Repeat("a", 40), "ghp_" + strings.Repeat("a", 36), "SPK_" + strings.Repeat("a", 36),
		"spx_" + strings.Repeat("a", 36), "spk-" + strings.Repeat("a", 36), "spk_" + strings.Repeat("a", 35) + "-", "spk_" + strings.Repeat("a", 18) + "_" + strings.Repeat("a", 18),
		"0197c9a2-4d4c-7c3e-9a42-1f0a5e0d9a11", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
	} {
		require.False(t, pattern.MatchString(text), text)
		require.Empty(t, apikey.Find([]byte(text)), text)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~\n]{0,400}`).Draw(t, "text")
		for _, f := range apikey.Find([]byte(text)) {
			if f.Genuine {
				t.Fatalf("a key in random text: %q", text)
			}
		}
	})
}

// Whatever stands around a key, it is found where it is, and it alone is genuine.
func TestAKeyIsFoundAnywhere(t *testing.T) {
	t.Parallel()
	around := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9A-Za-z_]{0,80}`), rapid.SampledFrom([]string{"", "sp", "spk", "spk_", "spk_sp", strings.Repeat("spt_a", 9), "\x00\xff", `key="`}))
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		before, after := around.Draw(t, "before"), around.Draw(t, "after")
		key := apikey.New(kind)
		genuine := 0
		for _, f := range apikey.Find([]byte(before + key + after)) {
			if f.Genuine {
				genuine++
				if f.Start != len(before) || f.Prefix != kind {
					t.Fatalf("%+v instead of %s at %d", f, kind, len(before))
				}
			}
		}
		if genuine != 1 {
			t.Fatalf("%d keys in %q", genuine, before+key+after)
		}
	})
}

// FuzzFind: it agrees with the pattern and with Parse.
func FuzzFind(f *testing.F) {
	f.Add([]byte("x spk_EXAMPLEexampleEXAMPLEexample012mLPZl y"))
	f.Add([]byte("spk_spk_spk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaspt_"))
	pattern := regexp.MustCompile(apikey.Pattern)
	f.Fuzz(func(t *testing.T, text []byte) {
		found := apikey.Find(text)
		require.Equal(t, pattern.Match(text), len(found) > 0)
		for _, one := range found {
			key := string(text[one.Start : one.Start+apikey.Length])
			require.Regexp(t, "^"+apikey.Pattern+"$", key)
			var err error
			switch one.Prefix {
			case apikey.Hook:
				err = apikey.ParseHook(key)
			case apikey.Share:
				err = apikey.ParseShare(key)
			default:
				_, err = apikey.Parse(key)
			}
			require.Equal(t, one.Genuine, err == nil)
		}
	})
}
