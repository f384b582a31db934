package verification

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return moment
}

func TestDaysBeginAtLocalMidnightOnAFullHour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, zone, of, start, next string }{
		{"UTC", "UTC", "2026-03-10T15:00:00Z", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"},
		{"east of it", "Australia/Melbourne", "2026-03-10T15:00:00Z", "2026-03-10T13:00:00Z", "2026-03-11T13:00:00Z"},
		{"clocks go forward", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"clocks go back", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"midnight between two hours", "Asia/Kolkata", "2026-03-10T15:00:00Z", "2026-03-09T19:00:00Z", "2026-03-10T19:00:00Z"},
		{"no midnight that day", "America/Santiago", "2026-09-06T15:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			days, err := newCalendar(c.zone)
			require.NoError(t, err)
			require.Equal(t, at(t, c.start), days.start(at(t, c.of), 0))
			require.Equal(t, at(t, c.next), days.start(at(t, c.of), 1))
			require.Equal(t, at(t, c.next), days.start(days.start(at(t, c.of), 0), 1), "a day's own start belongs to it")
		})
	}
	_, err := newCalendar("Mars/Olympus")
	require.Error(t, err)
}
