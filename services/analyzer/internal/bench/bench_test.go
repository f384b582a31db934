package main

import (
	"context"
	"io"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

// A few products of each kind hold what `make bench-analysis` measures on many.
func TestFindsWhatIsPlantedAndLittleElse(t *testing.T) {
	t.Parallel()
	const seeds = 8
	var r result
	require.NoError(t, r.quiet(context.Background(), seeds, io.Discard, false))
	require.NoError(t, r.planted(context.Background(), seeds, io.Discard, false))
	t.Logf("%+v", r)
	require.LessOrEqual(t, r.NullWeeks, 1.0/seeds)
	require.GreaterOrEqual(t, r.Found6h, 6.0/seeds)
	require.GreaterOrEqual(t, r.Segment, 0.75)
	require.GreaterOrEqual(t, r.Start, 0.75)
	require.Greater(t, r.Coverage, 0.4)
}

// The simulation is what it says: a tenth is bad, the planted segment has its share, and
// breaking it costs the context three points.
func TestWorldIsWhatIsPlanned(t *testing.T) {
	t.Parallel()
	planted := []analysis.Condition{{Dimension: "browser", Value: "Safari"}}
	at := start.Add(week * time.Hour)
	w := newWorld(plan{seed: 3, hours: 3 * week, perHour: perHour, planted: planted, at: at, until: at.Add(week * time.Hour), points: points})
	before, _ := w.ratio(start, at, nil)
	during, _ := w.ratio(at, at.Add(week*time.Hour), nil)
	require.InDelta(t, 0.9, before, 0.02)
	require.InDelta(t, points, before-during, 0.012)
	var sessions, safari int64
	for _, h := range w.hours {
		sessions += h.types[neutral]
		safari += h.values[planted[0]][neutral]
	}
	require.InDelta(t, perHour, float64(sessions)/float64(len(w.hours)), 40)
	require.InDelta(t, shareOf(planted), float64(safari)/float64(sessions), 0.01)
}

func TestSameSeedSameWorld(t *testing.T) {
	t.Parallel()
	sum := func() (n float64) {
		w := newWorld(plan{seed: 9, hours: 48, perHour: 100, sessions: true})
		for _, h := range w.hours {
			n += float64(h.types[bad]) * math.Sqrt(float64(1+h.types[neutral]))
			for _, v := range h.visits {
				n += float64(v.session % 1000)
			}
		}
		return n
	}
	require.Equal(t, sum(), sum())
}

// Segments to plant have 10 to 40 % of the traffic, and there are enough of both kinds.
func TestCandidates(t *testing.T) {
	t.Parallel()
	list := candidates()
	require.GreaterOrEqual(t, len(list[0]), 8)
	require.GreaterOrEqual(t, len(list[1]), 20)
	for _, kind := range list {
		for _, c := range kind {
			require.InDelta(t, 0.25, shareOf(c), 0.15+1e-9)
		}
	}
}
