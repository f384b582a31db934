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

// both is a cell of two conditions.
func both(a, b explain.Condition, basePos, baseNeg, pos, neg int64) explain.Cell {
	return explain.Cell{
		Conditions: []explain.Condition{a, b},
		Baseline:   explain.Counts{Positive: basePos, Negative: baseNeg}, Window: explain.Counts{Positive: pos, Negative: neg},
	}
}

// What Safari broke has one release and one error: they say nothing more, and do not make
// it doubtful what explains the change.
func TestImpliedConditionsAreNotNamed(t *testing.T) {
	t.Parallel()
	safari, chrome := explain.Condition{Dimension: "browser", Value: "Safari"}, explain.Condition{Dimension: "browser", Value: "Chrome"}
	release, failed := explain.Condition{Dimension: "release", Value: "1.0"}, explain.Condition{Dimension: "error", Value: "x is undefined"}
	in := explain.Input{
		Baseline: explain.Counts{Positive: 9500, Negative: 500}, Window: explain.Counts{Positive: 800, Negative: 200},
		Cells: []explain.Cell{
			cell("browser", "Safari", 2850, 150, 135, 165), cell("browser", "Chrome", 6650, 350, 665, 35),
			cell("release", "1.0", 9500, 500, 800, 200), cell("error", "x is undefined", 0, 500, 0, 200),
		},
	}
	in.Joint = &explain.Joint{Baseline: in.Baseline, Window: in.Window, Cells: append(slices.Clone(in.Cells),
		both(safari, release, 2850, 150, 135, 165), both(chrome, release, 6650, 350, 665, 35),
		both(safari, failed, 0, 150, 0, 165), both(chrome, failed, 0, 350, 0, 35), both(release, failed, 0, 500, 0, 200))}
	r := explain.Explain(in)
	require.NotNil(t, r.Explanation)
	require.Equal(t, []explain.Condition{safari}, r.Explanation.Conditions)
	require.Greater(t, r.Margin, 20.0, "nothing else is nearly as likely")
}

// Whatever a sample holds: finite numbers, shares within bounds, and the order of its
// cells does not matter.
func TestJointReportIsSane(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 30), rapid.Int64Range(0, 5000))
		four := func(what string) (a, b, c, d int64) {
			return n.Draw(rt, what), n.Draw(rt, what), n.Draw(rt, what), n.Draw(rt, what)
		}
		in, joint := explain.Input{}, explain.Joint{}
		for i := range 6 {
			a, b, c, d := four("single")
			one := cell([]string{"path", "browser", "error"}[i%3], fmt.Sprint(i), a, b, c, d)
			if i%3 == 2 {
				one.Baseline.Positive, one.Window.Positive = 0, 0
			}
			in.Cells = append(in.Cells, one)
			in.Baseline.Positive, in.Baseline.Negative = in.Baseline.Positive+one.Baseline.Positive, in.Baseline.Negative+one.Baseline.Negative
			in.Window.Positive, in.Window.Negative = in.Window.Positive+one.Window.Positive, in.Window.Negative+one.Window.Negative
		}
		joint.Baseline, joint.Window, joint.Cells = in.Baseline, in.Window, slices.Clone(in.Cells)
		for i := range 6 {
			for j := i + 1; j < 6; j++ {
				if i%3 != j%3 && rapid.Bool().Draw(rt, "pair") {
					a, b, c, d := four("pair")
					first, second := in.Cells[i].Conditions[0], in.Cells[j].Conditions[0]
					if second.Dimension < first.Dimension {
						first, second = second, first
					}
					joint.Cells = append(joint.Cells, both(first, second, a, b, c, d))
				}
			}
		}
		in.Joint = &joint
		r := explain.Explain(in)
		require.False(rt, math.IsNaN(r.Margin) || math.IsInf(r.Margin, 0))
		if s := r.Explanation; s != nil {
			for _, v := range []float64{s.Expected, s.Excess, s.RateRatio, s.ShareOfChange, s.Lift, s.P, s.Q} {
				require.False(rt, math.IsNaN(v) || math.IsInf(v, 0), "%+v", s)
			}
			require.True(rt, s.ShareOfChange >= 0 && s.ShareOfChange <= 1 && s.Q >= 0 && s.Q <= 1, "%+v", s)
			require.True(rt, s.Window.Negative >= 0 && s.Window.Positive >= 0 && s.Baseline.Negative >= 0 && s.Baseline.Positive >= 0)
		}
		mixed := in
		other := joint
		mixed.Cells, other.Cells = slices.Clone(in.Cells), slices.Clone(joint.Cells)
		shuffled := rand.New(rand.NewPCG(1, uint64(len(other.Cells))))
		shuffled.Shuffle(len(other.Cells), func(i, j int) { other.Cells[i], other.Cells[j] = other.Cells[j], other.Cells[i] })
		mixed.Joint = &other
		again := explain.Explain(mixed)
		require.Equal(rt, r.Explanation, again.Explanation)
		require.InDelta(rt, r.Margin, again.Margin, 1e-6)
	})
}
