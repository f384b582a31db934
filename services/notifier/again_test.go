package notifier_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/sealed"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/webhook"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// exec changes the database as its owner.
func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.owner.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

func (s *stage) text(sql string, args ...any) (text string) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), sql, args...).Scan(&text))
	return text
}

func TestBothSecretsSignWhileOneReplacesTheOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	id := s.endpoint(r.URL, "*")
	box, err := sealed.NewBox(secretKey, sealed.WebhookSecret)
	require.NoError(t, err)
	fresh := webhook.NewSecret()
	s.exec(`UPDATE webhook_endpoints SET previous_secret_sealed = secret_sealed, previous_secret_until = now() + interval '1 day', secret_sealed = $2 WHERE id = $1`, id, box.Seal([]byte(fresh)))
	s.start(loopback)

	s.publish("during the overlap")
	testkit.Eventually(t, func() bool { return len(r.all()) == 1 }, "delivered")
	accepts := func(secret string, got received) error {
		official, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		return official.Verify(got.body, got.header)
	}
	got := r.all()[0]
	require.NoError(t, accepts(fresh, got))
	require.NoError(t, accepts(whsec, got))
	signatures := strings.Fields(got.header.Get("webhook-signature"))
	require.Len(t, signatures, 2)
	require.Contains(t, signatures, signature(t, got))

	s.exec(`UPDATE webhook_endpoints SET previous_secret_until = now() - interval '1 second' WHERE id = $1`, id)
	s.publish("after it")
	testkit.Eventually(t, func() bool { return len(r.all()) == 2 }, "delivered")
	require.NoError(t, accepts(fresh, r.all()[1]))
	require.Error(t, accepts(whsec, r.all()[1]), "the old secret is worth nothing any more")
}

func TestTheLogShowsWhatWasSentAndAnsweredWithoutSecrets(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(500))
	r.Config.Handler = withHeaders(r.Config.Handler, map[string]string{
		"Server": "nginx", "Set-Cookie": "session=hunter2", "X-Secret": "hunter2", "Retry-After": "7", "X-Request-Id": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
	})
	s.endpoint(r.URL+"/hook/in?token=hunter2", "*")
	s.start(loopback)
	s.publish("x")
	testkit.Eventually(t, func() bool { return s.count(`attempts = 1`) == 1 }, "recorded")

	var request struct {
		URL     string
		Headers map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(s.text(`SELECT request::text FROM delivery_attempts`)), &request))
	require.Equal(t, r.URL+"/hook/in?…", request.URL)
	sent := r.all()[0].header
	require.Equal(t, sent.Get("webhook-id"), request.Headers["webhook-id"])
	require.Equal(t, "application/json", request.Headers["content-type"])
	require.True(t, strings.HasPrefix(sent.Get("webhook-signature"), strings.TrimSuffix(request.Headers["webhook-signature"], "…")))
	require.Less(t, len(request.Headers["webhook-signature"]), 20, "a whole signature could be sent again")
	var answered map[string]string
	require.NoError(t, json.Unmarshal([]byte(s.text(`SELECT response_headers::text FROM delivery_attempts`)), &answered))
	require.Equal(t, "nginx", answered["server"])
	require.Equal(t, "7", answered["retry-after"])
	require.NotContains(t, s.text(`SELECT a::text || d.reason FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id`), "hunter2")
	require.NotContains(t, s.text(`SELECT a::text FROM delivery_attempts a`), "eyJ")
}

func withHeaders(next http.Handler, headers map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

func TestAPersonMayHaveOneDeliveryAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	id := s.endpoint(r.URL, "*")
	s.start(loopback)
	sent := s.publish("x")
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered'`) == 1 }, "delivered")

	one := s.text(`SELECT id::text FROM deliveries`)
	tell(s, event.DeliveryResendRequested, &eventv1.DeliveryResendRequested{DeliveryId: one, EndpointId: id.String(), RequestedBy: "user:1"})
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered' AND attempts = 2 AND resends = 1`) == 1 }, "delivered again")
	require.Len(t, r.all(), 2)
	require.Equal(t, sent.ID.String(), r.all()[1].header.Get("webhook-id"), "a receiver can tell that it has had it")
	require.Equal(t, r.all()[0].body, r.all()[1].body)

	// Another account's wish, or one for another endpoint, finds nothing.
	stranger := testkit.SeedTenant(t, s.db)
	mine := s.who
	s.who = stranger
	tell(s, event.DeliveryResendRequested, &eventv1.DeliveryResendRequested{DeliveryId: one, EndpointId: id.String()})
	s.who = mine
	tell(s, event.DeliveryResendRequested, &eventv1.DeliveryResendRequested{DeliveryId: one, EndpointId: uuid.NewString()})
	s.publish("y")
	testkit.Eventually(t, func() bool { return len(r.all()) == 3 }, "the next event")
	require.Equal(t, 1, s.count(`id = $1 AND resends = 1`, one))
}

func TestWhatFailedSinceAMomentIsRecovered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var mu sync.Mutex
	status := 500
	r := newReceiver(t, func(int) int { mu.Lock(); defer mu.Unlock(); return status })
	id := s.endpoint(r.URL, "*")
	paused := s.endpoint(r.URL+"/paused", "*")
	s.exec(`UPDATE webhook_endpoints SET enabled = false WHERE id = $1`, paused)
	s.start(loopback)
	const events = 5
	for range events {
		s.publish("x")
	}
	testkit.Eventually(t, func() bool {
		return s.count(`endpoint_id = $1 AND status = 'dropped' AND reason = 'paused' AND attempts = 0`, paused) == events
	}, "what a paused endpoint misses is on record")
	testkit.Eventually(t, func() bool { return s.count(`endpoint_id = $1 AND attempts > 0`, id) > 0 }, "the failures are recorded")
	// Three days later all attempts are used up.
	s.exec(`UPDATE deliveries SET status = 'failed', reason = 'exhausted', finished_at = now(), next_attempt_at = NULL WHERE endpoint_id = $1`, id)
	s.exec(`UPDATE deliveries SET created_at = now() - interval '2 days' WHERE id = (SELECT id FROM deliveries WHERE endpoint_id = $1 LIMIT 1)`, id)
	mu.Lock()
	status = 200
	mu.Unlock()
	s.exec(`UPDATE webhook_endpoints SET enabled = true, updated_at = now() WHERE id = $1`, paused)
	s.exec(`DELETE FROM endpoint_states`)

	since := timestamppb.New(time.Now().Add(-time.Hour))
	tell(s, event.EndpointRecoveryRequested, &eventv1.EndpointRecoveryRequested{EndpointId: id.String(), Since: since})
	tell(s, event.EndpointRecoveryRequested, &eventv1.EndpointRecoveryRequested{EndpointId: paused.String(), Since: since})
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered'`) == 2*events-1 }, "everything since then is delivered")
	require.Equal(t, 1, s.count(`status = 'failed'`), "what is older is left")
	require.Equal(t, 2*events-1, s.count(`resends = 1`))
}

func TestWhatIsToldOfADeploymentArrivesInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, func(n int) int {
		if n == 1 {
			return 503
		}
		return 200
	})
	s.endpoint(r.URL, "*")
	s.start(loopback)
	one, two := uuid.NewString(), uuid.NewString()
	tell(s, event.DeploymentCreated, &eventv1.DeploymentCreated{DeploymentId: one})
	testkit.Eventually(t, func() bool { return s.count(`attempts = 1 AND status = 'pending'`) == 1 }, "the first one failed once")
	tell(s, event.DeploymentDeployed, &eventv1.DeploymentDeployed{DeploymentId: one})
	tell(s, event.DeploymentVerified, &eventv1.DeploymentVerified{Verdict: &eventv1.Verdict{DeploymentId: one}})
	tell(s, event.DeploymentCreated, &eventv1.DeploymentCreated{DeploymentId: two})
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered' AND deployment_id = $1`, two) == 1 }, "another deployment is not held up")
	require.Equal(t, 2, s.count(`status = 'pending' AND attempts = 0 AND next_attempt_at IS NULL`), "the later ones wait")
	s.hurry()
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered'`) == 4 }, "then all are delivered")
	var order []string
	for _, got := range r.all() {
		var e struct {
			Type string
			Data struct {
				DeploymentID string `json:"deployment_id"`
			}
		}
		require.NoError(t, json.Unmarshal(got.body, &e))
		if e.Data.DeploymentID == one {
			order = append(order, e.Type)
		}
	}
	require.Equal(t, []string{"deployment.created", "deployment.created", "deployment.deployed", "deployment.verified"}, order)
}

func TestManyDeploymentsAreEachToldInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	s.endpoint(r.URL, "*")
	s.start(loopback)
	const deployments = 20
	for range deployments {
		id := uuid.NewString()
		tell(s, event.ProposalApproved, &eventv1.ProposalApproved{DeploymentId: id})
		tell(s, event.DeploymentCreated, &eventv1.DeploymentCreated{DeploymentId: id})
		tell(s, event.DeploymentDeployed, &eventv1.DeploymentDeployed{DeploymentId: id})
		tell(s, event.DeploymentInconclusive, &eventv1.DeploymentInconclusive{Verdict: &eventv1.Verdict{DeploymentId: id}})
	}
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered'`) == 4*deployments }, "all are delivered")
	rows, err := s.owner.Query(t.Context(), `SELECT array_agg(d.event_type ORDER BY a.at) FROM deliveries d JOIN delivery_attempts a ON a.delivery_id = d.id GROUP BY d.deployment_id`)
	require.NoError(t, err)
	orders, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
	require.NoError(t, err)
	require.Len(t, orders, deployments)
	for _, order := range orders {
		require.True(t, slices.Equal(order, []string{"proposal.approved", "deployment.created", "deployment.deployed", "deployment.inconclusive"}), "%v", order)
	}
}

// A receiver that goes silent in the middle, and a notifier that is started anew: what is pending is
// dropped with its reason once the endpoint is paused, also what waited in line.
func TestPausingEndsWhatIsPending(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(500))
	id := s.endpoint(r.URL, "*")
	s.start(loopback)
	deployment := uuid.NewString()
	tell(s, event.DeploymentCreated, &eventv1.DeploymentCreated{DeploymentId: deployment})
	tell(s, event.DeploymentDeployed, &eventv1.DeploymentDeployed{DeploymentId: deployment})
	testkit.Eventually(t, func() bool { return s.count(`attempts = 1`) == 1 && s.count(`true`) == 2 }, "one failed, one waits")
	s.exec(`UPDATE webhook_endpoints SET enabled = false WHERE id = $1`, id)
	s.hurry()
	testkit.Eventually(t, func() bool { return s.count(`status = 'dropped' AND reason = 'paused'`) == 2 }, "both are dropped")
	require.Len(t, r.all(), 1)
}

// TestEveryEventReachesAnEndpoint: those that people were told of, each under its name and with its data.
func TestEveryEventReachesAnEndpoint(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	s.endpoint(r.URL, "*")
	s.start(loopback)
	verdict := func() *eventv1.Verdict { return &eventv1.Verdict{DeploymentId: uuid.NewString(), Outcome: "x"} }
	tell(s, event.SignalFirstReceived, &eventv1.SignalFirstReceived{ProductId: "p"})
	tell(s, event.AnalysisCompleted, &eventv1.AnalysisCompleted{ProductId: "p"})
	tell(s, event.ProposalCreated, &eventv1.ProposalCreated{ProductId: "p"})
	tell(s, event.ProposalApproved, &eventv1.ProposalApproved{ProductId: "p"})
	tell(s, event.ProposalRejected, &eventv1.ProposalRejected{ProductId: "p"})
	tell(s, event.ProposalExpired, &eventv1.ProposalExpired{ProductId: "p"})
	tell(s, event.DeploymentCreated, &eventv1.DeploymentCreated{ProductId: "p"})
	tell(s, event.DeploymentDeployed, &eventv1.DeploymentDeployed{ProductId: "p"})
	tell(s, event.DeploymentVerified, &eventv1.DeploymentVerified{Verdict: verdict()})
	tell(s, event.DeploymentRegressed, &eventv1.DeploymentRegressed{Verdict: verdict()})
	tell(s, event.DeploymentInconclusive, &eventv1.DeploymentInconclusive{Verdict: verdict()})
	tell(s, event.QuotaWarning, &eventv1.QuotaWarning{Quota: &eventv1.Quota{Used: 80, Limit: 100}})
	tell(s, event.QuotaExceeded, &eventv1.QuotaExceeded{Quota: &eventv1.Quota{Used: 100, Limit: 100}})
	tell(s, event.AccountDeletionScheduled, &eventv1.AccountDeletionScheduled{DeletionId: "d"})
	const all = 14
	testkit.Eventually(t, func() bool { return len(r.all()) == all }, "all of them arrive")
	seen := map[string]bool{}
	for _, got := range r.all() {
		var envelope struct {
			Type string
			Data map[string]any
		}
		require.NoError(t, json.Unmarshal(got.body, &envelope))
		require.NotEmpty(t, envelope.Data, envelope.Type)
		require.True(t, webhook.IsName(envelope.Type))
		seen[envelope.Type] = true
	}
	require.Len(t, seen, all)
}
