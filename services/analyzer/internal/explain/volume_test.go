package explain_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/explain"
)

// missing is a window of 1,000 expected signals of which all of Germany is not there.
func missing() explain.VolumeInput {
	return explain.VolumeInput{
		Baseline: 10_000, Window: 600, Expected: 1000,
		Cells: []explain.Cell{
			cell("country", "DE", 4000, 0, 2, 0), cell("country", "AT", 4000, 0, 398, 0), cell("country", "CH", 2000, 0, 200, 0),
			cell("browser", "Chrome", 7000, 0, 420, 0), cell("browser", "Safari", 3000, 0, 180, 0),
			cell("release", "1.0", 10_000, 0, 600, 0),
		},
	}
}

func TestVolumeNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	r := explain.Volume(missing())
	require.InDelta(t, -400, r.Excess, 1e-9)
	require.NotNil(t, r.Explanation)
	require.Equal(t, "DE", valueOf(*r.Explanation))
	require.InDelta(t, 400, r.Explanation.Expected, 1e-9)
	require.InDelta(t, -398, r.Explanation.Excess, 1e-9)
	require.InDelta(t, 0.995, r.Explanation.ShareOfChange, 1e-9)
	require.Less(t, r.Explanation.Q, 1e-9)
	require.Len(t, r.Segments, 1)
	for _, s := range r.RuledOut {
		require.NotEqual(t, "DE", valueOf(s))
	}
}

// Where all fell alike nothing is named, and nothing where nothing fell or nothing came.
func TestVolumeNamesNothing(t *testing.T) {
	t.Parallel()
	even := missing()
	even.Cells = []explain.Cell{cell("country", "DE", 4000, 0, 245, 0), cell("country", "AT", 6000, 0, 355, 0), cell("release", "1.0", 10_000, 0, 600, 0)}
	more := missing()
	more.Expected = 500
	silent := missing()
	silent.Window = 0
	for i := range silent.Cells {
		silent.Cells[i].Window = explain.Counts{}
	}
	for name, in := range map[string]explain.VolumeInput{
		"even": even, "more than expected": more, "silence": silent,
		"no history": {Window: 5, Expected: 10}, "nothing expected": {Baseline: 5, Window: 5}, "nothing": {},
	} {
		r := explain.Volume(in)
		require.Nil(t, r.Explanation, name)
		require.Empty(t, r.Segments, name)
	}
}

// The value that adds up the rare ones is no explanation, though it is told of.
func TestVolumeNeverNamesTheRest(t *testing.T) {
	t.Parallel()
	in := missing()
	in.Cells[0].Conditions[0].Value = explain.Other
	r := explain.Volume(in)
	require.Nil(t, r.Explanation)
	require.Len(t, r.Segments, 1)
}

func TestVolumeReportIsSane(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 5), rapid.Int64Range(0, 100_000))
		in := explain.VolumeInput{Baseline: n.Draw(rt, "baseline"), Window: n.Draw(rt, "window"), Expected: float64(n.Draw(rt, "expected"))}
		for i := range rapid.IntRange(0, 12).Draw(rt, "cells") {
			in.Cells = append(in.Cells, cell([]string{"path", "browser"}[i%2], fmt.Sprint(i), n.Draw(rt, "before"), 0, n.Draw(rt, "now"), 0))
		}
		r := explain.Volume(in)
		for _, s := range append(slices.Clone(r.Segments), r.RuledOut...) {
			for _, v := range []float64{s.Expected, s.Excess, s.RateRatio, s.Lift} {
				require.False(rt, math.IsNaN(v) || math.IsInf(v, 0), "%+v", s)
			}
			for _, v := range []float64{s.ShareOfChange, s.ExpectedShare, s.P, s.Q} {
				require.True(rt, v >= 0 && v <= 1, "%+v", s)
			}
		}
		mixed := in
		mixed.Cells = slices.Clone(in.Cells)
		r2 := rand.New(rand.NewPCG(1, uint64(len(in.Cells))))
		r2.Shuffle(len(mixed.Cells), func(i, j int) { mixed.Cells[i], mixed.Cells[j] = mixed.Cells[j], mixed.Cells[i] })
		require.Equal(rt, r, explain.Volume(mixed))
	})
}
