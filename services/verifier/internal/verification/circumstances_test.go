package verification

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/pcf"
)

// sentence code of a warning that a result carries.
func warned(r Result, code string) bool { return slices.Contains(r.WarningCodes, code) }

// shop is a context with ordinary weather: what it counts at an hour, before the test's own changes.
func shop(hour time.Time) Hour {
	day, weather := hour.Unix()/86400, 0.
	for i, x := range []float64{1, .7, -.4, .3} { // incommensurable waves: no two weeks are alike
		weather += x * math.Sin(float64(day)*math.Sqrt(float64(2+i)))
	}
	return Hour{Positive: 40 + int64(4*weather) + hour.Unix()/3600%3, Negative: 10 - int64(weather)}
}

// only sets what one measure counts.
func only(m Measure, of func(time.Time) Hour) map[string]func(time.Time) Hour {
	return map[string]func(time.Time) Hour{m.Name(): of}
}

// tested is a shop in which something was deployed on a Wednesday, with what an hour counts from then on.
func tested(t *testing.T, since func(hour time.Time, usual Hour) Hour) (Verification, data) {
	t.Helper()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	return v, data{t: t, until: at(t, "2027-01-01T00:00:00Z"), of: only(v.Plan.Measure, func(hour time.Time) Hour {
		if usual := shop(hour); hour.Before(v.Plan.WindowFrom) {
			return usual
		} else {
			return since(hour, usual)
		}
	})}
}

func better(_ time.Time, usual Hour) Hour {
	return Hour{Positive: usual.Positive + 5, Negative: usual.Negative / 2}
}

func unchanged(_ time.Time, usual Hour) Hour { return usual }

func last(steps []Step) Step { return steps[len(steps)-1] }

func TestAnImprovementIsToldWithoutWarnings(t *testing.T) {
	t.Parallel()
	v, d := tested(t, better)
	end := last(lookUntilFinal(t, v, d))
	require.Equal(t, Status("improved"), end.Status, end.Result.Reason)
	require.Empty(t, end.Result.WarningCodes)
	require.NotEmpty(t, end.Result.PlaceboDates)
	for _, placebo := range end.Result.PlaceboDates {
		require.False(t, placebo.Crossed, "nothing happened on %s", placebo.Date)
	}
}

func TestWhatForbidsAVerdictNeverBecomesAnImprovement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		since  func(time.Time, Hour) Hour
		and    func(*Verification, *data)
		reason pcf.Reason
		warns  string
	}{
		{"no traffic", func(time.Time, Hour) Hour { return Hour{} }, nil, pcf.ReasonZeroTraffic, "missing_days"},
		{"tracking stopped on the second day", func(hour time.Time, usual Hour) Hour {
			if hour.Before(time.Date(2026, 6, 12, 0, 0, 0, 0, time.UTC)) {
				return better(hour, usual)
			}
			return Hour{}
		}, nil, pcf.ReasonInstrumentation, "missing_days"},
		{"another deployment", better, func(_ *Verification, d *data) { d.others = 1 }, pcf.ReasonOverlap, "another_deployment"},
		{"three days of a holiday", func(hour time.Time, usual Hour) Hour {
			if day := hour.Day(); day >= 13 && day < 16 {
				return Hour{Positive: 9 * usual.Positive, Negative: 2 * usual.Negative}
			}
			return usual
		}, nil, "", "special_days"},
		{"a positive type that was never sent before", better, func(_ *Verification, d *data) {
			d.types = []TypeCount{{"purchase", 0, 5000}, {"js_error", 9000, 1500}}
		}, pcf.ReasonInstrumentationChanged, "instrumentation_changed"},
		{"every positive type gone", func(_ time.Time, usual Hour) Hour { return Hour{Negative: usual.Negative} }, func(_ *Verification, d *data) {
			d.types = []TypeCount{{"purchase", 40000, 0}, {"js_error", 9000, 2000}}
		}, pcf.ReasonInstrumentationChanged, "positive_vanished"},
		{"every negative type gone at once", func(_ time.Time, usual Hour) Hour { return Hour{Positive: usual.Positive} }, func(v *Verification, d *data) {
			v.Plan.NegativeTypes, v.NegativeTypes = []string{"js_error", "rage_click"}, []string{"js_error", "rage_click"}
			d.types = []TypeCount{{"purchase", 40000, 10000}, {"js_error", 6000, 0}, {"rage_click", 3000, 0}}
		}, pcf.ReasonInstrumentationChanged, "type_vanished"},
		{"a change that nobody has", better, func(v *Verification, d *data) { d.shares = []CanaryShare{{v.DeployedAt, 0}} }, reasonCanary, "canary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, d := tested(t, c.since)
			if c.and != nil {
				c.and(&v, &d)
			}
			steps := lookUntilFinal(t, v, d)
			end := last(steps)
			require.Equal(t, Status("inconclusive"), end.Status, end.Result.Reason)
			require.Equal(t, 7, len(steps), "it is watched to the end")
			if c.reason != "" {
				require.Equal(t, string(c.reason), end.Result.ReasonCode, end.Result.Reason)
			}
			require.True(t, warned(end.Result, c.warns), "%q", end.Result.WarningCodes)
			require.Equal(t, len(end.Result.Warnings), len(end.Result.WarningCodes))
		})
	}
}

// A whole week on which twice as many come carries no verdict on its seventh day; when it stays so, that is how it is.
func TestAVerdictWaitsForOrdinaryDaysUnlessThereAreNoneAnyMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		days int
		day  int
	}{{"a week", 7, 14}, {"from now on", 14, 14}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, d := tested(t, func(hour time.Time, usual Hour) Hour {
				now := better(hour, usual)
				if hour.Before(at(t, "2026-06-10T22:00:00Z").AddDate(0, 0, c.days)) {
					return Hour{Positive: 3 * now.Positive, Negative: 3 * now.Negative}
				}
				return now
			})
			steps := lookUntilFinal(t, v, d)
			end := last(steps)
			require.Equal(t, Status("improved"), end.Status, end.Result.Reason)
			require.Equal(t, c.day, end.Taken.Day)
			require.Equal(t, string(reasonSpecialDays), steps[4].Result.ReasonCode)
			require.Equal(t, c.days, len(end.Result.SpecialDays))
			require.True(t, warned(end.Result, "special_days"))
		})
	}
}

func TestADeploymentAtTheWeekendSaysSo(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-13T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	end := last(lookUntilFinal(t, v, data{t: t, until: at(t, "2027-01-01T00:00:00Z"), of: only(v.Plan.Measure, shop)}))
	require.NotEqual(t, Status("improved"), end.Status)
	require.True(t, warned(end.Result, "weekend"))
}

// The finding came from three bad days; afterwards it is as it always was.
func TestAReturnToNormalAfterTheDaysThatGaveTheAlarmIsNoImprovement(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-06-10T09:30:00Z", at(t, "2027-01-01T00:00:00Z"))
	v.Plan.Trigger = &Span{From: at(t, "2026-06-06T22:00:00Z"), To: at(t, "2026-06-09T22:00:00Z")}
	steps := lookUntilFinal(t, v, data{t: t, until: at(t, "2027-01-01T00:00:00Z"), of: only(v.Plan.Measure, func(hour time.Time) Hour {
		usual := shop(hour)
		if !hour.Before(v.Plan.Trigger.From) && hour.Before(v.Plan.Trigger.To) {
			usual.Negative *= 4
		}
		return usual
	})})
	for _, step := range steps {
		require.NotEqual(t, Status("improved"), step.Status, step.Result.Reason)
	}
}

func TestOnACanaryAnImprovementIsToldAndNoEffectIsNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		since  func(time.Time, Hour) Hour
		status Status
	}{{better, "improved"}, {unchanged, "inconclusive"}} {
		v, d := tested(t, c.since)
		d.shares = []CanaryShare{{v.DeployedAt, .5}}
		end := last(lookUntilFinal(t, v, d))
		require.Equal(t, c.status, end.Status, end.Result.Reason)
		require.True(t, warned(end.Result, "canary"))
		require.InDelta(t, .5, end.Result.CanaryShare, 0)
	}
	v, d := tested(t, unchanged)
	end := last(lookUntilFinal(t, v, d))
	require.Equal(t, Status("no_effect"), end.Status, "the same on all of the traffic; %s", end.Result.Reason)
}

func TestWhatPeopleEditedMeanwhileIsToldAndTheRegisteredTestGoesOn(t *testing.T) {
	t.Parallel()
	v, d := tested(t, better)
	v.PositiveTypes, v.TimeZone = []string{"purchase", "signup"}, "America/New_York"
	d.shares = []CanaryShare{{v.DeployedAt, 50}, {v.Plan.WindowFrom.AddDate(0, 0, 2), 100}}
	end := last(lookUntilFinal(t, v, d))
	require.Equal(t, Status("improved"), end.Status)
	require.Equal(t, []string{"types_edited", "time_zone_edited", "canary_share_changed"}, end.Result.WarningCodes)
}

func TestHoursThatUsuallyCarrySignalsAndHaveNoneAreTold(t *testing.T) {
	t.Parallel()
	v, d := tested(t, func(hour time.Time, usual Hour) Hour {
		if hour.Day() == 12 && hour.Hour() >= 9 && hour.Hour() < 15 {
			return Hour{}
		}
		return usual
	})
	end := last(lookUntilFinal(t, v, d))
	require.Contains(t, end.Result.Warnings, "Hours that usually carry signals have none on 2026-06-12.")
	require.Equal(t, []string{"2026-06-12"}, end.Inputs.Gaps)

	night := func(hour time.Time) Hour { // nobody comes at night, and never did
		if hour.Hour() < 6 {
			return Hour{}
		}
		return shop(hour)
	}
	d.of = only(v.Plan.Measure, night)
	require.Empty(t, last(lookUntilFinal(t, v, d)).Inputs.Gaps)
}

func TestAnotherMixIsToldWithTheEffectItWouldHaveHadWithout(t *testing.T) {
	t.Parallel()
	v, d := tested(t, better)
	value := func(dimension, value string, pb, nb, pa, na int64) ValueCount {
		return ValueCount{dimension, Segment{value, pb, nb, pa, na}}
	}
	d.values = []ValueCount{
		value("browser", "Firefox", 5000, 1000, 2500, 500), value("browser", "Safari", 5000, 1000, 2600, 520), // stayed
		value("country", "DE", 9000, 500, 1000, 56), value("country", "FR", 1000, 1500, 4100, 6000), // moved
		value("path", "/cart", 100, 2000, 10, 200), value("path", "/thanks", 9900, 0, 5100, 0), // follows from what happened
		value("plan", "free", 10, 90, 90, 10), value("plan", "paid", 90, 10, 10, 90), // few carry it
	}
	end := last(lookUntilFinal(t, v, d))
	require.Equal(t, "country", end.Result.Mix.Dimension)
	require.Greater(t, end.Result.Mix.Moved, .6)
	require.InDelta(t, 0, end.Result.Mix.Reweighted, .02, "inside the countries nothing changed")
	require.True(t, warned(end.Result, "mix_shift"))
}

func TestTheClocksOfTheWindowAreHeldAgainstThoseBefore(t *testing.T) {
	t.Parallel()
	v := registered(t, "2026-03-18T09:30:00Z", at(t, "2027-01-01T00:00:00Z")) // clocks change on the 29th
	steps := lookUntilFinal(t, v, data{t: t, until: at(t, "2027-01-01T00:00:00Z"), of: only(v.Plan.Measure, shop)})
	require.False(t, warned(steps[4].Result, "clock_change"))
	require.True(t, warned(last(steps).Result, "clock_change"))
}

// What is stored is enough to compute the same bytes again, whatever was counted.
func TestTheSameStoredInputsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	plan := planOf(t, deployment(t, "2026-06-10T09:30:00Z"))
	plan.Controls = []Control{{Name: "Help", Measure: plan.Measure}}
	plan.PromisedRange = &pcf.Range{Low: .7, Mid: .8, High: .85}
	days, err := newCalendar(plan.TimeZone)
	require.NoError(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		look := rapid.SampledFrom(plan.Looks).Draw(rt, "look")
		grid := newGrid(days, plan, look)
		count := rapid.IntRange(0, 500)
		series := func(name string) Series {
			start := rapid.IntRange(0, len(grid.starts)).Draw(rt, name+" starts")
			counts := rapid.SliceOfN(count, 2*len(grid.starts), 2*len(grid.starts)).Draw(rt, name)
			out := make(Series, len(grid.starts))
			for i := start; i < len(out); i++ {
				out[i] = [2]float64{float64(counts[2*i]), float64(counts[2*i+1])}
			}
			return out
		}
		in := Inputs{
			Dates: grid.dates(), FirstWeekday: grid.starts[0].In(days.zone).Weekday(), HistoryDays: grid.history, Gap: grid.gap,
			Trigger: []int{grid.history - 3, grid.history - 2}, Measure: series("measure"), Controls: []Series{series("control")},
			Canary: Canary{Most: float64(rapid.IntRange(0, 100).Draw(rt, "canary"))}, OtherDeployments: rapid.IntRange(0, 1).Draw(rt, "others"),
		}
		digest := func(plan Plan, in Inputs) string {
			result, verdict, err := Judge(plan, look, in)
			require.NoError(rt, err)
			if in.Canary.Most == 0 || in.OtherDeployments > 0 {
				require.NotContains(rt, []pcf.Verdict{pcf.Improved, pcf.NoEffect}, verdict)
			}
			stored, err := json.Marshal(result)
			require.NoError(rt, err)
			return fmt.Sprintf("%x", sha256.Sum256(stored))
		}
		storedPlan, err := json.Marshal(plan)
		require.NoError(rt, err)
		storedInputs, err := json.Marshal(in)
		require.NoError(rt, err)
		var readPlan Plan
		var readInputs Inputs
		require.NoError(rt, json.Unmarshal(storedPlan, &readPlan))
		require.NoError(rt, json.Unmarshal(storedInputs, &readInputs))
		require.Equal(rt, digest(plan, in), digest(readPlan, readInputs))
	})
}
