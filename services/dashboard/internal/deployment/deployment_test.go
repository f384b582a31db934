package deployment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

func TestReportsFollowTheStateMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		r := deployment.Report{Status: deployment.Planned}
		step := func(from, to deployment.Status, report func() error) func(*rapid.T) {
			return func(t *rapid.T) {
				before := r
				err := report()
				switch {
				case before.Status == from && (err != nil || r.Status != to):
					t.Fatalf("%s to %s: %v", from, to, err)
				case before.Status != from && (!fault.Is(err, fault.Conflict) || r != before):
					t.Fatalf("%s went to %s: %v", before.Status, r.Status, err)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"ship":     step(deployment.Planned, deployment.Deployed, func() error { return r.Ship(deployment.Shipped{}, now) }),
			"cancel":   step(deployment.Planned, deployment.Cancelled, func() error { return r.Cancel(now) }),
			"rollback": step(deployment.Deployed, deployment.RolledBack, func() error { return r.RollBack(nil, now) }),
			"": func(t *rapid.T) {
				if (r.DeployedAt != nil) != (r.Status == deployment.Deployed || r.Status == deployment.RolledBack) {
					t.Fatalf("%s with deployed_at %v", r.Status, r.DeployedAt)
				}
			},
		})
	})
}

func TestTimesAndLinksAreChecked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	for name, s := range map[string]deployment.Shipped{
		"future":      {At: at(time.Hour)},
		"before data": {At: at(-3 * 365 * 24 * time.Hour)},
		"script link": {URL: "javascript:alert(1)"},
		"half a link": {URL: "https://"},
		"line break":  {Version: "1\n2"},
	} {
		r := deployment.Report{Status: deployment.Planned}
		require.True(t, fault.Is(r.Ship(s, now), fault.Invalid), name)
		require.Equal(t, deployment.Planned, r.Status, name)
	}
	r := deployment.Report{Status: deployment.Planned}
	require.NoError(t, r.Ship(deployment.Shipped{At: at(-40 * 24 * time.Hour), URL: "https://example.com/pull/1"}, now))
	require.True(t, fault.Is(r.RollBack(at(-41*24*time.Hour), now), fault.Invalid), "not before it shipped")
}
