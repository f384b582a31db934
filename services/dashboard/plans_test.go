package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"

	"github.com/draftlabs/specter/services/dashboard"
)

// plansFile writes a book whose self-hosted plan has these limits.
func plansFile(t *testing.T, limits string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plans.yaml")
	text := "plans:\n  - name: free\n  - {name: gold, limits: {signals_per_month: 700, retention_months: 6}}\n  - name: self-hosted\n    limits: " + limits + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// accountEntry is what gateways know of an account.
func (w *world) accountEntry(account uuid.UUID) *catalogv1.Account {
	w.t.Helper()
	var a catalogv1.Account
	require.NoError(w.t, proto.Unmarshal([]byte(w.entries()[catalog.AccountName(account)]), &a))
	return &a
}

func TestAChangedBookTakesEffectAtStartForEveryAccount(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	c := w.config()
	stop := w.start(c, zap.NewNop())
	ann := w.signedUp("ann@example.test")
	require.Equal(t, "self-hosted", ann.get("/api/v1/account").str("plan"))
	account := uuid.MustParse(ann.get("/api/v1/account").str("id"))
	w.signedUp("bob@example.test")
	pool := w.db.Pool(t, "specter_dashboard")
	grant := func(email string) dashboard.Grant {
		g, err := dashboard.AccountGrant(t.Context(), pool, email)
		require.NoError(t, err)
		return g
	}
	require.Equal(t, plan.Limits{RetentionMonths: 24}, grant("ann@example.test").Limits)
	override := func(email string, edit func(*dashboard.Operator)) dashboard.Grant {
		g, err := dashboard.Override(t.Context(), pool, email, time.Now(), edit)
		require.NoError(t, err)
		return g
	}
	override("bob@example.test", func(o *dashboard.Operator) { n := int64(9); o.SignalsPerMonth = &n })
	require.Nil(t, ann.get("/api/v1/usage").at("kept_months"))
	stop()

	c.KeepDays = 30
	c.PlansFile, c.QuotaGrace = plansFile(t, "{signals_per_month: 1005, products: 3, contexts: 7, analyses_per_day: 20, retention_months: 6, webhook_endpoints: 2}"), 10
	stop = w.start(c, zap.NewNop())
	want := plan.Limits{SignalsPerMonth: 1005, Products: 3, Contexts: 7, AnalysesPerDay: 20, RetentionMonths: 6, WebhookEndpoints: 2}
	testkit.Eventually(t, func() bool {
		return grant("ann@example.test").Limits == want && grant("bob@example.test").Limits.Products == 3
	}, "all accounts follow")
	require.EqualValues(t, 9, grant("bob@example.test").Limits.SignalsPerMonth, "what the operator said wins")
	testkit.Eventually(t, func() bool { return w.accountEntry(account).GetMonthlySignalLimit() == 1005 }, "gateways follow, too")
	usage := ann.get("/api/v1/usage")
	require.Equal(t, []any{float64(6), float64(24)}, []any{usage.at("retention_months"), usage.at("kept_months")}, "what the larger plan kept stays for a while")
	until, err := time.Parse(time.RFC3339, usage.str("kept_until"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 30), until, time.Minute)
	require.EqualValues(t, 100, w.accountEntry(account).GetMonthlySignalGrace())
	require.Contains(t, ann.get("/api/v1/account/audit-log").text, `"account.plan_changed"`)
	stop()

	// The same book again changes nothing, and a new one without the plan of an account leaves that alone.
	gold := "gold"
	g := override("ann@example.test", func(o *dashboard.Operator) { o.Plan = &gold })
	require.Equal(t, plan.Limits{SignalsPerMonth: 700, RetentionMonths: 6}, g.Limits)
	require.Equal(t, "self-hosted", g.Assigned)
	c.PlansFile = ""
	w.start(c, zap.NewNop())
	testkit.Eventually(t, func() bool { return grant("bob@example.test").Limits.Products == 0 }, "the default book is in force")
	require.EqualValues(t, 700, grant("ann@example.test").Limits.SignalsPerMonth, "nobody knows the plan any more")
	require.Equal(t, "gold", grant("ann@example.test").Plan)
	_, err = dashboard.Override(t.Context(), pool, "ann@example.test", time.Now(), func(o *dashboard.Operator) { o.Plan = new(string) })
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	g = override("ann@example.test", func(o *dashboard.Operator) { o.Plan = nil })
	require.Equal(t, plan.Limits{RetentionMonths: 24}, g.Limits, "and taking the operator's word back brings the other back")
	g = override("bob@example.test", func(o *dashboard.Operator) { o.SignalsPerMonth = nil })
	require.Zero(t, g.Limits.SignalsPerMonth)
}

func TestTheBookGoesThroughAllAccountsInPages(t *testing.T) {
	t.Parallel()
	w := newStage(t)
	const accounts = 450
	for range accounts {
		id := uuid.New()
		w.insert("specter_dashboard", id, `INSERT INTO accounts (id, owner_user_id, email) VALUES ($1, $2, 'x@example.test')`, id, uuid.New())
	}
	c := w.config()
	c.PlansFile = plansFile(t, "{products: 3}")
	w.start(c, zap.NewNop())
	owner := w.db.Owner(t)
	testkit.Eventually(t, func() bool {
		var n int
		require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(*) FROM accounts WHERE product_limit = 3`).Scan(&n))
		return n == accounts
	}, "every account has the limit")
	var audited int
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT count(*) FROM audit_log WHERE action = 'account.plan_changed'`).Scan(&audited))
	require.Equal(t, accounts, audited)
}

func TestABadBookIsAnUnusableSetting(t *testing.T) {
	t.Parallel()
	path := plansFile(t, "{products: -3}")
	err := dashboard.Module().Validate(map[string]string{
		"SPECTER_SECRET_KEY": secretKey, "SPECTER_SUPABASE_AUTH_URL": "http://127.0.0.1:1", "SPECTER_SUPABASE_JWT_SECRET": jwtSecret,
		"SPECTER_PLANS_FILE": path, "SPECTER_QUOTA_GRACE": "101", "SPECTER_PLAN_KEEP_DAYS": "366",
	})
	require.ErrorContains(t, err, "SPECTER_PLANS_FILE: "+path+":5: plans[2].limits.products: must not be negative")
	require.ErrorContains(t, err, "SPECTER_QUOTA_GRACE is 101")
	require.ErrorContains(t, err, "SPECTER_PLAN_KEEP_DAYS is 366")
}

// limited gives the account the limits of a plan of the operator's.
func (w *world) limited(email, plan string) {
	w.t.Helper()
	_, err := dashboard.Override(w.t.Context(), w.db.Pool(w.t, "specter_dashboard"), email, time.Now(), func(o *dashboard.Operator) { o.Plan = &plan })
	require.NoError(w.t, err)
}

func TestConcurrentCreatesAtALimitEndExactlyAtIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plans.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`plans:
  - {name: free, limits: {products: 3, contexts: 5, webhook_endpoints: 2}}
  - {name: tiny, limits: {products: 1, contexts: 1, webhook_endpoints: 1}}
  - {name: self-hosted}
`), 0o600))
	w := newWorld(t, func(c *dashboard.Config) { c.PlansFile = path })
	ann := w.signedUp("ann@example.test")
	product := ann.post("/api/v1/products", map[string]any{"name": "Shop"}).str("product.id")
	w.limited("ann@example.test", "free")
	// race sends so many requests at once and tells how many were granted, and what the others were told.
	race := func(path string, body func(i int) map[string]any) (granted int, refusal string) {
		answers := make([]response, 10)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = ann.post(path, body(i)) })
		}
		all.Wait()
		for _, r := range answers {
			if r.status == http.StatusCreated {
				granted++
				continue
			}
			require.Equal(t, http.StatusConflict, r.status, r.text)
			require.Equal(t, "plan_limit", r.str("code"))
			refusal = r.str("detail")
		}
		return granted, refusal
	}
	n, refusal := race("/api/v1/products", func(i int) map[string]any { return map[string]any{"name": fmt.Sprintf("Shop %d", i)} })
	require.Equal(t, 2, n)
	require.Equal(t, `The plan "free" allows 3 products, and the account has 3. A larger plan allows more; what there is can go on being used.`, refusal)
	n, refusal = race("/api/v1/products/"+product+"/contexts", func(i int) map[string]any { return map[string]any{"name": fmt.Sprintf("Part %d", i)} })
	require.Equal(t, 2, n, "each product brought one")
	require.Contains(t, refusal, "allows 5 contexts, and the account has 5.")
	n, refusal = race("/api/v1/webhook-endpoints", func(i int) map[string]any {
		return map[string]any{"url": fmt.Sprintf("http://127.0.0.1:8080/%d", i), "events": []string{"*"}}
	})
	require.Equal(t, 2, n)
	require.Contains(t, refusal, "allows 2 webhook endpoints, and the account has 2. Delete one that is not needed.")

	// With a smaller plan everything is still there and can be changed, and nothing can be added.
	w.limited("ann@example.test", "tiny")
	require.Len(t, ann.get("/api/v1/products").list("items"), 3)
	require.Len(t, ann.get("/api/v1/products/"+product+"/contexts").list("items"), 3)
	require.Equal(t, http.StatusOK, ann.do(http.MethodPatch, "/api/v1/products/"+product, map[string]any{"name": "My shop"}).status)
	refused := ann.post("/api/v1/products", map[string]any{"name": "One more"})
	require.Equal(t, "plan_limit", refused.str("code"), refused.text)
	require.Contains(t, refused.text, "allows 1 product, and the account has 3.")
}

// limitAccount has the operator say how many signals an account may send in a month.
func limitAccount(ctx context.Context, db *pgxpool.Pool, email string, limit int64, now time.Time) (uuid.UUID, error) {
	g, err := dashboard.Override(ctx, db, email, now, func(o *dashboard.Operator) { o.SignalsPerMonth = &limit })
	return g.Account, err
}

// limitAnalyses has the operator say how many analyses an account may have in a day.
func limitAnalyses(ctx context.Context, db *pgxpool.Pool, email string, limit int, now time.Time) error {
	_, err := dashboard.Override(ctx, db, email, now, func(o *dashboard.Operator) { o.AnalysesPerDay = &limit })
	return err
}
