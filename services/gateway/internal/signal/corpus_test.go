package signal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

// suiteFile is one JSON text with what we must answer to it.
type suiteFile struct {
	File     string          `json:"file"`
	Body     []byte          `json:"b64"`
	Generate string          `json:"generate"`
	AsValue  json.RawMessage `json:"as_value"`
}

// TestJSONFiles runs our own files always and the public suite (nst/JSONTestSuite) when it is at
// hand: each once as a whole body, which is never a signal, and once as a value inside a payload.
func TestJSONFiles(t *testing.T) {
	t.Parallel()
	folders := map[string]string{"own": "testdata"}
	if shared := os.Getenv("SPECTER_CORPORA"); shared != "" {
		folders["suite"] = shared
	}
	for name, folder := range folders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join(folder, "json-ingest.json"))
			require.NoError(t, err)
			var corpus struct {
				Files []suiteFile `json:"json_files"`
			}
			require.NoError(t, json.Unmarshal(raw, &corpus))
			require.NotEmpty(t, corpus.Files)
			testJSONFiles(t, corpus.Files)
		})
	}
}

func testJSONFiles(t *testing.T, files []suiteFile) {
	for _, f := range files {
		t.Run(f.File, func(t *testing.T) {
			t.Parallel()
			body := f.body(t)
			_, err := decodeBody(body, receipt())
			require.True(t, fault.Is(err, fault.Invalid), "as a body: %v", err)

			signals, err := decodeBody([]byte(`{"type":"a","payload":{"v":`+string(body)+`}}`), receipt())
			want := string(f.AsValue)
			if !strings.HasPrefix(want, `"202`) {
				require.True(t, fault.Is(err, fault.Invalid), "as a value: %v", err)
				return
			}
			require.NoError(t, err)
			if strings.Contains(want, "U+FFFD") {
				require.Contains(t, string(signals[0].Payload), replacement)
				return
			}
			require.Equal(t, canonical(t, body), canonical(t, signals[0].Payload[len(`{"v":`):len(signals[0].Payload)-1]))
		})
	}
}

func (f suiteFile) body(t *testing.T) []byte {
	switch f.Generate {
	case "":
		return f.Body
	case "'['*100000":
		return bytes.Repeat([]byte("["), 100_000)
	case `'[{"":'*50000 + newline`:
		return append(bytes.Repeat([]byte(`[{"":`), 50_000), '\n')
	default:
		require.Fail(t, "unknown generator", f.Generate)
		return nil
	}
}

// canonical renders a JSON text so that equal values have equal texts, numbers as written.
func canonical(t testing.TB, text []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return string(out)
}
