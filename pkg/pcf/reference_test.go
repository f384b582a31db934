package pcf_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// sharedData is the folder with the published reference values and series, or "" when this machine has none. The cases
// in testdata run always.
func sharedData() string {
	folder, _ := os.LookupEnv("SPECTER_DATA")
	return folder
}

// table is a series read from a csv file: a date, then one or two counts a row.
type table struct {
	metric pcf.Metric
	first  time.Time
	days   []pcf.Day
	rows   map[string]int // date → row
}

func (s table) weekday(row int) time.Weekday { return s.first.AddDate(0, 0, row).Weekday() }

// readTable reads positive counts from one column and, for column negative > 0, negative ones from another.
func readTable(t *testing.T, path string, positive, negative int) table {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)

	s := table{metric: pcf.Count, rows: map[string]int{}}
	if negative > 0 {
		s.metric = pcf.Ratio
	}
	for i, row := range rows[1:] {
		date, err := time.Parse(time.DateOnly, row[0])
		require.NoError(t, err)
		if i == 0 {
			s.first = date
		}
		s.rows[row[0]] = i
		day := pcf.Day{Positive: number(t, row[positive])}
		if negative > 0 {
			day.Negative = number(t, row[negative])
		}
		s.days = append(s.days, day)
	}
	return s
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return value
}

// referenceCase is one published result of the method.
type referenceCase struct {
	Series          string  `json:"series"`
	FirstHistoryRow int     `json:"first_history_row"`
	DeployRow       int     `json:"deploy_row"`
	HistoryDays     int     `json:"history_days"`
	PostDays        int     `json:"post_days"`
	D               float64 `json:"D"`
	S               float64 `json:"s"`
	Nu              float64 `json:"nu"`
	P               float64 `json:"p_two_sided"`
}

func readReference(t *testing.T, path string) []referenceCase {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var reference struct{ Cases []referenceCase }
	require.NoError(t, json.Unmarshal(data, &reference))
	require.NotEmpty(t, reference.Cases)
	return reference.Cases
}

// checkReference compares every case to the relative tolerance given for its series; D may also differ by absolute.
func checkReference(t *testing.T, reference, folder string, tolerance func(series string) (relative, absolute float64)) {
	t.Helper()
	tables := map[string]table{}
	for _, c := range readReference(t, reference) {
		s, ok := tables[c.Series]
		if !ok {
			path := filepath.Join(folder, c.Series)
			s = readTable(t, path, 1, negativeColumn(t, path))
			tables[c.Series] = s
		}
		e, err := pcf.Forecast(s.metric, s.weekday(c.FirstHistoryRow),
			s.days[c.FirstHistoryRow:c.DeployRow], s.days[c.DeployRow:c.DeployRow+c.PostDays])
		require.NoError(t, err, c)

		within, absolute := tolerance(c.Series)
		require.InEpsilon(t, c.S, e.S, within, "s of %+v", c)
		require.InDelta(t, c.D, e.D, max(within*abs(c.D), absolute), "D of %+v", c)
		require.InEpsilon(t, c.Nu, e.Nu, 1e-12, "ν of %+v", c)
		require.InDelta(t, c.P, e.PValue(), max(within*c.P, 1e-13), "p of %+v", c)
	}
}

func negativeColumn(t *testing.T, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	if string(data[:len("timestamp,pos,neg")]) == "timestamp,pos,neg" {
		return 2
	}
	return 0
}

func abs(x float64) float64 { return max(x, -x) }

func TestForecastAgreesWithAnIndependentImplementation(t *testing.T) {
	t.Parallel()
	checkReference(t, filepath.Join("testdata", "reference.json"), "testdata", func(string) (float64, float64) { return 1e-6, 0 })
}

func TestForecastReproducesThePublishedReference(t *testing.T) {
	t.Parallel()
	folder := sharedData()
	if folder == "" {
		return // the test above covers the method with data of our own
	}
	checkReference(t, filepath.Join(folder, "pcf-reference.json"), filepath.Join(folder, "series"), func(series string) (float64, float64) {
		if series == "wiki_views.csv" {
			// Its counts were cut to whole numbers after the reference was computed (each is the true count or one
			// less: int(exp(log n)) of a 15-digit logarithm), which moves D by up to 6e-4 on the log scale.
			return 5e-3, 1e-3
		}
		return 1e-6, 0
	})
}
