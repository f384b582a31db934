package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/specter/internal/cli"
	"github.com/draftlabs/specter/services/specter/internal/proof"
)

// documented finds docs/ from this package.
func documented(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", "..", ".."}, parts...)...)
}

// TestEveryDocumentedVerifyRuns: the commands of the documents, on the file they name, and the answer that is printed
// there word for word.
func TestEveryDocumentedVerifyRuns(t *testing.T) {
	t.Parallel()
	fence := regexp.MustCompile("(?ms)^```(sh)?\n(.*?)^```$")
	command := regexp.MustCompile("(?:bin/)?specter verify ([^`\n]+)")
	ran := 0
	for _, name := range []string{"README.md", filepath.Join("docs", "VERIFYING.md")} {
		text, err := os.ReadFile(documented(name))
		require.NoError(t, err)
		for _, match := range command.FindAllStringSubmatch(string(text), -1) {
			args := strings.Fields("verify " + match[1])
			for i, arg := range args {
				if filepath.Base(arg) == "signups.csv" {
					args[i] = documented("docs", "examples", "signups.csv")
				}
			}
			code, out, errOut := run(t, nil, args...)
			require.Zero(t, code, "%s: %s", match[0], errOut)
			require.NotEmpty(t, out)
			ran++
		}
		if name == "README.md" {
			continue
		}
		fences := fence.FindAllStringSubmatch(string(text), -1)
		code, out, _ := run(t, nil, "verify", "--csv", documented("docs", "examples", "signups.csv"), "--at", "2026-04-13", "--numerator", "signups", "--denominator", "visits")
		require.Zero(t, code)
		require.Equal(t, fences[1][2], out)
	}
	require.Equal(t, 6, ran)
}

func TestVerifyAsJSON(t *testing.T) {
	t.Parallel()
	file := documented("docs", "examples", "signups.csv")
	code, out, errOut := run(t, nil, "verify", "--csv", file, "--at", "2026-04-13", "--numerator", "signups", "--denominator", "visits", "-o", "json")
	require.Zero(t, code, errOut)
	var a proof.Answer
	require.NoError(t, json.Unmarshal([]byte(out), &a))
	require.Equal(t, "improved", a.Verdict)
	require.Equal(t, 5, a.Look)
	for _, field := range []string{
		"verdict", "effect", "effect_low", "effect_high", "effect_95", "probability_improved", "minimum_detectable_effect", "before", "after",
		"look", "method", "warnings", "sensitivity", "p_value", "placebos",
	} {
		require.Contains(t, out, `"`+field+`":`)
	}

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var again, errAgain bytes.Buffer
	code = cli.Main(t.Context(), cli.Env{
		Args: []string{"verify", "--csv", "-", "--at", "2026-04-13", "--numerator", "signups", "--denominator", "visits", "-o", "json"},
		In:   bytes.NewReader(text), Out: &again, Err: &errAgain,
		Settings: func() (config.Source, error) { return nil, nil }, Now: func() time.Time { return now },
	})
	require.Zero(t, code, errAgain.String())
	require.Equal(t, out, again.String(), "the same bytes from the same file")
}

func TestVerifySaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	file := documented("docs", "examples", "signups.csv")
	for name, c := range map[string]struct {
		args       []string
		code       int
		said, hint string
	}{
		"no such file":   {[]string{"--csv", file + "x", "--at", "2026-04-13"}, 2, "no such file", "readable file"},
		"no such column": {[]string{"--csv", file, "--at", "2026-04-13", "--value", "cpu"}, 2, "no_such_column", "date, signups, visits"},
		"no metric":      {[]string{"--csv", file, "--at", "2026-04-13"}, 2, "no_metric", "date, signups, visits"},
		"no time":        {[]string{"--csv", file}, 2, "at", "--help"},
		"a bad time":     {[]string{"--csv", file, "--at", "later", "--value", "visits"}, 2, "bad_time", "2026-03-01"},
		"outside":        {[]string{"--csv", file, "--at", "2027-04-13", "--value", "visits"}, 2, "outside_the_series", "before and after"},
		"a bad row":      {[]string{"--csv", seriesFile(t, "date,n\n2026-01-01,x\n"), "--at", "2026-01-01"}, 1, "bad_row", "line 2"},
		"an empty file":  {[]string{"--csv", seriesFile(t, ""), "--at", "2026-01-01"}, 1, "empty_file", "names the columns"},
		"odd format":     {[]string{"--csv", file, "--at", "2026-04-13", "--value", "visits", "-o", "csv"}, 2, "csv", "table or json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := run(t, nil, append([]string{"verify"}, c.args...)...)
			require.Equal(t, c.code, code, errOut)
			require.Empty(t, out)
			require.Contains(t, errOut, c.said)
			require.Contains(t, errOut, c.hint)
		})
	}
}

// TestEventsThatEverybodyKnows: real series with a known answer, each beside a date or a series at which nothing happened.
func TestEventsThatEverybodyKnows(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("SPECTER_DATA")
	if folder == "" {
		return // the tests of package proof cover the command with series of our own
	}
	for name, c := range map[string]struct {
		file, at     string
		args         []string
		verdict      string
		low, high    float64 // of the effect
		below, above float64 // of the 95 % interval
	}{
		"the lockdown empties Melbourne":      {"melbourne_pedestrians.csv", "2020-03-21", nil, "regressed", -.58, -.55, -.66, -.46},
		"Melbourne half a year before":        {"melbourne_pedestrians.csv", "2019-09-21", []string{"--horizon", "7"}, "inconclusive", -.05, -.01, -.17, .12},
		"Volkswagen, September 2015":          {"stocks_vw_bmw_allianz_weekly.csv", "2015-09-18", []string{"--value", "volkswagen"}, "regressed", -.30, -.26, -.42, -.13},
		"BMW, September 2015":                 {"stocks_vw_bmw_allianz_weekly.csv", "2015-09-18", []string{"--value", "bmw"}, "inconclusive", -.08, .08, -.2, .25},
		"Italian Wikipedia gets its site map": {"itwiki_desktop_search_internal.csv", "2018-08-10", []string{"--numerator", "pos", "--negative", "neg"}, "inconclusive", -.06, .06, -.3, .3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"verify", "--csv", filepath.Join(folder, "known", c.file), "--at", c.at, "-o", "json"}, c.args...)
			code, out, errOut := run(t, nil, args...)
			require.Zero(t, code, errOut)
			var a proof.Answer
			require.NoError(t, json.Unmarshal([]byte(out), &a))
			require.Equal(t, c.verdict, a.Verdict, a.Reason)
			require.Greater(t, *a.Effect, c.low)
			require.Less(t, *a.Effect, c.high)
			require.Greater(t, a.Effect95[0], c.below)
			require.Less(t, a.Effect95[1], c.above)
		})
	}
}
