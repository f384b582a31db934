package allowance_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/services/analyzer/internal/allowance"
)

var midnight = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

func TestADaysAnalysesAreSpreadOverIt(t *testing.T) {
	t.Parallel()
	one := uuid.UUID{15: 7}
	tomorrow := midnight.AddDate(0, 0, 1)
	for name, c := range map[string]struct {
		day   allowance.Day
		now   time.Duration // since midnight
		after time.Duration // since midnight; 0 = at once
	}{
		"no limit":             {day: allowance.Day{Timed: 9999, Own: 9999, Active: 1}},
		"the first of the day": {day: allowance.Day{Limit: 24, Active: 1}, now: time.Second},
		"the second waits for its part of the day":    {day: allowance.Day{Limit: 24, Timed: 1, Own: 1, Active: 1}, now: time.Second, after: 2 * time.Hour},
		"what the morning left may be used at noon":   {day: allowance.Day{Limit: 24, Timed: 5, Own: 5, Active: 1}, now: 12 * time.Hour},
		"two contexts have half each":                 {day: allowance.Day{Limit: 24, Timed: 6, Own: 6, Active: 2}, now: 12 * time.Hour, after: 14 * time.Hour},
		"a newcomer waits for the account's part":     {day: allowance.Day{Limit: 24, Timed: 12, Active: 2}, now: 12 * time.Hour, after: 13 * time.Hour},
		"what people ask for takes from the end":      {day: allowance.Day{Limit: 24, Timed: 2, Asked: 20, Own: 2, Active: 1}, now: 12 * time.Hour},
		"all is used":                                 {day: allowance.Day{Limit: 24, Timed: 20, Asked: 4, Own: 1, Active: 3}, now: 23 * time.Hour, after: 24*time.Hour + 7},
		"a share that is used waits for the next day": {day: allowance.Day{Limit: 4, Timed: 2, Own: 2, Active: 2}, now: 23 * time.Hour, after: 24*time.Hour + 7},
	} {
		now := midnight.Add(c.now)
		want := now
		if c.after != 0 {
			want = midnight.Add(c.after)
		}
		require.Equal(t, want, c.day.Next(now, one), name)
	}
	require.Equal(t, tomorrow, allowance.Resets(midnight))
	require.True(t, allowance.Day{Limit: 2, Asked: 2}.Spent())
	require.Contains(t, allowance.Day{Limit: 2}.Refusal(midnight.Add(time.Hour)), "2026-05-05 00:00")
}

// A busy context and others that want an analysis now and then, over a day: never more than the limit, each that
// waits is served before the busy one gets many more, and who wakes up late finds something left while the day still
// has a turn for everybody.
func TestABusyContextLeavesTheOthersTheirs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(8, 400).Draw(t, "limit")
		quiet := rapid.IntRange(1, 4).Draw(t, "quiet contexts")
		wakes := make([]time.Duration, quiet+1) // the busy one at midnight
		for i := 1; i <= quiet; i++ {
			wakes[i] = time.Duration(rapid.Int64Range(0, int64(20*time.Hour)).Draw(t, "wakes"))
		}
		own := make([]int, quiet+1)
		served := make([]time.Duration, quiet+1)
		total := 0
		const step = time.Minute
		for at := time.Duration(0); at < 24*time.Hour; at += step {
			active := 0
			for i := range own {
				if wakes[i] <= at {
					active++
				}
			}
			for i := range own { // the busy one always comes first
				if wakes[i] > at || i > 0 && own[i] > 0 {
					continue
				}
				d := allowance.Day{Limit: limit, Timed: total, Own: own[i], Active: active}
				if d.Next(midnight.Add(at), uuid.UUID{15: byte(i)}).After(midnight.Add(at)) {
					continue
				}
				own[i]++
				total++
				served[i] = at
			}
		}
		if total > limit {
			t.Fatalf("%d analyses of %d", total, limit)
		}
		// While a quiet one waits the busy one's share is at most half of the day's part, and what is over falls to those who wait.
		slot := 24 * time.Hour / time.Duration(limit)
		for i := 1; i <= quiet; i++ {
			if own[i] == 0 { // left for the morning
				served[i] = 24 * time.Hour
			}
			if wait := served[i] - wakes[i]; wait > time.Duration(quiet+1)*slot+2*step {
				t.Fatalf("context %d, awake since %s, waited %s with a slot of %s", i, wakes[i], wait, slot)
			}
		}
		if rest := own[0]; rest < limit/(quiet+1)-2 {
			t.Fatalf("the busy context got %d of %d", rest, limit)
		}
	})
}
