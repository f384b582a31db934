package specter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/services/gateway"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// ErrSettings marks errors of configuration: nothing was started.
var ErrSettings = errors.New("wrong settings")

// Ready is told to the caller of Up once everything works.
type Ready struct {
	Facts bootstrap.Facts
	Tag   gateway.Tag   // what pages load
	Fresh bool          // this start made the account
	Took  time.Duration // from the start
	Dir   string        // the data directory
	Mail  string        // where mail is kept for the operator; "" = it is sent
}

// Up runs everything in this process until ctx ends. ready is called once.
func Up(ctx context.Context, src config.Source, ready func(Ready)) (err error) {
	started := time.Now()
	own, platform, err := load(src)
	if err == nil {
		err = validate(withPlaceholders(src), modules())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	// What a person can mend is said before anything is started.
	addr, err := freeAddr(ctx, platform.HTTPAddr)
	if err != nil {
		return err
	}
	if platform.DatabaseURL == "" {
		if _, err := pgserver.Installed(own.PostgresBin); err != nil {
			return err
		}
	}
	dir, err := datadir.Claim(own.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Release()) }()
	if src, err = withSecrets(src, own, dir, addr); err != nil {
		return err
	}
	h, err := newHost(src, platform, addr)
	if err != nil {
		return err
	}
	defer h.sync()
	own.DataDir = dir.Path()
	if err := h.surroundings(own, dir); err != nil {
		return err
	}
	h.awaitsFirstRun = true
	h.serve(modules())
	tag, err := gateway.TagOf(src)
	if err != nil {
		return err
	}
	h.add(unitFirstRun, h.firstRun(own, dir, func(facts bootstrap.Facts, fresh bool) {
		ready(Ready{Facts: facts, Tag: tag, Fresh: fresh, Took: time.Since(started), Dir: dir.Path(), Mail: keptIn(src)})
	}), unitHTTP)
	h.forgetsFirstAccount(own, dir)
	return h.run(ctx)
}

// surroundings adds what Up brings itself because no setting names another.
func (h *host) surroundings(own Config, dir *datadir.Dir) error {
	if err := h.stores(own, dir); err != nil {
		return err
	}
	if own.AuthURL == "" {
		return h.localAuth(own)
	}
	return nil
}

// stores adds the database with its schema and the broker with its streams.
func (h *host) stores(own Config, dir *datadir.Dir) error {
	h.databaseURL = h.platform.DatabaseURL
	if h.databaseURL == "" {
		if err := h.privatePostgres(own, dir); err != nil {
			return err
		}
	}
	if h.src["SPECTER_NATS_URL"] == "" {
		if err := h.embeddedNATS(dir); err != nil {
			return err
		}
	}
	h.schema()
	h.bus()
	return nil
}

// Serve runs some of the services in this process, against a Postgres and a broker that
// run elsewhere, until ctx ends.
func Serve(ctx context.Context, src config.Source, targets []string, ready func(addr string)) error {
	picked, auth, err := pick(targets)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	own, platform, err := load(src)
	if err == nil {
		err = validate(src, picked)
	}
	if needsDB := auth || anyNeedsDB(picked); err == nil && needsDB && platform.DatabaseURL == "" {
		err = errors.New("SPECTER_DATABASE_URL is not set: these targets keep their data in Postgres (`specter up` brings its own)")
	}
	if err == nil && auth && own.JWTSecret == "" {
		err = errors.New("SPECTER_SUPABASE_JWT_SECRET is not set: the local auth server signs with it and the dashboard checks with it")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	h, err := newHost(src, platform, platform.HTTPAddr)
	if err != nil {
		return err
	}
	defer h.sync()
	h.databaseURL = platform.DatabaseURL
	if len(picked) > 0 {
		h.bus()
	}
	if auth {
		if err := h.localAuth(own); err != nil {
			return err
		}
	}
	h.serve(picked)
	h.add("ready", lifecycle.Func(func(ctx context.Context, up func()) error {
		ready(h.server.Addr())
		up()
		<-ctx.Done()
		return nil
	}), unitHTTP)
	return h.run(ctx)
}

// Migrate brings the database to this binary's schema.
func Migrate(ctx context.Context, src config.Source) error {
	_, platform, err := load(src)
	if err == nil && platform.DatabaseURL == "" {
		err = errors.New("SPECTER_DATABASE_URL is not set: `specter up` migrates its private Postgres itself")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return schema.Up(ctx, platform.DatabaseURL)
}

// Facts finds what is known of the local Specter: the bootstrap file, else the data
// directory. It returns fs.ErrNotExist when there is neither.
func Facts(src config.Source) (bootstrap.Facts, error) {
	own, err := config.Load[Config](src)
	if err != nil {
		return bootstrap.Facts{}, err
	}
	if own.BootstrapFile != "" {
		return bootstrap.ReadFile(own.BootstrapFile)
	}
	facts, err := bootstrap.ReadFile(filepath.Join(own.DataDir, factsFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return bootstrap.Facts{}, fs.ErrNotExist
	}
	return facts, err
}

// factsFile is kept in the data directory for the command line: the facts of the latest
// start, with the URL it listens on.
const factsFile = "facts.json"

// ledgerFile holds the certificates of deleted accounts, beside the database that a restore takes back in time.
const ledgerFile = "deletions.jsonl"

// withSecrets adds what the operator did not set.
func withSecrets(src config.Source, own Config, dir *datadir.Dir, addr string) (config.Source, error) {
	secrets, err := dir.Secrets()
	if err != nil {
		return nil, err
	}
	src = maps.Clone(src)
	add := func(name, value string) {
		if src[name] == "" {
			src[name] = value
		}
	}
	add("SPECTER_SECRET_KEY", secrets.SecretKey)
	add("SPECTER_PUBLIC_URL", publicURL(own, addr))
	add("SPECTER_DELETIONS_FILE", dir.Path(ledgerFile))
	if src["SPECTER_NATS_URL"] == "" {
		src["SPECTER_NATS_SYNC_ALWAYS"] = "true" // the embedded broker does
	}
	if !own.Mail.Sends() {
		add("SPECTER_MAIL_DIR", mailDir(own.Mail, dir.Path()))
	}
	if own.AuthURL == "" {
		add("SPECTER_SUPABASE_JWT_SECRET", secrets.JWTSecret)
	}
	return src, nil
}

// validate checks the settings of every module before anything is opened.
func validate(src config.Source, picked []module) error {
	var errs []error
	for _, m := range picked {
		if m.Validate == nil {
			continue
		}
		if err := m.Validate(src); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, err))
		}
	}
	return errors.Join(errs...)
}

func anyNeedsDB(picked []module) bool {
	for _, m := range picked {
		if m.NeedsDB {
			return true
		}
	}
	return false
}

// freeAddr checks that the address can be listened on before anything is started, and
// picks the port when none is given.
func freeAddr(ctx context.Context, addr string) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", fmt.Errorf("%s is already in use: stop what listens there, or choose another address with SPECTER_HTTP_ADDR", addr)
	case errors.Is(err, syscall.EACCES):
		return "", fmt.Errorf("this user may not listen on %s: choose a port above 1023 with SPECTER_HTTP_ADDR", addr)
	case err != nil:
		return "", fmt.Errorf("cannot listen on %s (choose another address with SPECTER_HTTP_ADDR): %w", addr, err)
	}
	free := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", err
	}
	return free, nil
}

// newHost opens what every mode needs.
func newHost(src config.Source, platform svcmain.Settings, addr string) (*host, error) {
	log, err := telemetry.NewLogger(platform.LogLevel, "specter")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	ingest, err := gateway.Serves(src)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return &host{src: src, platform: platform, addr: addr, log: log, registry: telemetry.NewRegistry(), router: router{ingest: ingest}}, nil
}

func (h *host) run(ctx context.Context) error {
	err := lifecycle.Run(ctx, h.log, h.units...)
	if err != nil {
		h.log.Debug("stopped", zap.Error(err))
	}
	return err
}
