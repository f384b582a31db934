package verification

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

func deployment(t *testing.T, deployedAt string) Deployment {
	t.Helper()
	return Deployment{
		Deployed: true, DeployedAt: at(t, deployedAt), TimeZone: "Europe/Berlin", CanaryShare: wholeTraffic,
		PositiveTypes: []string{"purchase"}, NegativeTypes: []string{"js_error"}, Predicted: json.RawMessage(`{"metric":"positive_ratio"}`),
	}
}

// planOf registers on a past in which nothing happened.
func planOf(t *testing.T, d Deployment) Plan {
	t.Helper()
	plan, err := newPlan(t.Context(), d, 14, data{t: t, asOf: d.DeployedAt})
	require.NoError(t, err)
	return plan
}

func TestThePlanFixesWindowsAndLooksInTheProductsTimeZone(t *testing.T) {
	t.Parallel()
	plan := planOf(t, deployment(t, "2026-06-10T09:30:00Z"))

	require.Equal(t, at(t, "2026-06-09T22:00:00Z"), plan.HistoryTo)
	require.Equal(t, at(t, "2026-06-10T22:00:00Z"), plan.WindowFrom, "the day of the deployment belongs to neither side")
	require.Equal(t, at(t, "2025-12-09T23:00:00Z"), plan.HistoryFrom, "182 days, across the change of clocks")
	days := []int{}
	for i, look := range plan.Looks {
		days = append(days, look.Day)
		require.Equal(t, i+1, look.Number)
		require.Equal(t, at(t, "2026-06-10T22:00:00Z").AddDate(0, 0, look.Day), look.AsOf)
	}
	require.Equal(t, []int{1, 2, 3, 5, 7, 10, 14}, days)
	require.Equal(t, pcf.Method, plan.Method)
	require.Equal(t, []string{"purchase"}, plan.PositiveTypes)

	stored, err := json.Marshal(plan)
	require.NoError(t, err)
	var read Plan
	require.NoError(t, json.Unmarshal(stored, &read))
	require.Equal(t, plan, read)
}

func TestADeploymentAtMidnightLosesNoDay(t *testing.T) {
	t.Parallel()
	plan := planOf(t, deployment(t, "2026-06-09T22:00:00Z"))
	require.Equal(t, plan.HistoryTo, plan.WindowFrom)
	require.Equal(t, at(t, "2026-06-10T22:00:00Z"), plan.Looks[0].AsOf)
}

func TestTheTriggerIsTheSpanFromTheFindingsStartToItsDetection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, started, detected, from, to string }{
		{"two days", "2026-06-01T09:00:00Z", "2026-06-02T12:00:00Z", "2026-05-31T22:00:00Z", "2026-06-02T22:00:00Z"},
		{"detected by midnight", "2026-06-01T09:00:00Z", "2026-06-02T22:00:00Z", "2026-05-31T22:00:00Z", "2026-06-02T22:00:00Z"},
		{"a slow one counts its last week", "2026-05-01T09:00:00Z", "2026-06-02T12:00:00Z", "2026-05-26T22:00:00Z", "2026-06-02T22:00:00Z"},
		{"cut at the deployment", "2026-06-09T09:00:00Z", "2026-06-10T09:00:00Z", "2026-06-08T22:00:00Z", "2026-06-09T22:00:00Z"},
		{"all on the day of the deployment", "2026-06-10T07:00:00Z", "2026-06-10T09:00:00Z", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := deployment(t, "2026-06-10T09:30:00Z")
			started, detected := at(t, c.started), at(t, c.detected)
			d.Finding = &Finding{StartedAt: started, DetectedAt: detected}
			plan := planOf(t, d)
			if c.from == "" {
				require.Nil(t, plan.Trigger)
				return
			}
			require.Equal(t, &Span{From: at(t, c.from), To: at(t, c.to)}, plan.Trigger)
		})
	}
	plan := planOf(t, deployment(t, "2026-06-10T09:30:00Z"))
	require.Nil(t, plan.Trigger, "without a finding there is nothing to guard against")
}

func TestHoursFallIntoTheirLocalDays(t *testing.T) {
	t.Parallel()
	plan := planOf(t, deployment(t, "2026-06-10T09:30:00Z"))
	days, err := newCalendar(plan.TimeZone)
	require.NoError(t, err)
	look := plan.Looks[1]

	var hours []Hour
	for hour := plan.HistoryFrom; hour.Before(look.AsOf); hour = hour.Add(time.Hour) {
		hours = append(hours, Hour{Start: hour, Positive: 2, Negative: 1})
	}
	grid := newGrid(days, plan, look)
	series := grid.bucket(hours)
	require.Len(t, series, pcf.MaxHistoryDays+1+2, "history, the day of the deployment, two days since")
	require.Equal(t, pcf.MaxHistoryDays+1, grid.history)
	dates := grid.dates()
	for i, day := range series {
		want := 24.
		if dates[i] == "2026-03-29" {
			want = 23
		}
		require.Equal(t, [2]float64{2 * want, want}, day, dates[i])
	}
	inputs := Inputs{Dates: dates, FirstWeekday: grid.starts[0].In(days.zone).Weekday(), HistoryDays: grid.history, Gap: grid.gap, Measure: series}
	in := inputs.input(plan, plan.Measure, series)
	require.True(t, in.History[len(in.History)-1].Missing)
	require.Equal(t, [2]float64{48, 24}, series[grid.history-1], "it is still drawn")
	require.Equal(t, time.Wednesday, in.FirstWeekday)
	require.Len(t, in.Window, 2)
}

func TestSampledHoursCountByWhatTheyStandForAndWeighAsMuchAsWasSampled(t *testing.T) {
	t.Parallel()
	plan := planOf(t, deployment(t, "2026-06-10T09:30:00Z"))
	days, err := newCalendar(plan.TimeZone)
	require.NoError(t, err)
	grid := newGrid(days, plan, plan.Looks[0])
	noon := plan.WindowFrom.Add(12 * time.Hour)
	series := grid.bucket([]Hour{
		{Start: noon, Positive: 100, Negative: 100},                            // 200 sessions
		{Start: noon.Add(time.Hour), Positive: 150, Negative: 50, Halvings: 3}, // 1,600 sessions
	})
	// (100 + 8·150) / (200 + 8·200) of 400 that were looked at.
	require.Equal(t, [2]float64{289, 111}, series[grid.history])
}
