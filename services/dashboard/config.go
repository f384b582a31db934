package dashboard

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/egress"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/sealed"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/posthog"
	"github.com/draftlabs/specter/services/dashboard/internal/privacy"
)

// maxQuotaGrace is in percent: what would double a limit is a limit of its own.
const maxQuotaGrace = 100

// longestKeep is in days.
const longestKeep = 365

// Closing are the settings that closing an account needs, and no secret.
type Closing struct {
	DeletionGrace time.Duration `env:"SPECTER_ACCOUNT_DELETION_GRACE" envDefault:"696h" doc:"How long the deletion of an account can be cancelled before everything is purged, at most 696h (29 days); 0s purges at once."`
}

func (c Closing) check() error {
	if c.DeletionGrace < 0 || c.DeletionGrace > account.LongestGrace {
		return fmt.Errorf("SPECTER_ACCOUNT_DELETION_GRACE is %s: it must be from 0s to %s", c.DeletionGrace, account.LongestGrace)
	}
	return nil
}

// Config is what the dashboard can be told.
type Config struct {
	SecretKey  string `env:"SPECTER_SECRET_KEY,required" secret:"true" doc:"Seals secrets in the database, at least 32 bytes. Absent: specter up makes one and keeps it in its data directory."`
	AuthURL    string `env:"SPECTER_SUPABASE_AUTH_URL" doc:"URL of Supabase Auth. Absent: specter up runs a local auth server."`
	AnonKey    string `env:"SPECTER_SUPABASE_ANON_KEY" doc:"Public key of the Supabase project, sent with every request to its auth server. Absent: none is sent."`
	JWTSecret  string `env:"SPECTER_SUPABASE_JWT_SECRET" secret:"true" doc:"HS256 secret of the access tokens. Absent: specter up makes one for its local auth server; of any other server only tokens signed with its keys are believed."`
	JWKSURL    string `env:"SPECTER_SUPABASE_JWKS_URL" doc:"URL of the public keys (ES256, RS256) that access tokens may be signed with, beside the HS256 secret if there is one. Absent: /.well-known/jwks.json below the auth server's URL; beside a secret only if that is https:// or on this machine."`
	JWTIssuer  string `env:"SPECTER_SUPABASE_JWT_ISSUER" doc:"Issuer that access tokens must name. Absent: the auth server's URL, or none, as of a server without GOTRUE_JWT_ISSUER."`
	ServiceKey string `env:"SPECTER_SUPABASE_SERVICE_KEY" secret:"true" doc:"Service key of the Supabase project (role service_role), with which the e-mail address and password of a deleted account are deleted at the auth server. Absent: made from SPECTER_SUPABASE_JWT_SECRET; without that too, they stay there until it is set."`
	KeepDays   int    `env:"SPECTER_PLAN_KEEP_DAYS" envDefault:"30" doc:"For how many days the signals stay that an account had under a larger plan and its new one does not keep, 0 to 365."`
	Closing
	SessionIdle    time.Duration  `env:"SPECTER_SESSION_IDLE" envDefault:"168h" doc:"A browser that was not seen for this long is signed out, by a tenth of it or five minutes later at most, whichever is less; at least 5m."`
	SessionLife    time.Duration  `env:"SPECTER_SESSION_LIFE" envDefault:"720h" doc:"A browser has to sign in again after this long, whatever happens; at least SPECTER_SESSION_IDLE."`
	TrustedProxies []netip.Prefix `env:"SPECTER_TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7" doc:"Addresses of the proxies whose X-Forwarded-For says whom a request comes from, comma-separated CIDRs; sign-ins are throttled by that address."`
	Operator       string         `env:"SPECTER_OPERATOR_NAME" doc:"Who runs this server, as the page /privacy names them. Absent: it names nobody."`
	Contact        string         `env:"SPECTER_PRIVACY_CONTACT" doc:"E-mail address or https:// URL for questions about personal data, shown on the page /privacy. Absent: it names none."`
	PostHogHost    string         `env:"SPECTER_POSTHOG_HOST" doc:"Address of a PostHog, such as https://eu.i.posthog.com, that is told which pages of the dashboard are opened; never of a product's signals. Absent: the use of the dashboard is not measured."`
	PostHogKey     string         `env:"SPECTER_POSTHOG_KEY" doc:"Project key of that PostHog (phc_…). Required with SPECTER_POSTHOG_HOST."`
	PlansFile      string         `env:"SPECTER_PLANS_FILE" doc:"YAML file with the plans that accounts can have and their limits. Absent: free, pro, scale and self-hosted, the last without limits."`
	QuotaGrace     int            `env:"SPECTER_QUOTA_GRACE" envDefault:"0" doc:"How much is accepted beyond a monthly limit before signals are refused, in percent of it, 0 to 100."`
	Stripe         StripeSettings
	Mail           mail.Settings
	Egress         egress.Settings // the public address is one of them
}

// shortestIdle is short enough for any desk, and keeps a session's use from being written with every request.
const shortestIdle = 5 * time.Minute

func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return c, err
	}
	return c, c.check()
}

func (c Config) check() error {
	var errs []error
	if _, err := sealed.NewBox(c.SecretKey, sealed.IngestKey); err != nil {
		errs = append(errs, fmt.Errorf("SPECTER_SECRET_KEY: %w", err))
	}
	if c.AuthURL == "" {
		errs = append(errs, errors.New("SPECTER_SUPABASE_AUTH_URL is not set: nobody could sign in"))
	}
	if err := c.Mail.Check(); err != nil {
		errs = append(errs, err)
	}
	if _, err := plan.Load(c.PlansFile); err != nil {
		errs = append(errs, fmt.Errorf("SPECTER_PLANS_FILE: %w", err))
	}
	if c.QuotaGrace < 0 || c.QuotaGrace > maxQuotaGrace {
		errs = append(errs, fmt.Errorf("SPECTER_QUOTA_GRACE is %d: it must be from 0 to %d", c.QuotaGrace, maxQuotaGrace))
	}
	if c.KeepDays < 0 || c.KeepDays > longestKeep {
		errs = append(errs, fmt.Errorf("SPECTER_PLAN_KEEP_DAYS is %d: it must be from 0 to %d", c.KeepDays, longestKeep))
	}
	if err := c.Closing.check(); err != nil {
		errs = append(errs, err)
	}
	if c.SessionIdle < shortestIdle {
		errs = append(errs, fmt.Errorf("SPECTER_SESSION_IDLE is %s: it must be at least %s", c.SessionIdle, shortestIdle))
	}
	if c.SessionLife < c.SessionIdle {
		errs = append(errs, fmt.Errorf("SPECTER_SESSION_LIFE is %s: it must not be shorter than SPECTER_SESSION_IDLE, %s", c.SessionLife, c.SessionIdle))
	}
	for name, text := range map[string]string{"SPECTER_SUPABASE_AUTH_URL": c.AuthURL, "SPECTER_SUPABASE_JWKS_URL": c.JWKSURL, "SPECTER_PUBLIC_URL": c.Egress.PublicURL} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")) {
			errs = append(errs, fmt.Errorf("%s must be an https:// or http:// URL", name))
		}
	}
	errs = append(errs, c.Stripe.check(c.Egress.PublicURL))
	if (c.PostHogHost == "") != (c.PostHogKey == "") {
		errs = append(errs, errors.New("SPECTER_POSTHOG_HOST and SPECTER_POSTHOG_KEY go together: set both or neither"))
	}
	if c.PostHogHost != "" {
		if _, err := posthog.CheckHost(c.PostHogHost); err != nil {
			errs = append(errs, fmt.Errorf("SPECTER_POSTHOG_HOST: %w", err))
		}
	}
	if err := privacy.CheckContact(c.Contact); err != nil {
		errs = append(errs, fmt.Errorf("SPECTER_PRIVACY_CONTACT: %w", err))
	}
	if _, err := c.Egress.Policy(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
