package storable_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/storable"
)

// FuzzObject: the result is a JSON object that Postgres can keep, repairing it again changes nothing,
// and it means what was sent with U+FFFD for what cannot be kept.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, `{"a":"\u0000"}`, `{"\ud83d":"\ude00"}`, `{"a":"\\u0000 \\\u0000"}`, `{"a":"\ud83d\ude00\ud83d"}`, "{\"a\":\"\xff\"}",
		`{"a":1e309}`, `{"a":5e-324}`, `{"a":"1e999","b":[1E-1001]}`, `{"a":-0.000e311}`, ` {"a":{"b":[true,false,null]}} `, `[1]`, `{"broken`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := storable.Object(payload)
		require.True(t, utf8.Valid(got))
		require.True(t, json.Valid(got), "%q", got)
		require.True(t, bytes.HasPrefix(bytes.TrimLeft(got, " \t\r\n"), []byte("{")))
		require.Equal(t, got, storable.Object(got), "repaired twice")
		require.False(t, hasWhatCannotBeKept(got), "%q", got)
		if string(got) == "{}" {
			return
		}
		want := tokens(t, bytes.ToValidUTF8(payload, []byte("\uFFFD")))
		for i, token := range want {
			if text, ok := token.(string); ok {
				want[i] = strings.ReplaceAll(text, "\x00", "\uFFFD")
			}
		}
		require.Equal(t, want, tokens(t, got))
	})
}

// FuzzText: the result is text that Postgres can keep.
func FuzzText(f *testing.F) {
	f.Add("plain")
	f.Add("a\x00b\xff\xc0\xaf\xed\xa0\xbd")
	f.Fuzz(func(t *testing.T, s string) {
		got := storable.Text(s)
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got, "\x00")
		require.Equal(t, got, storable.Text(got))
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
			require.Equal(t, s, got)
		}
	})
}

// hasWhatCannotBeKept finds an escape that jsonb refuses. encoding/json reads a lone surrogate as U+FFFD,
// so each escape of one that does not come out of it as itself is a lone one.
func hasWhatCannotBeKept(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		escape := strings.ToLower(string(text[i+1 : i+5]))
		i += 4
		switch {
		case escape == "0000", escape[0] == 'd' && escape[1] >= 'c':
			return true
		case escape[0] == 'd' && escape[1] >= '8': // must be followed by the other half
			if i+6 >= len(text) || text[i+1] != '\\' || text[i+2] != 'u' || strings.ToLower(string(text[i+3])) != "d" || strings.ToLower(string(text[i+4])) < "c" {
				return true
			}
			i += 6
		}
	}
	return false
}

// tokens is what a JSON text means, in order; numbers keep their text.
func tokens(t *testing.T, text []byte) []any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out []any
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, token)
	}
}
