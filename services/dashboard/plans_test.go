package dashboard_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
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
	stop()

	c.PlansFile, c.QuotaGrace = plansFile(t, "{signals_per_month: 1005, products: 3, contexts: 7, analyses_per_day: 20, retention_months: 6, webhook_endpoints: 2}"), 10
	stop = w.start(c, zap.NewNop())
	want := plan.Limits{SignalsPerMonth: 1005, Products: 3, Contexts: 7, AnalysesPerDay: 20, RetentionMonths: 6, WebhookEndpoints: 2}
	testkit.Eventually(t, func() bool {
		return grant("ann@example.test").Limits == want && grant("bob@example.test").Limits.Products == 3
	}, "all accounts follow")
	require.EqualValues(t, 9, grant("bob@example.test").Limits.SignalsPerMonth, "what the operator said wins")
	testkit.Eventually(t, func() bool { return w.accountEntry(account).GetMonthlySignalLimit() == 1005 }, "gateways follow, too")
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
	_, err := dashboard.Override(t.Context(), pool, "ann@example.test", time.Now(), func(o *dashboard.Operator) { o.Plan = new(string) })
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
		"SPECTER_PLANS_FILE": path, "SPECTER_QUOTA_GRACE": "101",
	})
	require.ErrorContains(t, err, "SPECTER_PLANS_FILE: "+path+":5: plans[2].limits.products: must not be negative")
	require.ErrorContains(t, err, "SPECTER_QUOTA_GRACE is 101")
}
