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
		Conditions: []explain.Condition{{Dimension: dimension, Value: value}},
		Baseline:   explain.Counts{Positive: basePos, Negative: baseNeg}, Window: explain.Counts{Positive: pos, Negative: neg},
	}
}

func valueOf(s explain.Segment) string { return s.Conditions[0].Value }

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
	require.Equal(t, "TypeError: pay is not a function", valueOf(*r.Explanation), "the error is smaller than the page it is on")
	require.True(t, r.Explanation.First)
	require.Greater(t, r.Explanation.ShareOfChange, 0.6)

	var values []string
	for _, s := range r.Segments {
		values = append(values, valueOf(s))
	}
	require.Contains(t, values, "/checkout")
	ruledOut := map[string]bool{}
	for _, s := range r.RuledOut {
		ruledOut[s.Conditions[0].Dimension] = true
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
			if c.Conditions[0].Dimension == "error" {
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
			if planted && rep.Explanation != nil && valueOf(*rep.Explanation) == "7" {
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
	c := explain.Cell{Conditions: []explain.Condition{{Dimension: "path", Value: value}}}
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

// A sample in which two dimensions were counted together: Safari in France broke.
func TestNamesThePairThatBroke(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		planted []explain.Condition
		rate    float64 // of negatives there, a tenth before
	}{
		{[]explain.Condition{{Dimension: "browser", Value: "Safari"}}, 0.22},
		{[]explain.Condition{{Dimension: "browser", Value: "Safari"}, {Dimension: "country", Value: "FR"}}, 0.34},
	} {
		planted := c.planted
		right := 0
		const runs = 40
		for seed := range uint64(runs) {
			in := sampleOf(rand.New(rand.NewPCG(11, seed)), planted, c.rate)
			rep := explain.Explain(in)
			if rep.Explanation != nil && slices.Equal(rep.Explanation.Conditions, planted) {
				right++
				require.InDelta(t, 1, rep.Explanation.ShareOfChange, 0.4)
			}
		}
		t.Logf("%v: named in %d of %d", planted, right, runs)
		require.GreaterOrEqual(t, right, runs*9/10)
	}
}

// sampleOf draws sessions of three dimensions; those of the planted segment fail more
// often in the window. A quarter of them is the sample.
func sampleOf(r *rand.Rand, planted []explain.Condition, rate float64) explain.Input {
	in := explain.Input{Joint: &explain.Joint{}}
	exact, joint := map[string]*explain.Cell{}, map[string]*explain.Cell{}
	add := func(cells map[string]*explain.Cell, conditions []explain.Condition, window, bad bool) {
		k := fmt.Sprint(conditions)
		if cells[k] == nil {
			cells[k] = &explain.Cell{Conditions: slices.Clone(conditions)}
		}
		count(&cells[k].Baseline, &cells[k].Window, window, bad)
	}
	for i := range 26_000 {
		window := i >= 20_000
		all := []explain.Condition{
			{Dimension: "browser", Value: []string{"Chrome", "Safari", "Firefox"}[min(2, r.IntN(4))]},
			{Dimension: "country", Value: []string{"DE", "US", "FR"}[min(2, r.IntN(4))]},
			{Dimension: "path", Value: []string{"/a", "/b", "/c", "/d"}[r.IntN(4)]},
		}
		share := 0.1
		if window && !slices.ContainsFunc(planted, func(c explain.Condition) bool { return !slices.Contains(all, c) }) {
			share = rate
		}
		bad := r.Float64() < share
		count(&in.Baseline, &in.Window, window, bad)
		sampled := r.IntN(4) == 0
		if sampled {
			count(&in.Joint.Baseline, &in.Joint.Window, window, bad)
		}
		for i, a := range all {
			add(exact, []explain.Condition{a}, window, bad)
			if !sampled {
				continue
			}
			add(joint, []explain.Condition{a}, window, bad)
			for _, b := range all[i+1:] {
				add(joint, []explain.Condition{a, b}, window, bad)
			}
		}
	}
	for _, c := range exact {
		in.Cells = append(in.Cells, *c)
	}
	for _, c := range joint {
		in.Joint.Cells = append(in.Joint.Cells, *c)
	}
	return in
}

func count(baseline, window *explain.Counts, inWindow, bad bool) {
	c := baseline
	if inWindow {
		c = window
	}
	if bad {
		c.Negative++
	} else {
		c.Positive++
	}
}

// A release began to go out some hours before the worsening could be dated: its few bad
// signals of that time are no excuse for those that follow.
func TestReleaseThatIsRolledOutHasNoPast(t *testing.T) {
	t.Parallel()
	r := explain.Explain(explain.Input{
		Baseline: explain.Counts{Positive: 1802, Negative: 543}, Window: explain.Counts{Positive: 360, Negative: 360},
		Cells: []explain.Cell{
			cell("release", "2.2.1", 1795, 520, 300, 90),
			cell("release", "2.3.0", 7, 23, 60, 270),
		},
	})
	require.NotNil(t, r.Explanation)
	require.Equal(t, "2.3.0", valueOf(*r.Explanation))
}
