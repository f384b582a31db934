package impact_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/impact"
)

func TestStartsAtSevenTenths(t *testing.T) {
	t.Parallel()
	k := impact.Calibrate(nil)
	require.InDelta(t, 0.7, k.Mean, 1e-9)
	p := impact.Predict(impact.Counterfactual{Now: 0.8, Then: 0.9, SD: 0.05}, k)
	require.Greater(t, p.Value, 0.86)
	require.Less(t, p.Value, 0.88, "0.7 of the way, in logits")
	require.True(t, p.Covers(0.9), "that all of it comes true is within the range")
}

// Verdicts move the calibration to what they say, and many of them are believed more
// than the prior.
func TestLearnsFromVerdicts(t *testing.T) {
	t.Parallel()
	for _, worth := range []float64{0, 0.5, 1, 1.3} {
		r := rand.New(rand.NewPCG(1, uint64(10*worth)))
		var past []impact.Outcome
		for range 40 {
			past = append(past, impact.Outcome{Predicted: 0.4, Observed: 0.4*worth + 0.06*r.NormFloat64(), SD: 0.06})
		}
		k := impact.Calibrate(past)
		require.InDelta(t, worth, k.Mean, 0.08)
		require.Less(t, k.SD, impact.Calibrate(past[:2]).SD)
	}
}

// The range holds what it promises once it has learned.
func TestCoverage(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	var past []impact.Outcome
	covered, judged := 0, 0
	const runs = 2000
	for i := range runs {
		now, then := 0.85, 0.9
		seen := then + 0.004*r.NormFloat64() // the estimate's error
		truth := 1 / (1 + math.Exp(-(math.Log(now/(1-now)) + (0.9+0.15*r.NormFloat64())*impact.Gain(now, then))))
		c := impact.Counterfactual{Now: now, Then: seen, SD: 0.004 / (then * (1 - then))}
		p := impact.Predict(c, impact.Calibrate(past))
		if i >= 50 {
			judged++
			if p.Covers(truth) {
				covered++
			}
		}
		past = append(past, impact.Outcome{Predicted: impact.Gain(now, seen), Observed: impact.Gain(now, truth), SD: 0.02})
		past = past[max(0, len(past)-100):]
	}
	share := float64(covered) / float64(judged)
	t.Logf("80 %% ranges covered %.1f %%", 100*share)
	require.InDelta(t, 0.8, share, 0.05)
}

func TestAlwaysFiniteAndOrdered(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		share := rapid.Float64Range(0.001, 0.999)
		var past []impact.Outcome
		for range rapid.IntRange(0, 20).Draw(rt, "verdicts") {
			past = append(past, impact.Outcome{
				Predicted: rapid.Float64Range(-3, 3).Draw(rt, "predicted"), Observed: rapid.Float64Range(-3, 3).Draw(rt, "observed"), SD: rapid.Float64Range(0, 2).Draw(rt, "sd"),
			})
		}
		p := impact.Predict(impact.Counterfactual{Now: share.Draw(rt, "now"), Then: share.Draw(rt, "then"), SD: rapid.Float64Range(0, 3).Draw(rt, "sd")}, impact.Calibrate(past))
		require.True(rt, 0 <= p.Low && p.Low <= p.Value && p.Value <= p.High && p.High <= 1, "%+v", p)
		require.False(rt, math.IsNaN(p.CRPS(share.Draw(rt, "seen"))))
	})
}

// Where nothing is gained and nothing uncertain the range is a point, nearly, and can be scored still.
func TestANarrowRangeIsScored(t *testing.T) {
	t.Parallel()
	for _, sd := range []float64{0, 1e-162} {
		p := impact.Predict(impact.Counterfactual{Now: 0.9, Then: 0.9, SD: sd}, impact.Calibrate(nil))
		require.InDelta(t, 0, p.CRPS(0.9), 1e-3)
		require.Greater(t, p.CRPS(0.8), 0.5)
	}
}

// What a volume returns to is an amount, and not a share that could not be exceeded.
func TestVolumesReturnInProportion(t *testing.T) {
	t.Parallel()
	p := impact.Predict(impact.Counterfactual{Now: 0.02, Then: 0.98, SD: 0.1, Volume: true}, impact.Calibrate(nil))
	require.InDelta(t, 0.02+0.7*0.96, p.Value, 1e-9)
	require.Greater(t, p.Low, 0.25)
	require.LessOrEqual(t, p.High, 1.0)
	require.Greater(t, p.High, 0.95)
	require.False(t, math.IsNaN(p.CRPS(0.9)))
}

// A sharper range around the truth scores better, and so does a range nearer to it.
func TestCRPSRewardsSharpnessAndTruth(t *testing.T) {
	t.Parallel()
	k := impact.Calibration{Mean: 1}
	at := func(then, sd float64) float64 {
		return impact.Predict(impact.Counterfactual{Now: 0.8, Then: then, SD: sd}, k).CRPS(0.9)
	}
	require.Less(t, at(0.9, 0.1), at(0.9, 0.5))
	require.Less(t, at(0.9, 0.1), at(0.86, 0.1))
}

// What was told is scored as it was predicted.
func TestAStatedRangeIsThePredictionItCameFrom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		share := rapid.Float64Range(0.05, 0.95)
		p := impact.Predict(impact.Counterfactual{Now: share.Draw(rt, "now"), Then: share.Draw(rt, "then"), SD: rapid.Float64Range(0.01, 1).Draw(rt, "sd")}, impact.Calibrate(nil))
		told, ok := impact.Stated(p.Value, p.Low, p.High)
		require.True(rt, ok)
		seen := share.Draw(rt, "seen")
		require.InDelta(rt, p.CRPS(seen), told.CRPS(seen), 1e-6)
		require.Equal(rt, p.Covers(seen), told.Covers(seen))
	})
	for _, bad := range [][3]float64{{0, 0, 0}, {1, .5, 1}, {.5, .6, .7}, {.5, .4, .45}, {.5, -.1, .6}, {math.NaN(), .1, .2}} {
		_, ok := impact.Stated(bad[0], bad[1], bad[2])
		require.False(t, ok, "%v", bad)
	}
}
