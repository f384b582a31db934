package notifier_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/egress"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/sealed"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/notifier"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const (
	secretKey = "0123456789abcdef0123456789abcdef"
	whsec     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// stage is a running notifier with its real database and broker.
type stage struct {
	t     *testing.T
	db    *testkit.DB
	owner *pgxpool.Pool
	bus   *bus.Bus
	who   testkit.Tenant
	// timeout is what receivers are given.
	timeout time.Duration
}

func newStage(t *testing.T) *stage {
	t.Helper()
	db := testkit.Postgres(t)
	s := &stage{t: t, db: db, owner: db.Owner(t), bus: testkit.Bus(t), who: testkit.SeedTenant(t, db), timeout: 2 * time.Second}
	return s
}

// start runs one instance of the notifier until stop.
func (s *stage) start(allow ...netip.Prefix) (stop func()) {
	s.t.Helper()
	c := notifier.Config{SecretKey: secretKey, Egress: egress.Settings{
		AllowPrivate: allow, AllowHTTP: true, AllowPorts: "1-65535", Timeout: s.timeout,
	}}
	service, err := notifier.New(c, svcmain.Platform{
		Log: zap.NewNop(), Bus: s.bus, DB: s.db.Pool(s.t, "specter_notifier"), Metrics: prometheus.NewRegistry(), Now: time.Now,
	})
	require.NoError(s.t, err)
	require.Nil(s.t, service.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- service.Run(ctx, func() { close(ready) }) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.NoError(s.t, <-ended)
		})
	}
	s.t.Cleanup(stop)
	<-ready
	return stop
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")

// endpoint saves an endpoint as the dashboard does.
func (s *stage) endpoint(url string, events ...string) uuid.UUID {
	s.t.Helper()
	box, err := sealed.NewBox(secretKey, sealed.WebhookSecret)
	require.NoError(s.t, err)
	id := uuid.New()
	pool := s.db.Pool(s.t, "specter_dashboard")
	require.NoError(s.t, tenant.Tx(s.t.Context(), pool, s.who.AccountID, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.t.Context(), `INSERT INTO webhook_endpoints (id, account_id, url, events, secret_sealed) VALUES ($1, $2, $3, $4, $5)`,
			id, s.who.AccountID, url, events, box.Seal([]byte(whsec)))
		return err
	}))
	return id
}

func (s *stage) publish(title string) bus.Message[*eventv1.ProposalCreated] {
	s.t.Helper()
	m := bus.Message[*eventv1.ProposalCreated]{
		ID: uuid.New(), AccountID: s.who.AccountID, Time: time.Now(),
		Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString(), Title: title, Confidence: 0.8},
	}
	_, err := bus.Publish(s.t.Context(), s.bus, event.ProposalCreated, m)
	require.NoError(s.t, err)
	return m
}

// tell publishes any event.
func tell[M proto.Message](s *stage, t event.Type[M], body M) uuid.UUID {
	s.t.Helper()
	m := bus.Message[M]{ID: uuid.New(), AccountID: s.who.AccountID, Time: time.Now(), Body: body}
	_, err := bus.Publish(s.t.Context(), s.bus, t, m)
	require.NoError(s.t, err)
	return m.ID
}

func (s *stage) count(where string, args ...any) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.owner.QueryRow(s.t.Context(), `SELECT count(*) FROM deliveries d WHERE `+where, args...).Scan(&n))
	return n
}

// receiver is a customer's server that records what it was sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(n int) int // status of the nth request, from 1
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T, answer func(n int) int) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.Header.Clone(), body})
		n := len(r.got)
		r.mu.Unlock()
		w.WriteHeader(r.answer(n))
		fmt.Fprint(w, "thanks, your token is eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlc2lnbmF0dXJl")
	}))
	t.Cleanup(r.Close)
	return r
}

func always(status int) func(int) int { return func(int) int { return status } }

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func TestAnEventIsDeliveredSignedToItsSubscribersOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	wants, all, others := newReceiver(t, always(200)), newReceiver(t, always(204)), newReceiver(t, always(200))
	s.endpoint(wants.URL+"/hook?token=abc", "proposal.created", "proposal.expired")
	s.endpoint(all.URL, "*")
	s.endpoint(others.URL, "deployment.verified")
	s.start(loopback)

	sent := s.publish("Checkout button is dead on Safari")
	testkit.Eventually(t, func() bool { return len(wants.all()) == 1 && len(all.all()) == 1 }, "both subscribers were told")

	// The official library accepts it, and so does an independent computation.
	got := wants.all()[0]
	official, err := standardwebhooks.NewWebhook(whsec)
	require.NoError(t, err)
	require.NoError(t, official.Verify(got.body, got.header))
	require.Equal(t, got.header.Get("webhook-signature"), signature(t, got))
	require.Equal(t, sent.ID.String(), got.header.Get("webhook-id"))
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	tampered := append([]byte(nil), got.body...)
	tampered[len(tampered)-3] ^= 1
	require.Error(t, official.Verify(tampered, got.header))

	var envelope struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	require.NoError(t, json.Unmarshal(got.body, &envelope))
	require.Equal(t, "proposal.created", envelope.Type)
	require.WithinDuration(t, sent.Time, envelope.Timestamp, time.Microsecond)
	require.Equal(t, sent.Body.GetTitle(), envelope.Data["title"])
	require.InDelta(t, 0.8, envelope.Data["confidence"], 1e-9)
	require.Equal(t, got.body, all.all()[0].body)

	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered' AND attempts = 1`) == 2 }, "both are recorded")
	require.Empty(t, others.all())
	require.Equal(t, 2, s.count(`true`))
	var excerpt string
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT response_excerpt FROM delivery_attempts WHERE status_code = 200`).Scan(&excerpt))
	require.Contains(t, excerpt, "thanks")
	require.NotContains(t, excerpt, "eyJ", "secrets in answers are not kept")
}

// signature is Standard Webhooks' rule, written down again without the library.
func signature(t *testing.T, r received) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(whsec, "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", r.header.Get("webhook-id"), r.header.Get("webhook-timestamp"))
	mac.Write(r.body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestTheSameEventTwiceIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	s.endpoint(r.URL, "*")
	s.start(loopback)
	sent := s.publish("x")
	testkit.Eventually(t, func() bool { return len(r.all()) == 1 }, "delivered")

	// The broker forgot the id (a replayed dead letter, an expired window): the inbox has not.
	msg, err := bus.Encode(t.Context(), event.ProposalCreated, sent)
	require.NoError(t, err)
	msg.Header.Set("Nats-Msg-Id", sent.ID.String()+"/replay-1")
	_, err = s.bus.JetStream().PublishMsg(t.Context(), msg)
	require.NoError(t, err)
	s.publish("y")
	testkit.Eventually(t, func() bool { return len(r.all()) == 2 }, "the next one is delivered")
	require.Equal(t, 2, s.count(`true`))
}

func TestAFailureIsTriedAgainWithTheSameBodyAndIsLogged(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, func(n int) int {
		if n == 1 {
			return 500
		}
		return 200
	})
	id := s.endpoint(r.URL, "*")
	s.start(loopback)
	s.publish("x")

	testkit.Eventually(t, func() bool { return s.count(`status = 'pending' AND attempts = 1`) == 1 }, "the failure is recorded")
	var wait float64
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT extract(epoch FROM next_attempt_at - a.at) FROM deliveries d JOIN delivery_attempts a ON a.delivery_id = d.id`).Scan(&wait))
	require.GreaterOrEqual(t, wait, 5.0)
	require.LessOrEqual(t, wait, 6.0)
	s.hurry()
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered' AND attempts = 2`) == 1 }, "the retry is delivered")

	got := r.all()
	require.Len(t, got, 2)
	require.Equal(t, got[0].body, got[1].body)
	require.Equal(t, got[0].header.Get("webhook-id"), got[1].header.Get("webhook-id"))
	rows, err := s.owner.Query(t.Context(), `SELECT attempt || ':' || status_code || ':' || error FROM delivery_attempts ORDER BY attempt`)
	require.NoError(t, err)
	log, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"1:500:answered 500", "2:200:"}, log)
	var failures int
	var healed bool
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT consecutive_failures, last_success_at IS NOT NULL FROM endpoint_states WHERE endpoint_id = $1`, id).Scan(&failures, &healed))
	require.Zero(t, failures)
	require.True(t, healed)
}

// hurry lets scheduled attempts run now instead of at their time.
func (s *stage) hurry() {
	s.t.Helper()
	_, err := s.owner.Exec(s.t.Context(), `UPDATE river_notifier.river_job SET scheduled_at = now(), state = 'available' WHERE state = 'scheduled'`)
	require.NoError(s.t, err)
}

func TestGoneDisablesTheEndpointAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	gone, watcher := newReceiver(t, always(410)), newReceiver(t, always(200))
	id := s.endpoint(gone.URL, "proposal.created")
	s.endpoint(watcher.URL, "endpoint.disabled")
	s.start(loopback)
	s.publish("x")

	testkit.Eventually(t, func() bool { return len(watcher.all()) == 1 }, "the account is told")
	require.Contains(t, string(watcher.all()[0].body), id.String())
	require.Equal(t, 1, s.count(`status = 'failed' AND endpoint_id = $1`, id))
	s.publish("y")
	s.endpointTested(id)
	testkit.Eventually(t, func() bool { return len(gone.all()) == 2 }, "only a test still goes there")
	testkit.Eventually(t, func() bool {
		return s.count(`event_type = 'proposal.created' AND endpoint_id = $1 AND status = 'dropped' AND reason = 'disabled'`, id) == 1
	}, "what it missed is on record")

	// Its owner edits it: it is wanted again.
	gone.mu.Lock()
	gone.answer = always(200)
	gone.mu.Unlock()
	_, err := s.owner.Exec(t.Context(), `UPDATE webhook_endpoints SET updated_at = now() + interval '1 second' WHERE id = $1`, id)
	require.NoError(t, err)
	s.publish("z")
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered' AND endpoint_id = $1`, id) == 1 }, "delivered again")
}

func (s *stage) endpointTested(id uuid.UUID) {
	s.t.Helper()
	tell(s, event.EndpointTested, &eventv1.EndpointTested{EndpointId: id.String()})
}

func TestAPrivateAddressIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	s.endpoint(r.URL+"/hook?token=secret", "*")
	s.start() // nothing allowed
	s.publish("x")
	testkit.Eventually(t, func() bool { return s.count(`attempts = 1`) == 1 }, "the refusal is recorded")
	var reason string
	require.NoError(t, s.owner.QueryRow(t.Context(), `SELECT error FROM delivery_attempts`).Scan(&reason))
	require.Contains(t, reason, "refused URL")
	require.NotContains(t, reason, "secret")
	require.Empty(t, r.all())
}

func TestOneDeadEndpointDelaysNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select { // never answers
		case <-release:
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(dead.Close)
	t.Cleanup(func() { close(release) })
	healthy := newReceiver(t, always(200))
	s.endpoint(dead.URL, "*")
	s.endpoint(healthy.URL, "*")
	s.start(loopback)

	const events = 100
	started := time.Now()
	for range events {
		s.publish("x")
	}
	testkit.Eventually(t, func() bool { return len(healthy.all()) == events }, "the healthy endpoint has all")
	require.Less(t, time.Since(started), 20*time.Second)
}

func TestKilledInTheMiddleNothingIsLost(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	r := newReceiver(t, always(200))
	s.endpoint(r.URL, "*")
	stop := s.start(loopback)
	want := map[string]bool{}
	for range 100 {
		want[s.publish("x").ID.String()] = true
	}
	testkit.Eventually(t, func() bool { return len(r.all()) > 5 }, "some are delivered")
	stop()
	s.start(loopback)
	testkit.Eventually(t, func() bool { return s.count(`status = 'delivered'`) == len(want) }, "all are delivered")
	got := map[string]int{}
	for _, one := range r.all() {
		got[one.header.Get("webhook-id")]++
	}
	require.Len(t, got, len(want))
	for id, n := range got {
		require.True(t, want[id])
		require.Equal(t, 1, n, "none twice after it answered 2xx")
	}
}

func TestSettingsAreCheckedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	m := notifier.Module()
	base := config.Source{"SPECTER_DATABASE_URL": "postgres://x", "SPECTER_SECRET_KEY": secretKey}
	require.NoError(t, m.Check(base))
	for key, bad := range map[string]string{
		"SPECTER_SECRET_KEY":            "short",
		"SPECTER_WEBHOOK_ALLOW_PORTS":   "http",
		"SPECTER_WEBHOOK_ALLOW_PRIVATE": "10.0.0.0",
		"SPECTER_WEBHOOK_TIMEOUT":       "1h",
	} {
		src := config.Source{}
		for k, v := range base {
			src[k] = v
		}
		src[key] = bad
		require.Error(t, m.Check(src), key)
	}
}
