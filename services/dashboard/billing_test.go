package dashboard_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/mail/mailtest"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/dashboard"
)

const plansOnSale = `plans:
  - {name: free, title: Free, limits: {signals_per_month: 1000, retention_months: 3}}
  - {name: pro, title: Pro, stripe_prices: [price_pro], limits: {signals_per_month: 50000, retention_months: 12}}
  - {name: self-hosted, title: Self-hosted}
`

// withStripe lets accounts of a dashboard pay.
func withStripe(t *testing.T, s *stripekit.Stripe) func(*dashboard.Config) {
	t.Helper()
	plans := filepath.Join(t.TempDir(), "plans.yaml")
	require.NoError(t, os.WriteFile(plans, []byte(plansOnSale), 0o600))
	return func(c *dashboard.Config) {
		c.PlansFile, c.Egress.PublicURL = plans, "http://specter.example.test"
		c.Stripe = dashboard.StripeSettings{Key: "sk_test_123", WebhookSecrets: []string{s.Secret}, APIBase: s.URL, Grace: 7 * 24 * time.Hour}
	}
}

func newStripe(t *testing.T) *stripekit.Stripe {
	t.Helper()
	s := stripekit.New(time.Now, stripekit.Price{ID: "price_pro", Currency: "eur", Interval: "month", Amount: 2900})
	t.Cleanup(s.Close)
	return s
}

// hears has a webhook arrive, signed as header says.
func (w *world) hears(body []byte, signature string) response {
	w.t.Helper()
	c := w.anonymous().with("Stripe-Signature", signature).with("Content-Type", "application/json")
	return c.send(http.MethodPost, "/api/hooks/stripe", bytes.NewReader(body))
}

func TestAPlanIsBoughtAndFollowsItsSubscription(t *testing.T) {
	t.Parallel()
	s := newStripe(t)
	w := newWorld(t, withStripe(t, s))
	ann := w.signedUp("ann@example.test")
	start := ann.get("/api/v1/billing")
	require.Equal(t, true, start.at("enabled"), start.text)
	require.Equal(t, "free", start.str("plan"), "with billing on, accounts begin with free")
	require.Equal(t, "price_pro", start.str("offers.1.prices.0.id"))
	require.InDelta(t, 2900, start.at("offers.1.prices.0.amount"), 0)
	require.Equal(t, "no_customer", ann.post("/api/v1/billing/portal", map[string]any{}).str("code"))
	require.Equal(t, "invalid_request", ann.post("/api/v1/billing/checkout", map[string]any{"price": "price_other"}).str("code"))

	page := ann.post("/api/v1/billing/checkout", map[string]any{"price": "price_pro"})
	require.Equal(t, http.StatusOK, page.status, page.text)
	require.Contains(t, page.str("url"), s.URL)
	require.True(t, s.Complete(s.Sessions("")[0].ID))

	events := s.Events()
	completed := events[len(events)-1]
	good := stripekit.Sign(s.Secret, completed.Body, time.Now())
	for name, forged := range map[string]string{
		"unsigned": "", "another secret": stripekit.Sign("whsec_guessed", completed.Body, time.Now()),
		"another body": stripekit.Sign(s.Secret, []byte(`{}`), time.Now()), "six minutes old": stripekit.Sign(s.Secret, completed.Body, time.Now().Add(-6*time.Minute)),
	} {
		r := w.hears(completed.Body, forged)
		require.Equal(t, http.StatusUnauthorized, r.status, name)
		require.Equal(t, "invalid_signature", r.str("code"), name)
	}
	require.Equal(t, "free", ann.get("/api/v1/billing").str("plan"))
	require.Equal(t, "applied", w.hears(completed.Body, good).str("outcome"))
	require.Equal(t, "repeated", w.hears(completed.Body, good).str("outcome"))
	after := ann.get("/api/v1/billing")
	require.Equal(t, "pro", after.str("plan"))
	require.Equal(t, "active", after.str("subscription.status"))
	require.Equal(t, "already_subscribed", ann.post("/api/v1/billing/checkout", map[string]any{"price": "price_pro"}).str("code"))
	require.Contains(t, ann.post("/api/v1/billing/portal", map[string]any{}).str("url"), "/portal/")

	for _, ignored := range []string{
		`{"id":"evt_x","type":"treaty.signed","data":{"object":{"object":"treaty","customer":"cus_x"}}}`,
		`{"id":"evt_y","type":"customer.subscription.deleted","data":{"object":{"object":"subscription","customer":"cus_of_somebody_else"}}}`,
	} {
		r := w.hears([]byte(ignored), stripekit.Sign(s.Secret, []byte(ignored), time.Now()))
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, "ignored", r.str("outcome"))
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, w.hears(bytes.Repeat([]byte(" "), 1<<20+1), good).status)
	require.Equal(t, http.StatusMethodNotAllowed, w.anonymous().get("/api/hooks/stripe").status)
}

// Older signals stay for a while when nobody pays any more, the owner hears until when, and paying keeps them.
func TestWhoFallsToFreeHearsUntilWhenOlderSignalsStay(t *testing.T) {
	t.Parallel()
	s, mails := newStripe(t), mailtest.Start(t, mailtest.Options{})
	w := newWorld(t, withStripe(t, s), throughMails(mails), func(c *dashboard.Config) { c.KeepDays = 30 })
	ann := w.signedUp("ann@example.test")
	delivered := func() {
		events := s.Events()
		last := events[len(events)-1].Body
		require.Equal(t, "applied", w.hears(last, stripekit.Sign(s.Secret, last, time.Now())).str("outcome"))
	}
	kept := func() []any {
		u := ann.get("/api/v1/usage")
		return []any{u.at("retention_months"), u.at("kept_months")}
	}
	subscribe := func() {
		require.Equal(t, http.StatusOK, ann.post("/api/v1/billing/checkout", map[string]any{"price": "price_pro"}).status)
		sessions := s.Sessions("")
		require.True(t, s.Complete(sessions[len(sessions)-1].ID))
		delivered()
		require.Equal(t, []any{float64(12), nil}, kept())
	}
	subscribe()
	s.Change(s.Subscriptions("")[0].ID, func(sub *stripekit.Subscription) { sub.Status = "canceled" })
	delivered()
	require.Equal(t, []any{float64(3), float64(12)}, kept())
	until, err := time.Parse(time.RFC3339, ann.get("/api/v1/usage").str("kept_until"))
	require.NoError(t, err)
	day := until.UTC().Format("2 January 2006")

	letter := mails.Await(t, "ann@example.test", 1)
	require.Equal(t, "Older signals go on "+day, letter.Subject)
	for _, said := range []string{"the plan free now, which keeps signals for 3 months", "last 12 months stay until " + day, " http://specter.example.test/settings/billing\n", " http://specter.example.test/settings/data\n"} {
		require.Contains(t, letter.Text, said)
	}
	subscribe()
	require.Len(t, mails.Inbox("ann@example.test"), 1)
}

func TestWithoutAKeyBillingSaysThatItIsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signedUp("ann@example.test")
	off := ann.get("/api/v1/billing")
	require.Equal(t, http.StatusOK, off.status, off.text)
	require.Equal(t, false, off.at("enabled"))
	require.Equal(t, "self-hosted", off.str("plan"))
	for _, path := range []string{"/api/v1/billing/checkout", "/api/v1/billing/portal"} {
		r := ann.post(path, map[string]any{"price": "price_pro"})
		require.Equal(t, http.StatusConflict, r.status, r.text)
		require.Equal(t, "billing_off", r.str("code"))
	}
	require.Equal(t, "billing_off", w.hears([]byte(`{}`), "").str("code"))
}

// While a deletion is scheduled the subscription ends with its period; a deletion that is done has Stripe forget the
// customer as soon as it is told, though Stripe is away at first.
func TestAnAccountsDeletionReachesStripe(t *testing.T) {
	t.Parallel()
	s := newStripe(t)
	w := newWorld(t, withStripe(t, s))
	ann := w.signedUp("ann@example.test")
	ann.post("/api/v1/billing/checkout", map[string]any{"price": "price_pro"})
	require.True(t, s.Complete(s.Sessions("")[0].ID))
	id := uuid.MustParse(ann.get("/api/v1/account").str("id"))
	require.Equal(t, http.StatusAccepted, ann.post("/api/v1/account/deletion", map[string]any{"confirm_email": "ann@example.test"}).status)
	var deletion uuid.UUID
	w.read(id, `SELECT deletion_id FROM accounts WHERE id = $1`, []any{id}, &deletion)
	s.Down(true)
	w.forgotten(deletion)
	testkit.Eventually(t, func() bool {
		return len(s.Requests()) > 0 && strings.HasPrefix(last(s.Requests()), "DELETE /v1/customers/")
	}, "it is tried")
	s.Down(false)
	testkit.Eventually(t, func() bool { return s.Customers()[0].Deleted }, "and tried again")
	testkit.Eventually(t, func() bool {
		var n int
		w.read(id, `SELECT count(*) FROM billing_farewells`, nil, &n)
		return n == 0
	}, "then the customer is forgotten here, too")
	require.True(t, s.Subscriptions("")[0].Over())
}

func last(all []string) string { return all[len(all)-1] }

// read reads one value as the dashboard, inside an account.
func (w *world) read(account uuid.UUID, sql string, args []any, into any) {
	w.t.Helper()
	w.query("specter_dashboard", account, func(tx pgx.Tx) error { return tx.QueryRow(w.t.Context(), sql, args...).Scan(into) })
}

// TestNothingOfACardIsKept buys, fails to pay and is refused, and then reads every row of every table, every message,
// and the log.
func TestNothingOfACardIsKept(t *testing.T) {
	t.Parallel()
	s := newStripe(t)
	w := newStage(t)
	c := w.config()
	withStripe(t, s)(&c)
	core, logged := observer.New(zapcore.DebugLevel)
	w.start(c, zap.New(core))
	ann := w.signedUp("ann@example.test")
	ann.post("/api/v1/billing/checkout", map[string]any{"price": "price_pro"})
	require.True(t, s.Complete(s.Sessions("")[0].ID))
	s.FailPayment(s.Subscriptions("")[0].ID)
	hear := func() {
		for _, e := range s.Events() {
			w.hears(e.Body, stripekit.Sign(s.Secret, e.Body, time.Now()))
		}
	}
	hear()
	answers := ann.get("/api/v1/billing").text + ann.get("/api/v1/account/audit-log").text
	require.Contains(t, answers, "past_due")
	s.Change(s.Subscriptions("")[0].ID, func(sub *stripekit.Subscription) { sub.Status = "unpaid" })
	s.Refuse(s.Customers()[0].ID)
	hear()
	for _, entry := range logged.All() {
		answers += entry.Message
		for name, value := range entry.ContextMap() {
			answers += " " + name + "=" + strings.TrimSpace(strings.ReplaceAll(fmt.Sprint(value), "\n", " "))
		}
	}
	require.Contains(t, answers, "Stripe answered 403", "the refusal is in the log")
	dump := w.wholeDatabase()
	require.Contains(t, dump, s.Customers()[0].ID, "the customer's id is there")
	for _, canary := range append(stripekit.Canaries(), "sk_test_123", s.Secret) {
		require.NotContains(t, answers, canary)
		require.NotContains(t, dump, canary)
	}
	for _, column := range w.columns() {
		for _, word := range []string{"card", "last4", "cvc", "iban", "expiry_month", "address_line", "fingerprint_of_card"} {
			require.NotContains(t, column, word)
		}
	}
}

func (w *world) query(role string, account uuid.UUID, fn func(pgx.Tx) error) {
	w.t.Helper()
	pool := w.db.PoolOf(w.t, role, 1)
	defer pool.Close()
	require.NoError(w.t, tenant.Tx(w.t.Context(), pool, account, fn))
}

// forgotten says what retention says when the purge of an account begins.
func (w *world) forgotten(deletion uuid.UUID) {
	w.t.Helper()
	_, err := bus.Publish(w.t.Context(), w.bus, event.AccountPurgeBegun, bus.Message[*eventv1.AccountPurgeBegun]{
		ID: uuid.New(), AccountID: uuid.New(), Time: w.clock.Now(), Body: &eventv1.AccountPurgeBegun{DeletionId: deletion.String(), OwnerUserId: uuid.NewString()},
	})
	require.NoError(w.t, err)
}

// wholeDatabase is every row of every table as text, bytes included.
func (w *world) wholeDatabase() string {
	w.t.Helper()
	var all strings.Builder
	err := pgx.BeginFunc(w.t.Context(), w.db.Owner(w.t), func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `SET LOCAL bytea_output = 'escape'`); err != nil {
			return err
		}
		rows, err := tx.Query(w.t.Context(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, table := range tables {
			var text string
			if err := tx.QueryRow(w.t.Context(), `SELECT coalesce(string_agg(t::text, E'\n'), '') FROM `+table+` t`).Scan(&text); err != nil {
				return err
			}
			all.WriteString(text)
		}
		return err
	})
	require.NoError(w.t, err)
	return all.String()
}

// columns names every column of the tables that billing writes.
func (w *world) columns() []string {
	w.t.Helper()
	rows, err := w.db.Owner(w.t).Query(w.t.Context(), `SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_name LIKE 'billing%'`)
	require.NoError(w.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	require.Greater(w.t, len(names), 20)
	return names
}
