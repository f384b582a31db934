package analysis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

// A context nobody said anything about is watched for silence and for new errors.
func TestContextWithoutPolarity(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	d.edit(`UPDATE contexts SET positive_types = '{}', negative_types = '{}'`)
	stops := hoursAgo(8)
	d.shop(hoursAgo(month), stops, 12, func(p *person) string { return []string{"page_view", "search"}[p.r.IntN(2)] })
	o := d.run(stops)
	require.NotEqual(t, "findings", o.Outcome, o.Reason)
	require.Nil(t, o.Detail.Ratio24h)
	d.hourly(stops, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.Silence, f.Family)
	require.Zero(t, f.Evidence.Counts)
}

// With five hundred types the ones that say how well things go are watched all the same.
func TestContextOfManyTypes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{PositiveTypes: []string{"zz_purchase"}, NegativeTypes: []string{"rage_click"}})
	breaks := hoursAgo(20)
	d.shop(hoursAgo(17*24), hoursAgo(0), 40, func(p *person) string {
		if p.r.IntN(5) == 0 {
			if !p.at.Before(breaks) {
				return ""
			}
			return "zz_purchase"
		}
		// The first of the alphabet are there from the first hour on.
		n := min(p.r.IntN(500), p.r.IntN(500))
		return fmt.Sprintf("kind_%03d", n)
	})
	for at := breaks; !at.After(hoursAgo(0)); at = at.Add(5 * time.Hour) {
		d.run(at)
	}
	f := d.only()
	require.Equal(t, analysis.VolumeCollapse, f.Family)
	require.Equal(t, "zz_purchase", f.Evidence.Subject.Name)
}

// Ten thousand paths cost no more than those that are counted, and the one that broke is
// found among them.
func TestContextOfManyPaths(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks := hoursAgo(10)
	d.shop(hoursAgo(8*24), hoursAgo(0), 40, func(p *person) string {
		if p.path == "/browse" {
			p.path = fmt.Sprintf("/%c%c/%c%c", 'a'+p.r.IntN(10), 'a'+p.r.IntN(10), 'a'+p.r.IntN(10), 'a'+p.r.IntN(10))
		}
		if p.path == "/checkout" && !p.at.Before(breaks) {
			return p.one("purchase", "rage_click", 0.6)
		}
		return usually(p)
	})
	began := time.Now()
	d.hourly(breaks, hoursAgo(0))
	require.Less(t, time.Since(began), 30*time.Second)
	f := d.only()
	require.Equal(t, []analysis.Condition{{Dimension: "path", Value: "/checkout"}}, f.Evidence.Segments[0].Conditions)
	require.Less(t, len(f.raw), 128<<10)
}

// Whatever a context holds an analysis has an end, numbers and a reason.
func TestOddContexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		days    int
		perHour float64
		do      func(*person) string
		outcome string
	}{
		"all negative": {20, 10, func(*person) string { return "rage_click" }, "nothing_significant"},
		"all positive": {20, 10, func(*person) string { return "purchase" }, "nothing_significant"},
		"one signal a day": {60, 1, func(p *person) string {
			if p.at.Hour() == 9 {
				return usually(p)
			}
			return ""
		}, "not_enough_data"},
		"nothing": {0, 0, usually, "not_enough_data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, hoursAgo(0))
			d.shop(hoursAgo(c.days*24), hoursAgo(0), c.perHour, c.do)
			o := d.run(time.Time{})
			require.Equal(t, c.outcome, o.Outcome, o.Reason)
			require.NotEmpty(t, o.Reason)
			d.walk(hoursAgo(c.days*24+1), hoursAgo(0))
			all, _ := d.findings()
			require.Zero(t, all)
			_, err := json.Marshal(o.Detail)
			require.NoError(t, err)
		})
	}
}

// Two years of history: a run reads twelve weeks of it, a walk goes through all, and
// neither takes long.
func TestTwoYears(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	const span = 2 * 365 * 24
	require.NoError(t, d.store.Partitions(context.Background(), hoursAgo(span), d.now))
	d.shop(hoursAgo(span), hoursAgo(0), 0.5, usually)
	began := time.Now()
	o := d.run(time.Time{})
	require.Equal(t, "nothing_significant", o.Outcome, o.Reason)
	require.LessOrEqual(t, o.Detail.Hours, 13*7*24)
	require.Less(t, time.Since(began), 10*time.Second)
	d.walk(hoursAgo(span), hoursAgo(0))
	require.Less(t, time.Since(began), 60*time.Second)
	all, _ := d.findings()
	require.LessOrEqual(t, all, int64(5), "5 %% of 104 weeks")
}
