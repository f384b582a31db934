package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/stripe"
)

// longestGrace is how long an account may keep a plan that is not paid for.
const longestGrace = 60 * 24 * time.Hour

// StripeSettings say whether and how accounts pay.
type StripeSettings struct {
	Key            string        `env:"SPECTER_STRIPE_KEY" secret:"true" doc:"Secret or restricted API key of Stripe (sk_…, rk_…), with which accounts pay for plans. Absent: billing is off and new accounts have the plan self-hosted; with it they begin with free."`
	WebhookSecrets []string      `env:"SPECTER_STRIPE_WEBHOOK_SECRET" secret:"true" doc:"Signing secret of the webhook endpoint at Stripe (whsec_…); while it is rolled the new and the old one, separated by a comma. Needed with SPECTER_STRIPE_KEY."`
	APIBase        string        `env:"SPECTER_STRIPE_API_BASE" doc:"URL of Stripe's API, for tests against stripe-mock; http:// only on loopback. Absent: Stripe's own."`
	Grace          time.Duration `env:"SPECTER_STRIPE_GRACE" envDefault:"168h" doc:"How long an account keeps its plan while a payment is missing and Stripe tries again, from 0s to 1440h (60 days)."`
}

func (s StripeSettings) check(publicURL string) error {
	var errs []error
	if s.Grace < 0 || s.Grace > longestGrace {
		errs = append(errs, fmt.Errorf("SPECTER_STRIPE_GRACE is %s: it must be from 0s to %s", s.Grace, longestGrace))
	}
	if s.Key == "" {
		return errors.Join(errs...)
	}
	if !strings.HasPrefix(s.Key, "sk_") && !strings.HasPrefix(s.Key, "rk_") {
		errs = append(errs, errors.New("SPECTER_STRIPE_KEY is neither a secret key (sk_…) nor a restricted one (rk_…)"))
	}
	if len(s.WebhookSecrets) == 0 {
		errs = append(errs, errors.New("SPECTER_STRIPE_WEBHOOK_SECRET is not set: nobody could tell Stripe's webhooks from forged ones"))
	}
	for _, secret := range s.WebhookSecrets {
		if !strings.HasPrefix(secret, "whsec_") {
			errs = append(errs, errors.New("SPECTER_STRIPE_WEBHOOK_SECRET holds something that is no signing secret (whsec_…)"))
		}
	}
	if publicURL == "" {
		errs = append(errs, errors.New("SPECTER_PUBLIC_URL is not set: Stripe could not send people back"))
	}
	if u, err := url.Parse(s.APIBase); s.APIBase != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())))) {
		errs = append(errs, errors.New("SPECTER_STRIPE_API_BASE must be an https:// URL, or http:// on loopback"))
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// newBilling makes billing; without a key it is off.
func newBilling(c Config, store postgres.Billing, book plan.Book, now func() time.Time, log *zap.Logger) (*billing.Service, func()) {
	o := billing.Options{
		Store: store, Events: stripe.Events{Secrets: c.Stripe.WebhookSecrets}, Book: book, Grace: c.Stripe.Grace,
		PublicURL: c.Egress.PublicURL, Now: now, Log: log,
	}
	if c.Stripe.Key == "" {
		return billing.New(o), func() {}
	}
	client := stripe.New(c.Stripe.Key, c.Stripe.APIBase)
	o.Stripe = client
	return billing.New(o), client.Close
}

// StripeProbe is what asking Stripe told.
type StripeProbe struct{ Detail, Fix string }

// ProbeStripe asks Stripe whether the key is good and the plans' prices are there; configured is false without a key.
func ProbeStripe(ctx context.Context, src config.Source) (probe StripeProbe, configured bool, err error) {
	c, err := load(src)
	if err != nil || c.Stripe.Key == "" {
		return StripeProbe{}, false, err
	}
	book, err := plan.Load(c.PlansFile)
	if err != nil {
		return StripeProbe{}, false, err
	}
	var prices []string
	for _, p := range book.Plans() {
		prices = append(prices, p.StripePrices...)
	}
	client := stripe.New(c.Stripe.Key, c.Stripe.APIBase)
	defer client.Close()
	missing, err := client.Probe(ctx, prices)
	mode := "live"
	if strings.Contains(c.Stripe.Key, "_test_") {
		mode = "test"
	}
	switch {
	case fault.Is(err, fault.Unavailable):
		return StripeProbe{Fix: "can this machine reach api.stripe.com?"}, true, errors.New("no answer from Stripe")
	case err != nil:
		return StripeProbe{Fix: "is SPECTER_STRIPE_KEY good, and may it read prices, customers and subscriptions?"}, true, errors.New("the key is refused by Stripe")
	case len(missing) > 0:
		return StripeProbe{Fix: "make them at Stripe, or correct stripe_prices in SPECTER_PLANS_FILE"}, true, fmt.Errorf("not known to Stripe (%s mode): %s", mode, strings.Join(missing, ", "))
	case len(prices) == 0:
		return StripeProbe{Fix: "give a plan stripe_prices in SPECTER_PLANS_FILE"}, true, errors.New("no plan has a price: nobody can buy anything")
	}
	return StripeProbe{Detail: fmt.Sprintf("%s mode, %d prices, webhooks at /api/hooks/stripe", mode, len(slices.Compact(slices.Sorted(slices.Values(prices)))))}, true, nil
}
