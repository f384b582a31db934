package usage

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/mail"
)

// board notes what was told.
type board struct {
	told []Level
	mail []mail.Message
}

func (b *board) Tell(_ context.Context, s Stand, l Level, _ time.Time) (*Letter, error) {
	b.told = append(b.told, l)
	return &Letter{To: "ann@example.test", Limit: s.Limit}, nil
}

func (b *board) Send(_ context.Context, m mail.Message) error {
	b.mail = append(b.mail, m)
	return m.Check()
}

func TestTheOwnerIsMailedAtTheLimitAndNotAtTheGrace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	b := &board{}
	n := NewNotices(b, figures{}, b, 10, func() time.Time { return now })
	who := uuid.New()
	for _, used := range []int64{79, 80, 99, 100, 110} { // gateways accept 110
		require.NoError(t, n.Look(t.Context(), Stand{Account: who, Month: monthOf(now), Used: used, Limit: 110}))
	}
	require.Len(t, b.mail, 2)
	for _, m := range b.mail {
		require.NoError(t, m.Check())
		require.Contains(t, m.Text, "1 July 2026")
	}
	require.Contains(t, b.mail[0].Text, "80 of the 100 signals")
	require.Contains(t, b.mail[1].Text, "10 more are accepted")
}

func TestEachLevelIsToldOnceAMonth(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	b := &board{}
	n := NewNotices(b, figures{used: 95}, b, 0, func() time.Time { return now })
	who := uuid.New()
	look := func(used int64) {
		require.NoError(t, n.Look(t.Context(), Stand{Account: who, Month: monthOf(now), Used: used, Limit: 100}))
	}
	look(79)
	require.Empty(t, b.told)
	look(80)
	look(81)
	require.Equal(t, []Level{Warning}, b.told)
	require.NoError(t, n.Refused(t.Context(), who, now), "a request that holds more than is left")
	look(100)
	look(99)
	require.Equal(t, []Level{Warning, Exceeded}, b.told)
	require.NoError(t, n.Look(t.Context(), Stand{Account: uuid.New(), Month: monthOf(now).AddDate(0, -1, 0), Used: 100, Limit: 100}))
	require.Len(t, b.told, 2, "last month is over")

	now = now.AddDate(0, 1, 0)
	look(100)
	require.Equal(t, []Level{Warning, Exceeded, Exceeded}, b.told, "the next month begins anew")
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
