package proof_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
	"github.com/draftlabs/specter/services/specter/internal/proof"
)

var begin = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // a Monday

// visit is a day of an invented shop; its sign-ups may change by the factor (on the odds) from day `from` on.
type visit struct{ signups, visits int }

func visits(days, from int, factor float64) []visit {
	random := rand.New(rand.NewPCG(3, 3))
	out := make([]visit, days)
	for i := range out {
		odds := .25 * math.Exp(.05*random.NormFloat64()-.15*float64(i%7/5))
		if i >= from {
			odds *= factor
		}
		total := 2000 + random.IntN(200)
		out[i] = visit{int(math.Round(float64(total) * odds / (1 + odds))), total}
	}
	return out
}

// daily writes them a row a day.
func daily(days []visit) string {
	var b strings.Builder
	b.WriteString("date,signups,visits\n")
	for i, v := range days {
		fmt.Fprintf(&b, "%s,%d,%d\n", begin.AddDate(0, 0, i).Format(time.DateOnly), v.signups, v.visits)
	}
	return b.String()
}

func on(day int) string { return begin.AddDate(0, 0, day).Format(time.DateOnly) }

func ratio(at string) proof.Question {
	return proof.Question{At: at, Columns: proof.Columns{Numerator: "signups", Denominator: "visits"}}
}

func ask(t *testing.T, text string, q proof.Question) proof.Answer {
	t.Helper()
	a, err := proof.Verify(strings.NewReader(text), q)
	require.NoError(t, err)
	return a
}

func codes(a proof.Answer) []string {
	out := []string{}
	for _, w := range a.Warnings {
		out = append(out, w.Code)
	}
	return out
}

func TestItIsTheProductsTest(t *testing.T) {
	t.Parallel()
	days := visits(104, 90, 1.3)
	a := ask(t, daily(days), ratio(on(90)))
	var all []pcf.Day
	for _, v := range days {
		all = append(all, pcf.Day{Positive: float64(v.signups), Negative: float64(v.visits - v.signups)})
	}
	r, err := pcf.Run(pcf.Input{FirstWeekday: time.Monday, History: all[:90], Window: all[90:], Schedule: pcf.TwoWeeks()})
	require.NoError(t, err)

	require.Equal(t, "improved", a.Verdict)
	require.EqualValues(t, r.Verdict, a.Verdict)
	require.Equal(t, r.Look.Number, *a.DecidedAt)
	require.Equal(t, 7, a.Day, "an improvement takes a week")
	require.InDelta(t, r.Reading.Change.Mid, *a.Effect, 0)
	require.InDelta(t, r.Reading.Change95.Low, a.Effect95[0], 0)
	require.InDelta(t, r.Reading.PValue, *a.PValue, 0)
	require.InDelta(t, r.Before.Positive, *a.Before.Numerator, 0)
	require.InDelta(t, r.After.Positive+r.After.Negative, *a.After.Denominator, 0)
	require.Equal(t, pcf.Method, a.Method)
	require.InDelta(t, .3, *a.Effect, .1)
	require.NotEmpty(t, a.Placebos)
	require.Len(t, a.Days, 7)
	require.Equal(t, on(90), a.Days[0].Date)
	require.NotEmpty(t, a.Sensitivity)
}

func TestARegressionIsCalledEarlyAndMeasuredOverAWeek(t *testing.T) {
	t.Parallel()
	a := ask(t, daily(visits(104, 90, .4)), ratio(on(90)))
	require.Equal(t, "regressed", a.Verdict)
	require.Equal(t, 1, *a.DecidedAt)
	require.Equal(t, 7, a.Day)
	require.InDelta(t, -.6, *a.Effect, .06)

	short := ask(t, daily(visits(92, 90, .4)), ratio(on(90)))
	require.Equal(t, "regressed", short.Verdict)
	require.Equal(t, 2, short.Day)
}

func TestAFileThatEndsEarlyIsNotFinal(t *testing.T) {
	t.Parallel()
	a := ask(t, daily(visits(98, 200, 1)), ratio(on(90)))
	require.Equal(t, "inconclusive", a.Verdict)
	require.False(t, a.Final)
	require.Equal(t, 7, a.Day)
	require.Equal(t, 10, *a.NextLook)
	require.Contains(t, a.Reason, "the next look is on day 10 of 14")
}

// Every way to write the same days gives the same answer.
func TestTheSameDaysInOtherFiles(t *testing.T) {
	t.Parallel()
	days := visits(104, 90, 1.3)
	want := ask(t, daily(days), ratio(on(90)))
	hourly, shuffled, twice := strings.Builder{}, strings.Builder{}, strings.Builder{}
	hourly.WriteString("timestamp,signups,visits\n")
	shuffled.WriteString("visits;signups;when\n")
	twice.WriteString("ds,signups,visits\n")
	for i, v := range days {
		for hour := range 24 { // the first hour takes what does not divide
			s, n := v.signups/24, v.visits/24
			if hour == 0 {
				s, n = s+v.signups%24, n+v.visits%24
			}
			fmt.Fprintf(&hourly, "%sT%02d:00:00+02:00,%d,%d\n", on(i), hour, s, n)
		}
		j := (i * 17) % len(days)
		fmt.Fprintf(&shuffled, "%d;%d;%s\n", days[j].visits, days[j].signups, begin.AddDate(0, 0, j).Format("02.01.2006"))
		row := fmt.Sprintf("%s,%d,%d\n", begin.AddDate(0, 0, i).Format("20060102"), v.signups, v.visits)
		twice.WriteString(row)
		if i%10 == 3 {
			twice.WriteString(row)
		}
	}
	for name, text := range map[string]string{"hourly, elsewhere": hourly.String(), "shuffled": shuffled.String(), "rows twice": twice.String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := ratio(on(90))
			if name == "shuffled" {
				q.Columns.Timestamp = "when"
			}
			got := ask(t, text, q)
			if name == "rows twice" {
				require.Contains(t, codes(got), "repeated_rows")
			}
			got.Warnings = want.Warnings
			require.Equal(t, want, got)
		})
	}
}

func TestTwoOutcomesAreReadAsSuch(t *testing.T) {
	t.Parallel()
	days := visits(104, 90, 1.3)
	var b strings.Builder
	b.WriteString("day,pos,neg\n")
	for i, v := range days {
		fmt.Fprintf(&b, "%s,%d,%d\n", on(i), v.visits-v.signups, v.signups)
	}
	want := ask(t, b.String(), proof.Question{At: on(90), Columns: proof.Columns{Numerator: "pos", Negative: "neg"}})
	require.Equal(t, "regressed", want.Verdict)
	guessed := ask(t, b.String(), proof.Question{At: on(90)})
	require.Equal(t, want, guessed)
	exceeds := ask(t, b.String(), proof.Question{At: on(90), Columns: proof.Columns{Numerator: "pos", Denominator: "neg"}})
	require.Contains(t, codes(exceeds), "numerator_exceeds_denominator")
	require.InDelta(t, *want.Effect, *exceeds.Effect, 0)
}

func TestTheDayOfTheDeploymentBelongsToNeitherSide(t *testing.T) {
	t.Parallel()
	text := daily(visits(105, 91, 1.3))
	midnight := ask(t, text, ratio(on(91)))
	require.Equal(t, midnight.Days, ask(t, text, ratio(on(91)+"T00:00:00Z")).Days)
	noon := ask(t, text, ratio(on(90)+" 12:30"))
	require.Equal(t, on(91), noon.Days[0].Date)
	require.InDelta(t, *midnight.Effect, *noon.Effect, .02)
	require.Equal(t, "improved", noon.Verdict)
	require.NotContains(t, codes(noon), "missing_history")
}

func TestWeeklyPricesHaveNoWeekdays(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(8, 8))
	var b strings.Builder
	b.WriteString("week,price\n")
	level := math.Log(80)
	for i := range 130 {
		level += .02 * random.NormFloat64()
		if i == 120 {
			level -= .5
		}
		fmt.Fprintf(&b, "%s,%.4f\n", begin.AddDate(0, 0, 7*i).Format(time.DateOnly), math.Exp(level))
	}
	for _, at := range []string{on(120 * 7), on(120*7 - 3)} { // the second lies within the week before
		a := ask(t, b.String(), proof.Question{At: at})
		require.Equal(t, "regressed", a.Verdict)
		require.Equal(t, "week", a.Unit)
		require.Equal(t, "value", a.Metric)
		require.InDelta(t, -.4, *a.Effect, .1)
		require.Equal(t, on(120*7), a.Days[0].Date)
		require.Equal(t, 8, a.Day)
	}
	nothing := ask(t, b.String(), proof.Question{At: on(100 * 7)})
	require.Equal(t, "inconclusive", nothing.Verdict)
	require.Equal(t, 2, ask(t, b.String(), proof.Question{At: on(100 * 7), Horizon: 14}).Horizon, "two weeks are two rows")
}

func TestAYoungSeriesGetsAnEarlyRead(t *testing.T) {
	t.Parallel()
	for _, history := range []int{7, 14, 27} {
		a := ask(t, daily(visits(history+14, history, 2)), ratio(on(history)))
		require.Equal(t, "inconclusive", a.Verdict)
		require.True(t, a.EarlyRead)
		require.Equal(t, "history_too_short", a.ReasonCode)
		require.NotNil(t, a.Effect)
		require.Contains(t, codes(a), "early_read")
	}
	a := ask(t, daily(visits(20, 6, 2)), ratio(on(6)))
	require.Nil(t, a.Effect)
	require.Equal(t, "inconclusive", a.Verdict)
}

func TestWhatCannotBeVerdictsIsNone(t *testing.T) {
	t.Parallel()
	quiet := visits(104, 200, 1)
	edit := func(f func(i int, v visit) string) string {
		var b strings.Builder
		b.WriteString("date,signups,visits\n")
		for i, v := range quiet {
			b.WriteString(f(i, v))
		}
		return b.String()
	}
	row := func(i int, s, n string) string { return on(i) + "," + s + "," + n + "\n" }
	for name, c := range map[string]struct {
		text, reason, warning string
	}{
		"tracking stopped": {edit(func(i int, v visit) string {
			if i >= 90 {
				return row(i, "0", "0")
			}
			return row(i, strconv.Itoa(v.signups), strconv.Itoa(v.visits))
		}), "zero_traffic", "missing_days"},
		"a holiday": {edit(func(i int, v visit) string {
			if i >= 92 && i < 95 {
				v.signups *= 3
			}
			return row(i, strconv.Itoa(v.signups), strconv.Itoa(v.visits))
		}), "carried_by_few_days", "spike"},
		"few events": {edit(func(i int, _ visit) string { return row(i, strconv.Itoa(i%2), "40") }), "too_few_events", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := ask(t, c.text, ratio(on(90)))
			require.Equal(t, "inconclusive", a.Verdict)
			require.Equal(t, c.reason, a.ReasonCode)
			if c.warning != "" {
				require.Contains(t, codes(a), c.warning)
			}
		})
	}
}

func TestGapsAndTornDaysAreNotKnown(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("timestamp,orders\n")
	for i, v := range visits(105, 200, 1) {
		for hour := range 24 {
			switch {
			case i == 40, i == 50 && hour > 5, i == 104 && hour > 12: // lost, torn, not over yet
				continue
			case i == 60:
				fmt.Fprintf(&b, "%s %02d:00,\n", on(i), hour)
				continue
			}
			fmt.Fprintf(&b, "%s %02d:00,%d\n", on(i), hour, v.visits/24)
		}
	}
	a := ask(t, b.String(), proof.Question{At: on(90)})
	require.Equal(t, "count", a.Metric)
	require.Subset(t, codes(a), []string{"partial_days", "missing_history"})
	require.Equal(t, 14, a.Day, "the day that is not over is none of the window")
	require.NotContains(t, codes(a), "missing_days")
	require.Equal(t, "no_effect", a.Verdict)
}

func TestEveryHorizonHasLooks(t *testing.T) {
	t.Parallel()
	text := daily(visits(160, 300, 1))
	for _, horizon := range []int{1, 3, 7, 14, 21, 28, 60} {
		q := ratio(on(90))
		q.Horizon = horizon
		a := ask(t, text, q)
		require.Equal(t, horizon, a.Horizon)
		require.Equal(t, horizon, a.Day)
		q.Once = true
		once := ask(t, text, q)
		require.InDelta(t, .05, once.NominalP, 0)
		require.Len(t, once.Taken, 1)
	}
}

func TestProblemsHaveACodeAndAHint(t *testing.T) {
	t.Parallel()
	good := daily(visits(100, 200, 1))
	for code, c := range map[string]struct {
		text string
		q    proof.Question
	}{
		"bad_time":            {good, ratio("soon")},
		"outside_the_series":  {good, ratio("2030-01-01")},
		"no_window":           {good, ratio(on(99) + "T10:00:00Z")},
		"no_metric":           {good, proof.Question{At: on(90)}},
		"half_a_ratio":        {good, proof.Question{At: on(90), Columns: proof.Columns{Numerator: "signups"}}},
		"two_metrics":         {good, proof.Question{At: on(90), Columns: proof.Columns{Value: "signups", Denominator: "visits"}}},
		"two_denominators":    {good, proof.Question{At: on(90), Columns: proof.Columns{Numerator: "signups", Denominator: "visits", Negative: "visits"}}},
		"bad_horizon":         {good, proof.Question{At: on(90), Horizon: -1, Columns: proof.Columns{Value: "visits"}}},
		"empty_file":          {"", ratio(on(90))},
		"too_little_history":  {"date,n\n2026-01-01,1\n", proof.Question{At: on(90)}},
		"rows_too_far_apart":  {"date,n\n2026-01-01,1\n2026-02-01,1\n2026-03-01,1\n", proof.Question{At: "2026-02-01"}},
		"times_too_far_apart": {"date,n\n0001-01-01,1\n0001-01-02,1\n0001-01-03,1\n2026-03-01,1\n", proof.Question{At: "2026-02-01"}},
		"negative_value":      {"date,n\n2026-01-01,1\n2026-01-02,-1\n", proof.Question{At: "2026-01-02"}},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			_, err := proof.Verify(strings.NewReader(c.text), c.q)
			var problem *proof.Problem
			require.ErrorAs(t, err, &problem)
			require.Equal(t, code, problem.Code)
			require.NotEmpty(t, problem.Hint)
			require.NotEmpty(t, problem.Message)
		})
	}
}

// FuzzVerify: whatever the file and the moment, there is an answer that JSON can hold or an error that says why not, and
// no verdict without the numbers for it.
func FuzzVerify(f *testing.F) {
	f.Add([]byte(daily(visits(50, 40, 2))), on(40), "signups", "visits", 14)
	f.Add([]byte("date,n\n2026-01-01,1\n2026-01-08,1.5\n2026-01-15,0\n2026-01-22,1e300\n"), "2026-01-15", "", "", 0)
	f.Add([]byte("t\tpos\tneg\n1,5,6\n"), "1772359500", "", "", 3)
	f.Fuzz(func(t *testing.T, file []byte, at, numerator, denominator string, horizon int) {
		q := proof.Question{At: at, Horizon: horizon, Columns: proof.Columns{Numerator: numerator, Denominator: denominator}}
		a, err := proof.Verify(strings.NewReader(string(file)), q)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		_, err = json.Marshal(a)
		require.NoError(t, err)
		require.Contains(t, []string{"improved", "regressed", "no_effect", "inconclusive"}, a.Verdict)
		if a.Verdict != "inconclusive" {
			require.NotNil(t, a.Effect)
			rows, err := csv.NewReader(strings.NewReader(string(file))).ReadAll()
			if err == nil {
				require.Greater(t, len(rows), pcf.MinHistoryDays, "a verdict takes history")
			}
		}
	})
}
