package dashboard_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// facts collects the names of the events an account's changes published, in order.
type facts struct {
	mu    sync.Mutex
	names []string
}

func (w *world) facts() *facts {
	w.t.Helper()
	f := &facts{}
	consumer, err := w.bus.JetStream().OrderedConsumer(w.t.Context(), event.ProposalApproved.Stream().Name, jetstream.OrderedConsumerConfig{})
	require.NoError(w.t, err)
	running, err := consumer.Consume(func(m jetstream.Msg) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, t := range event.All() {
			if m.Headers().Get("Specter-Event") == t.Tag() {
				f.names = append(f.names, t.Name())
			}
		}
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		running.Stop()
		<-running.Closed()
	})
	return f
}

func (f *facts) are(t *testing.T, want ...string) {
	t.Helper()
	var have []string
	require.Eventually(t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		have = append([]string(nil), f.names...)
		return len(have) >= len(want)
	}, 10*time.Second, 20*time.Millisecond, "%v", want)
	require.Equal(t, want, have)
}

func TestFromProposalToDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	low, high := w.proposal(tenant, "Low", 1), w.proposal(tenant, "High", 9)

	inbox := c.get("/api/v1/products/" + tenant.ProductID.String() + "/proposals?status=pending")
	require.Len(t, inbox.list("items"), 2)
	require.Equal(t, "High", inbox.str("items.0.title"), "by priority")
	require.Equal(t, "Everything", inbox.str("items.0.context_name"))
	require.Len(t, c.get("/api/proposals?status=pending").list("items"), 2)
	require.Equal(t, http.StatusBadRequest, c.get("/api/proposals?status=all").status)

	path := "/api/v1/proposals/" + high.String()
	changed := c.post(path+"/decision", map[string]any{"decision": "approved", "content_hash": "what was on another screen"})
	require.Equal(t, http.StatusPreconditionFailed, changed.status)
	approved := c.post(path+"/decision", map[string]any{"decision": "approved", "content_hash": "abc123"})
	require.Equal(t, http.StatusOK, approved.status, approved.text)
	require.Equal(t, "approved", approved.str("status"))
	require.Equal(t, http.StatusConflict, c.post(path+"/decision", map[string]any{"decision": "rejected"}).status, "decided once")
	f.are(t, "proposal.approved", "deployment.created")

	deployment := "/api/v1/deployments/" + approved.str("deployment_id")
	require.Equal(t, "planned", c.get(deployment).str("status"))
	past := w.clock.Now().Add(-72 * time.Hour).UTC().Truncate(time.Second)
	require.Equal(t, http.StatusBadRequest, c.post(deployment+"/report", map[string]any{"url": "javascript:alert(1)"}).status)
	require.Equal(t, http.StatusBadRequest, c.post(deployment+"/report", map[string]any{"deployed_at": w.clock.Now().Add(time.Hour)}).status)
	shipped := c.post(deployment+"/report", map[string]any{"deployed_at": past, "version": "1.2.3", "url": "https://example.com/pull/1"})
	require.Equal(t, http.StatusOK, shipped.status, shipped.text)
	require.Equal(t, past.Format(time.RFC3339), shipped.str("deployed_at"))
	require.Equal(t, http.StatusConflict, c.post(deployment+"/report", map[string]any{}).status)
	require.Equal(t, http.StatusConflict, c.post(deployment+"/cancel", nil).status)
	require.Equal(t, http.StatusBadRequest, c.post(deployment+"/rollback", map[string]any{"rolled_back_at": past.Add(-time.Hour)}).status)
	require.Equal(t, "rolled_back", c.post(deployment+"/rollback", map[string]any{}).str("status"))
	require.Len(t, c.get("/api/v1/products/"+tenant.ProductID.String()+"/deployments").list("items"), 1)

	rejected := c.post("/api/v1/proposals/"+low.String()+"/decision", map[string]any{"decision": "rejected", "reason": "Known."})
	require.Equal(t, "Known.", rejected.str("decision_reason"), rejected.text)
	f.are(t, "proposal.approved", "deployment.created", "deployment.deployed", "deployment.rolled_back", "proposal.rejected")

	log := c.get("/api/v1/account/audit-log")
	require.Equal(t, "proposal.rejected", log.str("items.0.action"))
	require.Equal(t, "token:"+tenant.TokenID.String(), log.str("items.0.actor"))
	require.NotEmpty(t, c.get("/api/v1/account/audit-log?subject_id="+high.String()).list("items"))
}

func TestADecisionCanBeUndoneForTenSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	path := "/api/v1/proposals/" + w.proposal(tenant, "One", 1).String()

	approved := c.post(path+"/decision", map[string]any{"decision": "approved"})
	require.NotEmpty(t, approved.str("undo_until"))
	undone := c.delete(path + "/decision")
	require.Equal(t, http.StatusOK, undone.status, undone.text)
	require.Equal(t, "pending", undone.str("status"))
	require.Nil(t, undone.at("decided_at"))
	require.Equal(t, "cancelled", c.get("/api/v1/deployments/"+approved.str("deployment_id")).str("status"))
	require.Equal(t, http.StatusConflict, c.delete(path+"/decision").status, "nothing to undo")
	f.are(t, "proposal.approved", "deployment.created", "deployment.cancelled", "proposal.reopened")

	require.Equal(t, http.StatusOK, c.post(path+"/decision", map[string]any{"decision": "approved"}).status, "and decided again")
	w.clock.Advance(11 * time.Second)
	late := c.delete(path + "/decision")
	require.Equal(t, http.StatusConflict, late.status)
	require.Equal(t, "undo_expired", late.str("code"))
}

func TestSnoozedAndDuplicateProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	one, two := w.proposal(tenant, "One", 1), w.proposal(tenant, "Two", 2)
	path := "/api/v1/proposals/" + one.String() + "/decision"

	require.Equal(t, http.StatusBadRequest, c.post(path, map[string]any{"decision": "snoozed"}).status)
	snoozed := c.post(path, map[string]any{"decision": "snoozed", "snooze_until": w.clock.Now().Add(time.Second)})
	require.Equal(t, "snoozed", snoozed.str("status"), snoozed.text)
	require.Eventually(t, func() bool {
		return c.get("/api/v1/proposals/"+one.String()).str("status") == "pending"
	}, 10*time.Second, 50*time.Millisecond, "pending again when due")
	again := c.post(path, map[string]any{"decision": "duplicate", "duplicate_of": one})
	require.Equal(t, http.StatusBadRequest, again.status, "not of itself")
	require.Equal(t, http.StatusBadRequest, c.post(path, map[string]any{"decision": "duplicate", "duplicate_of": uuid.New()}).status)
	twin := c.post(path, map[string]any{"decision": "duplicate", "duplicate_of": two})
	require.Equal(t, "duplicate", twin.str("status"), twin.text)
	require.Equal(t, two.String(), twin.str("duplicate_of"))
	require.Equal(t, "Two", twin.str("duplicate_of_title"))
	circle := c.post("/api/v1/proposals/"+two.String()+"/decision", map[string]any{"decision": "duplicate", "duplicate_of": one})
	require.Equal(t, http.StatusBadRequest, circle.status, "each of the other would bury the matter")
	require.Equal(t, "is_duplicate", circle.str("errors.0.code"))

	path = "/api/v1/proposals/" + two.String() + "/decision"
	require.Equal(t, "snoozed", c.post(path, map[string]any{"decision": "snoozed", "snooze_until": w.clock.Now().Add(time.Hour)}).str("status"))
	early := c.post(path, map[string]any{"decision": "approved"})
	require.Equal(t, "approved", early.str("status"), "whoever snoozed it may change their mind: %s", early.text)
	require.Nil(t, early.at("snoozed_until"))
	require.NotEmpty(t, early.str("deployment_id"))
}

func TestTwoProposalsMarkedAsEachOthersDuplicatesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	one, two := w.proposal(tenant, "One", 1), w.proposal(tenant, "Two", 2)
	status := make(chan int, 2)
	for _, pair := range [][2]uuid.UUID{{one, two}, {two, one}} {
		go func() {
			status <- c.post("/api/v1/proposals/"+pair[0].String()+"/decision", map[string]any{"decision": "duplicate", "duplicate_of": pair[1]}).status
		}()
	}
	require.ElementsMatch(t, []int{http.StatusOK, http.StatusBadRequest}, []int{<-status, <-status}, "one of them stays to stand for both")
}

func TestAPersonPutsAProposalInOtherWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	path := "/api/v1/proposals/" + w.proposal(tenant, "One", 1).String()
	before := c.get(path)

	require.Equal(t, http.StatusPreconditionFailed, c.do(http.MethodPatch, path, map[string]any{"title": "Mine", "content_hash": "of another screen"}).status)
	require.Equal(t, http.StatusBadRequest, c.do(http.MethodPatch, path, map[string]any{"title": " "}).status)
	edited := c.do(http.MethodPatch, path, map[string]any{"title": "Mine", "content_hash": before.str("content_hash")})
	require.Equal(t, http.StatusOK, edited.status, edited.text)
	require.Equal(t, "Mine", edited.str("title"))
	require.Equal(t, before.str("suggested_change"), edited.str("suggested_change"))
	require.Equal(t, "One", edited.str("edit.title"), "how it was written is kept")
	require.Equal(t, "token:"+tenant.TokenID.String(), edited.str("edit.edited_by"))
	require.NotEqual(t, before.str("content_hash"), edited.str("content_hash"))
	require.Equal(t, "Mine", c.get("/api/v1/products/"+tenant.ProductID.String()+"/proposals").str("items.0.title"))

	require.Equal(t, http.StatusPreconditionFailed, c.post(path+"/decision", map[string]any{"decision": "approved", "content_hash": before.str("content_hash")}).status, "nobody approves other words than they read")
	back := c.do(http.MethodPatch, path, map[string]any{"title": "One"})
	require.Nil(t, back.at("edit"), "the text as it was written takes the edit back")
	require.Equal(t, before.str("content_hash"), back.str("content_hash"))
	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, path, map[string]any{"title": "One"}).status, "and again changes nothing")

	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, path, map[string]any{"suggested_change": "Do this.\nThen that.", "title": "Mine again"}).status)
	require.Equal(t, "approved", c.post(path+"/decision", map[string]any{"decision": "approved"}).str("status"))
	require.Equal(t, "Mine again", c.get("/api/v1/products/"+tenant.ProductID.String()+"/deployments").str("items.0.title"))
	require.Equal(t, http.StatusConflict, c.do(http.MethodPatch, path, map[string]any{"title": "Later"}).status)
	f.are(t, "proposal.edited", "proposal.edited", "proposal.edited", "proposal.approved", "deployment.created")
	require.Equal(t, "proposal.edited", c.get("/api/v1/account/audit-log").str("items.2.action"))
}

func TestAnOpenProposalCanBeHadInAnotherText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	path := "/api/v1/proposals/" + w.proposal(tenant, "One", 1).String()
	asked := c.post(path+"/rewrite", nil)
	require.Equal(t, http.StatusAccepted, asked.status, asked.text)
	require.NotEmpty(t, asked.str("updated_at"), "whoever waits sees by it when that is done")
	require.Equal(t, "proposal.rewrite_requested", c.get("/api/v1/account/audit-log").str("items.0.action"))
	require.Equal(t, "rejected", c.post(path+"/decision", map[string]any{"decision": "rejected"}).str("status"))
	require.Equal(t, http.StatusConflict, c.post(path+"/rewrite", nil).status)
	f.are(t, "proposal.rewrite_requested", "proposal.rejected")
}

func TestAnUndoneDecisionReturnsToTheSnoozeItReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	proposal := w.proposal(tenant, "One", 1)
	path := "/api/v1/proposals/" + proposal.String()
	until := w.clock.Now().Add(time.Hour).UTC().Truncate(time.Second)
	snoozed := c.post(path+"/decision", map[string]any{"decision": "snoozed", "snooze_until": until, "reason": "After the release."})
	require.Equal(t, "snoozed", snoozed.str("status"), snoozed.text)
	w.clock.Advance(time.Minute)
	require.Equal(t, "approved", c.post(path+"/decision", map[string]any{"decision": "approved"}).str("status"))

	undone := c.delete(path + "/decision")
	require.Equal(t, "snoozed", undone.str("status"), undone.text)
	require.Equal(t, snoozed.str("snoozed_until"), undone.str("snoozed_until"))
	require.Equal(t, snoozed.str("decided_at"), undone.str("decided_at"), "it is the same snooze as before")
	require.Equal(t, "After the release.", undone.str("decision_reason"))
	late := c.delete(path + "/decision")
	require.Equal(t, "undo_expired", late.str("code"), "whose own ten seconds are over")
	f.are(t, "proposal.snoozed", "proposal.approved", "deployment.created", "deployment.cancelled", "proposal.reopened")
	require.Equal(t, "snoozed", c.get("/api/v1/account/audit-log?subject_id="+proposal.String()).str("items.0.detail.status"))
}

func TestASnoozeThatIsOverIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	proposal := w.proposal(tenant, "One", 1)
	path := "/api/v1/proposals/" + proposal.String()
	for _, wait := range []time.Duration{time.Second, 2 * time.Second} { // the first timer finds the second snooze
		r := c.post(path+"/decision", map[string]any{"decision": "snoozed", "snooze_until": w.clock.Now().Add(wait)})
		require.Equal(t, http.StatusOK, r.status, r.text)
	}
	f.are(t, "proposal.snoozed", "proposal.snoozed", "proposal.reopened")
	require.Equal(t, "pending", c.get(path).str("status"))
	top := c.get("/api/v1/account/audit-log?subject_id=" + proposal.String())
	require.Equal(t, "proposal.reopened", top.str("items.0.action"))
	require.Equal(t, "service:dashboard", top.str("items.0.actor"))
	require.Equal(t, http.StatusConflict, c.delete(path+"/decision").status, "a clock's doing cannot be undone")
	require.Equal(t, "rejected", c.post(path+"/decision", map[string]any{"decision": "rejected", "reason_code": "wont_fix", "reason": "By design."}).str("status"))
	require.Equal(t, "wont_fix", c.get(path).str("reason_code"))
	f.are(t, "proposal.snoozed", "proposal.snoozed", "proposal.reopened", "proposal.rejected")
}

// What the proposal service and the verifier do is in the audit log too, once.
func TestOtherServicesTransitionsAreAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	proposal, deployment := uuid.New(), uuid.New()
	expired := bus.Message[*eventv1.ProposalExpired]{ID: uuid.New(), AccountID: tenant.AccountID, Time: w.clock.Now(), Body: &eventv1.ProposalExpired{ProposalId: proposal.String()}}
	updated := bus.Message[*eventv1.ProposalUpdated]{ID: uuid.New(), AccountID: tenant.AccountID, Time: w.clock.Now(), Body: &eventv1.ProposalUpdated{ProposalId: proposal.String(), OldContentHash: "a", ContentHash: "b"}}
	verdict := bus.Message[*eventv1.DeploymentVerified]{ID: uuid.New(), AccountID: tenant.AccountID, Time: w.clock.Now(), Body: &eventv1.DeploymentVerified{
		Verdict: &eventv1.Verdict{DeploymentId: deployment.String(), Outcome: "improved"},
	}}
	_, err := bus.Publish(t.Context(), w.bus, event.ProposalUpdated, updated)
	require.NoError(t, err)
	_, err = bus.Publish(t.Context(), w.bus, event.ProposalExpired, expired)
	require.NoError(t, err)
	_, err = bus.Publish(t.Context(), w.bus, event.DeploymentVerified, verdict)
	require.NoError(t, err)

	var log response
	require.Eventually(t, func() bool {
		log = c.get("/api/v1/account/audit-log?subject_id=" + deployment.String())
		return len(log.list("items")) == 1
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, "service:verifier", log.str("items.0.actor"))
	require.Equal(t, "improved", log.str("items.0.detail.outcome"))
	log = c.get("/api/v1/account/audit-log?subject_id=" + proposal.String())
	require.Len(t, log.list("items"), 2)
	require.Equal(t, "proposal.expired", log.str("items.0.action"))
	require.Equal(t, "proposal.updated", log.str("items.1.action"))
	require.Equal(t, "b", log.str("items.1.detail.content_hash"))
	require.Equal(t, "service:proposal", log.str("items.1.actor"))
}

func TestTwoPeopleDecideAtOnceAndOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	path := "/api/v1/proposals/" + w.proposal(tenant, "One", 1).String() + "/decision"
	statuses := make(chan int, 8)
	for range cap(statuses) {
		c := w.withToken(tenant.Token)
		go func() { statuses <- c.post(path, map[string]any{"decision": "approved"}).status }()
	}
	wins := 0
	for range cap(statuses) {
		if s := <-statuses; s == http.StatusOK {
			wins++
		} else {
			require.Equal(t, http.StatusConflict, s)
		}
	}
	require.Equal(t, 1, wins)
}

func TestAVerdictIsShownWithItsLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	approved := c.post("/api/v1/proposals/"+w.proposal(tenant, "One", 1).String()+"/decision", map[string]any{"decision": "approved"})
	deployment := approved.str("deployment_id")
	require.Equal(t, http.StatusOK, c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{}).status)
	verification := uuid.New()
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, result, registered_at, decided_at)
		VALUES ($1, $2, $3, $4, $5, $6, now(), '{"version":1,"looks":[1,2]}', 'pcf/1', 'improved', '{"outcome":"improved","effect":0.21,"before":{"positive":10,"negative":5,"days":3},"after":{"positive":12,"negative":2,"days":1}}', now(), now())`,
		verification, tenant.AccountID, tenant.ProductID, tenant.ContextID, deployment, approved.str("id"))
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verification_looks (account_id, verification_id, look_day, as_of, result, created_at)
		VALUES ($1, $2, 1, now(), '{"outcome":"improved","before":{"positive":10,"negative":5,"days":3},"after":{"positive":12,"negative":2,"days":1}}', now())`, tenant.AccountID, verification)

	r := c.get("/api/v1/deployments/" + deployment)
	require.Equal(t, "verified", r.str("status"), r.text)
	require.Equal(t, 0.21, r.at("verification.result.effect"))
	require.Equal(t, float64(1), r.at("verification.looks.0.day"))
	require.Equal(t, []any{}, r.at("verification.result.warnings"))
}

func TestACollectingTestSaysWhenItIsLookedAtNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	approved := c.post("/api/v1/proposals/"+w.proposal(tenant, "One", 1).String()+"/decision", map[string]any{"decision": "approved"})
	deployment := approved.str("deployment_id")
	require.Equal(t, http.StatusOK, c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{}).status)
	w.insert("specter_verifier", tenant.AccountID, `INSERT INTO verifications (id, account_id, product_id, context_id, deployment_id, proposal_id, deployed_at, plan, method, status, registered_at)
		VALUES ($1, $2, $3, $4, $5, $6, now(), '{"looks":[{"day":1,"as_of":"2030-01-02T00:00:00Z"},{"day":2,"as_of":"2030-01-03T00:00:00Z"}]}', 'pcf/1', 'collecting', now())`,
		uuid.New(), tenant.AccountID, tenant.ProductID, tenant.ContextID, deployment, approved.str("id"))
	r := c.get("/api/v1/deployments/" + deployment)
	require.Equal(t, "collecting", r.str("status"), r.text)
	require.Equal(t, "2030-01-02T00:00:00Z", r.str("verification.next_look_at"))
	require.Nil(t, r.at("verification.result"))
}

func TestAnalysesAreAskedForAndFindingsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	path := "/api/v1/contexts/" + tenant.ContextID.String()
	asked := c.post(path+"/analyses", map[string]any{})
	require.Equal(t, http.StatusAccepted, asked.status, asked.text)
	require.Equal(t, http.StatusBadRequest, c.post(path+"/analyses", map[string]any{"as_of": w.clock.Now().Add(time.Hour)}).status)
	f.are(t, "analysis.requested")

	w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO analyses (id, account_id, product_id, context_id, trigger, from_at, as_of, outcome, reason, signals_24h, started_at, finished_at)
		VALUES ($1, $2, $3, $4, 'requested', now(), now(), 'nothing_significant', 'Nothing stood out.', 7, now(), now())`, asked.str("analysis_id"), tenant.AccountID, tenant.ProductID, tenant.ContextID)
	require.Equal(t, asked.str("analysis_id"), c.get(path+"/analyses").str("items.0.id"))
	require.Equal(t, "Nothing stood out.", c.get(path).str("health.last_analysis.reason"))

	dry := c.post(path+"/analyses", map[string]any{"dry_run": true})
	w.insert("specter_analyzer", tenant.AccountID, `INSERT INTO analyses (id, account_id, product_id, context_id, trigger, from_at, as_of, outcome, reason, signals_24h, dry_run, detail, started_at, finished_at)
		VALUES ($1, $2, $3, $4, 'requested', now(), now(), 'findings', 'Dry.', 7, true, $5, now(), now())`, dry.str("analysis_id"), tenant.AccountID, tenant.ProductID, tenant.ContextID,
		`{"evidence":9.5,"threshold":8,"hours":100,"preview":[{"family":"rage_clicks","severity":0.4,"started_at":"2026-01-01T00:00:00Z","summary":"s","evidence":{"version":1}}]}`)
	one := c.get("/api/v1/analyses/" + dry.str("analysis_id"))
	require.Equal(t, true, one.at("dry_run"), one.text)
	require.Equal(t, "rage_clicks", one.str("detail.preview.0.family"))
	require.Equal(t, 9.5, one.at("detail.evidence"))
	require.Equal(t, "Nothing stood out.", c.get(path).str("health.last_analysis.reason"), "a dry run is nobody's last analysis")

	w.proposal(tenant, "One", 1)
	finding := c.get("/api/v1/products/" + tenant.ProductID.String() + "/findings").str("items.0.id")
	one = c.get("/api/v1/findings/" + finding)
	require.Equal(t, "ratio_worsening", one.str("family"))
	require.NotEmpty(t, one.str("proposal_id"))
	require.Equal(t, "getting_worse", c.get(path).str("health.status"))
	require.Equal(t, float64(1), c.get(path).at("health.open_proposals"))
}
