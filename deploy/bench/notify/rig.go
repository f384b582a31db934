package notify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/deploy/bench/broker"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/egress"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/sealed"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/webhook"
	"github.com/draftlabs/specter/services/notifier"
)

const (
	secretKey = "a secret key of the bench, 32 bytes long"
	startTime = 60 * time.Second
	stopTime  = 20 * time.Second
)

// account is a customer with endpoints.
type account struct {
	id        uuid.UUID
	endpoints []*receiver
}

// rig is a Postgres, a broker, receivers and a running notifier.
type rig struct {
	dir       string
	postgres  *pgserver.Server
	broker    *server.Server
	bus       *bus.Bus
	owner     *pgxpool.Pool
	notify    *pgxpool.Pool
	accounts  []*account
	receivers *receivers
	ahead     atomic.Int64 // how far the notifier's clock is, in nanoseconds

	stopNotifier func() error
}

func newRig(ctx context.Context, o Options, log *zap.Logger) (_ *rig, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	r := &rig{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.dir, err = os.MkdirTemp(o.Dir, "specter-bench-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(r.dir, 0o755); err != nil { // Postgres's own user must get through
		return nil, err
	}
	if r.postgres, err = pgserver.Start(ctx, pgserver.Options{DataDir: filepath.Join(r.dir, "pg"), Log: log}); err != nil {
		return nil, err
	}
	if err := schema.Up(ctx, r.postgres.URL()); err != nil {
		return nil, err
	}
	if r.owner, err = pg.Open(ctx, pg.Options{URL: r.postgres.URL(), AppName: "bench"}); err != nil {
		return nil, err
	}
	if r.notify, err = pg.Open(ctx, pg.Options{URL: r.postgres.URL(), Role: "specter_notifier", AppName: "bench notifier"}); err != nil {
		return nil, err
	}
	if err := r.seed(ctx, o); err != nil {
		return nil, err
	}
	if r.broker, err = broker.Start(filepath.Join(r.dir, "nats")); err != nil {
		return nil, err
	}
	if r.bus, err = bus.Connect(ctx, bus.Options{URL: r.broker.ClientURL(), Name: "bench", Log: log}); err != nil {
		return nil, err
	}
	if err := r.bus.EnsureStreams(ctx); err != nil {
		return nil, err
	}
	return r, r.startNotifier(ctx, o, log)
}

// seed makes accounts and endpoints, as the dashboard does: of ten endpoints two are silent and one
// fails first.
func (r *rig) seed(ctx context.Context, o Options) error {
	pool, err := pg.Open(ctx, pg.Options{URL: r.postgres.URL(), Role: "specter_dashboard", AppName: "bench seed", MaxConns: 1})
	if err != nil {
		return err
	}
	defer pool.Close()
	box, err := sealed.NewBox(secretKey, sealed.WebhookSecret)
	if err != nil {
		return err
	}
	kinds := []kind{silent, healthy, healthy, failFirst, healthy, healthy, silent, healthy, healthy, healthy}
	secrets := map[uuid.UUID]string{}
	var all []*receiver
	for range o.Accounts {
		a := &account{id: uuid.New()}
		for n := range o.Endpoints {
			secret := webhook.NewSecret()
			verifier, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				return err
			}
			one := &receiver{id: uuid.New(), kind: kinds[n%len(kinds)], verifier: verifier, heard: map[uuid.UUID]*hearing{}}
			secrets[one.id] = secret
			a.endpoints = append(a.endpoints, one)
		}
		all = append(all, a.endpoints...)
		r.accounts = append(r.accounts, a)
	}
	if r.receivers, err = serve(all); err != nil {
		return err
	}
	for _, a := range r.accounts {
		err := tenant.Tx(ctx, pool, a.id, func(tx pgx.Tx) error {
			round := &pgx.Batch{}
			round.Queue(`INSERT INTO accounts (id, owner_user_id, email) VALUES ($1, $2, $3)`, a.id, uuid.New(), a.id.String()+"@example.test")
			for _, one := range a.endpoints {
				round.Queue(`INSERT INTO webhook_endpoints (id, account_id, url, events, secret_sealed) VALUES ($1, $2, $3, '{*}', $4)`,
					one.id, a.id, r.receivers.url+"/"+one.id.String(), box.Seal([]byte(secrets[one.id])))
			}
			return tx.SendBatch(ctx, round).Close()
		})
		if err != nil {
			return fmt.Errorf("seeding an account: %w", err)
		}
	}
	return nil
}

func (r *rig) startNotifier(ctx context.Context, o Options, log *zap.Logger) error {
	service, err := notifier.New(notifier.Config{SecretKey: secretKey, Egress: egress.Settings{
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowHTTP: true, AllowPorts: "1-65535", Timeout: o.Timeout,
	}}, svcmain.Platform{Log: log, Bus: r.bus, DB: r.notify, Metrics: prometheus.NewRegistry(), Now: r.now})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- service.Run(running, func() { close(ready) }) }()
	r.stopNotifier = func() error {
		stop()
		return <-ended
	}
	select {
	case <-ready:
		return nil
	case err := <-ended:
		ended <- err
		return fmt.Errorf("the notifier ended: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

// hurry moves the notifier's clock on and makes due what it scheduled.
func (r *rig) hurry(ctx context.Context, by time.Duration) error {
	r.ahead.Add(int64(by))
	_, err := r.owner.Exec(ctx, `UPDATE river_notifier.river_job SET scheduled_at = now(), state = 'available' WHERE state = 'scheduled'`)
	return err
}

// close stops everything and removes the files; what was never started is nil.
func (r *rig) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	if r.stopNotifier != nil {
		errs = append(errs, r.stopNotifier())
	}
	if r.receivers != nil {
		r.receivers.close()
	}
	for _, pool := range []*pgxpool.Pool{r.notify, r.owner} {
		if pool != nil {
			pool.Close()
		}
	}
	if r.bus != nil {
		errs = append(errs, r.bus.Close(ctx))
	}
	if r.broker != nil {
		r.broker.Shutdown()
		r.broker.WaitForShutdown()
	}
	if r.postgres != nil {
		errs = append(errs, r.postgres.Stop(ctx))
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}
