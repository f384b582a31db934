package usage

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// figures is a database and a counter that say what a test wants.
type figures struct {
	used int64
	err  error
}

func (f figures) Month(context.Context, uuid.UUID, time.Time, time.Time) ([]TypeCount, []DayCount, []CodeCount, error) {
	return []TypeCount{{"a", 3}, {"b", 4}}, nil, nil, nil
}

func (f figures) Analyses(context.Context, uuid.UUID, time.Time) (int64, error) { return 0, nil }

func (f figures) Dropped(context.Context, uuid.UUID, time.Time, time.Time) ([]DayCount, error) {
	return nil, nil
}

func (f figures) Things(context.Context, uuid.UUID) (Things, error) { return Things{}, nil }

func (f figures) Used(context.Context, uuid.UUID, time.Time) (int64, error) { return f.used, f.err }

func TestTipsAreForWhatMakesUpMost(t *testing.T) {
	t.Parallel()
	require.Equal(t, []Tip{{Type: "page_view", Share: 0.71, Text: "page_view is 71 %: turn it off with data-track-pageviews=false"}},
		tips([]TypeCount{{"page_view", 71}, {"cta", 29}}, 100))
	require.Contains(t, tips([]TypeCount{{"beat", 9}}, 9)[0].Text, "beat is 100 %: send it less often")
	require.Empty(t, tips([]TypeCount{{"", 90}, {"a", 10}}, 100))
}

func TestWhatWasDroppedIsOfItsDay(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 6, n, 0, 0, 0, 0, time.UTC) }
	require.Equal(t, []DayCount{{Day: day(1), Count: 5}, {Day: day(2), Count: 3, Dropped: 4}, {Day: day(3), Dropped: 9}},
		withDropped([]DayCount{{Day: day(1), Count: 5}, {Day: day(2), Count: 3}}, []DayCount{{Day: day(2), Count: 4}, {Day: day(3), Count: 9}}))
}

func TestALimitIsProjectedAtTheMonthsPace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC) // ten days in
	at := func(limit int64, f figures) Usage {
		u, err := New(f, f, func() time.Time { return now }).Usage(t.Context(), account.Account{ID: uuid.New(), Plan: "team", Limits: plan.Limits{SignalsPerMonth: limit}})
		require.NoError(t, err)
		require.EqualValues(t, 7, u.Stored)
		require.Equal(t, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), u.Resets)
		return u
	}
	u := at(2000, figures{used: 1000})
	require.Equal(t, time.Date(2026, 6, 21, 0, 0, 0, 0, time.UTC), *u.Reached)
	require.EqualValues(t, 1000, *u.Remaining())
	require.Nil(t, at(3000, figures{used: 1000}).Reached, "the month ends first")
	require.Nil(t, at(1000, figures{used: 1000}).Reached, "it is reached")
	for _, used := range []int64{1, 93, 94} {
		require.Nil(t, at(1_000_000, figures{used: used}).Reached, "%d of a million in ten days reach it after centuries", used)
	}
	require.Nil(t, at(math.MaxInt64, figures{used: 1}).Reached)
	require.Zero(t, *at(900, figures{used: 1000}).Remaining())
	require.Nil(t, at(0, figures{used: 1000}).Used, "nothing counts without a limit")
	u = at(2000, figures{err: errors.New("away")})
	require.Nil(t, u.Used)
	require.Nil(t, u.Remaining())
}
