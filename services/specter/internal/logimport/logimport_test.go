package logimport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/internal/logimport"
)

var (
	product = uuid.MustParse("7d444840-9dc0-11d1-b245-5ffdce74fad2")
	now     = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
)

func readAll(t testing.TB, format logimport.Format, in io.Reader) ([]logimport.Signal, logimport.Report, error) {
	t.Helper()
	reader, err := logimport.NewReader(in, logimport.Options{Format: format, Product: product, Now: now})
	require.NoError(t, err)
	var signals []logimport.Signal
	for {
		signal, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return signals, reader.Report(), nil
		}
		if err != nil {
			return signals, reader.Report(), err
		}
		signals = append(signals, signal)
	}
}

func readFile(t testing.TB, format logimport.Format, name string) ([]logimport.Signal, logimport.Report) {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	signals, report, err := readAll(t, format, file)
	require.NoError(t, err)
	return signals, report
}

func types(signals []logimport.Signal) []string {
	var out []string
	for _, s := range signals {
		out = append(out, s.Type)
	}
	return out
}

func TestCombinedLogBecomesSignals(t *testing.T) {
	t.Parallel()
	signals, report := readFile(t, logimport.Combined, "testdata/access.log")
	require.Equal(t, []string{"page_view", "http_error", "not_found", "page_view", "page_view", "page_view", "page_view"}, types(signals))
	require.Equal(t, 8, report.Lines)
	require.Equal(t, 7, report.Signals)
	require.Equal(t, []logimport.BadLine{{Line: 7, Reason: "not an access log line: no host, identity and user before [time]"}}, report.BadList)

	first := signals[0]
	require.Equal(t, map[string]any{"method": "GET", "path": "/cart", "status": 200, "referrer": "search.example", "browser": "Chrome"}, first.Payload)
	require.Equal(t, time.Date(2015, 5, 17, 10, 5, 0, 0, time.UTC), first.Time)
	require.Equal(t, first.SessionID, signals[1].SessionID, "the same visitor on the same day")
	require.NotEqual(t, first.SessionID, signals[2].SessionID)
	require.Equal(t, time.Date(2015, 5, 17, 10, 5, 2, 0, time.UTC), signals[2].Time, "zones are honoured")
	require.Equal(t, true, signals[3].Payload["bot"])
	require.NotContains(t, first.Payload, "bot")
	require.NotContains(t, signals[5].Payload, "path", "a request line that is no HTTP has no path")
	require.Equal(t, `/a"b`, signals[6].Payload["path"])
	for _, signal := range signals {
		text := fmt.Sprint(signal)
		for _, private := range []string{"192.0.2.", "secret", "private", "frank"} {
			require.NotContains(t, text, private)
		}
	}
}

func TestCSVBecomesSignals(t *testing.T) {
	t.Parallel()
	signals, report := readFile(t, logimport.CSV, "testdata/events.csv")
	require.Equal(t, []string{"page_view", "checkout_completed", "js_error"}, types(signals))
	require.Equal(t, map[string]any{"path": "/a", "note": "two\nlines", "amount": "5"}, signals[0].Payload)
	require.Equal(t, "s1", signals[0].SessionID)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), signals[1].Time)
	require.Equal(t, `say "hi"`, signals[2].Payload["note"])
	require.Equal(t, []logimport.BadLine{
		{Line: 6, Reason: "the timestamp is no RFC 3339 date and no epoch"},
		{Line: 7, Reason: "has 3 columns, the header has 6"},
	}, report.BadList)
}

func TestOneUnclosedQuoteSpoilsOnlyItsOwnLine(t *testing.T) {
	t.Parallel()
	in := "time;event;note\n2026-01-02;a;\"open\n2026-01-03;b;fine\n2026-01-04;c;fine\n"
	signals, report, err := readAll(t, logimport.CSV, strings.NewReader(in))
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c"}, types(signals))
	require.Equal(t, []logimport.BadLine{{Line: 2, Reason: "a quote is not closed"}}, report.BadList)
}

func TestCSVWithoutUsableHeaderIsRefused(t *testing.T) {
	t.Parallel()
	_, _, err := readAll(t, logimport.CSV, strings.NewReader("a,b\n1,2\n"))
	require.ErrorContains(t, err, "the header must name a timestamp column")
}

func TestJSONLBecomesSignals(t *testing.T) {
	t.Parallel()
	signals, report := readFile(t, logimport.JSONL, "testdata/events.jsonl")
	require.Equal(t, []string{"rage_click", "Signed Up", "$pageview", "purchase", "flat"}, types(signals))
	require.Equal(t, json.Number("12345678901234567890"), signals[0].Payload["n"])
	require.Equal(t, "s1", signals[0].SessionID)
	require.Equal(t, map[string]any{"plan": "pro", "distinct_id": "u1"}, signals[1].Payload)
	require.Equal(t, time.Unix(1767323046, 0).UTC(), signals[1].Time)
	require.Equal(t, "ph1", signals[2].SessionID)
	require.Equal(t, time.Date(2026, 1, 2, 2, 4, 7, 0, time.UTC), signals[2].Time)
	require.Equal(t, map[string]any{"value": json.Number("3")}, signals[3].Payload)
	require.Equal(t, map[string]any{"path": "/flat", "ok": true}, signals[4].Payload)
	require.Equal(t, []logimport.BadLine{
		{Line: 6, Reason: "not a JSON object"},
		{Line: 7, Reason: "the timestamp is in the future"},
		{Line: 8, Reason: "the payload has a number that is too large"},
	}, report.BadList)
}

func ids(signals []logimport.Signal) map[uuid.UUID]bool {
	out := map[uuid.UUID]bool{}
	for _, s := range signals {
		out[s.ID] = true
	}
	return out
}

func TestIDsNameTheLineAndItsOccurrence(t *testing.T) {
	t.Parallel()
	line := `192.0.2.1 - - [17/May/2015:10:05:00 +0000] "GET / HTTP/1.1" 200 5` + "\n"
	other := strings.Replace(line, "10:05:00", "10:05:01", 1)
	once, _, err := readAll(t, logimport.Combined, strings.NewReader(line+line+other))
	require.NoError(t, err)
	grown, _, err := readAll(t, logimport.Combined, strings.NewReader(line+line+other+line))
	require.NoError(t, err)
	require.Len(t, ids(once), 3, "the second identical line is a second signal")
	require.Len(t, ids(grown), 4)
	for id := range ids(once) {
		require.True(t, ids(grown)[id], "a grown file keeps the ids of its old lines")
	}

	reader, err := logimport.NewReader(strings.NewReader(line), logimport.Options{Format: logimport.Combined, Product: uuid.New(), Now: now})
	require.NoError(t, err)
	elsewhere, err := reader.Next()
	require.NoError(t, err)
	require.False(t, ids(once)[elsewhere.ID], "another product has its own ids")
}

func TestALineOfAnyLengthIsReadInBoundedMemory(t *testing.T) {
	t.Parallel()
	good := `{"type":"a","timestamp":1767323046}` + "\n"
	in := io.MultiReader(strings.NewReader(good), io.LimitReader(endless('x'), 50<<20), strings.NewReader("\n"+good))
	signals, report, err := readAll(t, logimport.JSONL, in)
	require.NoError(t, err)
	require.Len(t, signals, 2)
	require.Equal(t, []logimport.BadLine{{Line: 2, Reason: "longer than 65536 bytes"}}, report.BadList)
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestOnlyBadLinesIsAnError(t *testing.T) {
	t.Parallel()
	_, report, err := readAll(t, logimport.Combined, strings.NewReader(strings.Repeat("nope\n", 100)))
	require.ErrorIs(t, err, logimport.ErrNothingUsable)
	require.Equal(t, 100, report.Bad)
	require.Len(t, report.BadList, logimport.MaxExamples)
	_, _, err = readAll(t, logimport.Combined, strings.NewReader("\n\n"))
	require.NoError(t, err, "an empty file is not an error")
}

func TestAReadErrorIsReported(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk gone")
	for _, format := range logimport.Formats() {
		_, _, err := readAll(t, format, io.MultiReader(strings.NewReader("time,type,\"x\n"), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, format)
	}
	_, err := logimport.NewReader(nil, logimport.Options{Format: "xml"})
	require.ErrorContains(t, err, "unknown format")
}

// The real log of $SPECTER_DATA, when it is there; the parsers are also tested on
// testdata, so nothing is untested without it.
func TestTheRealLog(t *testing.T) {
	t.Parallel()
	data := os.Getenv("SPECTER_DATA")
	if data == "" {
		t.Log("SPECTER_DATA is not set: the real log is not checked")
		return
	}
	signals, report := readFile(t, logimport.Combined, filepath.Join(data, "logs", "semicomplete_2015.log"))
	count := map[string]int{}
	bots := 0
	for _, s := range signals {
		count[s.Type]++
		if s.Payload["bot"] == true {
			bots++
		}
	}
	t.Logf("lines %d bad %d types %v bots %d %v", report.Lines, report.Bad, count, bots, report.BadList)
	require.Equal(t, report.Signals, len(ids(signals)))
	require.Less(t, report.Bad, report.Lines/100)
	require.NotZero(t, count["page_view"])
	require.NotZero(t, count["not_found"])
	require.NotZero(t, count["http_error"])
	require.NotZero(t, bots)
	again, _ := readFile(t, logimport.Combined, filepath.Join(data, "logs", "semicomplete_2015.log"))
	require.Equal(t, signals, again)
}

func fuzz(f *testing.F, format logimport.Format, file string) {
	seed, err := os.ReadFile(file)
	require.NoError(f, err)
	f.Add(string(seed))
	for line := range strings.Lines(string(seed)) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, in string) {
		signals, report, err := readAll(t, format, strings.NewReader(in))
		require.Equal(t, len(signals), report.Signals)
		require.Equal(t, report.Lines, report.Signals+report.Bad)
		require.LessOrEqual(t, len(report.BadList), logimport.MaxExamples)
		for _, signal := range signals {
			require.NotEmpty(t, signal.Type)
			require.NotEqual(t, uuid.Nil, signal.ID)
			encoded, err := json.Marshal(signal.Payload)
			require.NoError(t, err)
			require.LessOrEqual(t, len(encoded), logimport.MaxPayload)
			require.NotContains(t, string(encoded)+signal.Type+signal.SessionID, "\x00")
			require.NotContains(t, string(encoded), `\u0000`)
			_, err = signal.Time.MarshalJSON()
			require.NoError(t, err)
		}
		again, _, errAgain := readAll(t, format, strings.NewReader(in))
		require.Equal(t, signals, again)
		require.Equal(t, err == nil, errAgain == nil)
	})
}

func FuzzCombined(f *testing.F) { fuzz(f, logimport.Combined, "testdata/access.log") }
func FuzzCSV(f *testing.F)      { fuzz(f, logimport.CSV, "testdata/events.csv") }
func FuzzJSONL(f *testing.F)    { fuzz(f, logimport.JSONL, "testdata/events.jsonl") }
