package specter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/dashboard"
	"github.com/draftlabs/specter/services/proposal"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

const (
	checkTimeout = 4 * time.Second
	// stripeTimeout is for one look at each of the plans' prices.
	stripeTimeout = 15 * time.Second
	// minPostgres is the oldest server whose views can be security_invoker.
	minPostgres = 15
)

// Check is one thing that was looked at.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // one line, when not OK
}

// Diagnose looks at what this machine and its settings give Specter. It changes nothing.
func Diagnose(ctx context.Context, src config.Source) []Check {
	own, platform, err := load(src)
	if err == nil {
		err = CheckConfig(src)
	}
	if err != nil {
		return []Check{{Name: "settings", Detail: err.Error(), Fix: "`specter config print` lists all settings with what they do"}}
	}
	checks := []Check{{Name: "settings", OK: true, Detail: fmt.Sprintf("%d given, all known", len(src))}}
	holder, dirCheck := checkDir(own.DataDir)
	checks = append(checks, dirCheck, checkPostgres(ctx, own, platform), checkBroker(ctx, src, platform))
	if holder == 0 {
		checks = append(checks, checkPort(ctx, platform.HTTPAddr))
	}
	if own.AuthURL != "" {
		checks = append(checks, checkAuth(ctx, src))
	}
	return append(append(checks, checkModel(ctx, src)...), checkStripe(ctx, src)...)
}

// withPlaceholders stands in for what Up makes or starts itself, so that settings can be
// checked before anything is made or started.
func withPlaceholders(src config.Source) config.Source {
	const secret = "0123456789abcdef0123456789abcdef"
	for name, value := range map[string]string{
		"SPECTER_SECRET_KEY": secret, "SPECTER_SUPABASE_JWT_SECRET": secret, "SPECTER_SUPABASE_SERVICE_KEY": secret,
		"SPECTER_SUPABASE_AUTH_URL": "http://127.0.0.1" + authPath, "SPECTER_PUBLIC_URL": "http://127.0.0.1",
		"SPECTER_DATABASE_URL": "postgres://",
	} {
		if src[name] == "" {
			src = with(src, name, value)
		}
	}
	if src["SPECTER_NATS_URL"] == "" {
		src = with(src, "SPECTER_NATS_SYNC_ALWAYS", "true")
	}
	return src
}

func checkDir(path string) (holder int, c Check) {
	c = Check{Name: "data directory"}
	absolute, err := filepath.Abs(path)
	if err != nil {
		c.Detail = err.Error()
		return 0, c
	}
	holder, err = datadir.Holder(absolute)
	switch {
	case err != nil:
		c.Detail, c.Fix = err.Error(), "give this user the right to it, or choose another directory with SPECTER_DATA_DIR"
	case holder > 0:
		c.OK, c.Detail = true, fmt.Sprintf("%s, in use by process %d", absolute, holder)
	default:
		c.OK, c.Detail = true, absolute
		if err := writable(absolute); err != nil {
			c.OK, c.Detail, c.Fix = false, fmt.Sprintf("%s cannot be written to: %v", absolute, err), "give this user the right to it, or choose another directory with SPECTER_DATA_DIR"
		}
	}
	return holder, c
}

// writable tries the directory, or the nearest one that exists, with a file of no content.
func writable(path string) error {
	for {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			return errors.New("it is not a directory")
		}
		if err == nil {
			break
		}
		if parent := filepath.Dir(path); parent != path {
			path = parent
			continue
		}
		return err
	}
	file, err := os.CreateTemp(path, ".specter-doctor-*")
	if err != nil {
		var pathError *os.PathError
		if errors.As(err, &pathError) {
			return pathError.Err
		}
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

func checkPostgres(ctx context.Context, own Config, platform svcmain.Settings) Check {
	c := Check{Name: "postgres"}
	if platform.DatabaseURL == "" {
		version, err := pgserver.Installed(own.PostgresBin)
		if err != nil {
			c.Detail, c.Fix = err.Error(), "install PostgreSQL 15 or newer (apt-get install postgresql, brew install postgresql@17), or set SPECTER_POSTGRES_BIN or SPECTER_DATABASE_URL"
			return c
		}
		c.OK, c.Detail = true, fmt.Sprintf("private, version %d", version)
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	db, err := pg.Open(ctx, pg.Options{URL: platform.DatabaseURL, AppName: "specter-doctor", MaxConns: 1})
	if err != nil {
		c.Detail, c.Fix = "no connection to the server of SPECTER_DATABASE_URL", "is it running, and are host, user and password right?"
		return c
	}
	defer db.Close()
	major, err := serverVersion(ctx, db)
	if err != nil || major < minPostgres {
		c.Detail, c.Fix = fmt.Sprintf("the server of SPECTER_DATABASE_URL is version %d", major), fmt.Sprintf("Specter needs PostgreSQL %d or newer", minPostgres)
		return c
	}
	applied, err := schema.Applied(ctx, db)
	c.OK, c.Detail = true, fmt.Sprintf("version %d, schema %d of %d", major, applied, schema.Version())
	if err != nil || applied != schema.Version() {
		c.OK, c.Fix = false, "run `specter migrate`"
	}
	return c
}

// serverVersion is the major version the server announces when a connection opens.
func serverVersion(ctx context.Context, db *pgxpool.Pool) (int, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	text := conn.Conn().PgConn().ParameterStatus("server_version")
	major, err := strconv.Atoi(strings.FieldsFunc(text+".", func(r rune) bool { return r < '0' || r > '9' })[0])
	if err != nil {
		return 0, fmt.Errorf("reading the version %q: %w", text, err)
	}
	return major, nil
}

func checkBroker(ctx context.Context, src config.Source, platform svcmain.Settings) Check {
	c := Check{Name: "broker"}
	if src["SPECTER_NATS_URL"] == "" {
		c.OK, c.Detail = true, "embedded, every acknowledged message is synced to disk"
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := nats.Connect(platform.NATSURL, nats.Name("specter-doctor"), nats.Timeout(checkTimeout), nats.NoReconnect())
	if err != nil {
		c.Detail, c.Fix = "no connection to SPECTER_NATS_URL: "+err.Error(), "is nats-server running there with JetStream (-js)?"
		return c
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.AccountInfo(ctx)
	}
	if err != nil {
		c.Detail, c.Fix = "the broker has no JetStream: "+err.Error(), "start nats-server with JetStream and `sync_interval: always`"
		return c
	}
	var missing []string
	for _, stream := range event.Streams() {
		if _, err := js.Stream(ctx, stream.Name); err != nil {
			missing = append(missing, stream.Name)
		}
	}
	c.OK, c.Detail = true, fmt.Sprintf("JetStream, %d streams", len(event.Streams())-len(missing))
	if len(missing) > 0 {
		c.Detail += fmt.Sprintf(" (%v are made when a service starts)", missing)
	}
	return c
}

// checkModel asks the language model's API for its list of models, which costs nothing; no check when none is configured.
func checkModel(ctx context.Context, src config.Source) []Check {
	probe, configured, err := proposal.ProbeLLM(ctx, src)
	switch {
	case err != nil:
		return []Check{{Name: "language model", Detail: err.Error(), Fix: probe.Fix}}
	case !configured:
		return nil
	}
	return []Check{{Name: "language model", OK: true, Detail: probe.Detail}}
}

// checkAuth asks an auth server of one's own whether it is there, and whether its tokens can be checked.
func checkAuth(ctx context.Context, src config.Source) Check {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	asked := maps.Clone(withPlaceholders(src))
	asked["SPECTER_SUPABASE_JWT_SECRET"] = src["SPECTER_SUPABASE_JWT_SECRET"] // whether there is one is the question
	probe, err := dashboard.ProbeAuthServer(ctx, asked)
	if err != nil {
		return Check{Name: "auth server", Detail: err.Error(), Fix: probe.Fix}
	}
	return Check{Name: "auth server", OK: true, Detail: probe.Detail}
}

// checkStripe asks Stripe whether it takes the key and knows the plans' prices; no check without a key.
func checkStripe(ctx context.Context, src config.Source) []Check {
	ctx, cancel := context.WithTimeout(ctx, stripeTimeout)
	defer cancel()
	probe, configured, err := dashboard.ProbeStripe(ctx, withPlaceholders(src))
	switch {
	case err != nil:
		return []Check{{Name: "stripe", Detail: err.Error(), Fix: probe.Fix}}
	case !configured:
		return nil
	}
	return []Check{{Name: "stripe", OK: true, Detail: probe.Detail}}
}

func checkPort(ctx context.Context, addr string) Check {
	if _, err := freeAddr(ctx, addr); err != nil {
		return Check{Name: "port", Detail: err.Error(), Fix: "choose another address with SPECTER_HTTP_ADDR"}
	}
	return Check{Name: "port", OK: true, Detail: addr + " is free"}
}
