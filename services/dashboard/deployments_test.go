package dashboard_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

func TestTheTimeOfADeploymentCanBeCorrectedUntilItsVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	deployment, proposal := w.approved(tenant, "One")
	path := "/api/v1/deployments/" + deployment
	edit := func(c *caller, body map[string]any) response { return c.do(http.MethodPatch, path, body) }
	require.Equal(t, http.StatusConflict, edit(c, map[string]any{"version": "1"}).status, "it has not shipped")
	cli := c.with("User-Agent", "specter-cli")
	require.Equal(t, "cli", cli.post(path+"/report", map[string]any{"version": "1", "canary_share": 25}).str("reported_via"))
	reported := c.get(path)
	require.InDelta(t, 2, reported.at("revision"), 0)

	was := w.clock.Now().Add(-3 * time.Hour).UTC().Truncate(time.Second)
	moved := edit(c.with("If-Match", `"v2"`), map[string]any{"deployed_at": was, "url": "https://example.com/pull/1"})
	require.Equal(t, was.Format(time.RFC3339), moved.str("deployed_at"), moved.text)
	require.Equal(t, moved.str("deployed_at"), moved.str("canary_changes.0.at"), "the first share begins with the deployment")
	require.Equal(t, http.StatusPreconditionFailed, edit(c.with("If-Match", `"v2"`), map[string]any{"version": "2"}).status)
	require.Equal(t, http.StatusBadRequest, edit(c, map[string]any{"deployed_at": w.clock.Now().Add(time.Hour)}).status)
	require.Equal(t, http.StatusBadRequest, edit(c, map[string]any{"url": "javascript:alert(1)"}).status)
	require.Equal(t, http.StatusBadRequest, edit(c, map[string]any{"canary_share": 101}).status)
	require.InDelta(t, 3, edit(c, map[string]any{"version": "1"}).at("revision"), 0, "it was so already")
	grown := edit(c, map[string]any{"canary_share": 50, "canary_since": was.Add(time.Hour)})
	require.Equal(t, was.Add(time.Hour).Format(time.RFC3339), grown.str("canary_changes.1.at"))

	log := c.get("/api/v1/account/audit-log?subject_id=" + deployment)
	require.Equal(t, "deployment.edited", log.str("items.1.action"))
	require.Equal(t, was.Format(time.RFC3339), log.str("items.1.detail.deployed_at"))
	require.NotEmpty(t, log.str("items.1.detail.old_deployed_at"))
	require.InDelta(t, 25, log.at("items.0.detail.old_canary_share"), 0)
	f.are(t, "proposal.approved", "deployment.created", "deployment.deployed", "deployment.edited", "deployment.edited")

	w.verdict(tenant, deployment, proposal.String(), "improved")
	judged := edit(c, map[string]any{"deployed_at": was.Add(-time.Hour)})
	require.Equal(t, "already_judged", judged.str("code"), "whoever has seen the verdict chooses no other time")
	require.Equal(t, "2", edit(c, map[string]any{"version": "2"}).str("version"), "what the test does not depend on can be corrected")
	timeline := c.get(path).list("timeline")
	require.Equal(t, "deployment.collecting", timeline[len(timeline)-1].(map[string]any)["action"], "%v", timeline) //nolint:forcetypeassert // the contract's
	require.Equal(t, "Test token", c.get(path).str("timeline.0.actor_name"))
}

// verdict is what the verifier writes of a test that is over.
func (w *world) verdict(tenant testkit.Tenant, deployment, proposal, status string) {
	w.t.Helper()
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, registered_at, decided_at, as_of)
		VALUES ($1, $2, $3, $4, $5, $6, now(), '{}', 'pcf/1', $7, now() + interval '1 minute', now(), now())`,
		uuid.New(), tenant.AccountID, tenant.ProductID, tenant.ContextID, deployment, proposal, status)
}

func TestOverlappingDeploymentsAreShownOnBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	day := 24 * time.Hour
	ship := func(title string, ago time.Duration) string {
		deployment, _ := w.approved(tenant, title)
		r := c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{"deployed_at": w.clock.Now().Add(-ago), "version": title})
		require.Equal(t, http.StatusOK, r.status, r.text)
		return deployment
	}
	overlaps := func(deployment string) (titles []string) {
		for _, o := range c.get("/api/v1/deployments/" + deployment).list("overlaps") {
			titles = append(titles, o.(map[string]any)["title"].(string)) //nolint:forcetypeassert // the contract's
		}
		return titles
	}
	long, first, second := ship("Long ago", 40*day), ship("First", 10*day), ship("Second", 4*day)
	require.Empty(t, overlaps(long))
	require.Equal(t, []string{"Second"}, overlaps(first))
	require.Equal(t, []string{"First"}, overlaps(second))
	all := c.get("/api/v1/products/" + tenant.ProductID.String() + "/deployments")
	require.Equal(t, "First", all.str("items.0.overlaps.0.title"), "in lists too: %s", all.text)

	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, "/api/v1/deployments/"+first, map[string]any{"deployed_at": w.clock.Now().Add(-30 * day)}).status)
	require.Equal(t, []string{"Long ago"}, overlaps(first), "at its new time it overlaps with another")
	require.Empty(t, overlaps(second))
	require.Equal(t, http.StatusOK, c.post("/api/v1/deployments/"+long+"/rollback", map[string]any{"rolled_back_at": w.clock.Now().Add(-35 * day)}).status)
	require.Empty(t, overlaps(first), "what was rolled back before is over")

	require.Len(t, c.get("/api/v1/products/"+tenant.ProductID.String()+"/deployments?reported=true").list("items"), 3)
	w.approved(tenant, "Waiting")
	require.Equal(t, "Waiting", c.get("/api/v1/products/"+tenant.ProductID.String()+"/deployments?reported=false").str("items.0.title"))
}
