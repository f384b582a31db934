package calibration_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/impact"

	"github.com/draftlabs/specter/services/dashboard/internal/calibration"
)

func predicted(status, reason string, observed, effect float64) calibration.Verified {
	return calibration.Verified{
		Family: "rage_clicks", Engine: "builtin", Status: status, ReasonCode: reason, CanaryShare: 100,
		Promise:  calibration.Promise{Metric: "positive_ratio", Baseline: .6, Predicted: .8, Low: .75, High: .85},
		Measured: &calibration.Measured{Observed: observed, Expected: .6, Effect: effect, Unit: 1},
	}
}

// odds is the effect on the odds of going from one share to another.
func odds(from, to float64) float64 { return math.Expm1(impact.Gain(from, to)) }

func TestPredictionsAreHeldAgainstWhatWasMeasured(t *testing.T) {
	t.Parallel()
	board := calibration.Score([]calibration.Verified{
		predicted("improved", "", .8, odds(.6, .8)),
		predicted("inconclusive", "not_significant", .6, 0),
		predicted("regressed", "", .5, odds(.6, .5)),
	})
	require.Len(t, board.Groups, 1)
	g := board.Groups[0]
	require.Equal(t, 3, g.Measured)
	require.Equal(t, 1, g.Covered)
	require.InDelta(t, 1./3, *g.Coverage, 1e-9)
	require.InDelta(t, (1+0+impact.Gain(.6, .5)/impact.Gain(.6, .8))/3, *g.MeanRatio, 1e-9)
	require.True(t, board.Outcomes[0].Covered)
	require.Less(t, *board.Outcomes[0].CRPS, *board.Outcomes[1].CRPS)
	require.Less(t, *board.Outcomes[1].CRPS, *board.Outcomes[2].CRPS)
}

// The trouble grew after it was proposed: there was more to gain, and all of it came.
func TestAGainIsMeasuredFromWhereItWasWhenItShipped(t *testing.T) {
	t.Parallel()
	grown, passed := predicted("improved", "", .8, odds(.2, .8)), predicted("no_effect", "", .8, 0)
	grown.Measured.Expected, passed.Measured.Expected = .2, .8
	board := calibration.Score([]calibration.Verified{grown, passed})
	require.InDelta(t, 1, *board.Outcomes[0].Ratio, 1e-9)
	require.Nil(t, board.Outcomes[1].Ratio, "it had passed by itself")
	require.InDelta(t, 1, *board.Groups[0].MeanRatio, 1e-9)
}

func TestWhatCannotBeCreditedTeachesNothing(t *testing.T) {
	t.Parallel()
	rolledBack, canary, silent := predicted("improved", "", .8, 1), predicted("improved", "", .8, 1), predicted("inconclusive", "zero_traffic", 0, 0)
	rolledBack.RolledBack, canary.CanaryShare, silent.Measured = true, 50, nil
	all := []calibration.Verified{
		rolledBack, canary, silent, predicted("stopped", "", .8, 1), predicted("inconclusive", "another_deployment", .8, 1),
		predicted("inconclusive", "instrumentation_changed", .99, 20), predicted("inconclusive", "depends_on_trigger_days", .8, 1),
	}
	board := calibration.Score(all)
	require.Equal(t, len(all), board.Groups[0].Unmeasured)
	require.Zero(t, board.Groups[0].Measured)
	require.Nil(t, board.Groups[0].Coverage)
	require.Nil(t, board.Groups[0].MeanRatio)
	for _, o := range board.Outcomes {
		require.NotEmpty(t, o.WhyNot)
	}
}

func TestAVolumeIsScoredInSharesOfTheUsual(t *testing.T) {
	t.Parallel()
	v := predicted("improved", "", 900, 2)
	v.Measured.Expected = 300
	v.Promise = calibration.Promise{Metric: "share_of_usual_volume", Baseline: .3, Predicted: .9, Low: .8, High: 1}
	v.Measured.Unit = 1000
	o := calibration.Score([]calibration.Verified{v}).Outcomes[0]
	require.InDelta(t, .9, o.Observed, 1e-9)
	require.True(t, o.Covered)
	require.InDelta(t, 1, *o.Ratio, 1e-9)
	require.Nil(t, o.CRPS)
}

func TestScoresStayFiniteWhateverIsStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		x := rapid.Float64Range(-1.5, 1.5)
		v := predicted(rapid.SampledFrom([]string{"improved", "regressed", "no_effect", "inconclusive"}).Draw(rt, "status"), "not_significant", x.Draw(rt, "observed"), x.Draw(rt, "effect"))
		v.Promise = calibration.Promise{
			Metric:   rapid.SampledFrom([]string{"positive_ratio", "share_of_usual_volume"}).Draw(rt, "metric"),
			Baseline: x.Draw(rt, "baseline"), Predicted: x.Draw(rt, "predicted"), Low: x.Draw(rt, "low"), High: x.Draw(rt, "high"),
		}
		v.Measured.Unit, v.Measured.Expected = x.Draw(rt, "unit"), x.Draw(rt, "expected")
		board := calibration.Score([]calibration.Verified{v})
		g := board.Groups[0]
		require.Equal(rt, 1, g.Measured+g.Unmeasured)
		for _, score := range []*float64{g.Coverage, g.MeanRatio, g.CRPS} {
			if score != nil {
				require.False(rt, math.IsNaN(*score) || math.IsInf(*score, 0), "%v", *score)
			}
		}
	})
}
