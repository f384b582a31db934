package analysis

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// evenings is a small site: nobody comes at night. Its funnel was counted before.
type evenings struct{ Work }

func (evenings) Context() signal.Context { return signal.Context{Funnel: []string{"cart", "purchase"}} }

func (evenings) History(_ context.Context, from, _, to time.Time) (out []Hour, _ error) {
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		if at.Hour() >= 18 && at.Hour() < 22 {
			out = append(out, Hour{Hour: at, Recent: true})
		}
	}
	return out, nil
}

func (evenings) FunnelHours(_ context.Context, _ []string, from, to time.Time) (out []session.FunnelHour, _ error) {
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		out = append(out, session.FunnelHour{Hour: at, Reached: []int{2, 1}})
	}
	return out, nil
}

// What became of the sessions of an evening's last hours is known only at night.
func TestEveryHourOfTheFunnelIsJudged(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	run := newWatch(&signal.Context{Funnel: []string{"cart", "purchase"}}, 1)
	judged := make(map[int64]bool)
	for _, half := range []time.Time{from, from.AddDate(0, 0, 3)} { // as a walk reads it, in parts
		hours, err := history(context.Background(), evenings{}, half, half, half.AddDate(0, 0, 3))
		require.NoError(t, err)
		for _, h := range hours {
			for _, f := range h.Funnel {
				if at := hourOf(f.Hour); at > run.funnel {
					judged[at] = true
				}
				require.LessOrEqual(t, hourOf(f.Hour), hourOf(h.Hour)-funnelDelay)
			}
			run.push(h, true)
		}
	}
	last := from.AddDate(0, 0, 5).Add(21 * time.Hour) // in which signals came
	for at := from; at.Before(last.Add(-time.Duration(funnelDelay) * time.Hour)); at = at.Add(time.Hour) {
		require.Contains(t, judged, hourOf(at), at)
	}
	require.Equal(t, hourOf(last)-funnelDelay, run.funnel)
}
