package analysis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// An import is judged as it would have been live, hour by hour: the same findings, at the
// same time, with the same evidence, resolved at the same hour.
func TestWalkIsARunAnHour(t *testing.T) {
	t.Parallel()
	breaks, fixed := hoursAgo(5*24), hoursAgo(5*24-18)
	within := func(p *person) bool { return !p.at.Before(breaks) && p.at.Before(fixed) }
	for name, c := range map[string]struct {
		seed   testkit.Seed
		funnel string
		days   int // before it
		do     func(*person) string
		family string
	}{
		"ratio": {do: func(p *person) string {
			if within(p) && p.path == "/checkout" {
				return p.one("purchase", "rage_click", 0.5)
			}
			return usually(p)
		}, family: "rage_clicks"},
		"silence": {days: 16, do: func(p *person) string {
			if within(p) && p.at.Before(breaks.Add(14*time.Hour)) {
				return ""
			}
			return usually(p)
		}, family: "silence"},
		"collapse": {days: 16, do: func(p *person) string {
			if within(p) && p.r.IntN(4) > 0 {
				return ""
			}
			return usually(p)
		}, family: "volume_collapse"},
		"new error": {seed: testkit.Seed{NegativeTypes: []string{"rage_click"}}, do: func(p *person) string {
			if within(p) && p.r.IntN(3) == 0 {
				p.message = "cart is null"
				return "js_error"
			}
			return usually(p)
		}, family: "new_error"},
		"funnel": {funnel: "{purchase,thanks}", do: func(p *person) string {
			if !within(p) || p.r.IntN(3) > 0 {
				p.more = append(p.more, step{"thanks", time.Minute})
			}
			return usually(p)
		}, family: "funnel_drop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := breaks.Add(-time.Duration(max(c.days, 8)) * 24 * time.Hour)
			prepared := func() *desk {
				d := newDesk(t, hoursAgo(0), c.seed)
				if c.funnel != "" {
					d.edit(`UPDATE contexts SET funnel = '` + c.funnel + `'`)
				}
				d.now = d.now.Add(-time.Hour) // what was stored long ago need not be counted twice
				d.shop(start, fixed.Add(26*time.Hour), 25, c.do)
				d.now = hoursAgo(0)
				return d
			}
			live, imported := prepared(), prepared()
			live.hourly(breaks, fixed.Add(26*time.Hour))
			imported.walk(start, fixed.Add(26*time.Hour))
			one, other := live.all(), imported.all()
			require.NotEmpty(t, one)
			require.Equal(t, c.family, one[0].Family)
			require.Len(t, other, len(one))
			for i := range one {
				a, b := one[i], other[i]
				a.raw, b.raw = "", ""
				// Each has signals, and so examples and sessions, of its own.
				a.Evidence.Examples, b.Evidence.Examples = nil, nil
				require.Equal(t, a, b)
				require.NotNil(t, a.Resolved)
			}
			require.Equal(t, live.events("finding.opened"), imported.events("finding.opened"))
			require.Equal(t, live.events("finding.renewed"), imported.events("finding.renewed"))
		})
	}
}
