package dashboard_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
)

func TestRunNowBeyondTheDaysLimitIsRefusedUntilTomorrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/contexts/" + tenant.ContextID.String() + "/analyses"
	pool := w.db.Pool(t, "specter_dashboard")
	err := limitAnalyses(t.Context(), pool, tenant.Email, -1, time.Now())
	require.True(t, fault.Is(err, fault.Invalid))
	err = limitAnalyses(t.Context(), pool, tenant.Email, 3, time.Now())
	require.NoError(t, err)
	require.Equal(t, "account.limited", c.get("/api/v1/account/audit-log").str("items.0.action"))

	analysed := func(day int, timed, asked int) {
		w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO analysis_counts (account_id, context_id, day, timed, asked) VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date + $3::int, $4, $5)
			ON CONFLICT (account_id, context_id) DO UPDATE SET day = excluded.day, timed = excluded.timed, asked = excluded.asked`, tenant.AccountID, tenant.ContextID, day, timed, asked)
	}
	analysed(-1, 3, 3)
	require.Equal(t, http.StatusAccepted, c.post(path, map[string]any{}).status, "yesterday's do not count")
	require.Equal(t, float64(0), c.get("/api/v1/usage").at("analyses_today"))
	analysed(0, 1, 1)
	require.Equal(t, http.StatusAccepted, c.post(path, map[string]any{"dry_run": true}).status)
	analysed(0, 2, 1)
	refused := c.post(path, map[string]any{"dry_run": true})
	require.Equal(t, http.StatusTooManyRequests, refused.status, refused.text)
	require.Equal(t, "quota_exceeded", refused.str("code"))
	seconds, err := strconv.Atoi(refused.header.Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, time.Until(time.Now().UTC().Truncate(24*time.Hour).Add(24*time.Hour)).Seconds(), seconds, 60)
	usage := c.get("/api/v1/usage")
	require.Equal(t, float64(3), usage.at("analyses_today"), usage.text)
	require.Equal(t, float64(3), usage.at("analyses_limit"))

	err = limitAnalyses(t.Context(), pool, tenant.Email, 0, time.Now())
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, c.post(path, map[string]any{}).status)
	require.Nil(t, c.get("/api/v1/usage").at("analyses_limit"))
}

func TestAContextSaysWhenItIsAnalysedNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/contexts/" + tenant.ContextID.String()
	require.Nil(t, c.get(path).at("health.next_analysis_at"), "nothing to analyse")
	due := w.clock.Now().Add(2 * time.Minute).UTC().Truncate(time.Second)
	queue := func(taken bool) {
		w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO analysis_queue (account_id, context_id, taken, queued_at, due_at) VALUES ($1, $2, $3, now(), $4)`, tenant.AccountID, tenant.ContextID, taken, due)
	}
	queue(true)
	require.Nil(t, c.get(path).at("health.next_analysis_at"), "it is being analysed")
	queue(false)
	require.Equal(t, due.Format(time.RFC3339), c.get(path).str("health.next_analysis_at"))
}

func TestAFunnelIsKeptInItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path := "/api/v1/contexts/" + tenant.ContextID.String()
	require.Equal(t, []any{}, c.get(path).at("funnel"))
	steps := []any{"page_view", "form_submit", "checkout_completed"}
	changed := c.do(http.MethodPatch, path, map[string]any{"funnel": steps})
	require.Equal(t, steps, changed.at("funnel"), changed.text)
	require.Equal(t, steps, c.do(http.MethodPatch, path, map[string]any{"description": "x"}).at("funnel"), "what is not named stays")
	for _, wrong := range [][]string{{"one"}, {"a", "b", "a"}, {"1", "2", "3", "4", "5", "6", "7", "8", "9"}, {"a", ""}} {
		require.Equal(t, http.StatusBadRequest, c.do(http.MethodPatch, path, map[string]any{"funnel": wrong}).status, "%v", wrong)
	}
	require.Equal(t, []any{}, c.do(http.MethodPatch, path, map[string]any{"funnel": []string{}}).at("funnel"))
	made := c.post("/api/v1/products/"+tenant.ProductID.String()+"/contexts", map[string]any{"name": "Checkout", "funnel": steps})
	require.Equal(t, steps, made.at("funnel"), made.text)
}

func TestAFindingSaysWhyItIsNotProposed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	rejected := w.proposal(tenant, "Make “#pay” respond", 1)
	require.Equal(t, http.StatusOK, c.post("/api/v1/proposals/"+rejected.String()+"/decision", map[string]any{"decision": "rejected", "reason_code": "not_a_problem"}).status)
	finding, until := uuid.New(), w.clock.Now().Add(30*24*time.Hour).UTC().Truncate(time.Second)
	w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO findings (id, account_id, product_id, context_id, family, fingerprint, severity, started_at, started_low, started_high, detected_at, evidence)
		VALUES ($1, $2, $3, $4, 'rage_clicks', 'again', 0.7, now(), now(), now(), now(), '{"version":1}')`, finding, tenant.AccountID, tenant.ProductID, tenant.ContextID)
	require.Nil(t, c.get("/api/v1/findings/"+finding.String()).at("not_proposed"))
	w.insert("specter_proposal", tenant.AccountID, `INSERT INTO proposal_skips (account_id, finding_id, product_id, context_id, rule, rejected_proposal_id, reason_code, rejected_at, until, created_at)
		VALUES ($1, $2, $3, $4, 'same_matter', $5, 'not_a_problem', now(), $6, now())`, tenant.AccountID, finding, tenant.ProductID, tenant.ContextID, rejected, until)
	one := c.get("/api/v1/findings/" + finding.String())
	require.Equal(t, "same_matter", one.str("not_proposed.rule"), one.text)
	require.Equal(t, "Make “#pay” respond", one.str("not_proposed.title"))
	require.Equal(t, rejected.String(), one.str("not_proposed.rejected_proposal_id"))
	require.Equal(t, until.Format(time.RFC3339), one.str("not_proposed.until"))

	again := w.proposal(tenant, "Make “#pay” respond", 2)
	w.insert("specter_proposal", tenant.AccountID, `UPDATE proposals SET reopens = $2, reopens_after = 'rejected' WHERE id = $1`, again, rejected)
	back := c.get("/api/v1/proposals/" + again.String())
	require.Equal(t, rejected.String(), back.str("reopens.proposal_id"), back.text)
	require.Equal(t, "rejected", back.str("reopens.after"))
	require.Nil(t, c.get("/api/v1/proposals/"+rejected.String()).at("reopens"))
}
