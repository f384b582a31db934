package verify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// reference reads published cases of other implementations; false where this machine has none.
func reference(t *testing.T, name string, into any) bool {
	t.Helper()
	folder := os.Getenv("SPECTER_CORPORA")
	if folder == "" {
		return false
	}
	raw, err := os.ReadFile(filepath.Join(folder, "stats", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
	return true
}

// variation is a sample as GrowthBook's own tests have it.
type variation struct {
	Kind       string
	N, Sum     float64
	SumSquares float64 `json:"sum_squares"`
}

func (v variation) sample() sample {
	if v.Kind == "proportion" {
		return proportion(v.Sum, v.N)
	}
	mean := v.Sum / v.N
	return sample{v.N, mean, (v.SumSquares - v.Sum*mean) / (v.N - 1)}
}

func TestGrowthBookAgreesWithItsOwnTests(t *testing.T) {
	t.Parallel()
	var book struct {
		Cases []struct {
			Name, Test     string
			A, B           variation
			DifferenceType string `json:"difference_type"`
			Alpha          float64
			Tuning         float64 `json:"sequential_tuning"`
			Tolerance      float64
			Expected       struct {
				Effect, Stddev float64
				CI             []float64
				PValue         float64 `json:"p_value"`
			}
		}
	}
	checked := 0
	if reference(t, "growthbook_frequentist.json", &book) {
		for _, c := range book.Cases {
			if !strings.HasSuffix(c.Test, "two_sided") || c.A.Kind != "mean" && c.A.Kind != "proportion" {
				continue // one-sided tests and covariates are not used here
			}
			checked++
			got := compare(c.A.sample(), c.B.sample(), c.DifferenceType == "relative")
			p, low, high := got.fixed(c.Alpha)
			if strings.HasPrefix(c.Test, "sequential") {
				p, low, high = got.sequential(c.Alpha, c.Tuning)
			}
			require.InDelta(t, c.Expected.Effect, got.effect, c.Tolerance, c.Name)
			require.InDelta(t, c.Expected.Stddev, got.se, c.Tolerance, c.Name)
			require.InDelta(t, c.Expected.CI[0], low, c.Tolerance, c.Name)
			require.InDelta(t, c.Expected.CI[1], high, c.Tolerance, c.Name)
			require.InDelta(t, c.Expected.PValue, p, c.Tolerance, c.Name)
		}
		require.Equal(t, 5, checked)
	}
	// Of our own: whatever is seen, looking often is paid for by a wider interval.
	c := compare(proportion(500, 1000), proportion(560, 1000), false)
	p, low, high := c.fixed(.05)
	q, lower, higher := c.sequential(.05, sequentialTuning)
	require.Less(t, p, q)
	require.Less(t, lower, low)
	require.Greater(t, higher, high)
}

func TestTwoProportionsAgreeWithAPublishedExperiment(t *testing.T) {
	t.Parallel()
	var course struct {
		Cases []struct {
			Name               string
			Control, Treatment struct{ X, N float64 }
			Expected           struct {
				Diff float64
				CI   []float64
			}
		}
	}
	if reference(t, "udacity_two_proportion.json", &course) {
		require.NotEmpty(t, course.Cases)
		for _, c := range course.Cases {
			z := twoProportions(c.Control.X, c.Control.N, c.Treatment.X, c.Treatment.N)
			// The interval of the course is the difference ± 1.96 standard errors.
			se := (c.Expected.CI[1] - c.Expected.CI[0]) / 2 / 1.96
			require.InDelta(t, c.Expected.Diff/se, z, 2e-3, c.Name)
		}
	}
	require.InDelta(t, 0, twoProportions(50, 100, 500, 1000), 1e-12)
	require.InDelta(t, 1.4213, twoProportions(50, 100, 60, 100), 1e-3)
}

func TestMannWhitneyAgreesWithKayenta(t *testing.T) {
	t.Parallel()
	low, high, shift := mannWhitney([]float64{10, 20, 30, 40}, []float64{1, 2, 3, 4}, .95)
	require.InDelta(t, 6, low, 1e-4)
	require.InDelta(t, 39, high, 1e-4)
	require.InDelta(t, 22.5, shift, 1e-4)
	var kayenta struct {
		Cases []struct {
			Name                string
			Experiment, Control []float64
			Confidence          float64
			Expected            json.RawMessage
			ToleranceEstimate   float64 `json:"tolerance_estimate"`
		}
	}
	if !reference(t, "kayenta_mannwhitney.json", &kayenta) {
		return
	}
	checked := 0
	for _, c := range kayenta.Cases {
		if c.Experiment == nil {
			continue // intermediate values of their implementation
		}
		var want struct {
			CI       []float64
			Estimate float64
		}
		require.NoError(t, json.Unmarshal(c.Expected, &want))
		checked++
		low, high, shift := mannWhitney(c.Experiment, c.Control, c.Confidence)
		// Their search for the roots ends at 1e-4.
		require.InDelta(t, want.CI[0], low, 1e-4, c.Name)
		require.InDelta(t, want.CI[1], high, 1e-4, c.Name)
		require.InDelta(t, want.Estimate, shift, c.ToleranceEstimate, c.Name)
	}
	require.Equal(t, 4, checked)
}

// TestSeriesTestsKnowASeries: all of them find a large step, and none a step where there is a constant.
func TestSeriesTestsKnowASeries(t *testing.T) {
	t.Parallel()
	flat := Simulate(2, 1)[0]
	for name, test := range map[string]func(trial) outcome{
		"z": zTest, "welch": welch, "kayenta": kayenta, "newey-west": itsNeweyWest, "ar1": itsAR1, "growthbook": growthbook,
	} {
		c := flat.at(200, 150, 14)
		for i, d := range c.window {
			turn := d.Positive / 2
			c.window = append(append(append([]pcf.Day(nil), c.window[:i]...), pcf.Day{Positive: d.Positive - turn, Negative: d.Negative + turn}), c.window[i+1:]...)
		}
		require.Equal(t, -1, test(c).side(), name)
		c.window = []pcf.Day{{Missing: true}}
		require.Zero(t, outcome{p: 1}.side(), name)
	}
}
