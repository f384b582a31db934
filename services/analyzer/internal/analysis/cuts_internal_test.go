package analysis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Senders that know that the limit is used up do not even try; the month's end is its end.
func TestALimitStaysUsedUpUntilTheMonthIsOver(t *testing.T) {
	t.Parallel()
	used := time.Date(2026, 12, 30, 22, 0, 0, 0, time.UTC)
	hour, newYear := hourOf(used), hourOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	fresh := func() *cuts { return &cuts{hours: []RefusedHour{{Hour: used, N: 1, UsedUp: true}}} }

	c := fresh()
	require.False(t, c.at(hour-1, 0, 100))
	for at := hour; at < newYear; at++ {
		require.True(t, c.at(at, 0, 100), timeOf(at))
	}
	require.False(t, c.at(newYear, 0, 100))

	c = fresh()
	require.True(t, c.at(hour, 90, 100), "some were stored before")
	require.True(t, c.at(hour+1, 0, 100))
	require.False(t, c.at(hour+2, 3, 100), "it was raised")
	require.False(t, c.at(hour+3, 0, 100))
}

// An hour is one for what was refused in it, and only if that may be what is missing.
func TestRefusalsOfAnHourCountForIt(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	hour := hourOf(from)
	c := &cuts{hours: []RefusedHour{{Hour: from, N: 5}, {Hour: from.Add(2 * time.Hour), N: 4}, {Hour: from.Add(3 * time.Hour), N: 9}}}
	next, some := c.next(hour - 20)
	require.True(t, some)
	require.Equal(t, hour, next)
	var got []bool
	for at := range int64(5) {
		got = append(got, c.at(hour+at, 0, 100))
	}
	require.Equal(t, []bool{true, false, false, true, false}, got)
	_, some = c.next(hour + 5)
	require.False(t, some)
}
