package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/egress"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/dashboard"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const (
	jwtSecret = "a secret that only tests know, long enough"
	secretKey = "another secret that only tests know"
	password  = "correct horse battery"
)

// clock is a time that tests move.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// world is a running dashboard with everything it needs.
type world struct {
	t     *testing.T
	db    *testkit.DB
	bus   *bus.Bus
	auth  *goTrue
	clock *clock
	url   string
	// handler is the running dashboard's, for its routes.
	handler http.Handler
}

func newWorld(t *testing.T, change ...func(*dashboard.Config)) *world {
	t.Helper()
	w := newStage(t)
	c := w.config()
	for _, f := range change {
		f(&c)
	}
	w.start(c, zap.NewNop())
	return w
}

// newStage is a world whose dashboard has yet to be started.
func newStage(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: testkit.Postgres(t), bus: testkit.Bus(t), clock: &clock{}}
	w.auth = newGoTrue(t, w.clock)
	return w
}

func (w *world) config() dashboard.Config {
	return dashboard.Config{
		SecretKey: secretKey, AuthURL: w.auth.URL, JWTSecret: jwtSecret, Closing: dashboard.Closing{DeletionGrace: time.Hour}, SessionIdle: 7 * 24 * time.Hour, SessionLife: 30 * 24 * time.Hour,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Egress:         egress.Settings{Timeout: time.Second, AllowHTTP: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
}

// start runs a dashboard until stop is called or the test ends.
func (w *world) start(c dashboard.Config, log *zap.Logger) (stop func()) {
	w.t.Helper()
	service, err := dashboard.New(c, svcmain.Platform{
		Log: log, Bus: w.bus, DB: w.db.Pool(w.t, "specter_dashboard"), Metrics: telemetry.NewRegistry(), Now: w.clock.Now,
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() { done <- service.Run(ctx, func() { close(ready) }) }()
	<-ready
	w.handler = service.Handler()
	server := httptest.NewServer(w.handler)
	w.url = server.URL
	stop = sync.OnceFunc(func() {
		server.Close()
		cancel()
		require.NoError(w.t, <-done)
	})
	w.t.Cleanup(stop)
	return stop
}

// caller is somebody who uses the API.
type caller struct {
	w      *world
	http   *http.Client
	token  string
	csrf   string
	header http.Header
}

func (w *world) anonymous() *caller {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	return &caller{w: w, http: client, header: http.Header{}}
}

func (w *world) withToken(token string) *caller {
	c := w.anonymous()
	c.token = token
	return c
}

// signedUp is a person with a fresh account.
func (w *world) signedUp(email string) *caller {
	c := w.anonymous()
	r := c.post("/api/v1/auth/sign-up", map[string]any{"email": email, "password": password})
	require.Equal(w.t, http.StatusCreated, r.status, r.text)
	c.csrf = r.str("csrf_token")
	return c
}

// owner is a person with a fresh account, a product, and a token that may everything.
func (w *world) owner(email string) (testkit.Tenant, *caller) {
	w.t.Helper()
	c := w.signedUp(email)
	me := c.get("/api/v1/session")
	made := c.post("/api/v1/products", map[string]any{"name": "Shop"})
	token := c.post("/api/v1/tokens", map[string]any{"name": "Everything", "scopes": allScopes()})
	require.Equal(w.t, http.StatusCreated, token.status, token.text)
	id := func(r response, path string) uuid.UUID { return uuid.MustParse(r.str(path)) }
	return testkit.Tenant{
		AccountID: id(me, "account_id"), UserID: id(me, "user_id"), Email: email, ProductID: id(made, "product.id"), ContextID: id(made, "context.id"),
		KeyID: id(made, "key.id"), Key: made.str("key.key"), Token: token.str("token"), TokenID: id(token, "access_token.id"),
	}, c
}

type response struct {
	t      *testing.T
	status int
	header http.Header
	text   string
}

// at reads a value by a path such as "items.0.id".
func (r response) at(path string) any {
	r.t.Helper()
	var v any
	require.NoError(r.t, json.Unmarshal([]byte(r.text), &v), r.text)
	for part := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[part]
		case []any:
			var i int
			_, err := fmt.Sscan(part, &i)
			require.NoError(r.t, err)
			require.Less(r.t, i, len(node), "%s of %s", path, r.text)
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

func (r response) str(path string) string {
	r.t.Helper()
	s, ok := r.at(path).(string)
	require.True(r.t, ok, "%s of %s", path, r.text)
	return s
}

func (r response) list(path string) []any {
	r.t.Helper()
	l, ok := r.at(path).([]any)
	require.True(r.t, ok, "%s of %s", path, r.text)
	return l
}

func (c *caller) do(method, path string, body any) response {
	c.w.t.Helper()
	if body == nil {
		return c.send(method, path, nil)
	}
	text, err := json.Marshal(body)
	require.NoError(c.w.t, err)
	return c.send(method, path, bytes.NewReader(text))
}

// send sends a body as it is.
func (c *caller) send(method, path string, body io.Reader) response {
	c.w.t.Helper()
	r, err := http.NewRequestWithContext(c.w.t.Context(), method, c.w.url+path, body)
	require.NoError(c.w.t, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.csrf != "" {
		r.Header.Set("X-CSRF-Token", c.csrf)
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	res, err := c.http.Do(r)
	require.NoError(c.w.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(c.w.t, err)
	return response{t: c.w.t, status: res.StatusCode, header: res.Header, text: string(text)}
}

func (c *caller) get(path string) response { c.w.t.Helper(); return c.do(http.MethodGet, path, nil) }
func (c *caller) post(path string, body any) response {
	c.w.t.Helper()
	return c.do(http.MethodPost, path, body)
}
func (c *caller) delete(path string) response {
	c.w.t.Helper()
	return c.do(http.MethodDelete, path, nil)
}

// with returns the same caller with one more header.
func (c *caller) with(name, value string) *caller {
	out := *c
	out.header = c.header.Clone()
	out.header.Set(name, value)
	return &out
}

// insert writes rows as another service would: in its role and in the tenant.
func (w *world) insert(role string, account uuid.UUID, sql string, args ...any) {
	w.t.Helper()
	pool := w.db.PoolOf(w.t, role, 1)
	defer pool.Close()
	require.NoError(w.t, tenant.Tx(w.t.Context(), pool, account, func(tx pgx.Tx) error {
		_, err := tx.Exec(w.t.Context(), sql, args...)
		return err
	}))
}

// proposal is a finding with its proposal, as the analyzer and the proposal service write them.
func (w *world) proposal(t testkit.Tenant, title string, priority float64) uuid.UUID {
	w.t.Helper()
	finding, proposal := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	now := w.clock.Now()
	w.insert("specter_analyzer", t.AccountID, `INSERT INTO findings (id, account_id, product_id, context_id, family, fingerprint, severity, started_at, started_low, started_high, detected_at, evidence)
		VALUES ($1, $2, $3, $4, 'ratio_worsening', $5, 0.7, $6, $6, $6, $6, '{"version":1}')`, finding, t.AccountID, t.ProductID, t.ContextID, finding.String(), now)
	w.insert("specter_proposal", t.AccountID, `INSERT INTO proposals (id, account_id, product_id, context_id, finding_id, family, fingerprint, title, diagnosis, suggested_change, evidence, predicted_impact, confidence, priority, provenance, content_hash, evidence_at)
		VALUES ($1, $2, $3, $4, $5, 'ratio_worsening', $6, $7, 'Diagnosis.', 'Change.', '{"version":1}', '{"metric":"positive_ratio","baseline":0.5,"predicted":0.6,"low":0.55,"high":0.65}', 0.8, $8, '{"engine":"built-in"}', 'abc123', $9)`,
		proposal, t.AccountID, t.ProductID, t.ContextID, finding, finding.String(), title, priority, now)
	return proposal
}

func allScopes() []string {
	return []string{
		"account:read", "account:admin", "products:read", "products:write", "signals:read", "signals:import",
		"proposals:read", "proposals:decide", "deployments:read", "deployments:write", "webhooks:read", "webhooks:write",
	}
}

func (w *world) tenant() testkit.Tenant {
	w.t.Helper()
	return testkit.SeedTenant(w.t, w.db, testkit.Seed{TokenScopes: allScopes()})
}

// catalogue reads what the gateway would know of a product.
func (w *world) catalogue(product string) (*catalogv1.Product, bool) {
	kv, err := w.bus.JetStream().KeyValue(w.t.Context(), "CATALOG")
	require.NoError(w.t, err)
	entry, err := kv.Get(w.t.Context(), "product."+product)
	if err != nil {
		return nil, false
	}
	var p catalogv1.Product
	require.NoError(w.t, proto.Unmarshal(entry.Value(), &p))
	return &p, true
}
