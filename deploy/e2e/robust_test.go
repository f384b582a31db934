package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestAnyBytesGetAClearAnswer sends what parsers and protocols trip over to one running Specter, which
// is still there, and well, afterwards.
func TestAnyBytesGetAClearAnswer(t *testing.T) {
	t.Parallel()
	s := startOneProcess(t, nil)
	t.Run("every JSON file is refused or can be read back", func(t *testing.T) { testJSONFiles(t, s) })
	t.Run("every text wherever text may stand", func(t *testing.T) { testTexts(t, s) })
	t.Run("every way to send it", func(t *testing.T) { testTransport(t, s) })
	status, answer := s.post(t, "/api/signals", s.IngestKey, `{"type":"still_there"}`)
	require.Equal(t, http.StatusOK, status, answer)
	res, ready := send(t, http.DefaultClient, http.MethodGet, s.URL+"/healthz/ready", http.Header{}, nil)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", ready)
}

// jsonFile is a JSON text, good or bad, and what must become of it as a value inside a payload.
type jsonFile struct {
	name string
	text []byte
	want fate
}

type fate string

const (
	mustKeep   fate = "kept"     // read back as it was
	mustRepair fate = "repaired" // read back with U+FFFD for what Postgres cannot keep
	mustRefuse fate = "refused"  // a 4xx that says why
)

// jsonFiles are our own cases, and the public suite (nst/JSONTestSuite) when it is at hand.
func jsonFiles(t *testing.T) []jsonFile {
	t.Helper()
	files := ownJSONFiles(t)
	if shared := os.Getenv("SPECTER_CORPORA"); shared != "" {
		suite := suiteJSONFiles(t, shared)
		require.Greater(t, len(suite), 300)
		files = append(files, suite...)
	}
	return files
}

func ownJSONFiles(t *testing.T) []jsonFile {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "json-values.json"))
	require.NoError(t, err)
	var cases []struct{ Name, Text, Hex, Generate, Want string }
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	files := make([]jsonFile, len(cases))
	for i, c := range cases {
		text := []byte(c.Text)
		if c.Hex != "" {
			text, err = hex.DecodeString(c.Hex)
			require.NoError(t, err, c.Name)
		}
		if c.Generate != "" {
			text = generate(t, c.Generate)
		}
		files[i] = jsonFile{name: "own/" + c.Name, text: text, want: fate(c.Want)}
	}
	return files
}

// generate makes the texts that are too long to write down.
func generate(t *testing.T, what string) []byte {
	t.Helper()
	kind, size, _ := strings.Cut(what, " ")
	n, err := strconv.Atoi(size)
	require.NoError(t, err)
	list := func(item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, ",")
	}
	switch kind {
	case "open":
		return bytes.Repeat([]byte("["), n)
	case "deep":
		return []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
	case "names":
		return []byte("{" + list(func(i int) string { return fmt.Sprintf(`"n%d":%d`, i, i) }) + "}")
	case "name":
		return []byte(`{"` + strings.Repeat("n", n) + `":1}`)
	case "array":
		return []byte("[" + list(strconv.Itoa) + "]")
	case "text":
		return []byte(`"` + strings.Repeat("text ", n/5) + `"`)
	default:
		require.Fail(t, "unknown generator", what)
		return nil
	}
}

func suiteJSONFiles(t *testing.T, folder string) []jsonFile {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "json-ingest.json"))
	require.NoError(t, err)
	var corpus struct {
		Files []struct {
			File     string          `json:"file"`
			Text     string          `json:"b64"`
			Generate string          `json:"generate"`
			AsValue  json.RawMessage `json:"as_value"`
		} `json:"json_files"`
	}
	require.NoError(t, json.Unmarshal(raw, &corpus))
	files := make([]jsonFile, len(corpus.Files))
	for i, f := range corpus.Files {
		text, err := base64.StdEncoding.DecodeString(f.Text)
		require.NoError(t, err, f.File)
		switch f.Generate {
		case "":
		case "'['*100000":
			text = bytes.Repeat([]byte("["), 100_000)
		case `'[{"":'*50000 + newline`:
			text = append(bytes.Repeat([]byte(`[{"":`), 50_000), '\n')
		default:
			require.Fail(t, "unknown generator", f.Generate)
		}
		want := mustRefuse
		if strings.HasPrefix(string(f.AsValue), `"202`) { // an accepted signal; here it is answered with 200
			want = mustKeep
			if strings.Contains(string(f.AsValue), "U+FFFD") {
				want = mustRepair
			}
		}
		files[i] = jsonFile{name: f.File, text: text, want: want}
	}
	return files
}

// testJSONFiles sends each file as a whole body, which is never a signal, and as a value: of a signal
// of its own, of one between two good ones, and by the door for no-code tools. What was accepted is
// then read back in one pass.
func testJSONFiles(t *testing.T, s *system) {
	files := jsonFiles(t)
	sent := map[string]jsonFile{} // by the signal's type
	for i, f := range files {
		status, answer := s.post(t, "/api/signals", s.IngestKey, string(f.text))
		requireRefusal(t, f.name+" as a body", status, answer)

		alone, amid, lenient := fmt.Sprintf("alone_%d", i), fmt.Sprintf("amid_%d", i), fmt.Sprintf("lenient_%d", i)
		for signalType, request := range map[string][2]string{
			alone:   {"/api/signals", `{"type":"` + alone + `","payload":{"v":` + string(f.text) + `}}`},
			amid:    {"/api/signals", `[{"type":"before"},{"payload":{"v":` + string(f.text) + `},"type":"` + amid + `"},{"type":"after"}]`},
			lenient: {"/api/ingest", `{"event":"` + lenient + `","properties":{"v":` + string(f.text) + `}}`},
		} {
			status, answer := s.post(t, request[0], s.IngestKey, request[1])
			if f.want == mustRefuse {
				requireRefusal(t, f.name+" as "+signalType, status, answer)
				continue
			}
			require.Equal(t, http.StatusOK, status, "%s as %s: %s", f.name, signalType, answer)
			sent[signalType] = f
		}
	}
	require.NotEmpty(t, sent)

	accepted := len(sent) + 2*len(sent)/3 // and those before and after
	program.Await(t, 60*time.Second, "everything accepted to be stored", func() bool {
		return call[api.Product](t, s, http.MethodGet, "/api/v1/products/"+s.ProductID.String(), nil).SignalsTotal >= int64(accepted)
	})
	wrong := []string{}
	stored := payloads(t, s)
	for signalType, f := range sent {
		payload, ok := stored[signalType]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s as %s is lost", f.name, signalType))
		} else if want, got := canonical(t, repair(t, `{"v":`+string(f.text)+`}`)), canonical(t, decodeJSON(t, payload)); want != got {
			wrong = append(wrong, fmt.Sprintf("%s as %s: sent %.200s, read %.200s", f.name, signalType, want, got))
		}
	}
	slices.Sort(wrong)
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
	require.Len(t, stored, len(sent)+2, "nothing was stored that was refused") // before and after, each one type
	t.Logf("%d files, %d signals accepted and read back", len(files), accepted)
}

// testTexts sends every text among the files as type, session and name inside the payload at once. What
// was accepted is read back, repaired; what was not has a reason. (A name has no value here: under one
// like passwd the scrubber would remove it.)
func testTexts(t *testing.T, s *system) {
	made := call[api.CreatedProduct](t, s, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Texts"})
	s.awaitKey(t, made.Key.Key)
	sent := map[uuid.UUID]jsonFile{}
	for _, f := range jsonFiles(t) {
		var text string
		if f.want == mustRefuse || json.Unmarshal(f.text, &text) != nil {
			continue
		}
		id := uuid.New()
		status, answer := s.post(t, "/api/signals", made.Key.Key, fmt.Sprintf(`{"id":%q,"type":%s,"session_id":%s,"payload":{%s:null}}`, id, f.text, f.text, f.text))
		if status != http.StatusOK {
			requireRefusal(t, f.name, status, answer)
			require.True(t, strings.TrimSpace(text) == "" || len(text) > 64, "%s: %s", f.name, answer)
			continue
		}
		sent[id] = f
	}
	require.Greater(t, len(sent), 40)
	product := "/api/v1/products/" + made.Product.Id.String()
	program.Await(t, 60*time.Second, "every text to be stored", func() bool {
		return call[api.Product](t, s, http.MethodGet, product, nil).SignalsTotal >= int64(len(sent))
	})
	stored := storedIDs(t, s, made.Product.Id, func(signal api.Signal) uuid.UUID {
		f := sent[*signal.ClientId]
		want, ok := repair(t, string(f.text)).(string)
		require.True(t, ok)
		require.Equal(t, want, signal.Type, f.name)
		require.Equal(t, want, *signal.SessionId, f.name)
		require.Equal(t, map[string]any{want: nil}, signal.Payload, f.name)
		return *signal.ClientId
	})
	require.Len(t, stored, len(sent))
}

// requireRefusal: a 4xx with a stable code and a sentence.
func requireRefusal(t *testing.T, what string, status int, answer string) {
	t.Helper()
	require.True(t, status >= 400 && status < 500, "%s: %d %s", what, status, answer)
	var problem struct {
		Status      int
		Code, Error string
		RequestID   string `json:"request_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &problem), "%s: %s", what, answer)
	require.Equal(t, status, problem.Status, what)
	require.NotEmpty(t, problem.Code, what)
	require.NotEmpty(t, problem.Error, what)
	require.NotEmpty(t, problem.RequestID, what)
}

// payloads reads every signal of the system's product through the API, by type.
func payloads(t *testing.T, s *system) map[string]json.RawMessage {
	t.Helper()
	type page struct {
		Items []struct {
			Type    string
			Payload json.RawMessage // as text: numbers must not pass through a float64
		}
		Next string `json:"next_cursor"`
	}
	all := map[string]json.RawMessage{}
	for cursor := ""; ; {
		p := call[page](t, s, http.MethodGet, "/api/v1/products/"+s.ProductID.String()+"/signals?limit=100"+cursor, nil)
		for _, signal := range p.Items {
			all[signal.Type] = signal.Payload
		}
		if p.Next == "" {
			return all
		}
		cursor = "&cursor=" + p.Next
	}
}

func decodeJSON(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), "%s", text)
	return v
}

// repair is what a text means after the documented repairs: encoding/json reads a lone surrogate as
// U+FFFD, and NUL becomes U+FFFD, too.
func repair(t *testing.T, text string) any {
	t.Helper()
	var nul func(v any) any
	nul = func(v any) any {
		switch v := v.(type) {
		case string:
			return strings.ReplaceAll(v, "\x00", "\uFFFD")
		case []any:
			for i := range v {
				v[i] = nul(v[i])
			}
			return v
		case map[string]any:
			out := map[string]any{}
			for name, value := range v {
				out[strings.ReplaceAll(name, "\x00", "\uFFFD")] = nul(value)
			}
			return out
		default:
			return v
		}
	}
	return nul(decodeJSON(t, []byte(text)))
}

// canonical renders equal values equally: numbers as fractions, so that 1.50 is 15e-1 and no digit is
// lost.
func canonical(t *testing.T, v any) string {
	t.Helper()
	var exact func(v any) any
	exact = func(v any) any {
		switch v := v.(type) {
		case json.Number:
			n, ok := new(big.Rat).SetString(v.String())
			require.True(t, ok, v)
			return "number " + n.RatString()
		case string:
			return "text " + v
		case []any:
			for i := range v {
				v[i] = exact(v[i])
			}
			return v
		case map[string]any:
			for name := range v {
				v[name] = exact(v[name])
			}
			return v
		default:
			return v
		}
	}
	out, err := json.Marshal(exact(v))
	require.NoError(t, err)
	return string(out)
}
