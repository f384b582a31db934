package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/dashboard/internal/calendar"
)

func TestADayWithoutMidnightBeginsWithSummerTime(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Africa/Cairo":   "2026-04-24T01:00:00+03:00", // east of Greenwich time.Date names 01:00 here
		"America/Havana": "2026-03-08T01:00:00-04:00", // and west of it 23:00 of the day before
		"Europe/Berlin":  "2026-03-29T00:00:00+01:00",
		"UTC":            "2026-03-29T00:00:00Z",
	} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		begin, err := time.Parse(time.RFC3339, want)
		require.NoError(t, err)
		for _, days := range []int{-40, -1, 0, 1, 40} {
			require.Equal(t, want, calendar.Begin(begin.In(zone).AddDate(0, 0, -days).Add(12*time.Hour), zone, days).Format(time.RFC3339))
		}
	}
}

// Every hour of some years lies in exactly one day, the days follow each other, and no date is left out.
func TestDaysCoverTheYears(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2024, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"UTC", "Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		days := calendar.Cut(calendar.Day, zone, from, to)
		hours := make([]int, len(days.Begins))
		for _, at := range calendar.Cut(calendar.Hour, zone, from, to).Begins {
			i, ok := days.Find(at)
			require.True(t, ok, "%s: %s", name, at)
			require.False(t, at.Before(days.Begins[i]), "%s: %s", name, at)
			require.True(t, i+1 == len(days.Begins) || at.Before(days.Begins[i+1]), "%s: %s", name, at)
			hours[i]++
		}
		for i := 1; i < len(hours)-1; i++ { // the first and the last are cut
			require.InDelta(t, 24, hours[i], 1, "%s: %s", name, days.Begins[i])
		}
		_, ok := days.Find(from.AddDate(0, 0, -1))
		require.False(t, ok)
	}
}
