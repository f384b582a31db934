package age

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestMonthsEndWhereTheCalendarsDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from   string
		months int
		want   string
	}{
		{"2026-05-31T12:34:56Z", -3, "2026-02-28T12:34:56Z"},
		{"2024-05-31T00:00:00Z", -3, "2024-02-29T00:00:00Z"},
		{"2026-03-31T00:00:00Z", -1, "2026-02-28T00:00:00Z"},
		{"2026-07-31T00:00:00Z", -1, "2026-06-30T00:00:00Z"},
		{"2026-05-30T00:00:00Z", -3, "2026-02-28T00:00:00Z"},
		{"2026-05-28T00:00:00Z", -3, "2026-02-28T00:00:00Z"},
		{"2024-02-29T00:00:00Z", -24, "2022-02-28T00:00:00Z"},
		{"2026-01-15T00:00:00Z", -1, "2025-12-15T00:00:00Z"},
		{"2025-12-31T00:00:00Z", 2, "2026-02-28T00:00:00Z"},
		{"2026-05-31T00:00:00Z", 0, "2026-05-31T00:00:00Z"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		require.NoError(t, err)
		require.Equal(t, c.want, addMonths(from, c.months).Format(time.RFC3339), "%s and %d months", c.from, c.months)
	}
}

// Policies compare with Postgres's months, and so do people who ask it: what goes by ours is never younger.
func TestMonthsAreThoseOfPostgres(t *testing.T) {
	t.Parallel()
	owner := testkit.EmptyPostgres(t).Owner(t)
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "from"), 0).UTC()
		if rapid.Bool().Draw(t, "at the end of a month") {
			from = time.Date(from.Year(), from.Month()+1, 0, from.Hour(), 0, 0, 0, time.UTC)
		}
		months := rapid.IntRange(-LongestMonths, LongestMonths).Draw(t, "months")
		var want time.Time
		err := owner.QueryRow(t.Context(), `SELECT ($1::timestamptz AT TIME ZONE 'UTC' + make_interval(months => $2)) AT TIME ZONE 'UTC'`, from, months).Scan(&want)
		if got := addMonths(from, months); err != nil || !got.Equal(want) {
			t.Fatalf("%s and %d months is %s, in Postgres %s (%v)", from, months, got, want, err)
		}
	})
}
