package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/webhook"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// delivery is one of the notifier's with one attempt.
func (w *world) delivery(t testkit.Tenant, endpoint string, id uuid.UUID, kind, status string, at time.Time) {
	w.t.Helper()
	w.insert("specter_notifier", t.AccountID, `INSERT INTO deliveries (id, account_id, endpoint_id, event_id, event_type, body, status, reason, attempts, created_at, finished_at)
		VALUES ($1, $2, $3, $4, $5, '{"type":"x","data":{"n":123456789012345678}}', $6, CASE WHEN $6 = 'failed' THEN 'exhausted' ELSE '' END, 1, $7, $7)`,
		id, t.AccountID, endpoint, uuid.New(), kind, status, at)
	w.insert("specter_notifier", t.AccountID, `INSERT INTO delivery_attempts (account_id, delivery_id, attempt, at, duration_ms, status_code, error, response_excerpt, request, response_headers)
		VALUES ($1, $2, 1, $3, 12, 500, 'answered 500', 'oops', '{"url":"https://example.com/hook?…","headers":{"webhook-id":"1"}}', '{"server":"nginx"}')`, t.AccountID, id, at)
}

// endpoint makes an endpoint through the API.
func (c *caller) endpoint(url string) (path, secret string) {
	c.w.t.Helper()
	made := c.post("/api/v1/webhook-endpoints", map[string]any{"url": url})
	require.Equal(c.w.t, http.StatusCreated, made.status, made.text)
	return "/api/v1/webhook-endpoints/" + made.str("endpoint.id"), made.str("secret")
}

// published are the facts of one type that were published for an account.
func published[M proto.Message](w *world, t event.Type[M], account uuid.UUID) []bus.Delivery[M] {
	w.t.Helper()
	var out []bus.Delivery[M]
	_, err := bus.Scan(w.t.Context(), w.bus, t, bus.Look{MaxBytes: 1 << 20}, func(d bus.Delivery[M]) bool {
		if d.AccountID == account {
			out = append(out, d)
		}
		return false
	})
	require.NoError(w.t, err)
	return out
}

func TestASecretIsRotatedWithAnOverlapAndShownToWhoMayChangeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path, first := c.endpoint("http://127.0.0.1:8080/hook")
	require.Equal(t, first, c.get(path+"/secret").str("secret"))

	rotated := c.post(path+"/rotate-secret", map[string]any{})
	require.Equal(t, http.StatusOK, rotated.status, rotated.text)
	require.NotEqual(t, first, rotated.str("secret"))
	require.Equal(t, rotated.str("secret"), c.get(path+"/secret").str("secret"))
	until, err := time.Parse(time.RFC3339, rotated.str("endpoint.secret_overlap_until"))
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now().Add(24*time.Hour), until, time.Minute)

	require.Nil(t, c.post(path+"/rotate-secret", map[string]any{"overlap_hours": 0}).at("endpoint.secret_overlap_until"), "a leaked secret ends at once")
	for _, hours := range []int{-1, 169} {
		require.Equal(t, http.StatusBadRequest, c.post(path+"/rotate-secret", map[string]any{"overlap_hours": hours}).status)
	}
	log := c.get("/api/v1/account/audit-log?subject_id=" + strings.TrimPrefix(path, "/api/v1/webhook-endpoints/")).text
	require.Contains(t, log, "endpoint.secret_rotated")
	require.Contains(t, log, "endpoint.secret_revealed")
	require.NotContains(t, log, "whsec_")
	reader := c.post("/api/v1/tokens", map[string]any{"name": "reader", "scopes": []string{"webhooks:read"}}).str("token")
	require.Equal(t, http.StatusForbidden, w.withToken(reader).get(path+"/secret").status)
}

func TestTheDeliveryLogIsListedFilteredAndShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path, _ := c.endpoint("http://127.0.0.1:8080/hook")
	endpoint := strings.TrimPrefix(path, "/api/v1/webhook-endpoints/")
	now := w.clock.Now()
	failed := uuid.New()
	w.delivery(tenant, endpoint, failed, "proposal.created", "failed", now.Add(-time.Hour))
	w.delivery(tenant, endpoint, uuid.New(), "deployment.verified", "delivered", now.Add(-26*time.Hour))

	require.Len(t, c.get(path+"/deliveries").list("items"), 2)
	require.Len(t, c.get(path+"/deliveries?status=failed").list("items"), 1)
	require.Len(t, c.get(path+"/deliveries?event_type=deployment.verified").list("items"), 1)
	require.Len(t, c.get(path+"/deliveries?since="+now.Add(-2*time.Hour).UTC().Format(time.RFC3339)).list("items"), 1)
	require.Equal(t, http.StatusBadRequest, c.get(path+"/deliveries?status=lost").status)

	one := c.get(path + "/deliveries/" + failed.String())
	require.Equal(t, http.StatusOK, one.status, one.text)
	require.Equal(t, "exhausted", one.str("reason"))
	require.Equal(t, `{"type":"x","data":{"n":123456789012345678}}`, one.str("body"), "as it was signed")
	require.Equal(t, "https://example.com/hook?…", one.str("log.0.request_url"))
	require.Equal(t, "nginx", one.str("log.0.response_headers.server"))
	require.Equal(t, "1", one.str("log.0.request_headers.webhook-id"))

	require.Len(t, c.get("/api/v1/webhook-endpoints").list("items.0.days"), 2)
	require.Empty(t, c.get("/api/v1/webhook-endpoints?days=false").list("items.0.days"))
	days := c.get(path).list("days")
	require.Len(t, days, 2)
	require.EqualValues(t, 1, days[0].(map[string]any)["delivered"])
}

func TestDeliveriesAreAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path, _ := c.endpoint("http://127.0.0.1:8080/hook")
	endpoint := strings.TrimPrefix(path, "/api/v1/webhook-endpoints/")
	id := uuid.New()
	w.delivery(tenant, endpoint, id, "proposal.created", "failed", w.clock.Now().Add(-time.Hour))
	w.delivery(tenant, endpoint, uuid.New(), "proposal.created", "dropped", w.clock.Now().Add(-48*time.Hour))

	require.Equal(t, http.StatusAccepted, c.post(path+"/deliveries/"+id.String()+"/resend", nil).status)
	since := func(d time.Duration) map[string]any {
		return map[string]any{"since": w.clock.Now().Add(-d).UTC().Format(time.RFC3339)}
	}
	require.EqualValues(t, 1, c.post(path+"/recover", since(2*time.Hour)).at("deliveries"))
	require.EqualValues(t, 2, c.post(path+"/recover", since(72*time.Hour)).at("deliveries"))
	for _, d := range []time.Duration{-time.Hour, 31 * 24 * time.Hour} {
		require.Equal(t, http.StatusBadRequest, c.post(path+"/recover", since(d)).status)
	}
	testkit.Eventually(t, func() bool { return len(published(w, event.EndpointRecoveryRequested, tenant.AccountID)) == 2 }, "the notifier is asked")
	resend := published(w, event.DeliveryResendRequested, tenant.AccountID)
	require.Len(t, resend, 1)
	require.Equal(t, id.String(), resend[0].Body.GetDeliveryId())
	require.Equal(t, endpoint, resend[0].Body.GetEndpointId())

	require.Equal(t, "paused", c.do(http.MethodPatch, path, map[string]any{"enabled": false}).str("status"))
	require.Equal(t, http.StatusConflict, c.post(path+"/recover", since(time.Hour)).status, "nothing is sent to a paused endpoint")
	require.Equal(t, http.StatusConflict, c.post(path+"/deliveries/"+id.String()+"/resend", nil).status)
}

func TestWhyAnEndpointWasDisabledIsShownAndKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	path, _ := c.endpoint("http://127.0.0.1:8080/hook")
	endpoint := strings.TrimPrefix(path, "/api/v1/webhook-endpoints/")
	w.insert("specter_notifier", tenant.AccountID, `INSERT INTO endpoint_states (account_id, endpoint_id, consecutive_failures) VALUES ($1, $2, 3)`, tenant.AccountID, endpoint)
	require.Equal(t, "failing", c.get(path).str("status"))
	w.insert("specter_notifier", tenant.AccountID, `UPDATE endpoint_states SET disabled_at = now() + interval '1 second', disabled_reason = 'Gone.' WHERE endpoint_id = $1`, endpoint)
	require.Equal(t, "disabled", c.get(path).str("status"))
	require.Equal(t, "Gone.", c.get(path).str("disabled_reason"))
	_, err := bus.Publish(t.Context(), w.bus, event.EndpointDisabled, bus.Message[*eventv1.EndpointDisabled]{
		ID: uuid.New(), AccountID: tenant.AccountID, Time: w.clock.Now(),
		Body: &eventv1.EndpointDisabled{EndpointId: endpoint, Reason: "Gone.", DisabledAt: timestamppb.Now()},
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		return strings.Contains(c.get("/api/v1/account/audit-log?subject_id="+endpoint).text, "endpoint.disabled")
	}, "the audit log has it")
}

func TestEventsCanBeSubscribedToByTheirNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.withToken(w.tenant().Token)
	items := c.get("/api/v1/webhook-events").list("items")
	require.Len(t, items, len(webhook.Kinds()))
	for _, item := range items {
		e := item.(map[string]any)
		require.Equal(t, e["name"], e["sample"].(map[string]any)["type"])
		r := c.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/", "events": []any{e["name"]}})
		require.Equal(t, http.StatusCreated, r.status, r.text)
	}
	require.Equal(t, http.StatusBadRequest, c.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/", "events": []string{"finding.opened"}}).status,
		"what is never sent cannot be asked for")
}

// live reads an event stream until its test ends.
func (c *caller) live(path string) <-chan map[string]string {
	c.w.t.Helper()
	ctx, stop := context.WithCancel(c.w.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.w.url+path, http.NoBody)
	require.NoError(c.w.t, err)
	r.Header = c.header.Clone()
	r.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(r)
	require.NoError(c.w.t, err)
	require.Equal(c.w.t, http.StatusOK, res.StatusCode)
	events, done := make(chan map[string]string, 100), make(chan struct{})
	c.w.t.Cleanup(func() {
		stop()
		_ = res.Body.Close()
		<-done
	})
	go func() {
		defer close(done)
		fields := map[string]string{}
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if name, text, ok := strings.Cut(lines.Text(), ": "); ok && name != "" {
				fields[name] = text
			} else if lines.Text() == "" {
				if fields["data"] != "" {
					events <- fields
				}
				fields = map[string]string{}
			}
		}
	}()
	return events
}

func TestAnAccountsEventsAreShownLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, other := w.tenant(), w.tenant()
	c := w.withToken(mine.Token)
	publish := func(account uuid.UUID, title string) {
		_, err := bus.Publish(t.Context(), w.bus, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{
			ID: uuid.New(), AccountID: account, Time: w.clock.Now(), Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString(), Title: title},
		})
		require.NoError(t, err)
	}
	publish(mine.AccountID, "before")
	all, some := c.live("/api/v1/webhook-events/stream"), c.live("/api/v1/webhook-events/stream?events=quota.warning")
	publish(other.AccountID, "foreign")
	publish(mine.AccountID, "mine")
	publish(mine.AccountID, "second")
	got := <-all
	require.Equal(t, "webhook", got["event"])
	var told struct {
		ID   uuid.UUID
		Body struct {
			Type string
			Data map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got["data"]), &told))
	require.Equal(t, "proposal.created", told.Body.Type)
	require.Equal(t, "mine", told.Body.Data["title"])
	require.NotEqual(t, uuid.Nil, told.ID)
	require.Contains(t, (<-all)["data"], "second")
	again := c.with("Last-Event-ID", got["id"]).live("/api/v1/webhook-events/stream")
	require.Contains(t, (<-again)["data"], "second", "it goes on where it was left")
	require.Empty(t, some)

	require.Equal(t, http.StatusBadRequest, c.get("/api/v1/webhook-events/stream?events=nothing.at_all").status)
	require.Equal(t, http.StatusBadRequest, c.with("Last-Event-ID", "x").get("/api/v1/webhook-events/stream").status)
}

func TestAnAccountIsToldOfItsLimitOnceAMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	bucket, err := w.bus.JetStream().KeyValue(t.Context(), event.QuotaBucket)
	require.NoError(t, err)
	used := func(n int64) {
		text, err := proto.Marshal(&catalogv1.Quota{MonthlySignalLimit: 1000, Used: n - 10, Lost: 10})
		require.NoError(t, err)
		_, err = bucket.Put(t.Context(), event.QuotaKey(tenant.AccountID, w.clock.Now()), text)
		require.NoError(t, err)
	}
	used(700)
	used(800)
	used(900)
	testkit.Eventually(t, func() bool { return len(published(w, event.QuotaWarning, tenant.AccountID)) == 1 }, "warned at four fifths")
	used(1000)
	used(1000)
	testkit.Eventually(t, func() bool { return len(published(w, event.QuotaExceeded, tenant.AccountID)) == 1 }, "told when it is used up")
	quota := published(w, event.QuotaWarning, tenant.AccountID)[0].Body.GetQuota()
	require.EqualValues(t, 1000, quota.GetLimit())
	require.GreaterOrEqual(t, quota.GetUsed(), uint64(800))
	require.Equal(t, 1, quota.GetMonth().AsTime().Day())
	require.Len(t, published(w, event.QuotaWarning, tenant.AccountID), 1, "once")
}

func TestAnAccountWhoseSignalsAreRefusedIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	_, err := bus.Publish(t.Context(), w.bus, event.IngestRefused, bus.Message[*eventv1.IngestRefused]{
		ID: uuid.New(), Time: w.clock.Now(), Body: &eventv1.IngestRefused{Counts: []*eventv1.RefusalCount{{
			AccountId: tenant.AccountID[:], ProductId: tenant.ProductID[:], Code: "quota_exceeded", N: 50, Minute: timestamppb.New(w.clock.Now()), LastAt: timestamppb.New(w.clock.Now()),
		}}},
	})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return len(published(w, event.QuotaExceeded, tenant.AccountID)) == 1 }, "told")
}

func TestAnAccountThatIsClosedStillHasItsEndpointsAndTellsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedUp("leaving@example.com")
	made := c.post("/api/v1/webhook-endpoints", map[string]any{"url": "http://127.0.0.1:8080/", "events": []string{"account.deletion_scheduled"}})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	account := uuid.MustParse(c.get("/api/v1/account").str("id"))
	closed := c.post("/api/v1/account/deletion", map[string]any{"confirm_email": "leaving@example.com"})
	require.Less(t, closed.status, 300, closed.text)
	testkit.Eventually(t, func() bool { return len(published(w, event.AccountDeletionScheduled, account)) == 1 }, "published")
	var listening bool
	require.NoError(t, w.db.Owner(t).QueryRow(t.Context(), `SELECT enabled AND deleted_at IS NULL FROM webhook_endpoints WHERE id = $1`, made.str("endpoint.id")).Scan(&listening))
	require.True(t, listening)
}

func TestWhatPeopleDecideAndReportIsPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	approved := c.post("/api/v1/proposals/"+w.proposal(tenant, "Yes", 1).String()+"/decision", map[string]any{"decision": "approved"})
	require.Equal(t, http.StatusOK, approved.status, approved.text)
	rejected := c.post("/api/v1/proposals/"+w.proposal(tenant, "No", 2).String()+"/decision", map[string]any{"decision": "rejected", "reason_code": "wont_fix"})
	require.Equal(t, http.StatusOK, rejected.status, rejected.text)
	deployment := approved.str("deployment_id")
	reported := c.post("/api/v1/deployments/"+deployment+"/report", map[string]any{})
	require.Less(t, reported.status, 300, reported.text)
	testkit.Eventually(t, func() bool { return len(published(w, event.DeploymentDeployed, tenant.AccountID)) == 1 }, "deployment.deployed")
	require.Equal(t, deployment, published(w, event.DeploymentDeployed, tenant.AccountID)[0].Body.GetDeploymentId())
	require.Equal(t, deployment, published(w, event.ProposalApproved, tenant.AccountID)[0].Body.GetDeploymentId())
	require.Equal(t, deployment, published(w, event.DeploymentCreated, tenant.AccountID)[0].Body.GetDeploymentId())
	require.Equal(t, "wont_fix", published(w, event.ProposalRejected, tenant.AccountID)[0].Body.GetReasonCode())
}
