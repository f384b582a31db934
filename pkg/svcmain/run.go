package svcmain

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/heapfloor"
	"github.com/draftlabs/specter/pkg/httpx"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/telemetry"
)

// closeTimeout bounds the goodbye to the broker.
const closeTimeout = 2 * time.Second

// Hooks let a caller of Run watch it.
type Hooks struct {
	Ready func(httpAddr string) // called once when the process can work; may be nil
}

// Run is the whole process of one module without its process: it returns nil after ctx ended and
// everything drained. Settings are checked before anything is opened.
func Run(ctx context.Context, m Module, src config.Source, hooks Hooks) error {
	if err := m.Check(src); err != nil {
		return fmt.Errorf("checking the settings of %s: %w", m.Name, err)
	}
	settings, err := config.Load[Settings](src)
	if err != nil {
		return err
	}
	log, err := telemetry.NewLogger(settings.LogLevel, m.Name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // stderr may refuse to sync, and nothing could be done about it
	registry := telemetry.NewRegistry()

	broker, err := bus.Connect(ctx, bus.Options{
		URL: settings.NATSURL, Name: "specter-" + m.Name, Log: log, Registerer: registry, Replicas: settings.NATSReplicas,
	})
	if err != nil {
		return endedWhileStarting(ctx, err)
	}
	defer func() {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := broker.Close(closeCtx); err != nil {
			log.Warn("closing the broker connection", zap.Error(err))
		}
	}()
	if err := broker.EnsureStreams(ctx); err != nil {
		return endedWhileStarting(ctx, fmt.Errorf("preparing the streams: %w", err))
	}
	built, err := Build(ctx, m, src, Shared{
		Log: log, Bus: broker, DatabaseURL: settings.DatabaseURL, DatabaseMaxConns: settings.DatabaseMaxConns, Metrics: registry,
	})
	if err != nil {
		return endedWhileStarting(ctx, err)
	}
	defer built.Close()

	return serve(ctx, m, settings, log, built, broker, telemetry.MetricsService(settings.MetricsAddr, registry), hooks)
}

// serve runs the units of an opened process.
func serve(ctx context.Context, m Module, settings Settings, log *zap.Logger, built *Built, broker *bus.Bus, metrics lifecycle.Service, hooks Hooks) error {
	var working atomic.Bool
	health := httpx.HealthHandler(m.Name, Version(), func(ctx context.Context) error {
		if !working.Load() {
			return errors.New("starting or stopping")
		}
		if !broker.Conn().IsConnected() {
			return errors.New("the broker is away")
		}
		if built.db != nil {
			return built.db.Ping(ctx)
		}
		return nil
	})
	server := httpx.NewServer(settings.HTTPAddr, httpx.WithHealth(health, built.Handler()), log)
	announce := lifecycle.Func(func(ctx context.Context, ready func()) error {
		working.Store(true)
		log.Info("ready", zap.String("version", Version()), zap.String("addr", server.Addr()))
		if hooks.Ready != nil {
			hooks.Ready(server.Addr())
		}
		ready()
		<-ctx.Done()
		return nil
	})

	runCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
		case <-ended:
			return
		}
		// Not ready at once, but serving until the load balancers had time to notice.
		working.Store(false)
		log.Info("stopping", zap.Duration("drain_delay", settings.DrainDelay))
		select {
		case <-time.After(settings.DrainDelay):
		case <-ended:
		}
		stop()
	}()

	return lifecycle.Run(runCtx, log,
		lifecycle.Unit{Name: "metrics", Service: metrics},
		lifecycle.Unit{Name: "heap", Service: heapfloor.Keep(m.HeapFloor)},
		lifecycle.Unit{Name: m.Name, Service: built},
		// HTTP comes after the service and therefore stops before it.
		lifecycle.Unit{Name: "http", Needs: []string{m.Name}, Service: server},
		lifecycle.Unit{Name: "announce", Needs: []string{"http", "metrics"}, Service: announce},
	)
}

// endedWhileStarting makes a stop that was asked for during the start a clean one.
func endedWhileStarting(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
