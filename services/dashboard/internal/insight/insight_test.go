package insight_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
)

func facts(zone string, counts ...insight.Count) insight.ContextFacts {
	return insight.ContextFacts{
		Context:  product.Context{PositiveTypes: []string{"good"}, NegativeTypes: []string{"bad"}},
		TimeZone: zone, Daily: counts,
	}
}

func TestDaysOfTwentyThreeHoursAreDays(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 4, 2, 9, 0, 0, 0, berlin) // clocks went forward on 29 March
	day := func(d int, kind string, n int64) insight.Count {
		return insight.Count{Type: kind, At: time.Date(2026, 3, d, 0, 0, 0, 0, berlin), N: n}
	}
	h, err := facts("Europe/Berlin", day(28, "good", 1), day(29, "good", 2), day(30, "bad", 3)).Health(now)
	require.NoError(t, err)
	require.Len(t, h.Sparkline, 14)
	var good, bad int64
	for _, p := range h.Sparkline {
		require.Zero(t, p.At.In(berlin).Hour(), p.At)
		good += p.Positive
		bad += p.Negative
	}
	require.EqualValues(t, 3, good)
	require.EqualValues(t, 3, bad)
}

func TestHealthNamesWhatItKnows(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 2, 9, 0, 0, 0, time.UTC)
	today := time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)

	few := facts("UTC", insight.Count{Type: "good", At: today, N: 4}, insight.Count{Type: "neutral", At: today, N: 900})
	h, err := few.Health(now)
	require.NoError(t, err)
	require.Equal(t, "not_enough_data", h.Status, "neutral signals do not count")
	require.Nil(t, h.RatioBefore)

	enough := facts("UTC", insight.Count{Type: "good", At: today, N: 4}, insight.Count{Type: "bad", At: today, N: 1})
	h, err = enough.Health(now)
	require.NoError(t, err)
	require.Equal(t, "healthy", h.Status)
	require.InDelta(t, 0.8, *h.RatioNow, 1e-9)

	enough.OpenFindings = 1
	h, err = enough.Health(now)
	require.NoError(t, err)
	require.Equal(t, "getting_worse", h.Status)
}
