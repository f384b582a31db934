package analyzer

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/timer"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/consume"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres"
	"github.com/draftlabs/specter/services/analyzer/internal/timers"
)

// name is the service's in tables, roles, consumers and logs.
const name = "analyzer"

// heapFloor is what two groups of messages take on their way into the database, three or
// four times over: with less the collector runs for each group again and again.
const heapFloor = 192 << 20

// Module describes the analyzer to its host.
func Module() svcmain.Module { return svcmain.Define(name, true, load, New).WithHeapFloor(heapFloor) }

// Service is the analyzer at work.
type Service struct{ run lifecycle.Service }

// New wires the service; nothing runs before Run.
func New(c Config, p svcmain.Platform) (*Service, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	metrics, err := consume.NewMetrics(p.Metrics)
	if err != nil {
		return nil, err
	}
	box := outbox.New(name)
	// Two clients of the same timers: storing sets them, and working them needs the store.
	setting, err := timer.New(timer.Options{Service: name, DB: p.DB, Log: p.Log})
	if err != nil {
		return nil, fmt.Errorf("preparing to set timers: %w", err)
	}
	scheduler := timers.NewScheduler(setting.Client(), c.AnalysisDelay, p.Now)
	signals := postgres.NewSignals(p.DB, box, p.Now, scheduler.Due, scheduler.Stored)
	analyses, turns := postgres.NewAnalyses(p.DB, box, p.Now, scheduler.LookAgain), postgres.NewTurns(p.DB)
	storing := consume.NewStoring(p.Bus, name, p.Now)
	service := analysis.New(analyses, storing.Until, p.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
	working, err := timer.New(timer.Options{
		Service: name, DB: p.DB, Log: p.Log, Periodic: timers.Periodic(), Queues: timers.Queues(),
		Workers: timers.NewWorkers(timers.Deps{
			Analyst: service, Keeper: signals, Contexts: analyses, Turns: turns, Asking: turns, Refuse: analyses.Refuse, Now: p.Now, Log: p.Log,
			StoredUpTo: func(ctx context.Context) (uint64, error) {
				_, floor, err := p.Bus.ConsumerPending(ctx, event.SignalBatch, name)
				return floor, err
			},
			Stored:    storing.Until,
			Reconcile: consume.NewReconciler(p.Bus, name, signals, metrics, p.Log).Run,
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to work timers: %w", err)
	}
	return &Service{run: lifecycle.Group(
		box.Relay(p.DB, p.Bus, p.Log),
		working,
		consume.Signals(p.Bus, name, signals, metrics, p.Log),
		consume.Requests(p.Bus, name, scheduler),
		consume.Imports(p.Bus, name, scheduler),
		consume.RegressedDeployments(p.Bus, name, service),
	)}, nil
}

// Run consumes, analyses and relays until ctx is done.
func (s *Service) Run(ctx context.Context, ready func()) error { return s.run.Run(ctx, ready) }

// Handler is nil: the analyzer serves no HTTP of its own.
func (s *Service) Handler() http.Handler { return nil }
