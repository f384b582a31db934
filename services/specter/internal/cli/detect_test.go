package cli_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/specter/internal/cli"
)

// load is a server's load in five-minute steps with a failure, as CSV.
func load(rows, failure int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("timestamp,host,load\r\n")
	for i := range rows {
		value := fmt.Sprintf("%.2f", 40+15*math.Sin(2*math.Pi*float64(i)/288)+r.NormFloat64())
		switch {
		case i >= failure && i < failure+30:
			value = "0"
		case i%100 == 7:
			value = ""
		}
		fmt.Fprintf(&b, "%s,\"web, 1\",%s\r\n", now.Add(time.Duration(i)*5*time.Minute).Format(time.DateTime), value)
	}
	return b.String()
}

func seriesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "series.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDetectAnswersEveryRow(t *testing.T) {
	t.Parallel()
	const rows, failure = 3000, 2500
	path := seriesFile(t, load(rows, failure))
	code, out, errOut := run(t, nil, "detect", "--csv", path, "--column", "load", "-o", "csv")
	require.Zero(t, code, errOut)
	require.Empty(t, errOut)
	require.True(t, strings.HasPrefix(out, "timestamp,value,score,is_anomaly,expected,low,high\n"))
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, rows+1)
	found := -1
	for i, line := range lines[1:] {
		require.Equal(t, now.Add(time.Duration(i)*5*time.Minute).Format(time.DateTime), line[0])
		var numbers []float64
		for _, column := range []int{2, 4, 5, 6} {
			v, err := strconv.ParseFloat(line[column], 64)
			require.NoError(t, err)
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
			numbers = append(numbers, v)
		}
		require.True(t, numbers[0] >= 0 && numbers[0] <= 1)
		require.Equal(t, strconv.FormatBool(numbers[0] >= 0.5), line[3])
		if line[1] == "" {
			require.Equal(t, []string{"0", "false"}, line[2:4], "a gap is no anomaly")
		}
		if i >= failure && found < 0 && line[3] == "true" {
			found = i
		}
	}
	require.LessOrEqual(t, found-failure, 1)
	require.GreaterOrEqual(t, found, failure)
}

// TestDetectKnowsNothingOfTheFuture: of a file cut short the same is said, byte by byte.
func TestDetectHoldsTheScoreAgainstTheThreshold(t *testing.T) {
	t.Parallel()
	path := seriesFile(t, load(3000, 2500))
	count := func(args ...string) (anomalous int) {
		code, out, errOut := run(t, nil, append([]string{"detect", "--csv", path, "--column", "load", "-o", "csv"}, args...)...)
		require.Zero(t, code, errOut)
		lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		require.NoError(t, err)
		threshold := 0.5
		if len(args) > 0 {
			threshold, err = strconv.ParseFloat(args[1], 64)
			require.NoError(t, err)
		}
		for _, line := range lines[1:] {
			score, err := strconv.ParseFloat(line[2], 64)
			require.NoError(t, err)
			require.Equal(t, score >= threshold, line[3] == "true", line)
			if line[3] == "true" {
				anomalous++
			}
		}
		return anomalous
	}
	usual := count()
	require.Equal(t, usual, count("--threshold", "0.5"))
	fewer := count("--threshold", "0.7")
	require.Positive(t, fewer, "the failure is told all the same")
	require.Less(t, fewer, usual)
	for _, bad := range []string{"0", "-1", "1.01", "NaN"} {
		code, _, errOut := run(t, nil, "detect", "--csv", path, "--column", "load", "--threshold", bad)
		require.Equal(t, 2, code)
		require.Contains(t, errOut, "a score is above 0 and at most 1")
	}
}

func TestDetectKnowsNothingOfTheFuture(t *testing.T) {
	t.Parallel()
	text := load(1500, 1200)
	lines := strings.SplitAfter(text, "\n")
	for _, format := range []string{"csv", "json"} {
		_, whole, _ := run(t, nil, "detect", "--csv", seriesFile(t, text), "--column", "load", "-o", format)
		for _, cut := range []int{1, 2, 51, 700, 1201, 1499} {
			code, part, _ := run(t, nil, "detect", "--csv", seriesFile(t, strings.Join(lines[:cut], "")), "--column", "load", "-o", format)
			require.Zero(t, code)
			require.True(t, strings.HasPrefix(whole, part), "%s, %d lines", format, cut)
			if format == "csv" {
				require.Equal(t, cut, strings.Count(part, "\n"))
			}
		}
	}
}

func TestDetectReadsStandardInput(t *testing.T) {
	t.Parallel()
	text := load(600, 500)
	_, want, _ := run(t, nil, "detect", "--csv", seriesFile(t, text), "--column", "load", "-o", "csv")
	var out, errOut bytes.Buffer
	code := cli.Main(t.Context(), cli.Env{
		Args: []string{"detect", "--csv", "-", "--column", "load", "-o", "csv"}, In: strings.NewReader(text), Out: &out, Err: &errOut,
		Settings: func() (config.Source, error) { return nil, nil }, Now: func() time.Time { return now },
	})
	require.Zero(t, code, errOut.String())
	require.Equal(t, want, out.String())
}

func TestDetectAsJSONHasALineForEachRow(t *testing.T) {
	t.Parallel()
	code, out, errOut := run(t, nil, "detect", "--csv", seriesFile(t, "day,n\n2026-01-01,3\n2026-01-02,\n"), "--column", "n", "--timestamp", "day", "-o", "json")
	require.Zero(t, code, errOut)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2)
	require.JSONEq(t, `{"timestamp":"2026-01-02","value":null,"score":0,"is_anomaly":false,"expected":3,"low":3,"high":3}`, lines[1])
	require.True(t, json.Valid([]byte(lines[0])))
}

func TestDetectAsATableHasTheAnomaliesAndTheTotals(t *testing.T) {
	t.Parallel()
	code, out, errOut := run(t, nil, "detect", "--csv", seriesFile(t, load(3000, 2500)), "--column", "load")
	require.Zero(t, code, errOut)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Less(t, len(lines), 30)
	require.Contains(t, lines[0], "expected")
	require.Contains(t, out, now.Add(2500*5*time.Minute).Format(time.DateTime))
	require.Regexp(t, `^3000 rows, \d+ anomalous, 29 without a value$`, lines[len(lines)-1])
}

func TestDetectSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	t.Parallel()
	path := seriesFile(t, "timestamp,load\n2026-01-01,1\n2026-01-02,many\n2026-01-03,3\n")
	for name, c := range map[string]struct {
		args       []string
		code       int
		said, hint string
	}{
		"no such file":   {[]string{"--csv", path + "x", "--column", "load"}, 2, "no such file", "readable file"},
		"no such column": {[]string{"--csv", path, "--column", "cpu"}, 2, `no column "cpu"`, "timestamp, load"},
		"no such time":   {[]string{"--csv", path, "--column", "load", "--timestamp", "at"}, 2, `no column "at"`, "timestamp, load"},
		"a bad row":      {[]string{"--csv", path, "--column", "load", "-o", "csv"}, 1, `line 3: load is "many"`, "an empty cell is a gap"},
		"an empty file":  {[]string{"--csv", seriesFile(t, ""), "--column", "load"}, 1, "not even a header", "names the columns"},
		"no column":      {[]string{"--csv", path}, 2, "column", "--help"},
		"odd format":     {[]string{"--csv", path, "--column", "load", "-o", "yaml"}, 2, "yaml", "table, csv or json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := run(t, nil, append([]string{"detect"}, c.args...)...)
			require.Equal(t, c.code, code, errOut)
			require.Contains(t, errOut, c.said)
			require.Contains(t, errOut, c.hint)
			if name == "a bad row" {
				require.Equal(t, 2, strings.Count(out, "\n"), "the rows before it are answered")
			}
		})
	}
	code, _, errOut := run(t, nil, "version", "-o", "csv")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "table or json", "csv is for series alone")
}
