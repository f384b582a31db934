package rig

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/link"
	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/oracle"
	"github.com/draftlabs/specter/deploy/e2e/ledger"
	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

const (
	// ledgerFiles: clients fsync beside each other, not one after the other.
	ledgerFiles = 8
	// SettleLimit covers the broker's AckWait of 30 s for what a killed consumer held.
	SettleLimit = 10 * time.Minute
	// quickAckWait is far longer than storing a message takes.
	quickAckWait = 3 * time.Second
)

// Options of New.
type Options struct {
	Broker   parts.BrokerOptions
	Gateways int      // 0: one
	Accounts int      // 0: three
	Gateway  []string // more settings of the gateways
}

// Rig is a running installation with a few accounts, one of which has two products.
type Rig struct {
	Broker   *parts.Broker
	Database *parts.Database
	Gateways []*Service
	Analyzer *Service
	// GatewayLink and AnalyzerLink are their ways to the broker.
	GatewayLink, AnalyzerLink *link.Link
	Targets                   []load.Target
	Book                      *ledger.Ledger
	JetStream                 jetstream.JetStream // a connection of the test's own

	owners []string // e-mail addresses, one an account
}

// New starts everything and returns when signals are taken.
func New(t testing.TB, o Options) *Rig {
	t.Helper()
	r := &Rig{Broker: parts.StartBroker(t, o.Broker), Database: parts.StartMigratedDatabase(t)}
	r.GatewayLink, r.AnalyzerLink = link.New(t, r.Broker.Addr), link.New(t, r.Broker.Addr)
	database := "SPECTER_DATABASE_URL=" + r.Database.URL()
	r.Analyzer = newService(t, "analyzer", database, "SPECTER_NATS_URL=nats://"+r.AnalyzerLink.Addr)
	r.Analyzer.Launch(t)
	for range max(1, o.Gateways) {
		gateway := newService(t, "gateway", append([]string{"SPECTER_NATS_URL=nats://" + r.GatewayLink.Addr}, o.Gateway...)...)
		gateway.Launch(t)
		r.Gateways = append(r.Gateways, gateway)
	}
	r.signUp(t, o.Accounts)
	for _, s := range append([]*Service{r.Analyzer}, r.Gateways...) {
		s.running.AwaitReady(t, s.URL+"/healthz/ready")
	}
	r.awaitKeys(t)

	book, err := ledger.Open(t.TempDir(), ledgerFiles)
	require.NoError(t, err)
	r.Book = book
	t.Cleanup(func() { require.NoError(t, book.Close()) })
	r.JetStream = connect(t, r.Broker.URL())
	return r
}

// connect returns a connection of the test's own, which outlives what is done to the broker.
func connect(t testing.TB, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

// startDashboard runs what people use; nothing here needs it for long.
func (r *Rig) startDashboard(t testing.TB) (dashboard *program.Program, url string) {
	t.Helper()
	addr := program.FreeAddr(t)
	dashboard = program.Start(t, "dashboard", []string{
		"SPECTER_LOG_LEVEL=warn", "SPECTER_DATABASE_URL=" + r.Database.URL(), "SPECTER_NATS_URL=" + r.Broker.URL(), "SPECTER_HTTP_ADDR=" + addr,
		"SPECTER_SECRET_KEY=" + uuid.NewString(), "SPECTER_SUPABASE_JWT_SECRET=" + uuid.NewString(),
		"SPECTER_SUPABASE_AUTH_URL=http://" + addr + "/auth/v1",
	}, parts.Binary(t, "specter"), "serve", "-target=dashboard,auth")
	dashboard.AwaitReady(t, "http://"+addr+"/healthz/ready")
	return dashboard, "http://" + addr
}

// signUp makes the accounts as people do.
func (r *Rig) signUp(t testing.TB, accounts int) {
	t.Helper()
	if accounts == 0 {
		accounts = 3
	}
	dashboard, url := r.startDashboard(t)
	for n := range accounts {
		owner, email := parts.NewPerson(t, url), uuid.NewString()+"@example.com"
		owner.SignUp(t, email, "correct horse battery")
		account := parts.Call[api.Account](t, owner, http.MethodGet, "/api/v1/account", nil)
		products := 1
		if n == 0 {
			products = 2
		}
		for range products {
			made := parts.Call[api.CreatedProduct](t, owner, http.MethodPost, "/api/v1/products", api.NewProduct{Name: "Shop"})
			r.Targets = append(r.Targets, load.Target{Account: account.Id, Key: made.Key.Key})
		}
		r.owners = append(r.owners, email)
	}
	r.awaitKeys(t)
	dashboard.Stop(t)
}

// LimitLast gives the last target's account a monthly limit, as an operator does, and
// returns when every gateway keeps it.
func (r *Rig) LimitLast(t testing.TB, signals int) load.Target {
	t.Helper()
	target := r.Targets[len(r.Targets)-1]
	bucket, err := r.JetStream.KeyValue(t.Context(), event.CatalogBucket)
	require.NoError(t, err)
	name := "account." + target.Account.String()
	before, err := bucket.Get(t.Context(), name)
	require.NoError(t, err)
	dashboard, _ := r.startDashboard(t) // which publishes the change
	program.Start(t, "specter account limit", []string{"SPECTER_DATABASE_URL=" + r.Database.URL()},
		parts.Binary(t, "specter"), "account", "limit", r.owners[len(r.owners)-1], strconv.Itoa(signals)).Wait(t)
	program.Await(t, 30*time.Second, "the limit to be in the catalogue", func() bool {
		now, err := bucket.Get(t.Context(), name)
		return err == nil && now.Revision() > before.Revision()
	})
	dashboard.Stop(t)
	// A gateway is ready when it has read the whole catalogue: the first signal counts.
	for _, gateway := range r.Gateways {
		gateway.Stop(t)
		gateway.Start(t)
	}
	return target
}

// awaitKeys waits until every gateway knows every key; an empty array is a request without effect.
func (r *Rig) awaitKeys(t testing.TB) {
	t.Helper()
	for _, gateway := range r.Gateways {
		for _, target := range r.Targets {
			program.Await(t, 30*time.Second, "the gateway to know the key", func() bool {
				res, _, err := load.Post(t.Context(), http.DefaultClient, gateway.URL, target.Key, "[]")
				return err == nil && res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusServiceUnavailable
			})
		}
	}
}

// URLs are the gateways'.
func (r *Rig) URLs() []string {
	var urls []string
	for _, gateway := range r.Gateways {
		urls = append(urls, gateway.URL)
	}
	return urls
}

// Send starts a load on the rig: what the plan leaves out is chosen.
func (r *Rig) Send(t testing.TB, p load.Plan) *load.Run {
	t.Helper()
	if p.URLs == nil {
		p.URLs = r.URLs()
	}
	if p.Targets == nil {
		p.Targets = r.Targets
	}
	return start(t, p, r.Book)
}

func start(t testing.TB, p load.Plan, book *ledger.Ledger) *load.Run {
	t.Helper()
	if p.Clients == 0 {
		p.Clients = 8
	}
	if p.Batch == 0 {
		p.Batch = 25
	}
	run := load.Start(t.Context(), p, book)
	t.Cleanup(run.Stop)
	return run
}

// Consumer is what the broker knows about the analyzer's reading of signals.
func (r *Rig) Consumer(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	return consumer(ctx, r.JetStream)
}

func consumer(ctx context.Context, js jetstream.JetStream) (*jetstream.ConsumerInfo, error) {
	consumer, err := js.Consumer(ctx, event.Signals().Name, bus.DurableName(event.SignalBatch, "analyzer"))
	if err != nil {
		return nil, err
	}
	return consumer.CachedInfo(), nil
}

// Settle waits until the analyzer has nothing left to do. Quick has the broker hand
// out again at once what a killed analyzer held, instead of after its AckWait.
func (r *Rig) Settle(t testing.TB, quick bool) {
	t.Helper()
	settle(t, r.JetStream, quick)
}

func settle(t testing.TB, js jetstream.JetStream, quick bool) {
	t.Helper()
	program.Await(t, SettleLimit, "the analyzer to have stored everything", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		info, err := consumer(ctx, js)
		if err != nil {
			return false
		}
		if quick && info.NumPending == 0 && info.NumAckPending > 0 {
			_ = setAckWait(ctx, js, quickAckWait) // the next look tries again
		}
		return info.NumPending == 0 && info.NumAckPending == 0
	})
}

// SetAckWait changes after how long the broker hands out a message again, until the
// analyzer sets its own again.
func (r *Rig) SetAckWait(ctx context.Context, wait time.Duration) error {
	return setAckWait(ctx, r.JetStream, wait)
}

func setAckWait(ctx context.Context, js jetstream.JetStream, wait time.Duration) error {
	info, err := consumer(ctx, js)
	if err != nil || info.Config.AckWait == wait {
		return err
	}
	config := info.Config
	config.AckWait = wait
	_, err = js.UpdateConsumer(ctx, info.Stream, config)
	return err
}

// Judge waits for the analyzer (see Settle) and compares what was acknowledged with
// what is stored.
func (r *Rig) Judge(t testing.TB, quick bool) oracle.Verdict {
	t.Helper()
	r.Settle(t, quick)
	stored, err := oracle.Read(t.Context(), r.Database.URL())
	require.NoError(t, err)
	verdict, err := oracle.Judge(r.Book, stored)
	require.NoError(t, err)
	return verdict
}

// Messages is how many batches of signals the broker holds.
func (r *Rig) Messages(t testing.TB) uint64 {
	t.Helper()
	var messages uint64
	program.Await(t, 10*time.Second, "the broker to tell the stream's size", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		stream, err := r.JetStream.Stream(ctx, event.Signals().Name)
		if err == nil {
			messages = stream.CachedInfo().State.Msgs
		}
		return err == nil
	})
	return messages
}

// AwaitReady waits until every gateway has its broker.
func (r *Rig) AwaitReady(t testing.TB) {
	t.Helper()
	for _, gateway := range r.Gateways {
		gateway.running.AwaitReady(t, gateway.URL+"/healthz/ready")
	}
}

// StartRetention starts the service that keeps streams and tables within their bounds.
func (r *Rig) StartRetention(t testing.TB) {
	t.Helper()
	newService(t, "retention", "SPECTER_DATABASE_URL="+r.Database.URL(), "SPECTER_NATS_URL="+r.Broker.URL(), "SPECTER_SECRET_KEY="+uuid.NewString()).Start(t)
}

// Repeated is how many of the signals in the stream were stored before, as the
// analyzer counted them.
func (r *Rig) Repeated(t testing.TB) int64 {
	t.Helper()
	var repeated int64
	r.QueryRow(t, `SELECT coalesce(sum(signals - stored), 0)::bigint FROM stream_positions`, &repeated)
	return repeated
}

// QueryRow asks the database as its owner.
func (r *Rig) QueryRow(t testing.TB, query string, into ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.Database.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(into...))
}

// Exec changes the database as its owner.
func (r *Rig) Exec(t testing.TB, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.Database.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}
