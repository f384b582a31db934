package apikey_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/apikey"
)

func TestParseAcceptsKnownGoodKeys(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"spk_EXAMPLEexampleEXAMPLEexample012mLPZl",
		"spk_0000000000000000000000000000000S7OPD",
		"spk_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz2Rwdoy",
	} {
		prefix, err := apikey.Parse(key)
		require.NoError(t, err, key)
		require.Equal(t, apikey.Ingest, prefix)
	}
}

func TestParseRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"",
		"spk_",
		"spk_EXAMPLEexampleEXAMPLEexample012mLPZ0",
		"spk_EXAMPLEexampleEXAMPLEexample012mLPZ",
		"spk_EXAMPLEexampleEXAMPLEexample012mLPZl0",
		"SPK_EXAMPLEexampleEXAMPLEexample012mLPZl",
		"spk-EXAMPLEexampleEXAMPLEexample012mLPZl",
		"pk_EXAMPLEexampleEXAMPLEexample012mLPZl",
		"spk_EXAMPL\x00exampleEXAMPLEexample012mLPZl",
		" spk_EXAMPLEexampleEXAMPLEexample012mLPZl",
		"spt_EXAMPLEexampleEXAMPLEexample012mLPZl", // the checksum covers the prefix
	} {
		_, err := apikey.Parse(key)
		require.ErrorIs(t, err, apikey.ErrMalformed, "%q", key)
	}
}

func TestNewKeysParseAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		key := apikey.New(apikey.Access)
		prefix, err := apikey.Parse(key)
		require.NoError(t, err)
		require.Equal(t, apikey.Access, prefix)
		require.False(t, seen[key])
		seen[key] = true
	}
}

func TestEachKindIsTakenForItselfAlone(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{apikey.Ingest, apikey.Access, apikey.Hook, apikey.Share} {
		_, err := apikey.Parse(apikey.New(kind))
		require.Equal(t, kind == apikey.Ingest || kind == apikey.Access, err == nil, kind)
		require.Equal(t, kind == apikey.Hook, apikey.ParseHook(apikey.New(kind)) == nil, kind)
		require.Equal(t, kind == apikey.Share, apikey.ParseShare(apikey.New(kind)) == nil, kind)
	}
}

func TestOneChangedCharacterIsNoticed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := apikey.New(apikey.Ingest)
		at := rapid.IntRange(4, len(key)-1).Draw(t, "at")
		other := rapid.SampledFrom([]byte("0Aaz9Z")).Draw(t, "other")
		if key[at] == other {
			return
		}
		changed := key[:at] + string(other) + key[at+1:]
		if _, err := apikey.Parse(changed); err == nil {
			t.Fatalf("%q accepted after changing position %d", changed, at)
		}
	})
}

func TestHashAndDisplay(t *testing.T) {
	t.Parallel()
	key := apikey.New(apikey.Ingest)
	want := sha256.Sum256([]byte(key))
	require.Equal(t, want[:], apikey.Hash(key))
	require.True(t, strings.HasPrefix(key, apikey.Display(key)))
	require.Len(t, apikey.Display(key), 8)
	require.Equal(t, "x", apikey.Display("x"))
}

func TestATokenOfADeployHookIsNoKey(t *testing.T) {
	t.Parallel()
	token := apikey.New(apikey.Hook)
	require.NoError(t, apikey.ParseHook(token))
	_, err := apikey.Parse(token)
	require.ErrorIs(t, err, apikey.ErrMalformed, "it opens nothing that a key opens")
	for _, other := range []string{"", apikey.New(apikey.Ingest), apikey.New(apikey.Access), token[:39], token + "0", strings.ToLower(token)} {
		require.ErrorIs(t, apikey.ParseHook(other), apikey.ErrMalformed, other)
	}
}
