package verification

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// refusedFrom counts n signals as refused in every hour of some days.
func refusedFrom(t *testing.T, from string, days int, code string, n int64) (list []Refusals) {
	t.Helper()
	for hour := range 24 * days {
		list = append(list, Refusals{Hour: at(t, from).Add(time.Duration(hour) * time.Hour), Code: code, N: n})
	}
	return list
}

// cut keeps what came before a moment, and of the rest only purchases: the trouble seems to be gone.
func cut(from, to time.Time) func(time.Time, Hour) Hour {
	return func(hour time.Time, usual Hour) Hour {
		if hour.Before(from) || !hour.Before(to) {
			return usual
		}
		return Hour{Positive: usual.Positive / 2}
	}
}

// Days that are better because signals were refused improve nothing.
func TestOutOfRefusedSignalsComesNoImprovement(t *testing.T) {
	t.Parallel()
	from, to := at(t, "2026-06-11T22:00:00Z"), at(t, "2026-07-11T22:00:00Z")
	v, d := tested(t, cut(from, to))
	require.Equal(t, Status("improved"), last(lookUntilFinal(t, v, d)).Status, "as it would be told without knowing")

	for _, code := range []string{"quota_exceeded", "rate_limited", "key_expired", "origin_not_allowed"} {
		d.refused = refusedFrom(t, "2026-06-11T22:00:00Z", 30, code, 50)
		steps := lookUntilFinal(t, v, d)
		end := last(steps)
		require.Equal(t, Status("inconclusive"), end.Status, end.Result.Reason)
		require.Equal(t, string(reasonRefused), end.Result.ReasonCode)
		require.True(t, warned(end.Result, "signals_refused"))
		for _, step := range steps {
			require.NotEqual(t, Status("improved"), step.Status)
		}
	}
}

func TestADayOfRefusalsIsToldAndLeftOut(t *testing.T) {
	t.Parallel()
	v, d := tested(t, better)
	d.refused = append(refusedFrom(t, "2026-06-12T00:00:00Z", 1, "quota_exceeded", 50), Refusals{Hour: at(t, "2026-06-13T01:00:00Z"), Code: "rate_limited", N: 400})
	end := last(lookUntilFinal(t, v, d))
	require.Equal(t, Status("improved"), end.Status, "the other days tell; %s", end.Result.Reason)
	require.Greater(t, end.Taken.Day, pcf.MinWindowDays, "as many days are needed as ever")
	require.Contains(t, end.Result.Warnings, "1,600 signals were refused on 2026-06-12, 2026-06-13 (monthly limit used up, too many at once); of these days nothing is known, so they do not count.")
	marked := map[string][]RefusedCode{}
	for _, p := range end.Result.Daily {
		if p.Refused != nil {
			marked[p.Day] = p.Refused
		}
	}
	require.Equal(t, map[string][]RefusedCode{"2026-06-12": {{"quota_exceeded", 1100}}, "2026-06-13": {{"quota_exceeded", 100}, {"rate_limited", 400}}}, marked)

	d.refused = []Refusals{{Hour: at(t, "2026-06-12T10:00:00Z"), Code: "key_expired", N: 1}}
	require.Empty(t, last(lookUntilFinal(t, v, d)).Result.WarningCodes, "a forgotten page")
}

// Senders that know of the limit send nothing until the month is over, and a count of nothing is not a fall.
func TestDaysAfterTheLimitWasUsedUpAreLeftOutToo(t *testing.T) {
	t.Parallel()
	g := dayGrid{history: 1}
	for i := range 6 {
		g.starts = append(g.starts, at(t, "2026-06-27T00:00:00Z").AddDate(0, 0, i))
	}
	refused := []Refusals{{Hour: at(t, "2026-06-28T20:00:00Z"), Code: usedUp, N: 7}}
	places := func(measure Series) (list []int) {
		for _, d := range refusedDays(g, measure, refused) {
			list = append(list, d.Place)
		}
		return list
	}
	require.Equal(t, []int{1, 2, 3}, places(Series{{90, 9}, {80, 8}, {}, {}, {}, {}}), "July is another month")
	require.Equal(t, []int{1, 2}, places(Series{{90, 9}, {80, 8}, {}, {90, 9}, {}, {}}), "the limit was raised")
}
