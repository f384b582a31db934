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

func cell(dimension, value string, basePos, baseNeg, pos, neg int64) explain.Cell {
	return explain.Cell{
		Dimension: dimension, Value: value,
		Baseline: explain.Counts{Positive: basePos, Negative: baseNeg}, Window: explain.Counts{Positive: pos, Negative: neg},
	}
}

// A checkout button broke in one release; everything else went on as before.
func broken() explain.Input {
	return explain.Input{
		Baseline: explain.Counts{Positive: 9000, Negative: 1000}, Window: explain.Counts{Positive: 850, Negative: 250},
		Cells: []explain.Cell{
			cell("path", "/checkout", 900, 200, 60, 170),
			cell("path", "/product", 5000, 500, 480, 50),
			cell("path", "/", 3100, 300, 310, 30),
			cell("error", "TypeError: pay is not a function", 0, 0, 0, 140),
			cell("error", "timeout after <n>s", 0, 400, 0, 42),
			cell("browser", "Chrome", 6000, 660, 570, 165),
			cell("browser", "Firefox", 3000, 340, 280, 85),
			cell("release", "1.4.0", 9000, 1000, 850, 250),
			cell("element", "", 0, 500, 0, 120),
		},
	}
}

func TestFindsTheSmallestSegment(t *testing.T) {
	t.Parallel()
	r := explain.Explain(broken())
	require.NotNil(t, r.Explanation)
	require.Equal(t, "TypeError: pay is not a function", r.Explanation.Value, "the error is smaller than the page it is on")
	require.True(t, r.Explanation.First)
	require.Greater(t, r.Explanation.ShareOfChange, 0.6)

	var values []string
	for _, s := range r.Segments {
		values = append(values, s.Value)
	}
	require.Contains(t, values, "/checkout")
	ruledOut := map[string]bool{}
	for _, s := range r.RuledOut {
		ruledOut[s.Dimension] = true
	}
	require.True(t, ruledOut["browser"], "both browsers worsened alike")
	require.True(t, ruledOut["release"], "with one value there is nothing to tell apart")
	require.NotContains(t, values, explain.Other)
}

// Everybody worsened alike: nothing is over-represented, and it is said.
func TestEvenWorseningHasNoExplanation(t *testing.T) {
	t.Parallel()
	var cells []explain.Cell
	for i := range int64(8) {
		cells = append(cells, cell("path", fmt.Sprint(i), 900, 100, 80, 20), cell("browser", fmt.Sprint(i%4), 1800, 200, 160, 40))
	}
	r := explain.Explain(explain.Input{Baseline: explain.Counts{Positive: 7200, Negative: 800}, Window: explain.Counts{Positive: 640, Negative: 160}, Cells: cells})
	require.Nil(t, r.Explanation)
	require.Empty(t, r.Segments)
	require.InDelta(t, 80, r.Excess, 1)
}

// Kitagawa: own change and moved traffic add up to the change of the rate.
func TestMixAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Int64Range(0, 500)
		var in explain.Input
		for i := range rapid.IntRange(2, 8).Draw(rt, "segments") {
			c := cell("path", fmt.Sprint(i), n.Draw(rt, "bp"), n.Draw(rt, "bn"), n.Draw(rt, "wp"), n.Draw(rt, "wn"))
			in.Cells = append(in.Cells, c)
			in.Baseline.Positive += c.Baseline.Positive
			in.Baseline.Negative += c.Baseline.Negative
			in.Window.Positive += c.Window.Positive
			in.Window.Negative += c.Window.Negative
		}
		for _, m := range explain.Explain(in).Mix {
			require.InDelta(rt, in.Window.Rate()-in.Baseline.Rate(), m.Within+m.Between, 1e-9)
		}
	})
}

// Whatever the counts: finite numbers, probabilities within bounds, q ≥ p, and the
// order of the cells does not matter.
func TestReportIsSane(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 5), rapid.Int64Range(0, 100_000))
		in := explain.Input{}
		for i := range rapid.IntRange(0, 12).Draw(rt, "cells") {
			c := cell([]string{"path", "error", "browser"}[i%3], fmt.Sprint(i), n.Draw(rt, "bp"), n.Draw(rt, "bn"), n.Draw(rt, "wp"), n.Draw(rt, "wn"))
			if c.Dimension == "error" {
				c.Baseline.Positive, c.Window.Positive = 0, 0
			}
			in.Cells = append(in.Cells, c)
			in.Baseline.Positive = max(in.Baseline.Positive, c.Baseline.Positive)
			in.Baseline.Negative += c.Baseline.Negative
			in.Window.Positive = max(in.Window.Positive, c.Window.Positive)
			in.Window.Negative += c.Window.Negative
		}
		r := explain.Explain(in)
		for _, s := range append(slices.Clone(r.Segments), r.RuledOut...) {
			for _, v := range []float64{s.Expected, s.Excess, s.RateRatio, s.ShareOfChange, s.ExpectedShare, s.Lift, s.P, s.Q} {
				require.False(rt, math.IsNaN(v) || math.IsInf(v, 0), "%+v", s)
			}
			require.True(rt, s.P >= 0 && s.P <= 1+1e-9 && s.Q >= s.P-1e-12 && s.Q <= 1)
			require.True(rt, s.ShareOfChange >= 0 && s.ShareOfChange <= 1)
			require.InDelta(rt, float64(s.Window.Negative), s.Expected+s.Excess, 1e-6)
		}
		if r.Explanation != nil {
			require.GreaterOrEqual(rt, r.Explanation.ShareOfChange, explain.EnoughShare)
			require.LessOrEqual(rt, r.Explanation.Q, explain.Quality)
		}
		shuffled := in
		shuffled.Cells = slices.Clone(in.Cells)
		slices.Reverse(shuffled.Cells)
		require.Equal(rt, r, explain.Explain(shuffled))
	})
}

// With nothing over-represented few reports name a segment (the false discovery
// rate), and a planted one is found.
func TestFalseDiscoveriesAndPower(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	named, found := 0, 0
	const runs = 300
	for range runs {
		for _, planted := range []bool{false, true} {
			var in explain.Input
			for i := range 30 {
				traffic := 20 + r.IntN(400)
				rate := 0.05 + 0.1*r.Float64()
				worse := 2.0 // everybody twice as bad …
				if planted {
					worse = 1
					if i == 7 {
						traffic, worse = 300, 5 // … or one page five times
					}
				}
				in.Cells = append(in.Cells, draw(r, fmt.Sprint(i), 10*traffic, rate, traffic, rate*worse))
			}
			for _, c := range in.Cells {
				in.Baseline.Positive += c.Baseline.Positive
				in.Baseline.Negative += c.Baseline.Negative
				in.Window.Positive += c.Window.Positive
				in.Window.Negative += c.Window.Negative
			}
			rep := explain.Explain(in)
			if planted && rep.Explanation != nil && rep.Explanation.Value == "7" {
				found++
			}
			if !planted && len(rep.Segments) > 0 {
				named++
			}
		}
	}
	t.Logf("named without cause in %d of %d, planted found in %d", named, runs, found)
	require.LessOrEqual(t, float64(named), 0.10*runs)
	require.GreaterOrEqual(t, float64(found), 0.8*runs)
}

func draw(r *rand.Rand, value string, baseTraffic int, baseRate float64, traffic int, rate float64) explain.Cell {
	c := explain.Cell{Dimension: "path", Value: value}
	for range baseTraffic {
		if r.Float64() < baseRate {
			c.Baseline.Negative++
		} else {
			c.Baseline.Positive++
		}
	}
	for range traffic {
		if r.Float64() < rate {
			c.Window.Negative++
		} else {
			c.Window.Positive++
		}
	}
	return c
}
