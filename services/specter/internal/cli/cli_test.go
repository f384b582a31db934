package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/draftlabs/specter/pkg/config"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// run runs the command and returns its exit code and what it printed.
func run(t *testing.T, src config.Source, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	src = maps.Clone(src) // parallel cases share one
	if src == nil {
		src = config.Source{}
	}
	if src["SPECTER_DATA_DIR"] == "" {
		src["SPECTER_DATA_DIR"] = filepath.Join(t.TempDir(), "none")
	}
	code = cli.Main(t.Context(), cli.Env{
		Args: args, In: strings.NewReader(""), Out: &stdout, Err: &stderr,
		Settings: func() (config.Source, error) { return src, nil },
		Now:      func() time.Time { return now },
	})
	return code, stdout.String(), stderr.String()
}

// fakeAPI is as much of the dashboard as an import needs.
type fakeAPI struct {
	mu       sync.Mutex
	product  api.Product
	contexts []api.Context
	stored   map[uuid.UUID]api.HistoricSignal
	refuse   string // a type whose signals are refused
}

func newFakeAPI(t *testing.T) (*fakeAPI, config.Source) {
	t.Helper()
	f := &fakeAPI{product: api.Product{Id: uuid.New(), Name: "access"}, stored: map[uuid.UUID]api.HistoricSignal{}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("GET /api/v1/products", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, api.ProductPage{Items: []api.Product{f.product}})
	})
	mux.HandleFunc("GET /api/v1/products/{id}", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.product.SignalsTotal = int64(len(f.stored))
		answer(w, f.product)
	})
	mux.HandleFunc("GET /api/v1/products/{id}/contexts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, api.ContextPage{Items: f.contexts})
	})
	mux.HandleFunc("POST /api/v1/products/{id}/contexts", func(w http.ResponseWriter, r *http.Request) {
		var body api.NewContext
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.contexts = append(f.contexts, api.Context{Id: uuid.New(), Name: body.Name, NegativeTypes: *body.NegativeTypes})
		answer(w, f.contexts[len(f.contexts)-1])
	})
	imported := api.Import{Id: uuid.New(), Status: api.Done}
	for _, path := range []string{"POST /api/v1/products/{id}/imports", "GET /api/v1/imports/{id}", "POST /api/v1/imports/{id}/complete"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { answer(w, imported) })
	}
	mux.HandleFunc("GET /api/v1/products/{id}/findings", func(w http.ResponseWriter, _ *http.Request) { answer(w, api.FindingPage{}) })
	mux.HandleFunc("POST /api/v1/imports/{id}/signals", f.signals)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, config.Source{"SPECTER_URL": server.URL, "SPECTER_TOKEN": "spt_x"}
}

func (f *fakeAPI) signals(w http.ResponseWriter, r *http.Request) {
	var body api.ImportBatch
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range body.Signals {
		if s.Type == f.refuse {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"type":"x","title":"x","status":400,"code":"missing_type","errors":[{"pointer":"/signals/%d/type","code":"bad","detail":"not this one"}]}`, i)
			return
		}
	}
	for _, s := range body.Signals {
		f.stored[s.Id] = s
	}
	_ = json.NewEncoder(w).Encode(api.ImportedBatch{Received: len(body.Signals)})
}

type report struct {
	Imported, Duplicates, Bad, Lines int
	ShiftedWeeks                     int                  `json:"shifted_weeks"`
	BadLines                         []struct{ Line int } `json:"bad_lines"`
}

const logFile = "../logimport/testdata/access.log"

func TestImportingAFileTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	f, src := newFakeAPI(t)
	for pass, want := range []report{{Imported: 7, Bad: 1, Lines: 8}, {Duplicates: 7, Bad: 1, Lines: 8}} {
		code, out, errOut := run(t, src, "import", "--format", "combined", "-o", "json", logFile)
		require.Zero(t, code, errOut)
		var got report
		require.NoError(t, json.Unmarshal([]byte(out), &got))
		require.Equal(t, 7, got.BadLines[0].Line)
		require.Equal(t, int(now.Sub(time.Date(2015, 5, 17, 10, 5, 5, 0, time.UTC))/(7*24*time.Hour)), got.ShiftedWeeks)
		got.BadLines, got.ShiftedWeeks = nil, 0
		require.Equal(t, want, got, "pass %d", pass)
	}
	require.Len(t, f.contexts, 1)
	require.Equal(t, []string{"http_error", "not_found"}, f.contexts[0].NegativeTypes)
	for _, s := range f.stored {
		require.Equal(t, f.contexts[0].Id, *s.ContextId)
		require.True(t, s.Timestamp.After(now.AddDate(0, 0, -8)) && s.Timestamp.Before(now), "moved forward by whole weeks: %s", s.Timestamp)
		require.Equal(t, time.Sunday, s.Timestamp.Weekday())
	}
}

func TestSignalsTheServerRefusesAreLeftOutAndCounted(t *testing.T) {
	t.Parallel()
	f, src := newFakeAPI(t)
	f.refuse = "not_found"
	code, out, errOut := run(t, src, "import", "--format", "combined", "-o", "json", "--shift", "none", logFile)
	require.Zero(t, code, errOut)
	var got report
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, 6, got.Imported)
	require.Equal(t, 2, got.Bad)
	require.Equal(t, 3, got.BadLines[1].Line, "the line is named")
}

func TestTheSummarySpansOnlyWhatWasTaken(t *testing.T) {
	t.Parallel()
	f, src := newFakeAPI(t)
	f.refuse = "dust"
	file := filepath.Join(t.TempDir(), "events.jsonl")
	var lines strings.Builder
	for at, kind := range []string{"dust", "click", "click", "dust"} {
		fmt.Fprintf(&lines, "{\"type\":%q,\"timestamp\":\"2026-05-0%dT08:00:00Z\"}\n", kind, at+1)
	}
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	code, out, errOut := run(t, src, "import", "--format", "jsonl", "--product", f.product.Name, file)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "from 2026-05-02 08:00:00 to 2026-05-03 08:00:00")
}

func TestAFileOfTheWrongFormatIsOneClearError(t *testing.T) {
	t.Parallel()
	_, src := newFakeAPI(t)
	code, _, errOut := run(t, src, "import", "--format", "jsonl", logFile)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "not one line of "+logFile+" is usable; line 1: not a JSON object")
	require.Contains(t, errOut, "hint:  is --format jsonl right for this file?")
}

func TestExitCodesSayWhatKindOfErrorItWas(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"type":"x","title":"x","status":401,"code":"invalid_token"}`)
	}))
	t.Cleanup(refusing.Close)
	none := config.Source{"SPECTER_URL": "http://127.0.0.1:1", "SPECTER_TOKEN": "spt_x"}
	for name, c := range map[string]struct {
		src  config.Source
		args []string
		code int
		says string
	}{
		"unknown command":    {nil, []string{"frobnicate"}, 2, "see `specter --help`"},
		"unknown flag":       {nil, []string{"tail", "--colour"}, 2, "see `specter tail --help`"},
		"missing argument":   {nil, []string{"send"}, 2, "see `specter --help`"},
		"missing flag":       {nil, []string{"import", "x"}, 2, "required flag"},
		"output format":      {nil, []string{"version", "-o", "xml"}, 2, "-o takes table or json"},
		"unknown target":     {nil, []string{"serve", "--target=mail"}, 2, `unknown target "mail"`},
		"unknown setting":    {config.Source{"SPECTER_HTP_ADDR": "x"}, []string{"config", "check"}, 2, "did you mean SPECTER_HTTP_ADDR"},
		"broker's disk":      {config.Source{"SPECTER_NATS_URL": "nats://nats:4222", "SPECTER_PUBLIC_URL": "https://specter.example"}, []string{"config", "check"}, 2, "SPECTER_NATS_SYNC_ALWAYS=true"},
		"retention":          {config.Source{"SPECTER_RETENTION_MONTHS": "99"}, []string{"config", "check"}, 2, "SPECTER_RETENTION_MONTHS"},
		"log level":          {config.Source{"SPECTER_LOG_LEVEL": "loud"}, []string{"config", "check"}, 2, "SPECTER_LOG_LEVEL"},
		"webhook networks":   {config.Source{"SPECTER_WEBHOOK_ALLOW_PRIVATE": "zzz"}, []string{"config", "check"}, 2, "SPECTER_WEBHOOK_ALLOW_PRIVATE"},
		"secret key":         {config.Source{"SPECTER_SECRET_KEY": "thirty-one bytes are not enough"}, []string{"config", "check"}, 2, "at least 32"},
		"duration":           {config.Source{"SPECTER_DRAIN_DELAY": "soon"}, []string{"config", "check"}, 2, "SPECTER_DRAIN_DELAY"},
		"days of a demo":     {none, []string{"demo", "--days", "35"}, 2, "--days"},
		"no server known":    {nil, []string{"tail"}, 2, "run `specter up` here first"},
		"no server there":    {none, []string{"tail", "--product", uuid.NewString()}, 3, "is Specter running there?"},
		"refused":            {config.Source{"SPECTER_URL": refusing.URL, "SPECTER_TOKEN": "spt_x"}, []string{"tail"}, 4, "unknown, revoked or expired"},
		"bad payload":        {none, []string{"send", "click", "novalue"}, 2, "write the payload as key=value"},
		"missing file":       {none, []string{"import", "--format", "csv", "/does/not/exist"}, 2, "no such file"},
		"migrate without db": {nil, []string{"migrate"}, 2, "SPECTER_DATABASE_URL is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errOut := run(t, c.src, c.args...)
			require.Equal(t, c.code, code, errOut)
			require.Contains(t, errOut, c.says)
			require.Contains(t, errOut, "hint:")
			require.NotContains(t, errOut, "\x1b", "no colour off a terminal")
		})
	}
}

func TestTheLocalTokenIsNotSentElsewhere(t *testing.T) {
	t.Parallel()
	facts := filepath.Join(t.TempDir(), "facts.json")
	require.NoError(t, os.WriteFile(facts, []byte(`{"url":"http://127.0.0.1:1","token":"spt_local"}`), 0o600))
	code, _, errOut := run(t, config.Source{"SPECTER_BOOTSTRAP_FILE": facts}, "tail", "--url", "http://127.0.0.1:2")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "no URL and token are known")
}

func TestRefusalsNameWhatToChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		code   string
		fields string
		hint   string
	}{
		"wrong ingest key":   {401, "unknown_key", `[]`, "the ingest key is unknown, revoked or expired: give another with --key spk_…"},
		"key without right":  {403, "forbidden", `[]`, "this ingest key is for pages of certain origins"},
		"wrong field":        {400, "invalid", `[{"pointer":"/type","code":"too_long","detail":"at most 128 characters"}]`, "change /type and try again"},
		"wrong without name": {400, "invalid", `[]`, "change what the answer names and try again"},
		"broken server":      {500, "internal", `[]`, "search the server's log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprintf(w, `{"type":"x","title":"x","status":%d,"code":%q,"errors":%s}`, c.status, c.code, c.fields)
			}))
			t.Cleanup(server.Close)
			code, _, errOut := run(t, config.Source{"SPECTER_URL": server.URL, "SPECTER_TOKEN": "spt_x"}, "send", "click", "--key", "spk_x")
			require.Equal(t, 4, code)
			require.Contains(t, errOut, "hint:  "+c.hint)
			require.NotContains(t, errOut, "token")
		})
	}
}

func TestConfigCheckNeedsNothingThatUpMakes(t *testing.T) {
	t.Parallel()
	for _, src := range []config.Source{
		{"SPECTER_NATS_URL": "nats://nats:4222"},
		{"SPECTER_PUBLIC_URL": "https://specter.example"}, // with the broker of its own, which syncs
	} {
		code, out, errOut := run(t, src, "config", "check")
		require.Zero(t, code, errOut)
		require.Contains(t, out, "all known and usable")
	}
}

func TestConfigPrintHidesSecrets(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, config.Source{"SPECTER_SECRET_KEY": "hush-hush-hush-hush-hush-hush-hu"}, "config", "print")
	require.Zero(t, code)
	require.NotContains(t, out, "hush")
	require.Contains(t, out, "SPECTER_SECRET_KEY")
	require.Contains(t, out, "(set)")
}

func TestDoctorNamesTheFix(t *testing.T) {
	t.Parallel()
	code, out, _ := run(t, config.Source{"SPECTER_POSTGRES_BIN": t.TempDir(), "SPECTER_HTTP_ADDR": "127.0.0.1:0", "SPECTER_NATS_URL": "nats://127.0.0.1:1"}, "doctor")
	require.Equal(t, 5, code)
	require.Contains(t, out, "✗ postgres")
	require.Contains(t, out, "→ install PostgreSQL")
	require.Contains(t, out, "✗ broker")
	require.Contains(t, out, "✓ data directory")
}

func TestDoctorAsksTheLanguageModelForNothingButItsNames(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 8)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path
		if r.Header.Get("Authorization") != "Bearer sk-hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"object":"list","data":[{"id":"MiniMax-M2.7"}]}`)
	}))
	t.Cleanup(api.Close)
	src := config.Source{"SPECTER_HTTP_ADDR": "127.0.0.1:0", "SPECTER_LLM_BASE_URL": api.URL, "SPECTER_LLM_MODEL": "MiniMax-M2.7", "SPECTER_LLM_API_KEY": "sk-hush"}
	code, out, _ := run(t, src, "doctor")
	require.Zero(t, code, out)
	require.Contains(t, out, "✓ language model")
	require.Equal(t, "GET /v1/models", <-asked)
	require.Empty(t, asked)

	src["SPECTER_LLM_API_KEY"] = "sk-stale"
	code, out, _ = run(t, src, "doctor")
	require.Equal(t, 5, code)
	require.Contains(t, out, "✗ language model")
	require.Contains(t, out, "→ set SPECTER_LLM_API_KEY")
	require.NotContains(t, out, "sk-stale")

	code, out, errOut := run(t, src, "config", "check")
	require.Zero(t, code, errOut)
	require.NotContains(t, out, "sk-stale")
	require.Contains(t, out, "SPECTER_LLM_API_KEY")
}

func TestDoctorKnowsHowTheAuthServerSigns(t *testing.T) {
	t.Parallel()
	const none, one = `{"keys":[]}`, `{"keys":[{"kty":"EC"}]}`
	for name, c := range map[string]struct {
		keys, secret string
		code         int
		want         []string
	}{
		"keys":               {one, "", 0, []string{"✓ auth server", "tokens are checked with its keys (1)"}},
		"a secret":           {none, "0123456789abcdef0123456789abcdef", 0, []string{"✓ auth server", "with the secret"}},
		"both":               {one, "0123456789abcdef0123456789abcdef", 0, []string{"✓ auth server", "with the secret or its keys (1)"}},
		"a secret, not told": {none, "", 5, []string{"✗ auth server", "nobody could sign in", "→ set SPECTER_SUPABASE_JWT_SECRET"}},
		"older than keys":    {"", "0123456789abcdef0123456789abcdef", 0, []string{"✓ auth server", "with the secret"}},
		"something else":     {"", "", 5, []string{"✗ auth server", "404", "→ is SPECTER_SUPABASE_AUTH_URL right"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("GET /settings", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
			if c.keys != "" {
				mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.keys) })
			}
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			src := config.Source{"SPECTER_HTTP_ADDR": "127.0.0.1:0", "SPECTER_SUPABASE_AUTH_URL": server.URL}
			if c.secret != "" {
				src["SPECTER_SUPABASE_JWT_SECRET"] = c.secret
			}
			code, out, _ := run(t, src, "doctor")
			require.Equal(t, c.code, code, out)
			for _, want := range c.want {
				require.Contains(t, out, want)
			}
			require.NotContains(t, out, "0123456789")
		})
	}
}

func TestDoctorAsksTheServerItIsGiven(t *testing.T) {
	t.Parallel()
	const dead = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		src  config.Source
		args []string
	}{
		"by flag":            {config.Source{}, []string{"--url", dead}},
		"by flag with token": {config.Source{}, []string{"--url", dead, "--token", "spt_x"}},
		"by setting":         {config.Source{"SPECTER_URL": dead}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.src["SPECTER_HTTP_ADDR"] = "127.0.0.1:0"
			code, out, _ := run(t, c.src, append([]string{"doctor"}, c.args...)...)
			require.Equal(t, 5, code)
			require.Contains(t, out, "✗ server         "+dead+": no answer")
		})
	}
	code, out, _ := run(t, config.Source{"SPECTER_HTTP_ADDR": "127.0.0.1:0"}, "doctor")
	require.Zero(t, code, out)
	require.Contains(t, out, "✓ server         none known here")
}
