package specter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/heapfloor"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/schema"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

const (
	closeTimeout = 2 * time.Second
	// moduleConns bounds each module's pool, so that seven of them fit into one Postgres.
	moduleConns = 8
)

// host holds the parts of one process while they are put together. A unit writes its
// result before it is ready, and only units that need it read it after.
type host struct {
	src      config.Source
	platform svcmain.Settings
	addr     string
	log      *zap.Logger
	registry *prometheus.Registry
	units    []lifecycle.Unit
	router   router
	server   *httpx.Server
	working  atomic.Bool

	awaitsFirstRun bool
	register       bootstrap.Register // at the local auth server; nil with another

	databaseURL string                     // set by unitPostgres when it is private
	inProcess   nats.InProcessConnProvider // the broker, when it lives in this process
	broker      *bus.Bus                   // set by unitBus
}

// add appends a unit; needs that are not part of this process are dropped.
func (h *host) add(name string, service lifecycle.Service, needs ...string) {
	var here []string
	for _, need := range needs {
		if h.has(need) {
			here = append(here, need)
		}
	}
	h.units = append(h.units, lifecycle.Unit{Name: name, Needs: here, Service: service})
}

func (h *host) has(name string) bool {
	return slices.ContainsFunc(h.units, func(u lifecycle.Unit) bool { return u.Name == name })
}

// schema migrates the database once it is there.
func (h *host) schema() {
	h.add(unitSchema, lifecycle.Func(func(ctx context.Context, ready func()) error {
		if err := schema.Up(ctx, h.databaseURL); err != nil {
			return fmt.Errorf("bringing the database to this version's schema: %w", err)
		}
		ready()
		<-ctx.Done()
		return nil
	}), unitPostgres)
}

// bus connects to the broker once it is there.
func (h *host) bus() {
	h.add(unitBus, lifecycle.Func(func(ctx context.Context, ready func()) error {
		broker, err := bus.Connect(ctx, bus.Options{
			URL: h.platform.NATSURL, InProcess: h.inProcess, Name: "specter",
			Log: h.log, Registerer: h.registry, Replicas: h.platform.NATSReplicas,
		})
		if err != nil {
			return err
		}
		if err = broker.EnsureStreams(ctx); err == nil {
			h.broker = broker
			ready()
			<-ctx.Done()
		} else {
			err = fmt.Errorf("preparing the streams: %w", err)
		}
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return errors.Join(err, broker.Close(closeCtx))
	}), unitNATS)
}

// serve adds the modules, the metrics and the one HTTP server in front of them.
func (h *host) serve(picked []module) {
	var doors []string
	var floor uint64
	for _, m := range picked {
		h.add(m.Name, h.module(m), m.needs...)
		doors = append(doors, m.Name)
		floor = max(floor, m.HeapFloor)
	}
	if kept := keptIn(h.src); kept != "" {
		h.add(unitMail, mail.NewSpool(kept, h.log)) // old mail goes, also where no more comes
	}
	h.add(unitHeap, heapfloor.Keep(floor))
	h.add(unitMetrics, telemetry.MetricsService(h.platform.MetricsAddr, h.registry))
	h.router.mount("health", httpx.HealthHandler("specter", svcmain.Version(), h.healthy))
	h.server = httpx.NewServer(h.addr, &h.router, h.log)
	h.add(unitHTTP, lifecycle.Func(func(ctx context.Context, ready func()) error {
		return h.server.Run(ctx, func() {
			// With a first run ahead people and scripts have nothing to sign in with yet.
			h.working.Store(!h.awaitsFirstRun)
			ready()
		})
	}), append(doors, unitAuth)...)
}

// module makes one service when what it needs is ready, and runs it.
func (h *host) module(m module) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		src := h.src
		shared := svcmain.Shared{
			Log: h.log, Bus: h.broker, Metrics: h.registry, DatabaseMaxConns: min(h.platform.DatabaseMaxConns, moduleConns),
		}
		if m.NeedsDB { // the others do not wait for it and must not look
			shared.DatabaseURL = h.databaseURL
			src = with(src, "SPECTER_DATABASE_URL", h.databaseURL)
		}
		built, err := svcmain.Build(ctx, m.Module, src, shared)
		if err != nil {
			return err
		}
		defer built.Close()
		h.router.mount(m.Name, built.Handler())
		return built.Run(ctx, ready)
	})
}

// healthy answers /healthz/ready.
func (h *host) healthy(context.Context) error {
	if !h.working.Load() {
		return errors.New("starting")
	}
	if h.broker != nil && !h.broker.Conn().IsConnected() {
		return errors.New("the broker is away")
	}
	return nil
}

// firstRun makes the first account when there is none and tells what is known of it.
func (h *host) firstRun(own Config, dir *datadir.Dir, tell func(bootstrap.Facts, bool)) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		facts, fresh, err := bootstrap.Run(ctx, loopbackURL(h.server.Addr()), publicURL(own, h.server.Addr()), h.register, dir, h.log)
		if err != nil && own.AuthURL == "" {
			return fmt.Errorf("making the first account: %w", err)
		}
		if err != nil {
			// Somebody else's auth server may want e-mails confirmed; people sign up there.
			h.log.Warn("no first account was made: sign up in the dashboard", zap.Error(err))
			facts.URL = publicURL(own, h.server.Addr())
		} else if err := h.writeFacts(facts, own, dir); err != nil {
			return err
		}
		h.working.Store(true)
		tell(facts, fresh)
		ready()
		<-ctx.Done()
		return nil
	})
}

func (h *host) writeFacts(facts bootstrap.Facts, own Config, dir *datadir.Dir) error {
	if err := facts.WriteFile(dir.Path(factsFile)); err != nil {
		return err
	}
	if own.BootstrapFile == "" {
		return nil
	}
	return facts.WriteFile(own.BootstrapFile)
}

func (h *host) sync() { _ = h.log.Sync() } // stderr may refuse to sync, and nothing could be done about it

func with(src config.Source, name, value string) config.Source {
	out := config.Source{}
	for k, v := range src {
		out[k] = v
	}
	if value != "" {
		out[name] = value
	}
	return out
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
