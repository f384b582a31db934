package rig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// receiverTimeout is what receivers are given; what a killed notifier held is sent again some time after.
const receiverTimeout = 2 * time.Second

// Telling is an installation that sends webhooks: a broker, a database, a notifier, and endpoints of one
// account.
type Telling struct {
	Notifier  *Service
	Receivers []*Receiver

	database *parts.Database
	account  uuid.UUID
	bus      *bus.Bus
}

// NewTelling starts everything with so many endpoints and returns when events are told.
func NewTelling(t testing.TB, endpoints int) *Telling {
	t.Helper()
	broker := parts.StartBroker(t, parts.BrokerOptions{})
	w := &Telling{database: parts.StartMigratedDatabase(t)}
	common := []string{
		"SPECTER_DATABASE_URL=" + w.database.URL(), "SPECTER_NATS_URL=" + broker.URL(), "SPECTER_SECRET_KEY=" + uuid.NewString(),
		"SPECTER_WEBHOOK_ALLOW_PRIVATE=127.0.0.0/8", "SPECTER_WEBHOOK_ALLOW_HTTP=true", "SPECTER_WEBHOOK_ALLOW_PORTS=1-65535", "SPECTER_WEBHOOK_TIMEOUT=" + receiverTimeout.String(),
	}
	w.Notifier = newService(t, "notifier", common...)
	w.Notifier.Start(t)
	w.subscribe(t, common, endpoints)

	var err error
	w.bus, err = bus.Connect(t.Context(), bus.Options{URL: broker.URL(), Name: "faults"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.bus.Close(t.Context()) })
	return w
}

// subscribe makes the account and its endpoints as people do.
func (w *Telling) subscribe(t testing.TB, common []string, endpoints int) {
	t.Helper()
	addr := program.FreeAddr(t)
	dashboard := program.Start(t, "dashboard", append([]string{
		"SPECTER_LOG_LEVEL=warn", "SPECTER_HTTP_ADDR=" + addr, "SPECTER_SUPABASE_JWT_SECRET=" + uuid.NewString(), "SPECTER_SUPABASE_AUTH_URL=http://" + addr + "/auth/v1",
	}, common...), parts.Binary(t, "specter"), "serve", "-target=dashboard,auth")
	dashboard.AwaitReady(t, "http://"+addr+"/healthz/ready")
	owner := parts.NewPerson(t, "http://"+addr)
	owner.SignUp(t, uuid.NewString()+"@example.com", "correct horse battery")
	w.account = parts.Call[api.Account](t, owner, http.MethodGet, "/api/v1/account", nil).Id
	for n := range endpoints {
		receiver := newReceiver(t, n%5 == 0)
		made := parts.Call[api.CreatedEndpoint](t, owner, http.MethodPost, "/api/v1/webhook-endpoints", api.NewEndpoint{Url: receiver.server.URL, Events: &[]string{event.ProposalCreated.Name()}})
		receiver.endpoint = made.Endpoint.Id
		w.Receivers = append(w.Receivers, receiver)
	}
	dashboard.Stop(t)
}

// Tell publishes an event and returns its id.
func (w *Telling) Tell(t testing.TB) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	_, err := bus.Publish(t.Context(), w.bus, event.ProposalCreated, bus.Message[*eventv1.ProposalCreated]{
		ID: id, AccountID: w.account, Time: time.Now(), Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString(), Title: "Checkout button does nothing"},
	})
	require.NoError(t, err)
	return id
}

// Accepted is how many deliveries receivers have accepted, each counted once.
func (w *Telling) Accepted() (n int) {
	for _, r := range w.Receivers {
		r.mu.Lock()
		n += len(r.accepted)
		r.mu.Unlock()
	}
	return n
}

// Account compares what was told with what receivers accepted and what is recorded. Again is how often
// one accepted what it had accepted before.
func (w *Telling) Account(t testing.TB, told []uuid.UUID) (lost, doubled, again int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	recorded := map[[2]uuid.UUID]int{}
	rows, err := conn.Query(t.Context(), `SELECT endpoint_id, event_id FROM deliveries WHERE status = 'delivered' AND attempts = (SELECT count(*) FROM delivery_attempts a WHERE a.delivery_id = deliveries.id)`)
	require.NoError(t, err)
	for rows.Next() {
		var key [2]uuid.UUID
		require.NoError(t, rows.Scan(&key[0], &key[1]))
		recorded[key]++
	}
	require.NoError(t, rows.Err())
	for _, r := range w.Receivers {
		for _, id := range told {
			accepted := r.accepted[id.String()]
			rows := recorded[[2]uuid.UUID{r.endpoint, id}]
			if accepted == 0 || rows == 0 {
				lost++
			}
			doubled += max(0, rows-1)
			again += max(0, accepted-1)
		}
	}
	return lost, doubled, again
}

// Pending is how many deliveries have not ended.
func (w *Telling) Pending(t testing.TB) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM deliveries WHERE status = 'pending'`).Scan(&n))
	return n
}

// Receiver is a customer's endpoint.
type Receiver struct {
	endpoint uuid.UUID
	server   *httptest.Server

	mu       sync.Mutex
	asked    map[string]int // by webhook-id
	accepted map[string]int
}

// newReceiver answers after a few milliseconds, so that a kill meets requests on their way; one that
// stumbles answers every tenth event with an error first.
func newReceiver(t testing.TB, stumbles bool) *Receiver {
	t.Helper()
	const thinking = 10 * time.Millisecond
	r := &Receiver{asked: map[string]int{}, accepted: map[string]int{}}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		id := req.Header.Get("webhook-id")
		select {
		case <-time.After(thinking):
		case <-req.Context().Done():
			return // whoever asked is gone and hears no answer
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked[id]++
		if stumbles && len(r.asked)%10 == 0 && r.asked[id] == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.accepted[id]++
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.server.Close)
	return r
}
