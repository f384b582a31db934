package apikey_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/apikey"
)

// FuzzParse: what is accepted has the documented form, and is refused again with any character changed.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"spk_EXAMPLEexampleEXAMPLEexample012mLPZl", "spk_0000000000000000000000000000000S7OPD", "spt_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz000000",
		"", "spk_", "SPK_EXAMPLEexampleEXAMPLEexample012mLPZl", "spk_EXAMPL\x00exampleEXAMPLEexample012mLPZl", "spk_ÉXAMPLEexampleEXAMPLEexample012mLPZl",
	} {
		f.Add(s, 7, byte('x'))
	}
	f.Fuzz(func(t *testing.T, s string, at int, other byte) {
		require.LessOrEqual(t, len(apikey.Display(s)), 8)
		require.Len(t, apikey.Hash(s), 32)
		prefix, err := apikey.Parse(s)
		if err != nil {
			require.ErrorIs(t, err, apikey.ErrMalformed)
			require.Empty(t, prefix)
			return
		}
		require.Contains(t, []string{apikey.Ingest, apikey.Access}, prefix)
		require.Regexp(t, `^sp[kt]_[0-9A-Za-z]{36}$`, s)
		if at = int(uint(at) % uint(len(s))); s[at] != other {
			_, err = apikey.Parse(s[:at] + string([]byte{other}) + s[at+1:])
			require.ErrorIs(t, err, apikey.ErrMalformed)
		}
		_, err = apikey.Parse(strings.ToUpper(s[:4]) + s[4:])
		require.ErrorIs(t, err, apikey.ErrMalformed)
	})
}
