package pcf_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/pcf"
)

// anyDay draws everything a bucket can be, from silence to absurd volumes.
func anyDay() *rapid.Generator[pcf.Day] {
	return rapid.Custom(func(t *rapid.T) pcf.Day {
		count := rapid.OneOf(rapid.Just(0.), rapid.Float64Range(0, 50), rapid.Float64Range(0, 1e4), rapid.Float64Range(0, 1e15))
		return pcf.Day{
			Positive: math.Floor(count.Draw(t, "positive")),
			Negative: math.Floor(count.Draw(t, "negative")),
			Missing:  rapid.IntRange(0, 9).Draw(t, "missing") == 0,
		}
	})
}

func anyInput() *rapid.Generator[pcf.Input] {
	return rapid.Custom(func(t *rapid.T) pcf.Input {
		return pcf.Input{
			Metric:       pcf.Metric(rapid.IntRange(0, 1).Draw(t, "metric")),
			FirstWeekday: time.Weekday(rapid.IntRange(0, 6).Draw(t, "weekday")),
			History:      rapid.SliceOfN(anyDay(), 0, 70).Draw(t, "history"),
			Window:       rapid.SliceOfN(anyDay(), 28, 28).Draw(t, "window"),
			Trigger:      rapid.SliceOfN(rapid.IntRange(0, 70), 0, 5).Draw(t, "trigger"),
			Schedule:     rapid.SampledFrom([]pcf.Schedule{pcf.TwoWeeks(), pcf.FourWeeks(), pcf.Once(7)}).Draw(t, "schedule"),
		}
	})
}

// wellBehaved draws a history with traffic every day, for properties that compare estimates.
func wellBehaved(t *rapid.T) pcf.Input {
	day := rapid.Custom(func(t *rapid.T) pcf.Day {
		return pcf.Day{
			Positive: float64(rapid.IntRange(20, 2000).Draw(t, "positive")),
			Negative: float64(rapid.IntRange(20, 2000).Draw(t, "negative")),
		}
	})
	return pcf.Input{
		FirstWeekday: time.Weekday(rapid.IntRange(0, 6).Draw(t, "weekday")),
		History:      rapid.SliceOfN(day, 28, 70).Draw(t, "history"),
		Window:       rapid.SliceOfN(day, 14, 14).Draw(t, "window"),
		Schedule:     pcf.TwoWeeks(),
	}
}

func forecast(t require.TestingT, in pcf.Input) pcf.Estimate {
	e, err := pcf.Forecast(in.Metric, in.FirstWeekday, in.History, in.Window)
	require.NoError(t, err)
	return e
}

func TestEveryNumberIsFiniteAndEveryVerdictLawful(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		for number := 1; number <= len(in.Schedule); number++ {
			r, err := pcf.Judge(in, number)
			require.NoError(t, err)
			_, err = json.Marshal(r) // refuses NaN and infinities
			require.NoError(t, err)

			last := number == len(in.Schedule)
			require.Equal(t, last, last && r.Verdict.Final(), "the last look is final")
			if r.Verdict == pcf.Improved || r.Verdict == pcf.NoEffect || r.Verdict == pcf.Regressed {
				require.False(t, r.EarlyRead)
				require.Equal(t, pcf.ReasonNone, r.Reason)
				require.Positive(t, r.After.Positive+r.After.Negative)
				require.NotNil(t, r.Reading)
			} else {
				require.NotEqual(t, pcf.ReasonNone, r.Reason, "no verdict without a reason")
			}
			if r.Verdict == pcf.Improved || r.Verdict == pcf.NoEffect {
				require.GreaterOrEqual(t, r.Look.Day, 7)
			}
			if r.Reading != nil {
				require.LessOrEqual(t, r.Reading.Change.Low, r.Reading.Change.Mid)
				require.LessOrEqual(t, r.Reading.Change.Mid, r.Reading.Change.High)
				require.Positive(t, r.Reading.Estimate.S)
				require.Positive(t, r.Reading.MDE)
			}
		}
	})
}

func TestZeroTrafficIsNeverAVerdict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		for i := range in.Window {
			in.Window[i] = pcf.Day{Missing: in.Window[i].Missing}
		}
		r, err := pcf.Judge(in, len(in.Schedule))
		require.NoError(t, err)
		require.Equal(t, pcf.Inconclusive, r.Verdict)
	})
}

func TestNoLookSeesBeyondItsDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		number := rapid.IntRange(1, len(in.Schedule)).Draw(t, "look")
		now, err := pcf.Judge(in, number)
		require.NoError(t, err)

		future := in
		future.Window = slices.Clone(in.Window)
		for i := in.Schedule[number-1].Day; i < len(future.Window); i++ {
			future.Window[i] = anyDay().Draw(t, "future day")
		}
		later, err := pcf.Judge(future, number)
		require.NoError(t, err)
		require.Equal(t, now, later)
	})
}

func TestSwappingPolaritiesMirrorsTheEffect(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := wellBehaved(t)
		swap := func(days []pcf.Day) []pcf.Day {
			out := make([]pcf.Day, len(days))
			for i, d := range days {
				out[i] = pcf.Day{Positive: d.Negative, Negative: d.Positive}
			}
			return out
		}
		mirrored := in
		mirrored.History, mirrored.Window = swap(in.History), swap(in.Window)
		a, b := forecast(t, in), forecast(t, mirrored)
		require.InDelta(t, a.D, -b.D, 1e-9)
		require.InDelta(t, a.S, b.S, 1e-9)
	})
}

func TestTheScaleOfACountDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := wellBehaved(t)
		in.Metric = pcf.Count
		factor := rapid.Float64Range(1, 1000).Draw(t, "factor")
		scale := func(days []pcf.Day) []pcf.Day {
			out := make([]pcf.Day, len(days))
			for i, d := range days {
				out[i] = pcf.Day{Positive: (d.Positive+.5)*factor - .5} // the added half is part of the scale
			}
			return out
		}
		scaled := in
		scaled.History, scaled.Window = scale(in.History), scale(in.Window)
		a, b := forecast(t, in), forecast(t, scaled)
		require.InDelta(t, a.D, b.D, 1e-8)
		require.InDelta(t, a.ModelVariance, b.ModelVariance, 1e-8)
	})
}

func TestTheNameOfTheFirstWeekdayDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := wellBehaved(t)
		renamed := in
		renamed.FirstWeekday = (in.FirstWeekday + 3) % 7
		a, b := forecast(t, in), forecast(t, renamed)
		require.InDelta(t, a.D, b.D, 1e-9)
		require.InDelta(t, a.S, b.S, 1e-9)
	})
}

func TestLaterLooksNeedLessToDecide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := forecast(t, wellBehaved(t))
		wide, _ := e.Interval(.0037)
		narrow, _ := e.Interval(.0251)
		require.Less(t, wide, narrow)
		require.InDelta(t, e.PValue(), 2*math.Min(e.ProbabilityImproved(), 1-e.ProbabilityImproved()), 1e-9)
	})
}
