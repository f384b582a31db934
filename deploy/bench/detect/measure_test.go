package detect

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/anomaly"
)

func TestSimulatedSeriesAreWhatTheirLabelsSay(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	held := 0
	for _, k := range kinds() {
		require.False(t, names[k.name], k.name)
		names[k.name] = true
		if k.of != made {
			held++
		}
		for seed := range uint64(3) {
			s, again := k.series(seed), k.series(seed)
			require.Equal(t, len(s.At), len(s.Values))
			require.Equal(t, s.At, again.At)
			require.Equal(t, s.Windows, again.Windows, "a seed is one series")
			n := len(s.Values)
			require.GreaterOrEqual(t, n, 900)
			covered, last := 0, Probation(n)-1
			for _, w := range s.Windows {
				require.Greater(t, w.First, last, "%s: windows are ascending, apart and after the probation", k.name)
				require.GreaterOrEqual(t, w.Last, w.First)
				require.Less(t, w.Last, n)
				last, covered = w.Last, covered+w.rows()
			}
			require.LessOrEqual(t, float64(covered), 1.1*labelled*float64(n), k.name)
			for i := 1; i < n; i++ {
				require.False(t, s.At[i].Before(s.At[i-1]))
				require.False(t, math.IsInf(s.Values[i], 0))
			}
		}
	}
	require.GreaterOrEqual(t, held, 10, "there are kinds that the detector was not made on")
}

// TestTheDetectorIsFarBetterThanPlainOnes, and each of the promises that its state makes holds.
func TestTheDetectorIsFarBetterThanPlainOnes(t *testing.T) {
	t.Parallel()
	r, err := Measure(Options{Seeds: 2})
	require.NoError(t, err)
	require.Greater(t, r.Total.Score(), 55.0)
	require.Greater(t, r.By[fresh].Score(), 50.0, "also on kinds that it was not made on")
	require.Greater(t, r.By[field].Score(), 55.0, "and on kinds that its author did not write")
	for _, p := range r.Peers {
		require.Greater(t, r.Total.Score(), p.Score()+5, p.Name)
	}
	require.GreaterOrEqual(t, r.Best.Score(), r.Total.Score())
	require.LessOrEqual(t, r.Bytes, 8192)
}

func TestTheLastLineIsJSON(t *testing.T) {
	t.Parallel()
	r, err := Measure(Options{Seeds: 1, Data: t.TempDir()})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, r.Print(&out))
	require.Contains(t, out.String(), "real events: none tried")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last struct {
		Score          float64 `json:"score"`
		PointsPerS     float64 `json:"points_per_s"`
		BytesPerSeries int     `json:"bytes_per_series"`
	}
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Positive(t, last.Score)
	require.Positive(t, last.PointsPerS)
	require.Equal(t, anomaly.Bytes, last.BytesPerSeries)
}

// TestEventsThatEverybodyKnowsAreFound in the real series, where these are at hand.
func TestEventsThatEverybodyKnowsAreFound(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SPECTER_DATA")
	found, why, err := known(dir)
	require.NoError(t, err)
	if dir == "" {
		require.NotEmpty(t, why)
		return
	}
	for _, f := range found {
		require.Equal(t, 1, f.Hits, f.Event)
	}
}
