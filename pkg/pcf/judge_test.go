package pcf_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// shop draws days of an invented shop: a weekly rhythm, day-to-day noise, and a positive ratio that may jump by effect
// (on the log odds) from day `from` on.
func shop(seed uint64, days, from int, effect, volume float64) []pcf.Day {
	random := rand.New(rand.NewPCG(seed, 7))
	out := make([]pcf.Day, days)
	for i := range out {
		weekday := []float64{0, .05, .1, .05, 0, -.2, -.15}[i%7]
		logOdds := 1.2 + weekday + .06*random.NormFloat64()
		if i >= from {
			logOdds += effect
		}
		total := math.Round(volume * (1 + weekday) * (1 + .05*random.NormFloat64()))
		positive := math.Round(total / (1 + math.Exp(-logOdds)))
		out[i] = pcf.Day{Positive: positive, Negative: total - positive}
	}
	return out
}

// deployed splits days at the deployment.
func deployed(days []pcf.Day, at int) pcf.Input {
	return pcf.Input{
		Metric: pcf.Ratio, FirstWeekday: time.Monday, History: days[:at], Window: days[at:], Schedule: pcf.TwoWeeks(),
	}
}

// run takes the looks in order until one is final, as the service does.
func run(t *testing.T, in pcf.Input) pcf.Result {
	t.Helper()
	for number := range in.Schedule {
		r, err := pcf.Judge(in, number+1)
		require.NoError(t, err)
		if r.Verdict.Final() {
			return r
		}
	}
	t.Fatal("the last look must be final")
	return pcf.Result{}
}

func warningCodes(r pcf.Result) []string {
	codes := make([]string, len(r.Warnings))
	for i, w := range r.Warnings {
		codes[i] = w.Code
	}
	return codes
}

func TestAnImprovementIsCalledOnDaySevenAtTheEarliest(t *testing.T) {
	t.Parallel()
	r := run(t, deployed(shop(1, 70, 56, .8, 1000), 56))
	require.Equal(t, pcf.Improved, r.Verdict)
	require.Equal(t, 7, r.Look.Day)
	require.InDelta(t, math.Expm1(.8), r.Reading.Change.Mid, .3)
	require.Positive(t, r.Reading.Change.Low)
	require.Greater(t, r.Reading.ProbabilityImproved, .99)
	require.Positive(t, r.Reading.MDE)
	require.Greater(t, r.Reading.Observed, r.Reading.Expected.High)
	require.Equal(t, 28, r.Before.Days)
	require.Equal(t, 7, r.After.Days)
}

func TestARegressionIsCalledOnTheFirstDay(t *testing.T) {
	t.Parallel()
	r := run(t, deployed(shop(2, 70, 56, -1.2, 1000), 56))
	require.Equal(t, pcf.Regressed, r.Verdict)
	require.Equal(t, 1, r.Look.Day)
	require.Negative(t, r.Reading.Change.High)
}

func TestNothingHappenedEndsInNoEffectOrInconclusive(t *testing.T) {
	t.Parallel()
	// Much traffic and 182 quiet days leave an interval narrow enough to say that nothing happened.
	r := run(t, deployed(quiet(196), 182))
	require.Equal(t, pcf.NoEffect, r.Verdict)
	require.Equal(t, 14, r.Look.Day)

	r = run(t, deployed(shop(4, 70, 56, 0, 60), 56))
	require.Equal(t, pcf.Inconclusive, r.Verdict)
	require.Equal(t, pcf.ReasonNotSignificant, r.Reason)
	require.Positive(t, r.Reading.MDE)
}

func quiet(days int) []pcf.Day {
	random := rand.New(rand.NewPCG(5, 5))
	out := make([]pcf.Day, days)
	for i := range out {
		out[i] = pcf.Day{Positive: 80000 + math.Round(100*random.NormFloat64()), Negative: 20000}
	}
	return out
}

func TestMinimumsForbidAVerdict(t *testing.T) {
	t.Parallel()
	jump := func(days, at int, volume float64) pcf.Input { return deployed(shop(6, days, at, 1.5, volume), at) }
	silent := jump(70, 56, 1000)
	silent.Window = make([]pcf.Day, 14)
	trickle := jump(70, 56, 1000)
	for i := range trickle.Window {
		trickle.Window[i] = pcf.Day{Positive: 8, Negative: 1}
	}
	gaps := jump(70, 56, 1000)
	for i := range gaps.Window {
		if i%2 == 0 || i == 1 {
			gaps.Window[i] = pcf.Day{Missing: true}
		}
	}
	spotty := jump(70, 56, 1000)
	spotty.Schedule = pcf.Once(10)
	for i := range 4 {
		spotty.Window[2*i] = pcf.Day{Missing: true}
	}

	for name, c := range map[string]struct {
		in     pcf.Input
		reason pcf.Reason
	}{
		"27 days of history":                    {jump(41, 27, 1000), pcf.ReasonShortHistory},
		"7 days of history":                     {jump(21, 7, 1000), pcf.ReasonShortHistory},
		"6 days of history":                     {jump(20, 6, 1000), pcf.ReasonShortHistory},
		"no signal since":                       {silent, pcf.ReasonZeroTraffic},
		"a trickle since":                       {trickle, pcf.ReasonInstrumentation},
		"more than half of the days missing":    {gaps, pcf.ReasonInstrumentation},
		"six days with data":                    {spotty, pcf.ReasonFewDays},
		"fewer than ten negative events a week": {jump(70, 56, 5), pcf.ReasonFewEvents},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, c.in)
			require.Equal(t, pcf.Inconclusive, r.Verdict)
			require.Equal(t, c.reason, r.Reason)
			require.Equal(t, c.in.Schedule.Horizon(), r.Look.Day, "it stays open until its last look")
		})
	}
}

func TestAYoungProductGetsAnEarlyReadWithNumbers(t *testing.T) {
	t.Parallel()
	for history := 7; history < 28; history++ {
		r := run(t, deployed(shop(7, history+14, history, .8, 1000), history))
		require.True(t, r.EarlyRead)
		require.NotNil(t, r.Reading)
		require.Less(t, r.Reading.Change.Low, r.Reading.Change.High)
		require.Contains(t, warningCodes(r), "early_read")
	}
}

func TestAFixThatRemovesTheNegativeSignalsIsVerified(t *testing.T) {
	t.Parallel()
	days := shop(8, 70, 56, 0, 1000)
	for i := 56; i < len(days); i++ {
		days[i] = pcf.Day{Positive: days[i].Total()}
	}
	r := run(t, deployed(days, 56))
	require.Equal(t, pcf.Improved, r.Verdict)
	require.Contains(t, warningCodes(r), "negative_vanished")
}

func TestARecoveryAfterBadDaysIsNotCreditedToTheDeployment(t *testing.T) {
	t.Parallel()
	// The level is high, falls for the three days that raise the finding, and comes back by itself.
	days := shop(9, 70, 56, 0, 3000)
	for i := 53; i < 56; i++ {
		days[i].Negative, days[i].Positive = days[i].Negative*2.2, days[i].Positive*.75
	}
	in := deployed(days, 56)
	unguarded := run(t, in)
	in.Trigger = []int{53, 54, 55}
	guarded := run(t, in)

	require.Positive(t, unguarded.Reading.Change.Mid)
	require.NotEqual(t, pcf.Improved, guarded.Verdict)
	require.NotNil(t, guarded.WithoutTrigger)
	require.Less(t, guarded.WithoutTrigger.Change.Mid, guarded.Reading.Change.Mid)
}

func TestTheDayOfTheDeploymentBelongsToNeitherSide(t *testing.T) {
	t.Parallel()
	days := shop(10, 71, 57, .8, 1000)
	days[56] = pcf.Day{Missing: true}
	in := pcf.Input{FirstWeekday: time.Monday, History: days[:57], Window: days[57:], Schedule: pcf.TwoWeeks()}
	r := run(t, in)
	require.Equal(t, pcf.Improved, r.Verdict)
	require.NotContains(t, warningCodes(r), "missing_history")
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	days := shop(11, 70, 56, 0, 1000)
	days[20] = pcf.Day{Missing: true}
	for i := 56; i < 70; i++ {
		days[i].Positive, days[i].Negative = days[i].Positive*1.4, days[i].Negative*1.4
	}
	days[60] = pcf.Day{Missing: true}
	in := deployed(days, 56)
	in.Schedule = pcf.Once(10)
	require.Subset(t, warningCodes(run(t, in)), []string{"missing_days", "missing_history", "partial_weeks", "volume_shift", "short_history"})

	clean := deployed(quiet(196), 182)
	require.Empty(t, run(t, clean).Warnings)
}

func TestSchedulesSpendTheirErrorAsPlanned(t *testing.T) {
	t.Parallel()
	require.Equal(t, 14, pcf.TwoWeeks().Horizon())
	require.Equal(t, 28, pcf.FourWeeks().Horizon())
	for _, s := range []pcf.Schedule{pcf.TwoWeeks(), pcf.FourWeeks(), pcf.Once(9)} {
		for i := 1; i < len(s); i++ {
			require.Greater(t, s[i].Day, s[i-1].Day)
			require.Greater(t, s[i].NominalP, s[i-1].NominalP)
		}
		require.LessOrEqual(t, s[len(s)-1].NominalP, .05)
	}
	between, ok := pcf.TwoWeeks().At(8)
	require.True(t, ok)
	require.Equal(t, 7, between.Day)
	first, ok := pcf.TwoWeeks().At(0)
	require.True(t, ok)
	require.Equal(t, 1, first.Day)
	_, ok = pcf.Schedule(nil).At(1)
	require.False(t, ok)
}

func TestALookNeedsItsDays(t *testing.T) {
	t.Parallel()
	in := deployed(shop(12, 60, 56, 0, 100), 56)
	_, err := pcf.Judge(in, 4)
	require.ErrorIs(t, err, pcf.ErrWindowNotComplete)
	_, err = pcf.Judge(in, 0)
	require.Error(t, err)
	_, err = pcf.Judge(in, 8)
	require.Error(t, err)
}
