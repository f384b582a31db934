package detect

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The figures are computed by hand from 2/(1+exp(5y)) - 1, where y is -1 at the first row of a
// window, 0 behind its last, and grows by 1 a width after it.
func TestDetectionsEarnAndCost(t *testing.T) {
	t.Parallel()
	const first = 0.986614 // at y = -1, by which earnings are divided
	window := []Window{{400, 499}}
	for name, c := range map[string]struct {
		windows    []Window
		detections []int
		raw        float64
	}{
		"nothing said":                       {window, nil, -1},
		"at the first row":                   {window, []int{400}, 1},
		"in the middle":                      {window, []int{449}, 0.855149 / first},
		"at the last row":                    {window, []int{499}, 0.024995 / first},
		"only the earliest counts":           {window, []int{400, 401, 450, 499}, 1},
		"in the probation":                   {window, []int{0, 149}, -1},
		"false, before every window":         {window, []int{150, 399}, -1 - 2*0.11},
		"false, just after a window":         {window, []int{509}, -1 - 0.11*0.247284},
		"false, a window's width after it":   {window, []int{598}, -1 - 0.11*first},
		"false, far after it":                {window, []int{999}, -1 - 0.11},
		"false, without any window":          {nil, []int{200, 300}, -0.22},
		"two windows, one found":             {[]Window{{400, 499}, {800, 899}}, []int{800}, 0},
		"between two windows":                {[]Window{{400, 499}, {800, 899}}, []int{400, 799, 800}, 2 - 0.11*0.999999},
		"a window of one row":                {[]Window{{400, 400}}, []int{400}, 1},
		"false, beside a window of one row":  {[]Window{{400, 400}}, []int{401}, -1 - 0.11*first},
		"found, and false once on each side": {window, []int{300, 400, 509}, 1 - 0.11 - 0.11*0.247284},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.InDelta(t, c.raw, Judge(1000, c.windows, c.detections).Raw, 1e-5)
		})
	}
}

func TestProbationIsAShareWithALimit(t *testing.T) {
	t.Parallel()
	require.Equal(t, 150, Probation(1000))
	require.Equal(t, 750, Probation(5000))
	require.Equal(t, 750, Probation(20000))
}

func TestScoresRunFromSilenceToPerfection(t *testing.T) {
	t.Parallel()
	windows := []Window{{400, 449}, {800, 849}}
	require.InDelta(t, 0, Judge(1000, windows, nil).Score(), 1e-9)
	require.InDelta(t, 100, Judge(1000, windows, []int{400, 800}).Score(), 1e-9)
	require.InDelta(t, 50, Judge(1000, windows, []int{800}).Score(), 1e-9)
	found := Judge(1000, windows, []int{300, 425})
	require.InDelta(t, 0.5, found.Recall(), 1e-9)
	require.InDelta(t, 0.5, found.Precision(), 1e-9)
	require.InDelta(t, 0.5, found.MeanDelay(), 1e-9)
	require.Equal(t, 850, found.Rows)
}

// TestEarlierIsNeverWorse, and one more false alarm is never better.
func TestEarlierIsNeverWorse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := Window{First: rapid.IntRange(200, 800).Draw(t, "first")}
		w.Last = w.First + rapid.IntRange(0, 150).Draw(t, "rows")
		early := rapid.IntRange(w.First, w.Last).Draw(t, "early")
		late := rapid.IntRange(early, w.Last).Draw(t, "late")
		windows := []Window{w}
		require.GreaterOrEqual(t, Judge(1000, windows, []int{early}).Raw, Judge(1000, windows, []int{late}).Raw)
		wrong := rapid.IntRange(150, w.First-1).Draw(t, "wrong")
		require.Less(t, Judge(1000, windows, []int{wrong, early}).Raw, Judge(1000, windows, []int{early}).Raw)
	})
}

func TestTheBestThresholdIsTheOneThatSumsUpBest(t *testing.T) {
	t.Parallel()
	scores := make([]float64, 1000)
	for _, row := range []int{200, 300, 600} {
		scores[row] = 0.3
	}
	scores[410], scores[900] = 0.7, 0.6
	s := &Series{Values: scores, Windows: []Window{{400, 499}}}
	at, best := Best([]Scored{{s, scores}})
	require.InDelta(t, 0.7, at, 1e-9)
	require.Equal(t, 1, best.Hits)
	require.Zero(t, best.False)
	at, best = Best([]Scored{{&Series{Values: scores}, scores}})
	require.True(t, math.IsInf(at, 1), "with nothing to find, silence is best")
	require.Zero(t, best.Raw)
}
