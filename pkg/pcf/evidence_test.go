package pcf_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/pcf"
)

// twins draws two series with a common course of this size; the first one jumps by effect from day `from` on.
func twins(seed uint64, days, from int, common, effect float64) (own, other []pcf.Day) {
	random := rand.New(rand.NewPCG(seed, 5))
	course := 0.
	for i := range days {
		course = .8*course + .6*common*random.NormFloat64()
		jump := 0.
		if i >= from {
			jump = effect
		}
		draw := func(logOdds float64) pcf.Day {
			positive := math.Round(20000 / (1 + math.Exp(-logOdds-.02*random.NormFloat64())))
			return pcf.Day{Positive: positive, Negative: 20000 - positive}
		}
		own, other = append(own, draw(.5+course+jump)), append(other, draw(1+course))
	}
	return own, other
}

func controlled(seed uint64, common, effect float64) pcf.Input {
	own, other := twins(seed, 126, 112, common, effect)
	in := deployed(own, 112)
	in.Controls = []pcf.Control{{Name: "checkout", History: other[:112], Window: other[112:]}}
	return in
}

func TestAControlTakesOutWhatBothHaveInCommon(t *testing.T) {
	t.Parallel()
	in := controlled(1, .3, .25)
	with := run(t, in)
	in.Controls = nil
	without := run(t, in)

	require.Equal(t, pcf.Improved, with.Verdict)
	require.Equal(t, pcf.Inconclusive, without.Verdict)
	use := with.Reading.Estimate.Controls[0]
	require.Equal(t, "checkout", use.Name)
	require.InDelta(t, 1, use.Beta, .2)
	require.InDelta(t, .25, with.Reading.Estimate.D, .1)
	require.Less(t, with.Reading.MDE, without.Reading.MDE/2)
	require.Equal(t, "without_controls", with.Sensitivity[len(with.Sensitivity)-1].Name)
	// The forecast of the metric itself carries the control's course, so that it compares with the raw ratio.
	require.Less(t, with.Reading.Expected.Mid, with.Reading.Observed)
}

func TestAControlThatSharesNothingIsLeftAlone(t *testing.T) {
	t.Parallel()
	in := controlled(2, 0, 0)
	with, err := pcf.Judge(in, 5)
	require.NoError(t, err)
	in.Controls = nil
	without, err := pcf.Judge(in, 5)
	require.NoError(t, err)
	require.Zero(t, with.Reading.Estimate.Controls[0].Beta)
	require.InDelta(t, without.Reading.PValue, with.Reading.PValue, 0)
}

func TestAControlThatMovesIsToldOf(t *testing.T) {
	t.Parallel()
	in := controlled(3, .1, 0)
	for i, d := range in.Controls[0].Window {
		turn := math.Round(d.Negative / 2)
		in.Controls[0].Window[i] = pcf.Day{Positive: d.Positive + turn, Negative: d.Negative - turn}
	}
	r := run(t, in)
	require.True(t, r.Reading.Estimate.Controls[0].Moved())
	require.Contains(t, warningCodes(r), "control_moved")
}

func TestGapsInAControlCostNoVerdict(t *testing.T) {
	t.Parallel()
	in := controlled(4, .3, .25)
	in.Controls[0].History = in.Controls[0].History[:60] // it ends
	in.Controls[0].Window = nil
	in.Controls = append(in.Controls, pcf.Control{Name: "empty"})
	r := run(t, in)
	require.NotNil(t, r.Reading)
	require.Zero(t, r.Reading.Estimate.Controls[0].Beta)
	require.Len(t, r.Reading.Estimate.Controls, 2)

	in = controlled(5, .3, .25)
	in.Controls[0].Window[3] = pcf.Day{Missing: true}
	r, err := pcf.Judge(in, 6)
	require.NoError(t, err)
	require.NotZero(t, r.Reading.Estimate.Controls[0].Beta)
	require.Equal(t, 9, r.Reading.Estimate.ObservedDays, "a day without its control is not compared")
	require.InDelta(t, r.Reading.Days[2].Mid, r.Reading.Days[3].Mid, .2, "what is drawn for it is the metric's own forecast")
}

// Whatever controls there are, every number is finite and no look sees beyond its day.
func TestControlsAreLawful(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput().Draw(t, "input")
		in.Weekly = rapid.Bool().Draw(t, "weekly")
		in.Metric = pcf.Metric(rapid.IntRange(0, 2).Draw(t, "any metric"))
		for range rapid.IntRange(0, 4).Draw(t, "controls") {
			in.Controls = append(in.Controls, pcf.Control{
				History: rapid.SliceOfN(anyDay(), 0, 80).Draw(t, "control"), Window: rapid.SliceOfN(anyDay(), 0, 28).Draw(t, "control window"),
			})
		}
		number := rapid.IntRange(1, len(in.Schedule)).Draw(t, "look")
		r, err := pcf.Judge(in, number)
		require.NoError(t, err)
		if r.Reading == nil {
			return
		}
		require.LessOrEqual(t, r.Reading.Change.Low, r.Reading.Change.High)
		require.False(t, math.IsNaN(r.Reading.PValue) || math.IsNaN(r.Reading.Expected.Mid) || math.IsInf(r.Reading.Expected.High, 0))
		for i := range in.Controls {
			if day := in.Schedule[number-1].Day; day < len(in.Controls[i].Window) {
				in.Controls[i].Window = slices.Clone(in.Controls[i].Window)
				in.Controls[i].Window[day] = pcf.Day{Positive: 1, Negative: 1e9}
			}
		}
		again, err := pcf.Judge(in, number)
		require.NoError(t, err)
		require.InDelta(t, r.Reading.PValue, again.Reading.PValue, 0)
	})
}

func TestAHolidayIsNoImprovement(t *testing.T) {
	t.Parallel()
	days := shop(21, 126, 112, 0, 3000)
	for i := 113; i < 116; i++ {
		days[i] = pcf.Day{Positive: days[i].Total() - 20, Negative: 20}
	}
	in := deployed(days, 112)
	r, err := pcf.Judge(in, 5)
	require.NoError(t, err)
	require.LessOrEqual(t, r.Reading.PValue, r.Look.NominalP, "it is significant")
	require.Equal(t, pcf.ReasonSpike, r.Reason)
	require.Contains(t, warningCodes(r), "spike")
	require.Equal(t, pcf.Inconclusive, run(t, in).Verdict)
}

func TestACountThatStopsIsNotBelieved(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(23, 23))
	days := make([]pcf.Day, 126)
	for i := range days {
		days[i].Positive = math.Round(400 + 20*random.NormFloat64())
		if i >= 115 {
			days[i].Positive = 0
		}
	}
	in := deployed(days, 112)
	in.Metric = pcf.Count
	r := run(t, in)
	require.Equal(t, pcf.Inconclusive, r.Verdict)
	require.Equal(t, pcf.ReasonInstrumentation, r.Reason)
	require.Contains(t, warningCodes(r), "fell_silent")
	for i := 112; i < 126; i++ { // a few are left: that can be believed
		days[i].Positive = 60
	}
	require.Equal(t, pcf.Regressed, run(t, in).Verdict)
}

func TestCircumstancesForbidAVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		known   pcf.Circumstances
		reason  pcf.Reason
		warning string
	}{
		"another deployment":     {pcf.Circumstances{OtherDeployments: 1}, pcf.ReasonOverlap, "another_deployment"},
		"a changed measurement":  {pcf.Circumstances{InstrumentationChanged: "SDK 2 came with it"}, pcf.ReasonInstrumentationChanged, "instrumentation_changed"},
		"nothing in particular":  {pcf.Circumstances{}, pcf.ReasonNone, "short_history"},
		"types that came":        {pcf.Circumstances{NewTypes: []string{"rage_click"}}, pcf.ReasonNone, "type_new"},
		"types that went":        {pcf.Circumstances{VanishedTypes: []string{"error"}}, pcf.ReasonNone, "type_vanished"},
		"holidays":               {pcf.Circumstances{Holidays: []int{2, 40}}, pcf.ReasonNone, "holiday"},
		"a change of the clocks": {pcf.Circumstances{ClockChanged: true}, pcf.ReasonNone, "clock_change"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := deployed(shop(1, 68, 54, .8, 1000), 54)
			in.Known = c.known
			r := run(t, in)
			require.Equal(t, c.reason, r.Reason)
			require.Equal(t, c.reason == pcf.ReasonNone, r.Verdict == pcf.Improved)
			require.Contains(t, warningCodes(r), c.warning)
		})
	}
}

func TestADeploymentAtTheWeekendIsToldOf(t *testing.T) {
	t.Parallel()
	days := shop(22, 126, 126, 0, 1000)
	for at, weekend := range map[int]bool{109: false, 110: true, 111: true, 112: false} { // 112 is a Monday
		in := deployed(days, at)
		in.Window = days[at:]
		r, err := pcf.Judge(in, 5)
		require.NoError(t, err)
		require.Equal(t, weekend, slices.Contains(warningCodes(r), "weekend"), at)
	}
	sunday := deployed(slices.Clone(days), 112)
	sunday.History = append(sunday.History[:111:111], pcf.Day{Missing: true})
	r, err := pcf.Judge(sunday, 5)
	require.NoError(t, err)
	require.Contains(t, warningCodes(r), "weekend", "deployed on Sunday, the window begins on Monday")
}

func TestPromisesAreHeldAgainstWhatCame(t *testing.T) {
	t.Parallel()
	in := deployed(shop(1, 70, 56, .8, 1000), 56)
	r := run(t, in)
	require.Nil(t, r.Prediction)
	for fit, promised := range map[string]pcf.Range{
		"within": {Low: .8, Mid: .86, High: .95}, "below": {Low: .95, Mid: .97, High: .99}, "above": {Low: .79, Mid: .81, High: .83},
	} {
		in.Predicted = &promised
		r := run(t, in)
		require.Equal(t, fit, r.Prediction.Fit)
		require.Positive(t, r.Prediction.Share)
		require.InDelta(t, r.Reading.Observed, r.Prediction.Observed, 0)
	}
	in.Predicted = &pcf.Range{Mid: r.Reading.Expected.Mid}
	require.Zero(t, run(t, in).Prediction.Share, "nothing was promised")
}

func TestAnotherMixIsToldFromAnotherRatio(t *testing.T) {
	t.Parallel()
	segment := func(name string, before, after, ratioBefore, ratioAfter float64) pcf.Segment {
		return pcf.Segment{
			Name:   name,
			Before: pcf.Totals{Positive: before * ratioBefore, Negative: before * (1 - ratioBefore)},
			After:  pcf.Totals{Positive: after * ratioAfter, Negative: after * (1 - ratioAfter)},
		}
	}
	in := deployed(shop(1, 70, 56, 0, 1000), 56)
	// Fewer mobiles came, and they do worse; inside both nothing changed.
	in.Known.Segments = []pcf.Segment{segment("desktop", 5000, 8000, .9, .9), segment("mobile", 5000, 2000, .6, .6)}
	r := run(t, in)
	require.InDelta(t, .3, r.Mix.Moved, 1e-9)
	require.InDelta(t, .09, r.Mix.Composition, 1e-3)
	require.InDelta(t, 0, r.Mix.Within, 1e-3)
	require.InDelta(t, 0, r.Mix.Reweighted, 5e-3)
	require.Contains(t, warningCodes(r), "mix_shift")

	in.Known.Segments = []pcf.Segment{segment("desktop", 5000, 5000, .9, .95), segment("mobile", 5000, 5000, .6, .7), segment("new", 0, 0, .5, .5)}
	r = run(t, in)
	require.InDelta(t, .075, r.Mix.Within, 1e-3)
	require.Positive(t, r.Mix.Reweighted)
	require.NotContains(t, warningCodes(r), "mix_shift")
	in.Known.Segments = in.Known.Segments[:1]
	require.Nil(t, run(t, in).Mix)
}

func TestRunTakesTheLooksInOrder(t *testing.T) {
	t.Parallel()
	in := deployed(shop(1, 70, 56, .8, 1000), 56)
	r, err := pcf.Run(in)
	require.NoError(t, err)
	require.Equal(t, run(t, in), r)
	in.Window = in.Window[:4]
	r, err = pcf.Run(in)
	require.NoError(t, err)
	require.Equal(t, 3, r.Look.Day)
	require.Equal(t, pcf.Collecting, r.Verdict)
	in.Window = nil
	_, err = pcf.Run(in)
	require.ErrorIs(t, err, pcf.ErrWindowNotComplete)
}

func TestValuesAndWeeks(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(30, 30))
	var weeks []pcf.Day
	for i := range 108 {
		drop := 0.
		if i >= 100 {
			drop = -.4
		}
		weeks = append(weeks, pcf.Day{Positive: .02 * math.Exp(drop+.03*random.NormFloat64())})
	}
	in := pcf.Input{Metric: pcf.Value, Weekly: true, FirstWeekday: time.Monday, History: weeks[:100], Window: weeks[100:], Schedule: pcf.EightWeeks()}
	r := run(t, in)
	require.Equal(t, pcf.Regressed, r.Verdict)
	require.InDelta(t, math.Expm1(-.4), r.Reading.Change.Mid, .05)
	require.InDelta(t, .02, r.Reading.Expected.Mid, .002)
	for i := range in.Window {
		in.Window[i].Positive *= math.Exp(.8)
	}
	r = run(t, in)
	require.Equal(t, pcf.Improved, r.Verdict)
	require.Equal(t, 2, r.Look.Day, "two weeks hold every weekday")
	require.NotContains(t, warningCodes(r), "partial_weeks")
}

func TestComputedLevelsAgreeWithPublishedOnes(t *testing.T) {
	t.Parallel()
	for _, days := range []int{13, 15, 27, 29} { // beside the schedules that are given
		near := pcf.TwoWeeks()
		if days > 20 {
			near = pcf.FourWeeks()
		}
		s := pcf.Until(days)
		require.Equal(t, days, s.Horizon())
		for _, want := range near[:len(near)-2] {
			got, ok := s.At(want.Day)
			require.True(t, ok)
			// A level goes with the share of the horizon that has passed.
			require.InEpsilon(t, want.NominalP*float64(near.Horizon())/float64(days), got.NominalP, .12, "day %d of %d", want.Day, days)
		}
	}
	require.Equal(t, pcf.TwoWeeks(), pcf.Until(14))
	require.Equal(t, pcf.FourWeeks(), pcf.Until(28))
	require.Equal(t, pcf.Once(1)[0].Day, pcf.Until(1)[0].Day)
	require.InDelta(t, pcf.Alpha, pcf.Until(1)[0].NominalP, 1e-3)
	long := pcf.Until(90)
	require.Equal(t, []int{42, 56, 70, 84, 90}, []int{long[9].Day, long[10].Day, long[11].Day, long[12].Day, long[13].Day})
}

// TestTheErrorIsSpentOverAllLooks on Brownian motions, which is what the levels are made for.
func TestTheErrorIsSpentOverAllLooks(t *testing.T) {
	t.Parallel()
	for _, s := range []pcf.Schedule{pcf.TwoWeeks(), pcf.FourWeeks(), pcf.EightWeeks(), pcf.Until(7), pcf.Until(45)} {
		random := rand.New(rand.NewPCG(1, uint64(len(s))))
		const walks = 20000
		crossed := 0
		for range walks {
			x, day := 0., 0
			for _, look := range s {
				x += math.Sqrt(float64(look.Day-day)) * random.NormFloat64()
				day = look.Day
				if math.Erfc(math.Abs(x)/math.Sqrt(2*float64(day))) <= look.NominalP {
					crossed++
					break
				}
			}
		}
		require.InDelta(t, pcf.Alpha, float64(crossed)/walks, .006, "%d looks", len(s))
	}
}

func TestADayThatIsAlwaysClosedIsNotMissing(t *testing.T) {
	t.Parallel()
	days := shop(40, 126, 112, .8, 1000)
	for i := range days {
		if i%7 >= 5 { // weekends
			days[i] = pcf.Day{Missing: true}
		}
	}
	in := deployed(days, 112)
	r := run(t, in)
	require.Equal(t, pcf.Improved, r.Verdict)
	require.Equal(t, 10, r.Look.Day, "seven days with data take nine")
	require.NotContains(t, warningCodes(r), "missing_days")
	require.NotContains(t, warningCodes(r), "missing_history")
	days[115] = pcf.Day{Missing: true}
	require.Contains(t, warningCodes(run(t, in)), "missing_days")
}
