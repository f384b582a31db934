package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/deploy/bench/broker"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/heapfloor"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/pgserver"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/services/analyzer"
)

const (
	consumer  = "analyzer" // the durable of the analyzer
	startTime = 60 * time.Second
	stopTime  = 20 * time.Second
)

// rig is a Postgres, a broker and a running analyzer in a directory of their own.
type rig struct {
	dir      string
	postgres *pgserver.Server
	broker   *server.Server
	bus      *bus.Bus
	owner    *pgxpool.Pool
	analyst  *pgxpool.Pool
	products []*product

	stopAnalyzer func() error
}

func newRig(ctx context.Context, dir string, log *zap.Logger) (_ *rig, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	r := &rig{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.dir, err = os.MkdirTemp(dir, "specter-bench-"); err != nil {
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
	if r.analyst, err = pg.Open(ctx, pg.Options{URL: r.postgres.URL(), Role: "specter_analyzer", AppName: "bench analyzer"}); err != nil {
		return nil, err
	}
	if err := r.seed(ctx); err != nil {
		return nil, err
	}
	if err := r.startBroker(ctx, log); err != nil {
		return nil, err
	}
	return r, r.startAnalyzer(ctx, log)
}

func (r *rig) startBroker(ctx context.Context, log *zap.Logger) (err error) {
	if r.broker, err = broker.Start(filepath.Join(r.dir, "nats")); err != nil {
		return err
	}
	if r.bus, err = bus.Connect(ctx, bus.Options{URL: r.broker.ClientURL(), Name: "bench", Log: log}); err != nil {
		return err
	}
	return r.bus.EnsureStreams(ctx)
}

func (r *rig) startAnalyzer(ctx context.Context, log *zap.Logger) error {
	service, err := analyzer.New(analyzer.Config{AnalysisDelay: 3 * time.Minute}, svcmain.Platform{
		Log: log, Bus: r.bus, DB: r.analyst, Metrics: prometheus.NewRegistry(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	// As the analyzer's own process has it.
	whole := lifecycle.Group(heapfloor.Keep(analyzer.Module().HeapFloor), service)
	go func() { ended <- whole.Run(running, func() { close(ready) }) }()
	r.stopAnalyzer = func() error {
		stop()
		return <-ended
	}
	select {
	case <-ready:
		return nil
	case err := <-ended:
		ended <- err
		return fmt.Errorf("the analyzer ended: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// seed makes the accounts and products, as the dashboard does.
func (r *rig) seed(ctx context.Context) error {
	pool, err := pg.Open(ctx, pg.Options{URL: r.postgres.URL(), Role: "specter_dashboard", AppName: "bench seed", MaxConns: 1})
	if err != nil {
		return err
	}
	defer pool.Close()
	for range accounts {
		account := uuid.New()
		err := tenant.Tx(ctx, pool, account, func(tx pgx.Tx) error {
			round := &pgx.Batch{}
			round.Queue(`INSERT INTO accounts (id, owner_user_id, email) VALUES ($1, $2, $3)`, account, uuid.New(), account.String()+"@example.test")
			for n := range productsPerAccount {
				p := &product{accountID: account, productID: uuid.New(), contextID: uuid.New(), weight: 1 + n*n}
				round.Queue(`INSERT INTO products (id, account_id, name) VALUES ($1, $2, $3)`, p.productID, account, fmt.Sprintf("Product %d", n))
				round.Queue(`INSERT INTO contexts (id, account_id, product_id, name, positive_types, negative_types, is_default) VALUES ($1, $2, $3, 'Everything', '{purchase}', '{js_error,rage_click}', true)`,
					p.contextID, account, p.productID)
				r.products = append(r.products, p)
			}
			return tx.SendBatch(ctx, round).Close()
		})
		if err != nil {
			return fmt.Errorf("seeding an account: %w", err)
		}
	}
	return nil
}

// close stops everything and removes the files; what was never started is nil.
func (r *rig) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	if r.stopAnalyzer != nil {
		errs = append(errs, r.stopAnalyzer())
	}
	for _, pool := range []*pgxpool.Pool{r.analyst, r.owner} {
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
