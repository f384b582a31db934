package usage

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// board notes what was told.
type board struct {
	stands []Stand
	levels []Level
}

func (b *board) Tell(_ context.Context, s Stand, l Level, _ time.Time) error {
	b.stands, b.levels = append(b.stands, s), append(b.levels, l)
	return nil
}

func TestTheOwnerIsToldAtTheLimitAndNotAtTheGrace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	b := &board{}
	n := NewNotices(b, figures{}, 10, func() time.Time { return now })
	who := uuid.New()
	for _, used := range []int64{79, 80, 99, 100, 110} { // gateways accept 110
		require.NoError(t, n.Look(t.Context(), Stand{Account: who, Month: monthOf(now), Used: used, Limit: 110}))
	}
	require.Equal(t, []Level{Warning, Exceeded}, b.levels)
	for i, used := range []int64{80, 100} {
		require.Equal(t, Stand{Account: who, Month: monthOf(now), Used: used, Limit: 100}, b.stands[i])
	}
}

func TestEachLevelIsToldOnceAMonth(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	b := &board{}
	n := NewNotices(b, figures{used: 95}, 0, func() time.Time { return now })
	who := uuid.New()
	look := func(used int64) {
		require.NoError(t, n.Look(t.Context(), Stand{Account: who, Month: monthOf(now), Used: used, Limit: 100}))
	}
	look(79)
	require.Empty(t, b.levels)
	look(80)
	look(81)
	require.Equal(t, []Level{Warning}, b.levels)
	require.NoError(t, n.Refused(t.Context(), who, now), "a request that holds more than is left")
	look(100)
	look(99)
	require.Equal(t, []Level{Warning, Exceeded}, b.levels)
	require.NoError(t, n.Look(t.Context(), Stand{Account: uuid.New(), Month: monthOf(now).AddDate(0, -1, 0), Used: 100, Limit: 100}))
	require.Len(t, b.levels, 2, "last month is over")

	now = now.AddDate(0, 1, 0)
	look(100)
	require.Equal(t, []Level{Warning, Exceeded, Exceeded}, b.levels, "the next month begins anew")
}

func TestLevels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		limit := rapid.Int64Min(1).Draw(r, "limit")
		used := rapid.Int64Range(0, limit).Draw(r, "used")
		level := Stand{Used: used, Limit: limit}.level()
		require.Equal(r, used == limit, level == Exceeded)
		if share := float64(used) / float64(limit); share < 0.79 {
			require.Empty(r, level)
		} else if share > 0.81 {
			require.NotEmpty(r, level)
		}
	})
	require.Empty(t, Stand{Used: 5}.level(), "no limit")
}
