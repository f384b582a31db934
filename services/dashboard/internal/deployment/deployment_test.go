package deployment_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

func at(now time.Time, d time.Duration) *time.Time { t := now.Add(d); return &t }

func ptr[T any](v T) *T { return &v }

// TestReportsFollowTheStateMachine walks at random: what a state does not allow changes nothing, every step has its name,
// and what holds of a state holds wherever the walk came from.
func TestReportsFollowTheStateMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		r := deployment.Report{Status: deployment.Planned, CanaryShare: deployment.FullShare}
		step := func(name string, from []deployment.Status, to deployment.Status, report func(*rapid.T) (deployment.Step, error)) func(*rapid.T) {
			return func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 48).Draw(t, "hours")) * time.Hour)
				before := r
				done, err := report(t)
				switch allowed := slices.Contains(from, before.Status); {
				case allowed && (err != nil || done.Name != name || (to != "" && r.Status != to)):
					t.Fatalf("%s to %s: %q, %v", before.Status, r.Status, done.Name, err)
				case !allowed && (!fault.Is(err, fault.Conflict) || r != before || done.Name != ""):
					t.Fatalf("%s went to %s: %q, %v", before.Status, r.Status, done.Name, err)
				}
			}
		}
		share := func(t *rapid.T) float64 { return float64(rapid.IntRange(0, 100).Draw(t, "share")) }
		t.Repeat(map[string]func(*rapid.T){
			"ship": step("deployment.deployed", []deployment.Status{deployment.Planned}, deployment.Deployed, func(t *rapid.T) (deployment.Step, error) {
				return r.Ship("user:1", deployment.Shipped{CanaryShare: ptr(share(t)), At: at(now, -time.Duration(rapid.IntRange(0, 1000).Draw(t, "ago"))*time.Hour)}, now)
			}),
			"cancel":   step("deployment.cancelled", []deployment.Status{deployment.Planned}, deployment.Cancelled, func(*rapid.T) (deployment.Step, error) { return r.Cancel(now) }),
			"rollback": step("deployment.rolled_back", []deployment.Status{deployment.Deployed}, deployment.RolledBack, func(*rapid.T) (deployment.Step, error) { return r.RollBack(nil, now) }),
			"canary": step("deployment.edited", []deployment.Status{deployment.Deployed}, deployment.Deployed, func(t *rapid.T) (deployment.Step, error) {
				next := math.Mod(r.CanaryShare+1+share(t), 101)
				if next == r.CanaryShare {
					next = math.Mod(next+1, 101)
				}
				done, err := r.Edit(deployment.Patch{CanaryShare: &next}, now)
				if err == nil && (done.ShareSince == nil || r.CanaryShare != next) {
					t.Fatalf("a new share of %v was lost: %v", next, r.CanaryShare)
				}
				return done, err
			}),
			"move": func(t *rapid.T) {
				before := r
				r.Judged = rapid.Bool().Draw(t, "judged")
				judged := r.Judged
				_, err := r.Edit(deployment.Patch{At: at(now, -time.Hour)}, now)
				r.Judged = false
				switch moved := before.Status == deployment.Deployed && !judged; {
				case moved && (err != nil || !r.DeployedAt.Equal(now.Add(-time.Hour))):
					t.Fatalf("its time stays: %v", err)
				case !moved && err == nil && !before.DeployedAt.Equal(now.Add(-time.Hour)), !moved && r != before:
					t.Fatalf("%s (judged %v) was moved", before.Status, judged)
				}
			},
			"": func(t *rapid.T) {
				shipped := r.Status == deployment.Deployed || r.Status == deployment.RolledBack
				if (r.DeployedAt != nil) != shipped || (r.RolledBackAt != nil) != (r.Status == deployment.RolledBack) || (r.CancelledAt != nil) != (r.Status == deployment.Cancelled) {
					t.Fatalf("the times of %s: %+v", r.Status, r)
				}
				if r.RolledBackAt != nil && r.RolledBackAt.Before(*r.DeployedAt) {
					t.Fatalf("rolled back at %s, before it shipped at %s", r.RolledBackAt, r.DeployedAt)
				}
				if r.CanaryShare < 0 || r.CanaryShare > 100 {
					t.Fatalf("a share of %v", r.CanaryShare)
				}
			},
		})
	})
}

func TestTimesLinksAndSharesAreChecked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, s := range map[string]deployment.Shipped{
		"future":              {At: at(now, time.Hour)},
		"before data":         {At: at(now, -3*365*24*time.Hour)},
		"script link":         {URL: "javascript:alert(1)"},
		"half a link":         {URL: "https://"},
		"line break":          {Version: "1\n2"},
		"too long":            {Commit: string(make([]rune, 65))},
		"more than all":       {CanaryShare: ptr(100.1)},
		"less than none":      {CanaryShare: ptr(-0.1)},
		"no number":           {CanaryShare: ptr(math.NaN())},
		"no UTF-8 in it":      {Environment: "\xff"},
		"a place with a line": {Environment: "a\nb"},
	} {
		r := deployment.Report{Status: deployment.Planned}
		_, err := r.Ship("user:1", s, now)
		require.True(t, fault.Is(err, fault.Invalid), name)
		require.Equal(t, deployment.Report{Status: deployment.Planned}, r, name)
	}
	r := deployment.Report{Status: deployment.Planned}
	_, err := r.Ship("user:1", deployment.Shipped{At: at(now, -40*24*time.Hour), URL: "https://example.com/pull/1"}, now)
	require.NoError(t, err)
	require.EqualValues(t, 100, r.CanaryShare, "nobody said that it is a canary")
	_, err = r.RollBack(at(now, -41*24*time.Hour), now)
	require.True(t, fault.Is(err, fault.Invalid), "not before it shipped")
}

func TestAnEditThatSaysNothingNewIsNoStep(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := deployment.Report{Status: deployment.Planned}
	_, err := r.Ship("user:1", deployment.Shipped{Version: "1", CanaryShare: ptr(10.0)}, now)
	require.NoError(t, err)
	before := r
	step, err := r.Edit(deployment.Patch{Version: ptr("1"), At: at(now, 0), CanaryShare: ptr(10.0)}, now.Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, step)
	require.Equal(t, before, r)

	r.Judged = true
	_, err = r.Edit(deployment.Patch{At: at(now, -time.Hour)}, now)
	require.Equal(t, "already_judged", fault.As(err).Code, "whoever saw a verdict cannot choose another time")
	step, err = r.Edit(deployment.Patch{Version: ptr("2"), CanaryShare: ptr(50.0), CanarySince: at(now, time.Minute)}, now.Add(time.Hour))
	require.NoError(t, err, "what the test does not depend on can be corrected still")
	require.Equal(t, now.Add(time.Minute), *step.ShareSince)
	_, err = r.Edit(deployment.Patch{CanaryShare: ptr(60.0), CanarySince: at(now, -time.Minute)}, now)
	require.True(t, fault.Is(err, fault.Invalid), "no share before it shipped")
	_, err = r.Edit(deployment.Patch{IfRevision: 7}, now)
	require.True(t, fault.Is(err, fault.PreconditionFailed))
}
