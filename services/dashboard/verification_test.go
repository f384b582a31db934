package dashboard_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestAPlanThatWasGivenUpIsShownWithItsLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	approved := c.post("/api/v1/proposals/"+w.proposal(tenant, "One", 1).String()+"/decision", map[string]any{"decision": "approved"})
	deployment := approved.str("deployment_id")
	require.Equal(t, http.StatusOK, c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{}).status)
	verification := uuid.New()
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, result, registered_at)
		VALUES ($1, $2, $3, $4, $5, $6, now(), '{"described":"the first"}', 'pcf/1', 'collecting', '{"before":{"positive":1,"negative":1,"days":1},"after":{"positive":1,"negative":1,"days":1},"daily":[{"day":"2026-01-01","positive":1,"negative":1}]}', '2026-01-02T00:00:00Z')`,
		verification, tenant.AccountID, tenant.ProductID, tenant.ContextID, deployment, approved.str("id"))
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verification_plans (account_id, verification_id, revision, plan, method, deployed_at, because, registered_at)
		VALUES ($1, $2, 2, '{"described":"the second","looks":[{"day":1,"as_of":"2030-01-02T00:00:00Z"},{"day":2,"as_of":"2030-01-03T00:00:00Z"}]}', 'pcf/1', now(), 'edited', '2026-01-05T00:00:00Z')`, tenant.AccountID, verification)
	for revision := 1; revision <= 2; revision++ {
		w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verification_looks (account_id, verification_id, revision, look_day, as_of, result, created_at)
			VALUES ($1, $2, $3, 1, now(), '{"before":{"positive":1,"negative":1,"days":1},"after":{"positive":1,"negative":1,"days":1},"daily":[{"day":"2026-01-01","positive":1,"negative":1}]}', now())`, tenant.AccountID, verification, revision)
	}

	r := c.get("/api/v1/deployments/" + deployment)
	require.Equal(t, float64(2), r.at("verification.revision"), r.text)
	require.Equal(t, "the second", r.at("verification.plan.described"))
	require.Equal(t, "2026-01-05T00:00:00Z", r.at("verification.registered_at"))
	require.Equal(t, "2030-01-03T00:00:00Z", r.at("verification.next_look_at"))
	require.Equal(t, float64(1), r.at("verification.looks.0.day"))
	require.Len(t, r.at("verification.looks"), 1)
	require.Nil(t, r.at("verification.looks.0.result.daily"), "days are drawn of the newest look")
	require.NotNil(t, r.at("verification.result.daily"))
	require.Equal(t, "the first", r.at("verification.earlier_plans.0.plan.described"))
	require.Equal(t, float64(1), r.at("verification.earlier_plans.0.looks.0.day"))

	list := c.get("/api/v1/products/" + tenant.ProductID.String() + "/deployments")
	require.Equal(t, "the second", list.at("items.0.verification.plan.described"), list.text)
	require.Nil(t, list.at("items.0.verification.result.daily"), "lists are light")
}

func TestPredictionsAreScoredByFamilyAndEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	verified := func(title, status, result string) {
		proposal := w.proposal(tenant, title, 1)
		w.insert("specter_proposal", tenant.AccountID, `UPDATE proposals SET family = 'rage_clicks', provenance = '{"engine":"builtin"}',
			predicted_impact = '{"metric":"positive_ratio","baseline":0.6,"predicted":0.8,"low":0.75,"high":0.85}' WHERE id = $1`, proposal)
		deployment := c.post("/api/v1/proposals/"+proposal.String()+"/decision", map[string]any{"decision": "approved"}).str("deployment_id")
		require.Equal(t, http.StatusOK, c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{}).status)
		w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, result, registered_at, decided_at)
			VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, now(), '{}', 'pcf/1', $6, $7, now(), now())`,
			tenant.AccountID, tenant.ProductID, tenant.ContextID, deployment, proposal, status, result)
	}
	board := "/api/v1/products/" + tenant.ProductID.String() + "/calibration"
	require.Equal(t, []any{}, c.get(board).at("groups"), "nothing was verified yet")

	verified("As predicted", "improved", `{"promised":{"metric":"positive_ratio","low":0.75,"predicted":0.8,"high":0.85,"observed":0.8,"expected":0.6,"effect":1.6667}}`)
	verified("Less", "inconclusive", `{"reason_code":"not_significant","promised":{"metric":"positive_ratio","low":0.75,"predicted":0.8,"high":0.85,"observed":0.6,"expected":0.6,"effect":0}}`)
	verified("Silent", "inconclusive", `{"reason_code":"zero_traffic"}`)
	r := c.get(board)
	require.Equal(t, "rage_clicks", r.at("groups.0.family"), r.text)
	require.Equal(t, "builtin", r.at("groups.0.engine"))
	require.Equal(t, float64(2), r.at("groups.0.measured"))
	require.Equal(t, float64(1), r.at("groups.0.unmeasured"))
	require.InDelta(t, .5, r.at("groups.0.coverage"), 1e-9)
	require.InDelta(t, .5, r.at("groups.0.mean_ratio"), 1e-4)
	require.NotNil(t, r.at("groups.0.crps"))
	require.Len(t, r.at("outcomes"), 3)
	for _, o := range r.at("outcomes").([]any) {
		one := o.(map[string]any)
		require.Equal(t, one["title"] == "Silent", one["why_not"] != nil)
		require.Equal(t, one["title"] != "Silent", one["observed"] != nil)
	}
	require.Equal(t, 0.8, r.at("target"))
}
