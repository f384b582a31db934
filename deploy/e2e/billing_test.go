package e2e

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit/program"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"
)

const plansOnSale = `plans:
  - {name: free, title: Free, limits: {signals_per_month: 100000, products: 1, contexts: 5, retention_months: 3}}
  - {name: pro, title: Pro, stripe_prices: [price_pro, price_pro_year], limits: {signals_per_month: 2000000, products: 10, retention_months: 12}}
  - {name: self-hosted, title: Self-hosted}
`

// mailman carries webhooks from Stripe to a system, when it is told to.
type mailman struct {
	t      *testing.T
	stripe *stripekit.Stripe
	mu     sync.Mutex
	bag    []stripekit.Event
}

func (m *mailman) take(e stripekit.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bag = append(m.bag, e)
}

// deliver brings what is in the bag.
func (m *mailman) deliver(address string) {
	m.t.Helper()
	m.mu.Lock()
	bag := m.bag
	m.bag = nil
	m.mu.Unlock()
	for _, e := range bag {
		req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, address+"/api/hooks/stripe", bytes.NewReader(e.Body))
		require.NoError(m.t, err)
		req.Header.Set("Stripe-Signature", stripekit.Sign(m.stripe.Secret, e.Body, time.Now()))
		res, err := http.DefaultClient.Do(req)
		require.NoError(m.t, err)
		assert.Equal(m.t, http.StatusOK, res.StatusCode)
		require.NoError(m.t, res.Body.Close())
	}
}

// TestBillingInTheBrowser: a person without billing reads that it is off; one with it buys a plan on Stripe's page, waits for
// the word of it, and reads that a payment is missing.
func TestBillingInTheBrowser(t *testing.T) {
	t.Parallel()
	t.Run("off", func(t *testing.T) {
		s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t)})
		v := signIn(t, s)
		v.bringAxe(t)
		v.open(t, s.ProductID, "/settings?view=billing")
		v.shows(t, "main", "Billing is off on this server")
		v.shows(t, "main", "Your plan: Self-hosted")
		v.requireTidy(t, "billing-off")
	})
	t.Run("on", func(t *testing.T) {
		stripe := stripekit.New(time.Now,
			stripekit.Price{ID: "price_pro", Currency: "eur", Interval: "month", Amount: 2900}, stripekit.Price{ID: "price_pro_year", Currency: "eur", Interval: "year", Amount: 29000})
		t.Cleanup(stripe.Close)
		plans := filepath.Join(t.TempDir(), "plans.yaml")
		require.NoError(t, os.WriteFile(plans, []byte(plansOnSale), 0o600))
		program.OpenPath(t, filepath.Dir(plans))
		mail := &mailman{t: t, stripe: stripe}
		stripe.OnEvent(mail.take)
		s, _ := startUp(t, upOptions{dataDir: t.TempDir(), addr: program.FreeAddr(t), env: []string{
			"SPECTER_STRIPE_KEY=sk_test_123", "SPECTER_STRIPE_WEBHOOK_SECRET=" + stripe.Secret, "SPECTER_STRIPE_API_BASE=" + stripe.URL, "SPECTER_PLANS_FILE=" + plans,
		}})
		v := signIn(t, s)
		v.bringAxe(t)
		v.open(t, s.ProductID, "/settings?view=billing")
		v.shows(t, "main", "Your plan: Free")
		v.shows(t, "main", "€29.00 a month")
		v.requireTidy(t, "billing-on")

		v.click(t, "main button", "Buy")
		v.await(t, "Stripe's page", `document.title === "Pay"`)
		v.click(t, "button", "Pay")
		v.shows(t, "main", "Waiting for Stripe to confirm the payment")
		mail.deliver(s.URL)
		v.shows(t, "main", "Thank you. The account has the plan Pro.")
		v.shows(t, "main", "Your plan: Pro")
		v.await(t, "the limits of the plan that was bought", `document.querySelector("main dl")?.innerText.includes("0 of 2,000,000")`)
		v.requireTidy(t, "billing-bought")

		stripe.FailPayment(stripe.Subscriptions("")[0].ID)
		mail.deliver(s.URL)
		v.open(t, s.ProductID, "/settings?view=billing")
		v.shows(t, `main [role="alert"]`, "A payment is missing since")
		v.requireTidy(t, "billing-missing")
		v.click(t, "main button", "Open billing portal")
		v.await(t, "Stripe's portal", `document.title === "Portal"`)
	})
}
