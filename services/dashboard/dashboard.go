package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/safehttp"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/timer"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/analytics"
	"github.com/draftlabs/specter/services/dashboard/internal/auditlog"
	"github.com/draftlabs/specter/services/dashboard/internal/broker"
	"github.com/draftlabs/specter/services/dashboard/internal/calibration"
	"github.com/draftlabs/specter/services/dashboard/internal/consume"
	"github.com/draftlabs/specter/services/dashboard/internal/decision"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
	"github.com/draftlabs/specter/services/dashboard/internal/endpoint"
	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
	"github.com/draftlabs/specter/services/dashboard/internal/hook"
	"github.com/draftlabs/specter/services/dashboard/internal/httpapi"
	"github.com/draftlabs/specter/services/dashboard/internal/importing"
	"github.com/draftlabs/specter/services/dashboard/internal/insight"
	"github.com/draftlabs/specter/services/dashboard/internal/keyuse"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres"
	"github.com/draftlabs/specter/services/dashboard/internal/posthog"
	"github.com/draftlabs/specter/services/dashboard/internal/privacy"
	"github.com/draftlabs/specter/services/dashboard/internal/product"
	"github.com/draftlabs/specter/services/dashboard/internal/publish"
	"github.com/draftlabs/specter/services/dashboard/internal/receipt"
	"github.com/draftlabs/specter/services/dashboard/internal/refusal"
	"github.com/draftlabs/specter/services/dashboard/internal/share"
	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
	"github.com/draftlabs/specter/services/dashboard/internal/takeout"
	"github.com/draftlabs/specter/services/dashboard/internal/timers"
	"github.com/draftlabs/specter/services/dashboard/internal/usage"
	"github.com/draftlabs/specter/services/dashboard/internal/web"
)

const name = "dashboard"

// Module describes the service to its host.
func Module() svcmain.Module { return svcmain.Define(name, true, load, New) }

// Service is the dashboard at work.
type Service struct {
	handler http.Handler
	work    lifecycle.Service
	auth    *supabase.Client
	stop    context.CancelFunc // of what New began in the background
}

// New wires the dashboard to what p lends.
func New(c Config, p svcmain.Platform) (*Service, error) {
	policy, err := c.Egress.Policy()
	if err != nil {
		return nil, err
	}
	book, err := plan.Load(c.PlansFile)
	if err != nil {
		return nil, err
	}
	sender, err := mail.Open(c.Mail, p.Log)
	if err != nil {
		return nil, err
	}
	box := outbox.New(name)
	store, err := postgres.New(p.DB, box, c.SecretKey)
	if err != nil {
		return nil, err
	}
	signer, err := erasure.NewSigner(c.SecretKey)
	if err != nil {
		return nil, err
	}
	// Postgres keeps microseconds: what is answered now must equal what is read later.
	now := func() time.Time { return p.Now().UTC().Truncate(time.Microsecond) }
	background, stop := context.WithCancel(context.Background())
	auth := supabase.New(background, supabase.Options{
		URL: c.AuthURL, AnonKey: c.AnonKey, Issuer: c.JWTIssuer, JWTSecret: c.JWTSecret, JWKSURL: c.JWKSURL, ServiceKey: c.ServiceKey, Now: now,
		Distrusted: func(err error, fix string) {
			p.Log.Error("a sign-in failed: the auth server's token was not believed", zap.Error(err), zap.String("fix", fix))
		},
	})
	if !auth.CanDelete() {
		p.Log.Warn("SPECTER_SUPABASE_SERVICE_KEY is not set: the auth server keeps the e-mail address and password of people who delete their account, until it is")
	}
	// Two clients of the same timers: decisions set them, and the workers need the decisions.
	setting, err := timer.New(timer.Options{Service: name, DB: p.DB, Log: p.Log})
	if err != nil {
		stop()
		return nil, fmt.Errorf("preparing to set timers: %w", err)
	}
	scheduler := timers.NewScheduler(setting.Client(), now)
	decisions := decision.New(postgres.Decisions{Store: store, Alarm: scheduler}, now)
	board := postgres.Notices{Store: store, Letters: scheduler}
	letters := usage.NewLetters(board, sender, c.Egress.PublicURL, c.QuotaGrace, now)
	payments, hangUp := newBilling(c, postgres.Billing{Store: store, Letters: scheduler}, book, now, p.Log)
	working, err := timer.New(timer.Options{
		Service: name, DB: p.DB, Log: p.Log, Workers: timers.NewWorkers(decisions, payments, letters, p.Log), Periodic: timers.Periodic(payments.On()),
		Queues: timers.Queues(),
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("preparing to work timers: %w", err)
	}
	var relay httpapi.Relay
	if c.PostHogHost != "" {
		views, err := posthog.New(c.PostHogHost, c.PostHogKey, c.Egress.PublicURL, p.Log)
		if err != nil {
			stop()
			return nil, err
		}
		context.AfterFunc(background, views.Close)
		relay = views
	}
	kept := postgres.Accounts{Store: store, Grace: c.DeletionGrace, Starting: book.Starting(payments.On())}
	accounts, err := account.New(kept, auth, account.Options{
		Grace: c.DeletionGrace, SessionIdle: c.SessionIdle, SessionLife: c.SessionLife, SecretKey: c.SecretKey, PublicURL: c.Egress.PublicURL, Now: now,
		Failed: func(err error) { p.Log.Warn("the auth server did not do what it was asked for", zap.Error(err)) },
	})
	if err != nil {
		stop()
		return nil, err
	}
	quotas := broker.NewQuotas(p.Bus)
	notices := usage.NewNotices(board, quotas, c.QuotaGrace, now)
	refusals := refusal.New(postgres.Refusals{Store: store}, now)
	handler, err := httpapi.New(httpapi.Options{
		Log: p.Log, Registerer: p.Metrics, PublicURL: c.Egress.PublicURL, TrustedProxies: c.TrustedProxies, Web: web.Handler(), Now: now,
		Certificates: postgres.Certificates{Store: store}, CertificateKey: signer.PublicKey(),
		Accounts:    accounts,
		Billing:     payments,
		Products:    product.New(postgres.Products{Store: store}, now),
		Insights:    insight.New(postgres.Insights{Store: store}, now),
		AuditLog:    auditlog.New(postgres.AuditLog{Store: store}),
		Calibration: calibration.New(postgres.Calibration{Store: store}),
		Decisions:   decisions,
		Deployments: deployment.New(postgres.Deployments{Store: store}, now),
		Hooks:       hook.New(postgres.Hooks{Store: store}, now),
		Endpoints:   endpoint.New(postgres.Endpoints{Store: store, Now: now}, safehttp.New(policy), now),
		Live:        broker.NewLive(p.Bus),
		Imports:     importing.New(postgres.Imports{Store: store}, publish.New(p.Bus), scrubber{scrub.New(scrub.Options{})}, now),
		Usage:       usage.New(postgres.Usage{Store: store}, quotas, now),
		Refusals:    refusals,
		Receipts:    receipt.New(postgres.Receipts{Store: store}, broker.NewQueue(p.Bus), now),
		Exports:     takeout.New(postgres.Exports{Accounts: kept}, now),
		Privacy:     privacy.New(c.discloses(), broker.NewDisclosures(p.Bus), now),
		Analytics:   analytics.New(postgres.Analytics{Store: store}, c.PostHogHost != "", now),
		Relay:       relay,
		Shares:      share.New(postgres.Shares{Store: store}, scrubber{scrub.New(scrub.Options{})}.Text, now),
	})
	if err != nil {
		stop()
		return nil, fmt.Errorf("making the API: %w", err)
	}
	work := lifecycle.Group(
		keepPlans(postgres.Entitlements{Store: store}, book, plan.Margins{GracePercent: c.QuotaGrace, KeepDays: c.KeepDays}, now, p.Log),
		box.Relay(p.DB, p.Bus, p.Log),
		consume.Deletions(p.Bus, name, farewell.New(postgres.Farewells{Store: store}, now, payments, accounts), now),
		consume.Refusals(p.Bus, name, refusals, notices),
		consume.KeyUses(p.Bus, name, keyuse.New(postgres.KeyUses{Store: store}, now)),
		broker.WatchQuotas(p.Bus, notices, p.Log),
		keepCounts(usage.NewReconciler(quotas, postgres.Counted{Store: store}, now), p.Log),
		consume.Transitions(p.Bus, name, store),
		working,
		accounts,
		keepCatalog(postgres.Catalog{Store: store}, broker.NewCatalog(p.Bus), p.Log),
	)
	return &Service{handler: handler, work: work, auth: auth, stop: func() { hangUp(); stop() }}, nil
}

// Handler serves the API and the web app.
func (s *Service) Handler() http.Handler { return s.handler }

// Run publishes what requests put into the outbox, wakes snoozed proposals, writes down what other services did, and
// has the auth server forget whose account is gone.
func (s *Service) Run(ctx context.Context, ready func()) error {
	defer s.stop()
	defer s.auth.Close()
	return s.work.Run(ctx, ready)
}

// scrubber is the importing.Scrubber.
type scrubber struct{ *scrub.Scrubber }

// Payload removes what must not be kept.
func (s scrubber) Payload(payload []byte) ([]byte, error) {
	clean, _, err := s.JSON(payload)
	return clean, err
}

// Text removes what must not be kept from a single text.
func (s scrubber) Text(text string) string {
	clean, _ := s.Scrubber.Text(text)
	return clean
}
