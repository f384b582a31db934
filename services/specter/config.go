package specter

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/telemetry"
)

// Config are the settings of the all-in-one beside those of the platform and of the seven
// services.
type Config struct {
	DataDir       string `env:"SPECTER_DATA_DIR" envDefault:"./.specter" doc:"Directory of the all-in-one: embedded broker, private Postgres, secrets."`
	PostgresBin   string `env:"SPECTER_POSTGRES_BIN" doc:"Directory of initdb and postgres. Absent: PATH, then the usual places."`
	BootstrapFile string `env:"SPECTER_BOOTSTRAP_FILE" doc:"Where the all-in-one writes the first account's URL, e-mail, password, ids, ingest key and token as JSON (0600). Absent: they are only printed and kept in the data directory."`
	PublicURL     string `env:"SPECTER_PUBLIC_URL" doc:"URL under which browsers reach Specter. Absent: http:// and SPECTER_HTTP_ADDR."`
	SecretKey     string `env:"SPECTER_SECRET_KEY" secret:"true" doc:"Seals secrets in the database, at least 32 bytes. Absent: the all-in-one makes one and keeps it in its data directory."`
	AuthURL       string `env:"SPECTER_SUPABASE_AUTH_URL" doc:"URL of Supabase Auth. Absent: the all-in-one runs a local auth server."`
	JWTSecret     string `env:"SPECTER_SUPABASE_JWT_SECRET" secret:"true" doc:"HS256 secret of the access tokens. Absent: the all-in-one makes one for its local auth server; of any other server only tokens signed with its keys are believed."`
	DisableSignup bool   `env:"SPECTER_AUTH_DISABLE_SIGNUP" doc:"Closes sign-up at the local auth server; who has an account still signs in. The first account of a start is made all the same."`
	Autoconfirm   *bool  `env:"SPECTER_AUTH_AUTOCONFIRM" doc:"Whether the local auth server believes an e-mail address that nobody has confirmed. Absent: only while SPECTER_SMTP_URL is not set. With true, sign-up tells who has an account."`
	Mail          mail.Settings
	// The command line's own; the servers do not use them.
	URL   string `env:"SPECTER_URL" doc:"URL of the Specter that the command line talks to. Absent: the one of the bootstrap file or data directory."`
	Token string `env:"SPECTER_TOKEN" secret:"true" doc:"Access token (spt_…) of the command line."`
}

// autoconfirm: where no mail is sent, nobody could open its link.
func (c Config) autoconfirm() bool {
	if c.Autoconfirm != nil {
		return *c.Autoconfirm
	}
	return !c.Mail.Sends()
}

// known lists every setting that any part in this binary reads, each name once.
func known() []config.Setting {
	all := append(svcmain.PlatformSettings(), config.Describe[Config]("specter")...)
	for _, m := range modules() {
		all = append(all, m.Settings...)
	}
	seen := map[string]bool{}
	var once []config.Setting
	for _, s := range all {
		if !seen[s.Name] {
			seen[s.Name] = true
			once = append(once, s)
		}
	}
	return once
}

// Settings describes every setting with the value in force, secrets hidden.
func Settings() []config.Setting { return known() }

// CheckConfig refuses settings that nobody reads or that no part could use. What Up makes
// itself may be absent.
func CheckConfig(src config.Source) error {
	if _, _, err := load(src); err != nil {
		return err
	}
	return validate(withPlaceholders(src), modules())
}

func load(src config.Source) (Config, svcmain.Settings, error) {
	own, err := config.Load[Config](src)
	if err == nil {
		err = own.Mail.Check()
	}
	platform, platformErr := config.Load[svcmain.Settings](src)
	if platformErr == nil {
		platformErr = checkPlatform(platform)
	}
	return own, platform, errors.Join(config.CheckUnknown(src, known()), err, platformErr)
}

func checkPlatform(platform svcmain.Settings) error {
	var errs []error
	if _, _, err := net.SplitHostPort(platform.HTTPAddr); err != nil {
		errs = append(errs, fmt.Errorf("SPECTER_HTTP_ADDR %q is not host:port (for example 127.0.0.1:8080)", platform.HTTPAddr))
	}
	if _, err := telemetry.ParseLevel(platform.LogLevel); err != nil {
		errs = append(errs, fmt.Errorf("SPECTER_LOG_LEVEL: %w", err))
	}
	return errors.Join(errs...)
}

// loopbackURL is where this machine reaches a server that listens on addr.
func loopbackURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// publicURL is what people and pages are told.
func publicURL(own Config, addr string) string {
	if own.PublicURL != "" {
		return strings.TrimRight(own.PublicURL, "/")
	}
	return loopbackURL(addr)
}
