package dashboard_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"

	"github.com/draftlabs/specter/services/dashboard"
	"github.com/draftlabs/specter/services/dashboard/internal/broker"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/rebuild"
)

// watcher is a gateway's copy of the catalogue.
func (w *world) watcher() *catalog.Watcher {
	w.t.Helper()
	watcher := catalog.NewWatcher(w.bus, zap.NewNop(), time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- watcher.Run(ctx, sync.OnceFunc(func() { close(ready) })) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
	<-ready
	return watcher
}

func (w *world) bucket() jetstream.KeyValue {
	w.t.Helper()
	kv, err := w.bus.JetStream().KeyValue(w.t.Context(), event.CatalogBucket)
	require.NoError(w.t, err)
	return kv
}

// entries is what the bucket holds, by name, beside the note that it is complete: a dashboard that
// started moments before the first account was made may have written that.
func (w *world) entries() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	watch, err := w.bucket().WatchAll(w.t.Context(), jetstream.IgnoreDeletes())
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, watch.Stop()) }()
	for e := range watch.Updates() {
		if e == nil {
			break
		}
		out[e.Key()] = string(e.Value())
	}
	delete(out, catalog.CompleteName)
	return out
}

// wipe loses the bucket's content, as a broker with a new disk does.
func (w *world) wipe() {
	w.t.Helper()
	stream, err := w.bus.JetStream().Stream(w.t.Context(), "KV_"+event.CatalogBucket)
	require.NoError(w.t, err)
	require.NoError(w.t, stream.Purge(w.t.Context()))
}

func TestARevokedKeyStopsWithinASecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gateway := w.watcher()
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/products", map[string]any{"name": "Shop"})
	require.Equal(t, http.StatusCreated, made.status, made.text)
	hash := [32]byte(apikey.Hash(made.str("key.key")))
	testkit.Eventually(t, func() bool {
		g, ok := gateway.Resolve(hash)
		return ok && !g.Incomplete && !g.Revoked && g.HasContext(uuid.MustParse(made.str("context.id")))
	}, "the key works")

	require.Equal(t, http.StatusNoContent, ann.delete("/api/v1/products/"+made.str("product.id")+"/keys/"+made.str("key.id")).status)
	answered := time.Now()
	testkit.Eventually(t, func() bool { g, ok := gateway.Resolve(hash); return ok && g.Revoked }, "the key is revoked at the gateway")
	require.Less(t, time.Since(answered), time.Second)
}

func TestTheGatewayLearnsAnAccountsLimitAndEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gateway := w.watcher()
	ann := w.signedUp("ann@example.test")
	id := uuid.MustParse(ann.get("/api/v1/account").str("id"))
	testkit.Eventually(t, func() bool { _, ok := w.entries()[catalog.AccountName(id)]; return ok }, "a new account has an entry")
	made := ann.post("/api/v1/products", map[string]any{"name": "Shop"})
	hash := [32]byte(apikey.Hash(made.str("key.key")))

	pool := w.db.Pool(t, "specter_dashboard")
	limited, err := limitAccount(t.Context(), pool, "ANN@example.test", 1000, time.Now())
	require.NoError(t, err)
	require.Equal(t, id, limited)
	testkit.Eventually(t, func() bool { g, ok := gateway.Resolve(hash); return ok && g.MonthlyLimit == 1000 }, "the limit arrives")
	require.Contains(t, ann.get("/api/v1/account/audit-log").text, `"service:operator"`)

	_, err = limitAccount(t.Context(), pool, "nobody@example.test", 1000, time.Now())
	require.True(t, fault.Is(err, fault.NotFound))
	_, err = limitAccount(t.Context(), pool, "ann@example.test", -1, time.Now())
	require.True(t, fault.Is(err, fault.Invalid))

	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "ann@example.test"}).status)
	testkit.Eventually(t, func() bool { g, ok := gateway.Resolve(hash); return ok && g.Closed && g.MonthlyLimit == 1000 }, "a closed account takes nothing")
	require.Equal(t, http.StatusOK, ann.delete("/api/v1/account/deletion").status)
	testkit.Eventually(t, func() bool { g, ok := gateway.Resolve(hash); return ok && !g.Closed }, "and is open again")
}

func TestAWipedCatalogueComesBackAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var people []*caller
	for i := range 3 {
		p := w.signedUp(fmt.Sprintf("p%d@example.test", i))
		for n := range 2 {
			made := p.post("/api/v1/products", map[string]any{"name": fmt.Sprintf("Shop %d", n)})
			require.Equal(t, http.StatusCreated, made.status, made.text)
			if n == 1 {
				require.Equal(t, http.StatusNoContent, p.delete("/api/v1/products/"+made.str("product.id")+"/keys/"+made.str("key.id")).status)
			}
		}
		people = append(people, p)
	}
	require.Equal(t, http.StatusAccepted, people[2].post("/api/v1/account/deletion", map[string]any{"confirm_email": "p2@example.test"}).status)
	pool := w.db.Pool(t, "specter_dashboard")
	_, err := limitAccount(t.Context(), pool, "p1@example.test", 77, time.Now())
	require.NoError(t, err)
	testkit.Eventually(t, func() bool {
		return len(w.entries()) == 3*(1+2+2) && w.drained(pool)
	}, "everything has reached the bucket")
	before := w.entries()

	w.wipe()
	stale, foreign := catalog.ProductName(uuid.New()), catalog.KeyName(apikey.Hash("spk_gone"))
	for _, name := range []string{stale, foreign} {
		_, err := w.bucket().Put(t.Context(), name, []byte("x"))
		require.NoError(t, err)
	}
	report, err := dashboard.RebuildCatalog(t.Context(), pool, w.bus, zap.NewNop())
	require.NoError(t, err)
	require.Equal(t, dashboard.Rebuilt{Accounts: 3, Written: 15, Removed: 2}, report)
	require.Equal(t, before, w.entries())
}

// drained tells whether the outbox has nothing left to publish.
func (w *world) drained(pool *pgxpool.Pool) bool {
	w.t.Helper()
	var n int
	require.NoError(w.t, pool.QueryRow(w.t.Context(), `SELECT count(*) FROM outbox_dashboard`).Scan(&n))
	return n == 0
}

func TestARebuildNeverBringsARevokedKeyBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	made := ann.post("/api/v1/products", map[string]any{"name": "Shop"})
	path := "/api/v1/products/" + made.str("product.id") + "/keys"
	pool := w.db.Pool(t, "specter_dashboard")

	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			if _, err := dashboard.RebuildCatalog(context.Background(), pool, w.bus, zap.NewNop()); err != nil {
				ended <- err
				return
			}
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
		}
	}()
	revoked := map[string]bool{catalog.KeyName(apikey.Hash(made.str("key.key"))): false}
	for i := range 40 {
		key := ann.post(path, map[string]any{"name": "Key"})
		require.Equal(t, http.StatusCreated, key.status, key.text)
		name := catalog.KeyName(apikey.Hash(key.str("key")))
		if revoked[name] = i%4 != 0; revoked[name] {
			require.Equal(t, http.StatusNoContent, ann.delete(path+"/"+key.str("id")).status)
		}
	}
	close(stop)
	require.NoError(t, <-ended)
	testkit.Eventually(t, func() bool { return w.drained(pool) }, "everything is published")
	entries := w.entries()
	for name, want := range revoked {
		value, ok := entries[name]
		require.True(t, ok, "a key that exists is never taken out")
		var key catalogv1.Key
		require.NoError(t, proto.Unmarshal([]byte(value), &key))
		require.Equal(t, want, key.GetRevoked())
	}
}

func TestADashboardFillsAnEmptyCatalogueAtStart(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	who := w.tenant() // straight into the database: nothing told the gateway
	w.start(w.config(), zap.NewNop())
	gateway := w.watcher()
	testkit.Eventually(t, func() bool {
		g, ok := gateway.Resolve([32]byte(who.KeyHash))
		return ok && !g.Incomplete && g.AccountID == who.AccountID && g.HasContext(who.ContextID)
	}, "the catalogue is filled")
}

// sorted are ids in the order in which a rebuild goes through accounts.
func sorted(tenants ...testkit.Tenant) []testkit.Tenant {
	slices.SortFunc(tenants, func(a, b testkit.Tenant) int { return bytes.Compare(a.AccountID[:], b.AccountID[:]) })
	return tenants
}

// works tells whether the gateway knows all there is to know of a tenant's key.
func works(gateway *catalog.Watcher, who testkit.Tenant) bool {
	g, ok := gateway.Resolve([32]byte(who.KeyHash))
	return ok && !g.Incomplete && g.AccountID == who.AccountID
}

func TestAnInterruptedRebuildIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	all := sorted(w.tenant(), w.tenant(), w.tenant(), w.tenant(), w.tenant())
	gateway := w.watcher()

	// Somebody changes the second account for longer than the dashboard lives.
	pool := w.db.PoolOf(t, "specter_dashboard", 1)
	change, err := pool.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, tenant.Enter(t.Context(), change, all[1].AccountID))
	_, err = change.Exec(t.Context(), `SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE`, all[1].AccountID)
	require.NoError(t, err)
	stop := w.start(w.config(), zap.NewNop())
	testkit.Eventually(t, func() bool { return works(gateway, all[0]) }, "the first account is there")
	stop()
	require.NoError(t, change.Rollback(t.Context()))
	require.False(t, works(gateway, all[1]))

	w.start(w.config(), zap.NewNop())
	for _, who := range all {
		testkit.Eventually(t, func() bool { return works(gateway, who) }, "every account is there")
	}
}

// An older version filled the bucket, or the outbox had something to publish before the rebuild began.
func TestEntriesAloneDoNotMakeACatalogueComplete(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	all := sorted(w.tenant(), w.tenant())
	_, err := w.bucket().Put(t.Context(), catalog.AccountName(all[0].AccountID), nil)
	require.NoError(t, err)
	gateway := w.watcher()
	w.start(w.config(), zap.NewNop())
	for _, who := range all {
		testkit.Eventually(t, func() bool { return works(gateway, who) }, "every account is there")
	}
}

func TestACompleteCatalogueIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	pool := w.db.Pool(t, "specter_dashboard")
	from := postgres.Catalog{Store: postgres.Operator(pool, outbox.New("dashboard"))}
	to := broker.NewCatalog(w.bus)
	needed := func() bool {
		t.Helper()
		_, needed, err := rebuild.IfNeeded(t.Context(), from, to)
		require.NoError(t, err)
		return needed
	}
	require.False(t, needed(), "there is nothing to tell of an empty database")
	w.tenant()
	for range 2 { // the second finds the first's note and does not take it for an entry of nobody
		report, err := dashboard.RebuildCatalog(t.Context(), pool, w.bus, zap.NewNop())
		require.NoError(t, err)
		require.Zero(t, report.Removed)
		require.False(t, needed())
	}
	w.wipe()
	stop := w.start(w.config(), zap.NewNop())
	testkit.Eventually(t, func() bool {
		_, err := w.bucket().Get(t.Context(), catalog.CompleteName)
		return err == nil
	}, "the lost bucket says that it is complete again")
	require.Len(t, w.entries(), 3)
	stop()
	require.False(t, needed())
}

// The functions that find accounts show two columns to one role, and nothing to the others.
// TestOnlyTheDashboardFindsAccounts leaves retention the bare ids, which it goes through for their plans.
func TestOnlyTheDashboardFindsAccounts(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	who := w.tenant()
	var id uuid.UUID
	require.NoError(t, w.db.Pool(t, "specter_dashboard").QueryRow(t.Context(), `SELECT account_id FROM specter_account_ids($1, 10)`, uuid.Nil).Scan(&id))
	require.Equal(t, who.AccountID, id)
	err := w.db.Pool(t, "specter_dashboard").QueryRow(t.Context(), `SELECT id FROM accounts`).Scan(&id)
	require.Error(t, err, "row-level security still shows the table's rows to nobody outside a tenant")
	for _, role := range []string{"specter_analyzer", "specter_proposal", "specter_verifier", "specter_notifier", "specter_retention"} {
		_, err := w.db.Pool(t, role).Exec(t.Context(), `SELECT specter_account_ids($1, 10)`, uuid.Nil)
		if role == "specter_retention" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "permission denied", role)
		}
		_, err = w.db.Pool(t, role).Exec(t.Context(), `SELECT specter_accounts_by_email('x')`)
		require.ErrorContains(t, err, "permission denied", role)
	}
}
