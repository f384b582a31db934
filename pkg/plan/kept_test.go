package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestWhatASmallerPlanDoesNotKeepStaysForAWhile(t *testing.T) {
	t.Parallel()
	month := noon.AddDate(0, 0, 30)
	for name, c := range map[string]struct {
		k             Kept
		before, after int
		days          int
		want          Kept
	}{
		"smaller":                             {before: 12, after: 3, days: 30, want: Kept{12, month}},
		"smaller without a while":             {before: 12, after: 3},
		"larger":                              {before: 3, after: 12, days: 30},
		"as before":                           {before: 12, after: 12, days: 30},
		"smaller again":                       {k: Kept{24, noon.Add(time.Hour)}, before: 12, after: 3, days: 30, want: Kept{24, month}},
		"smaller again without a while":       {k: Kept{24, noon.Add(time.Hour)}, before: 12, after: 3, want: Kept{24, noon.Add(time.Hour)}},
		"smaller again, when that is over":    {k: Kept{24, noon}, before: 12, after: 3, days: 30, want: Kept{12, month}},
		"a bit larger":                        {k: Kept{24, month}, before: 3, after: 12, days: 30, want: Kept{24, month}},
		"as large as it was":                  {k: Kept{24, month}, before: 3, after: 24, days: 30},
		"as before, while something is kept":  {k: Kept{24, month}, before: 3, after: 3, days: 30, want: Kept{24, month}},
		"as before, when that has been over":  {k: Kept{24, noon}, before: 3, after: 3, days: 30},
		"a bit larger, when it has been over": {k: Kept{24, noon}, before: 3, after: 12, days: 30},
	} {
		require.Equal(t, c.want, c.k.Then(c.before, c.after, c.days, noon), name)
	}
	require.Equal(t, 12, Kept{12, month}.At(noon, 3))
	require.Equal(t, 3, Kept{12, month}.At(month, 3))
	require.Equal(t, 3, Kept{}.At(noon, 3))
}

// Whatever plans follow each other, nothing that was kept goes earlier than so many days after the plan that would
// have it go, and no signal stays for longer than policy allows.
func TestNoChangeOfPlanTakesSignalsAwayAtOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.IntRange(0, 60).Draw(t, "days")
		month := rapid.IntRange(1, LongestRetention)
		now, months, kept := noon, month.Draw(t, "first"), Kept{}
		for range rapid.IntRange(1, 10).Draw(t, "changes") {
			now = now.AddDate(0, 0, rapid.IntRange(0, 90).Draw(t, "later"))
			before, next := kept.At(now, months), month.Draw(t, "months")
			kept, months = kept.Then(months, next, days, now), next
			if days > 0 && kept.At(now, months) < before {
				t.Fatalf("%d months of %d are kept", kept.At(now, months), before)
			}
			if kept.At(now, months) > max(before, next) {
				t.Fatalf("%d months are kept of %d and %d", kept.At(now, months), before, next)
			}
			if kept.Until.After(now.AddDate(0, 0, 60)) {
				t.Fatalf("until %s", kept.Until)
			}
		}
	})
}
