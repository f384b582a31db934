package billing_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/stripe"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

const (
	grace    = 7 * 24 * time.Hour
	deletion = 29 * 24 * time.Hour
	pro      = "price_pro_month"
	proYear  = "price_pro_year"
	scale    = "price_scale_month"
	unsold   = "price_of_last_year"
)

func sold(t testing.TB) plan.Book {
	t.Helper()
	book, err := plan.Parse("plans.yaml", []byte(`plans:
  - {name: free, title: Free, limits: {signals_per_month: 1000}}
  - {name: pro, title: Pro, stripe_prices: [`+pro+`, `+proYear+`]}
  - {name: scale, title: Scale, stripe_prices: [`+scale+`]}
  - {name: self-hosted, title: Self-hosted}
`))
	require.NoError(t, err)
	return book
}

// clock only goes where it is told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is billing with a real database, a Stripe that remembers, and Stripe's own client between them.
type bench struct {
	t        testing.TB
	db       *testkit.DB
	clock    *clock
	stripe   *stripekit.Stripe
	service  *billing.Service
	accounts postgres.Accounts
	pools    map[string]*pgxpool.Pool // by role
}

func newBench(t testing.TB, log *zap.Logger) *bench {
	t.Helper()
	b := &bench{t: t, db: testkit.Postgres(t), clock: &clock{now: time.Now().UTC().Truncate(time.Second)}}
	b.stripe = stripekit.New(b.clock.Now, stripekit.Price{ID: pro, Currency: "eur", Interval: "month", Amount: 2900})
	t.Cleanup(b.stripe.Close)
	b.pools = map[string]*pgxpool.Pool{"specter_dashboard": b.db.Pool(t, "specter_dashboard"), "specter_retention": b.db.PoolOf(t, "specter_retention", 1)}
	store, err := postgres.New(b.pools["specter_dashboard"], outbox.New("dashboard"), "a secret that only tests know, long enough")
	require.NoError(t, err)
	client := stripe.New("sk_test_123", b.stripe.URL)
	t.Cleanup(client.Close)
	require.NoError(t, postgres.Entitlements{Store: store}.Keep(t.Context(), sold(t), plan.Margins{}))
	b.accounts = postgres.Accounts{Store: store, Grace: deletion, Starting: sold(t).Starting(true)}
	b.service = billing.New(billing.Options{
		Store: postgres.Billing{Store: store}, Stripe: client, Events: stripe.Events{Secrets: []string{b.stripe.Secret}}, Book: sold(t), Grace: grace,
		PublicURL: "https://specter.example.test", Now: b.clock.Now, Log: log,
	})
	return b
}

// tenant is an account with its owner.
type owner struct {
	actor.Actor
	b    *bench
	user uuid.UUID
}

func (b *bench) owner() owner {
	b.t.Helper()
	o := owner{b: b, user: uuid.New()}
	a, err := b.accounts.AccountOf(b.t.Context(), account.Account{
		ID: uuid.Must(uuid.NewV7()), OwnerUserID: o.user, Email: o.user.String() + "@example.test", CreatedAt: b.clock.Now(),
	})
	require.NoError(b.t, err)
	o.Actor = actor.User(a.ID, o.user)
	require.Equal(b.t, plan.Free, a.Plan)
	return o
}

// insist gives the account a plan, whatever it pays.
func (o owner) insist(name string) {
	o.b.t.Helper()
	o.exec("specter_dashboard", `UPDATE accounts SET plan = $1, assigned_plan = $1 WHERE id = $2`, name, o.Account)
}

func (o owner) exec(role, sql string, args ...any) {
	o.b.t.Helper()
	require.NoError(o.b.t, tenant.Tx(context.Background(), o.b.pools[role], o.Account, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	}))
}

// count reads one number as the account.
func (o owner) count(sql string, args ...any) (n int) {
	o.b.t.Helper()
	require.NoError(o.b.t, tenant.Tx(context.Background(), o.b.pools["specter_dashboard"], o.Account, func(tx pgx.Tx) error {
		return tx.QueryRow(context.Background(), sql, args...).Scan(&n)
	}))
	return n
}

func (o owner) plan() string {
	o.b.t.Helper()
	a, err := o.b.accounts.Account(context.Background(), o.Account)
	require.NoError(o.b.t, err)
	return a.Plan
}

// customer is the account's at Stripe; "" when there is none.
func (o owner) customer() string {
	for _, c := range o.b.stripe.Customers() {
		if c.Account == o.Account.String() && !c.Deleted {
			return c.ID
		}
	}
	return ""
}

// live are the account's subscriptions that stand.
func (o owner) live() []stripekit.Subscription {
	var out []stripekit.Subscription
	for _, s := range o.b.stripe.Subscriptions(o.customer()) {
		if o.customer() != "" && !s.Over() && s.Status != "incomplete" {
			out = append(out, s)
		}
	}
	return out
}

func (o owner) checkout(price string) (session string) {
	o.b.t.Helper()
	_, err := o.b.service.Checkout(context.Background(), o.Actor, price, uuid.Nil)
	require.NoError(o.b.t, err)
	all := o.b.stripe.Sessions(o.customer())
	return all[len(all)-1].ID
}

// buy completes a checkout and has the webhooks arrive.
func (o owner) buy(price string) {
	o.b.t.Helper()
	require.True(o.b.t, o.b.stripe.Complete(o.checkout(price)))
	o.b.deliver(o.b.stripe.Events()...)
}

// deliver sends webhooks as Stripe does.
func (b *bench) deliver(events ...stripekit.Event) {
	b.t.Helper()
	for _, e := range events {
		_, err := b.receive(e)
		require.NoError(b.t, err)
	}
}

// receive signs with the time of the wall: the signature's age is looked at by Stripe's own library.
func (b *bench) receive(e stripekit.Event) (billing.Outcome, error) {
	return b.service.Receive(context.Background(), stripekit.Sign(b.stripe.Secret, e.Body, time.Now()), e.Body)
}

func (o owner) close() error {
	_, err := o.b.accounts.Close(context.Background(), o.Actor, uuid.Must(uuid.NewV7()), o.b.clock.Now(), o.b.clock.Now().Add(deletion), uuid.Nil)
	return err
}

func (o owner) reopen() error {
	_, err := o.b.accounts.Reopen(context.Background(), o.Actor, o.b.clock.Now())
	return err
}

// purge does what retention does with the rows of an account.
func (o owner) purge() {
	o.b.t.Helper()
	for _, table := range []string{"billing_events", "billing_accounts", "audit_log"} {
		o.exec("specter_retention", `DELETE FROM `+table+` WHERE account_id = $1`, o.Account)
	}
	o.exec("specter_retention", `DELETE FROM accounts WHERE id = $1`, o.Account)
}

func (b *bench) farewells() (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pools["specter_dashboard"].QueryRow(context.Background(), `SELECT count(*) FROM billing_farewells`).Scan(&n))
	return n
}

// round has everything compared that is due.
func (b *bench) round() error { return b.service.Round(context.Background()) }
