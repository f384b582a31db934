package analysis

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/analyzer/internal/session"
)

// crowd has as many sessions in every hour, and remembers what was asked for.
type crowd struct {
	Work
	perHour int
	read    []time.Duration
}

func (c *crowd) Sessions(_ context.Context, from, to time.Time, _ []string) (session.Sample, error) {
	c.read = append(c.read, to.Sub(from))
	out := session.Sample{From: from, To: to}
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		out.Hours = append(out.Hours, session.Hour{Start: at, Sessions: make([]session.Session, c.perHour)})
	}
	return out, nil
}

func TestAsManyVisitsAreReadAsAreNeeded(t *testing.T) {
	t.Parallel()
	to := time.Date(2026, 3, 10, 14, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name              string
		perHour, days     int
		hours             int
		firstOf, lastHour time.Time
	}{
		{name: "quiet", perHour: 10, days: 7, hours: sampledHours, lastHour: to.Add(-time.Hour), firstOf: to.Add(-sampledHours * time.Hour)},
		{name: "busy", perHour: session.MaxSessions, days: 7, hours: 18, lastHour: to.Add(-time.Hour), firstOf: to.Add(-18 * time.Hour)},
		{name: "short", perHour: 10, days: 1, hours: 24, lastHour: to.Add(-time.Hour), firstOf: to.Add(-24 * time.Hour)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &crowd{perHour: c.perHour}
			hours, err := hoursOf(context.Background(), w, Window{From: to.AddDate(0, 0, -c.days), To: to}, nil)
			require.NoError(t, err)
			require.Len(t, hours, c.hours)
			require.Equal(t, c.firstOf, hours[0].Start)
			require.Equal(t, c.lastHour, hours[len(hours)-1].Start)
			for _, span := range w.read {
				require.LessOrEqual(t, span, hoursAtOnce*time.Hour)
			}
		})
	}
}
