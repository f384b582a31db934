package verify

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/pcf"
)

func TestASeedIsOneSeries(t *testing.T) {
	t.Parallel()
	all, again := Simulate(5, 2), Simulate(5, 2)
	require.Equal(t, all, again)
	require.NotEqual(t, all[0].Days, Simulate(6, 1)[0].Days)
	names := map[string]bool{}
	for _, k := range kinds() {
		require.False(t, names[k.name], k.name)
		names[k.name] = true
	}
	for _, s := range all {
		require.Len(t, s.Days, simulatedDays)
		require.Len(t, s.Control, simulatedDays)
		for _, d := range append(s.Days, s.Control...) {
			require.GreaterOrEqual(t, d.Positive, 0., s.Kind)
			require.GreaterOrEqual(t, d.Negative, 0., s.Kind)
			require.False(t, math.IsInf(d.Total(), 0) || math.IsNaN(d.Total()))
			if s.Metric != pcf.Value {
				require.Equal(t, math.Trunc(d.Positive), d.Positive)
			}
		}
	}
}

// TestEffectsAreWhatTheySay: the odds are multiplied by the factor on average, no signal is lost, and the counts are as
// noisy as chance makes them.
func TestEffectsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	for _, factor := range []float64{1.2, 1 / 1.2} {
		day := pcf.Day{Positive: 700, Negative: 300}
		sum, squares := 0., 0.
		const draws = 4000
		for range draws {
			got := turned(r, day, factor)
			require.InDelta(t, 1000, got.Total(), 0)
			sum += got.Positive
			squares += got.Positive * got.Positive
		}
		mean := sum / draws
		require.InDelta(t, factor*700/300, mean/(1000-mean), .01)
		require.Greater(t, squares/draws-mean*mean, 10., "chance decides, not a factor")
	}
	c := trial{metric: pcf.Count, history: []pcf.Day{{Positive: 1e6}}, window: []pcf.Day{{Positive: 1e6}}}
	up, down := c.changed(r, 1.1), c.changed(r, 1/1.1)
	require.InEpsilon(t, 1.1, up.window[0].Positive/up.history[0].Positive, .01)
	require.InEpsilon(t, 1/1.1, down.window[0].Positive/down.history[0].Positive, .01)
	require.InDelta(t, 1e6, c.history[0].Positive, 0, "the series itself is left as it was")
}

func TestDrawsHaveTheirMean(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n := float64(rapid.IntRange(0, 3000).Draw(t, "n"))
		p := rapid.Float64Range(.001, .999).Draw(t, "p")
		sum, counted := 0., 0.
		const draws = 400
		for range draws {
			k := binomial(r, n, p)
			require.True(t, k >= 0 && k <= n)
			sum += k
			counted += poisson(r, n*p)
		}
		require.InDelta(t, n*p, sum/draws, 1+6*math.Sqrt(n*p*(1-p)/draws))
		require.InDelta(t, n*p, counted/draws, 1+6*math.Sqrt(n*p/draws))
	})
}

func TestDatesAfterBadDaysAreBadOnes(t *testing.T) {
	t.Parallel()
	s := Simulate(1, 1)[0]
	dates := badDates(s)
	require.NotEmpty(t, dates)
	for _, date := range dates {
		last, usual := values(s.Metric, s.Days[date-badDays:date]), values(s.Metric, s.Days[date-badDays-before:date-badDays])
		require.Less(t, mean(last), mean(usual))
	}
}

// TestTheMeasurementTellsMethodsApart, and its last line is JSON with the promises of the method.
func TestTheMeasurementTellsMethodsApart(t *testing.T) {
	t.Parallel()
	r, err := Measure(Options{Seeds: 1, From: 40})
	require.NoError(t, err)
	require.NotEmpty(t, r.NoReal)
	var out bytes.Buffer
	require.NoError(t, r.Print(&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last map[string]float64
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	for _, field := range []string{
		"false_fixed", "false_peeking", "worst_series", "false_improved_triggered", "power_10", "power_20", "coverage", "naive_z_false",
	} {
		require.Contains(t, last, field)
	}
	// One series of each kind: enough to tell a method that keeps its promise from one that does not.
	require.Less(t, last["false_fixed"], .08)
	require.Less(t, last["false_peeking"], .08)
	require.Less(t, last["false_improved_triggered"], .03)
	require.InDelta(t, .95, last["coverage"], .03)
	require.Greater(t, last["power_20"], last["power_10"])
	require.Greater(t, last["power_10"], .15)
	require.Greater(t, last["naive_z_false"], .4)
	for _, k := range r.Kinds {
		require.Positive(t, k.Rates[0].Dates)
		require.Positive(t, k.Rates[0].Triggered, k.Name)
	}

	first := Simulate(40, 1)[0]
	require.Equal(t, r.Kinds[0], measure(first, rand.New(rand.NewPCG(40, 77))), "the same seeds, the same figures")
}

func TestRealSeriesAreReadWhereThereAreAny(t *testing.T) {
	t.Parallel()
	_, err := Measure(Options{Data: t.TempDir()})
	require.ErrorContains(t, err, "no real series")
	all, err := Real("")
	require.NoError(t, err)
	require.Empty(t, all)
}
