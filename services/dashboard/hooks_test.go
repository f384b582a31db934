package dashboard_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

// Of the samples in internal/hook/testdata.
const (
	sampleProposal = "0197a0b4-1111-7000-8000-00000000000a"
	mergeCommit    = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
	laterCommit    = "9049f1265b7d61be4a8904a9a27120d2064dab3b"
)

// repository is a product's GitHub repository with its webhook set up.
type repository struct {
	*caller
	url    string
	secret string
}

func (c *caller) repository(product uuid.UUID) repository {
	c.w.t.Helper()
	made := c.post("/api/v1/products/"+product.String()+"/deploy-hook/github-secret", map[string]any{})
	require.Equal(c.w.t, http.StatusCreated, made.status, made.text)
	return repository{caller: c.w.anonymous(), url: made.str("hook.github_url"), secret: made.str("secret")}
}

// tells sends a sample, its times moved to yesterday and its proposal exchanged.
func (r repository) tells(event, name, delivery string, proposal uuid.UUID) response {
	r.w.t.Helper()
	return r.sends(event, delivery, r.payload(name, proposal))
}

func (r repository) payload(name string, proposal uuid.UUID) string {
	r.w.t.Helper()
	text, err := os.ReadFile(filepath.Join("internal", "hook", "testdata", "github", name+".json"))
	require.NoError(r.w.t, err)
	body := strings.ReplaceAll(string(text), sampleProposal, proposal.String())
	return strings.ReplaceAll(body, "2026-01-05T", r.w.yesterday()+"T")
}

// yesterday is the day of everything that the samples tell.
func (w *world) yesterday() string {
	return w.clock.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
}

func (r repository) sends(event, delivery, body string) response {
	r.w.t.Helper()
	mac := hmac.New(sha256.New, []byte(r.secret))
	mac.Write([]byte(body))
	return r.with("X-GitHub-Event", event).with("X-GitHub-Delivery", delivery).with("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil))).
		send(http.MethodPost, r.url, strings.NewReader(body))
}

// hookOf makes a product's hook and returns its address.
func (c *caller) hookOf(product uuid.UUID) string {
	c.w.t.Helper()
	made := c.post("/api/v1/products/"+product.String()+"/deploy-hook/token", map[string]any{})
	require.Equal(c.w.t, http.StatusCreated, made.status, made.text)
	require.Equal(c.w.t, "/api/hooks/deploy/"+made.str("token"), made.str("url"))
	return made.str("url")
}

// approved is a planned deployment and its proposal.
func (w *world) approved(tenant testkit.Tenant, title string) (deployment string, proposal uuid.UUID) {
	w.t.Helper()
	proposal = w.proposal(tenant, title, 1)
	r := w.withToken(tenant.Token).post("/api/v1/proposals/"+proposal.String()+"/decision", map[string]any{"decision": "approved"})
	require.Equal(w.t, http.StatusOK, r.status, r.text)
	return r.str("deployment_id"), proposal
}

func (c *caller) form(path, body string) response {
	c.w.t.Helper()
	return c.with("Content-Type", "application/x-www-form-urlencoded").send(http.MethodPost, path, strings.NewReader(body))
}

func TestAPipelineReportsWhatItShipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c, ci := w.withToken(tenant.Token), w.anonymous()
	f := w.facts()
	address := c.hookOf(tenant.ProductID)
	deployment, proposal := w.approved(tenant, "One")

	staging := ci.form(address, "commit=abc1234&environment=staging")
	require.Equal(t, "ignored", staging.str("result"), staging.text)
	nobody := ci.form(address, "commit=abc1234")
	require.Equal(t, "unmatched", nobody.str("result"), "and no pipeline fails because of it")
	shipped := ci.form(address, "commit=abc1234&version=2.3.2&canary_share=10&url=https://ci.example.com/7&proposal="+proposal.String())
	require.Equal(t, "matched", shipped.str("result"), shipped.text)
	require.Equal(t, []any{deployment}, shipped.list("deployments"))
	require.Equal(t, "unchanged", ci.form(address, "commit=abc1234&version=2.3.2&canary_share=10&proposal="+proposal.String()).str("result"), "again is harmless")

	d := c.get("/api/v1/deployments/" + deployment)
	require.Equal(t, "deployed", d.str("status"), d.text)
	require.Equal(t, "hook", d.str("reported_via"))
	require.Equal(t, "hook:deploy", d.str("reported_by"))
	require.Equal(t, "production", d.str("environment"))
	require.InDelta(t, 10, d.at("canary_share"), 0)

	w.clock.Advance(time.Hour)
	require.Equal(t, "matched", ci.post(address, map[string]any{"version": "2.3.2", "canary_share": 100}).str("result"), "the rest of the rollout")
	d = c.get("/api/v1/deployments/" + deployment)
	require.InDelta(t, 100, d.at("canary_share"), 0)
	require.InDelta(t, 10, d.at("canary_changes.0.share"), 0)
	require.InDelta(t, 100, d.at("canary_changes.1.share"), 0)
	require.Equal(t, "matched", ci.send(http.MethodPost, address+"?status=rolled_back&version=2.3.2", nil).str("result"))
	require.Equal(t, "unchanged", ci.send(http.MethodPost, address+"?status=rolled_back&version=2.3.2", nil).str("result"))
	require.Equal(t, "rolled_back", c.get("/api/v1/deployments/"+deployment).str("status"))
	f.are(t, "proposal.approved", "deployment.created", "deployment.deployed", "deployment.edited", "deployment.rolled_back")

	seen := c.get("/api/v1/products/" + tenant.ProductID.String() + "/deploy-receipts")
	require.Len(t, seen.list("items"), 7)
	require.Equal(t, "unchanged", seen.str("items.0.outcome"))
	require.Equal(t, "rollback", seen.str("items.0.event"))
	require.Contains(t, seen.str("items.6.reason"), "“staging” is not one of those that count")
	require.Contains(t, seen.str("items.5.reason"), "abc1234")
	timeline := c.get("/api/v1/deployments/" + deployment).list("timeline")
	var steps []string
	for _, step := range timeline {
		steps = append(steps, step.(map[string]any)["action"].(string)) //nolint:forcetypeassert // the contract's
	}
	require.Equal(t, []string{"deployment.created", "deployment.deployed", "deployment.edited", "deployment.rolled_back"}, steps)
}

// TestAllThatIsPlannedShipsOnce: a pipeline that is run again with the commit of yesterday ships nothing planned today.
func TestAllThatIsPlannedShipsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c, ci := w.withToken(tenant.Token), w.anonymous()
	address := c.hookOf(tenant.ProductID)
	require.Equal(t, "unmatched", ci.form(address, "all=true&version=1").str("result"))
	one, _ := w.approved(tenant, "One")
	require.Equal(t, []any{one}, ci.form(address, "all=true&version=1").list("deployments"), "what matched nothing may be said again")
	two, _ := w.approved(tenant, "Two")
	again := ci.form(address, "all=true&version=1")
	require.Equal(t, true, again.at("repeated"), again.text)
	require.Equal(t, []any{one}, again.list("deployments"))
	require.Equal(t, "planned", c.get("/api/v1/deployments/"+two).str("status"))
	require.Contains(t, ci.form(address, "all=true&version=2").list("deployments"), two)
}

func TestTheAddressOfAHookIsItsCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, other := w.tenant(), w.tenant()
	c, ci := w.withToken(tenant.Token), w.anonymous()
	_, foreign := w.approved(other, "Foreign")
	path := "/api/v1/products/" + tenant.ProductID.String() + "/deploy-hook"
	require.Nil(t, c.get(path).at("token_hint"))
	first := c.hookOf(tenant.ProductID)
	require.Equal(t, "unmatched", ci.form(first, "proposal="+foreign.String()).str("result"), "another account's proposal does not exist here")
	require.Equal(t, http.StatusBadRequest, ci.form(first, "").status)
	require.Equal(t, http.StatusMethodNotAllowed, ci.get(first).status, "a link that is previewed ships nothing")
	require.Equal(t, http.StatusRequestEntityTooLarge, ci.form(first, "message="+strings.Repeat("x", 64<<10)).status)
	require.NotContains(t, ci.form(first, "").text, strings.TrimPrefix(first, "/api/hooks/deploy/"))

	key := c.with("Idempotency-Key", "rotate-1")
	rotated := key.post(path+"/token", map[string]any{"grace_hours": 1})
	require.Equal(t, rotated.str("token"), key.post(path+"/token", map[string]any{"grace_hours": 1}).str("token"), "asked for again")
	second := rotated.str("url")
	require.NotContains(t, c.get(path).text, rotated.str("token"), "it is shown once")
	for _, address := range []string{first, second} {
		require.Equal(t, http.StatusOK, ci.form(address, "version=1").status)
	}
	w.clock.Advance(61 * time.Minute)
	require.Equal(t, http.StatusNotFound, ci.form(first, "version=1").status, "its grace is over")
	require.Equal(t, http.StatusOK, ci.form(second, "version=1").status)
	require.Equal(t, http.StatusNoContent, c.delete(path+"/token").status)
	for _, gone := range []string{second, "/api/hooks/deploy/x", "/api/hooks/deploy/" + tenant.Key, "/api/hooks/deploy/sph_" + strings.Repeat("x", 36)} {
		require.Equal(t, http.StatusNotFound, ci.form(gone, "version=1").status, gone)
	}
	require.Equal(t, "deploy_hook.token_revoked", c.get("/api/v1/account/audit-log").str("items.0.action"))
	require.Equal(t, http.StatusUnauthorized, w.withToken(strings.TrimPrefix(c.hookOf(tenant.ProductID), "/api/hooks/deploy/")).get("/api/v1/products").status, "and opens nothing else")
}

// TestAMergedPullRequestIsDeployedWhenItsCommitIs is the way most changes go.
func TestAMergedPullRequestIsDeployedWhenItsCommitIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	gh := c.repository(tenant.ProductID)
	deployment, proposal := w.approved(tenant, "One")
	path := "/api/v1/deployments/" + deployment

	require.Equal(t, "ping", gh.tells("ping", "ping", "d-0", proposal).str("result"))
	early := gh.tells("deployment_status", "deployment_status_success", "d-1", proposal)
	require.Equal(t, "unmatched", early.str("result"), "nobody knows yet what the commit holds")
	require.Equal(t, "linked", gh.tells("pull_request", "pull_request_merged", "d-2", proposal).str("result"))
	d := c.get(path)
	require.Equal(t, "planned", d.str("status"), "merged is not deployed")
	require.Equal(t, mergeCommit, d.str("merged.commit"))
	require.Equal(t, "https://github.com/acme/shop/commit/"+mergeCommit, d.str("merged.commit_url"))
	require.Equal(t, "https://github.com/acme/shop/pull/118", d.str("merged.pull_request_url"))
	require.Equal(t, "deployment.merged", d.str("timeline.1.action"))
	for _, name := range []string{"deployment_status_pending", "deployment_status_staging"} {
		require.Equal(t, "ignored", gh.tells("deployment_status", name, "d-"+name, proposal).str("result"))
	}
	require.Equal(t, true, gh.tells("deployment_status", "deployment_status_success", "d-1", proposal).at("repeated"), "a delivery that came before does nothing")
	require.Equal(t, true, gh.tells("deployment_status", "deployment_status_success", "d-9", proposal).at("repeated"), "nor under another id: that is not signed")
	require.Equal(t, "planned", c.get(path).str("status"))

	// Another run of the deployment: a status of its own.
	body := strings.ReplaceAll(gh.payload("deployment_status_success", proposal), "2001001", "2001002")
	shipped := gh.sends("deployment_status", "d-3", body)
	require.Equal(t, "matched", shipped.str("result"), shipped.text)
	d = c.get(path)
	require.Equal(t, "deployed", d.str("status"))
	require.Equal(t, "github_deployment", d.str("reported_via"))
	require.Equal(t, mergeCommit, d.str("commit"))
	require.Equal(t, "https://github.com/acme/shop/actions/runs/771/job/1", d.str("url"))
	require.Equal(t, w.yesterday()+"T10:20:00Z", d.str("deployed_at"), "when GitHub says that it was")
	released := gh.tells("release", "release_published", "d-4", proposal)
	require.Equal(t, "unchanged", released.str("result"), "the notes name the pull request, which has shipped: %s", released.text)
	f.are(t, "proposal.approved", "deployment.created", "deployment.deployed")
	repeats := 0.0
	for _, item := range c.get("/api/v1/products/" + tenant.ProductID.String() + "/deploy-receipts").list("items") {
		repeats += item.(map[string]any)["repeats"].(float64) //nolint:forcetypeassert // the contract's
	}
	require.InDelta(t, 2, repeats, 0)
}

// TestALaterCommitShipsWhatWasMergedBefore: with pushes chosen, the branch's history is known.
func TestALaterCommitShipsWhatWasMergedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	gh := c.repository(tenant.ProductID)
	deployment, proposal := w.approved(tenant, "One")
	require.Equal(t, "ignored", gh.tells("push", "push_later", "d-0", proposal).str("result"), "pushes are not chosen")
	hook := "/api/v1/products/" + tenant.ProductID.String() + "/deploy-hook"
	require.Equal(t, http.StatusOK, c.do(http.MethodPatch, hook, map[string]any{"linked_by": []string{"push", "pull_request"}}).status)

	require.Equal(t, "linked", gh.tells("pull_request", "pull_request_merged", "d-1", proposal).str("result"))
	pushed := strings.ReplaceAll(gh.payload("push_later", proposal), "1767607200", "1767607201")
	require.Equal(t, "ignored", gh.sends("push", "d-2", pushed).str("result"), "it names nothing, and is remembered")
	later := gh.tells("deployment_status", "deployment_status_later", "d-3", proposal)
	require.Equal(t, "matched", later.str("result"), later.text)
	require.Equal(t, laterCommit, c.get("/api/v1/deployments/"+deployment).str("commit"))
}

func TestAProductCanTakeMergedForDeployed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	gh := c.repository(tenant.ProductID)
	hook := "/api/v1/products/" + tenant.ProductID.String() + "/deploy-hook"
	undecided := w.proposal(tenant, "Undecided", 1)
	require.Equal(t, http.StatusBadRequest, c.do(http.MethodPatch, hook, map[string]any{"deployed_by": []string{"merge"}}).status)
	require.Equal(t, http.StatusBadRequest, c.do(http.MethodPatch, hook, map[string]any{"environments": []string{" "}}).status)
	set := c.do(http.MethodPatch, hook, map[string]any{"deployed_by": []string{"pull_request"}, "environments": []string{"Live", "live"}})
	require.Equal(t, []any{"live"}, set.list("environments"), set.text)
	require.Equal(t, http.StatusPreconditionFailed, c.with("If-Match", `"v1"`).do(http.MethodPatch, hook, map[string]any{}).status)

	early := gh.tells("pull_request", "pull_request_merged", "d-1", undecided)
	require.Equal(t, "unmatched", early.str("result"))
	require.Contains(t, early.str("reason"), "pending: once it is approved")
	deployment, proposal := w.approved(tenant, "One")
	shipped := gh.tells("pull_request", "pull_request_merged", "d-2", proposal)
	require.Equal(t, []any{deployment}, shipped.list("deployments"), shipped.text)
	require.Equal(t, "github_pull_request", c.get("/api/v1/deployments/"+deployment).str("reported_via"))
	unknown := gh.tells("pull_request", "pull_request_merged", "d-3", uuid.New())
	require.Contains(t, unknown.str("reason"), "There is no proposal")
}

func TestOnlyGitHubWithTheSecretIsHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant, other := w.tenant(), w.tenant()
	c := w.withToken(tenant.Token)
	gh := c.repository(tenant.ProductID)
	deployment, proposal := w.approved(tenant, "One")
	body := gh.payload("pull_request_merged", proposal)

	forged := gh
	forged.secret = "guessed"
	wrong := forged.with("X-Request-Id", "same-request")
	refused := repository{wrong, gh.url, "guessed"}.sends("pull_request", "d-1", body)
	require.Equal(t, http.StatusUnauthorized, refused.status)
	require.Equal(t, "invalid_signature", refused.str("code"))
	for _, elsewhere := range []string{other.ProductID.String(), uuid.NewString(), "x", uuid.Nil.String()} {
		r := repository{wrong, "/api/hooks/github/" + elsewhere, gh.secret}.sends("pull_request", "d-1", body)
		require.Equal(t, refused.status, r.status, elsewhere)
		require.Equal(t, refused.text, r.text, "nobody learns which products there are")
	}
	hook := "/api/v1/products/" + tenant.ProductID.String() + "/deploy-hook"
	require.NotEmpty(t, c.get(hook).str("refused_at"), "and the person who wonders can see it")
	require.Empty(t, c.get("/api/v1/products/"+tenant.ProductID.String()+"/deploy-receipts").list("items"))
	require.Equal(t, http.StatusBadRequest, gh.sends("", "d-1", body).status)
	require.Equal(t, http.StatusBadRequest, gh.sends("pull_request", "", body).status)
	require.Equal(t, "invalid_json", gh.sends("pull_request", "d-1", "{").str("code"))
	require.Equal(t, http.StatusRequestEntityTooLarge, gh.sends("pull_request", "d-1", strings.Repeat(" ", 4<<20)+"{}").status)

	rotated := c.post(hook+"/github-secret", map[string]any{"grace_hours": 24})
	require.NotContains(t, c.get(hook).text, rotated.str("secret"))
	require.Equal(t, "linked", gh.sends("pull_request", "d-1", body).str("result"), "with the one before, for a while")
	newer := repository{gh.caller, gh.url, rotated.str("secret")}
	require.Equal(t, true, newer.sends("pull_request", "d-1", body).at("repeated"))
	w.clock.Advance(25 * time.Hour)
	require.Equal(t, http.StatusUnauthorized, gh.sends("ping", "d-2", "{}").status)
	require.Equal(t, http.StatusOK, newer.sends("ping", "d-2", "{}").status)
	require.Equal(t, http.StatusNoContent, c.delete(hook+"/github-secret").status)
	require.Equal(t, http.StatusUnauthorized, newer.sends("ping", "d-3", "{}").status)
	require.Equal(t, "planned", c.get("/api/v1/deployments/"+deployment).str("status"))

	var readable bool
	require.NoError(t, w.db.Owner(t).QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM deploy_hooks h WHERE h::text LIKE '%' || $1 || '%')`, rotated.str("secret")).Scan(&readable))
	require.False(t, readable, "it is sealed")
}

// TestDeliveriesAtOnceHaveOneEffect: GitHub retries while the first try is still at work.
func TestDeliveriesAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	f := w.facts()
	gh, address := c.repository(tenant.ProductID), c.hookOf(tenant.ProductID)
	_, proposal := w.approved(tenant, "One")
	require.Equal(t, "linked", gh.tells("pull_request", "pull_request_merged", "d-1", proposal).str("result"))
	body := gh.payload("deployment_status_success", proposal)
	results := make(chan response, 12)
	for i := range cap(results) {
		go func() {
			if i%2 == 0 {
				results <- gh.sends("deployment_status", "d-2", body)
			} else {
				results <- w.anonymous().form(address, "commit="+mergeCommit)
			}
		}()
	}
	matched := 0
	for range cap(results) {
		r := <-results
		require.Equal(t, http.StatusOK, r.status, r.text)
		if r.str("result") == "matched" && r.at("repeated") == nil {
			matched++
		}
	}
	require.Equal(t, 1, matched)
	f.are(t, "proposal.approved", "deployment.created", "deployment.deployed")
}

func TestAClosedAccountTakesNoReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedUp("owner@example.test")
	product := uuid.MustParse(c.post("/api/v1/products", map[string]any{"name": "Shop"}).str("product.id"))
	address, gh := c.hookOf(product), c.repository(product)
	require.Equal(t, http.StatusAccepted, c.post("/api/v1/account/deletion", map[string]any{"confirm_email": "owner@example.test"}).status)
	require.Equal(t, "account_closed", w.anonymous().form(address, "version=1").str("code"))
	require.Equal(t, "account_closed", gh.tells("ping", "ping", "d-1", uuid.New()).str("code"))
}

func TestReceiptsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	gh := c.repository(tenant.ProductID)
	for i := range 105 {
		require.Equal(t, "ignored", gh.sends("watch", uuid.NewString(), `{"action":"started","n":`+strings.Repeat("1", 1+i)+`}`).str("result"))
	}
	receipts := "/api/v1/products/" + tenant.ProductID.String() + "/deploy-receipts?limit=100"
	page := c.get(receipts)
	require.Len(t, page.list("items"), 100, "a busy repository's noise is bounded")
	require.Nil(t, page.at("next_cursor"))
	w.clock.Advance(31 * 24 * time.Hour)
	require.Empty(t, c.get(receipts).list("items"), "whether anything comes after them or not")
	require.Equal(t, "ignored", gh.sends("watch", "new", `{}`).str("result"))
	require.Len(t, c.get(receipts).list("items"), 1)
}
