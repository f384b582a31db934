package verifier

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/pkg/timer"

	"github.com/draftlabs/specter/services/verifier/internal/consume"
	"github.com/draftlabs/specter/services/verifier/internal/postgres"
	"github.com/draftlabs/specter/services/verifier/internal/timers"
	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// rescueAfter is when a look whose process died is taken again; a look has a minute.
const rescueAfter = 2 * time.Minute

// name is the service's in tables, roles, consumers and logs.
const name = "verifier"

// Module describes the verifier to its host.
func Module() svcmain.Module { return svcmain.Define(name, true, load, New) }

// Service is the verifier at work.
type Service struct{ run lifecycle.Service }

// New wires the service; nothing runs before Run.
func New(c Config, p svcmain.Platform) (*Service, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	box := outbox.New(name)
	// Two clients of the same timers: the store sets them, and the workers that take the looks need the store.
	setting, err := timer.New(timer.Options{Service: name, DB: p.DB, Log: p.Log})
	if err != nil {
		return nil, fmt.Errorf("preparing to set timers: %w", err)
	}
	store := postgres.NewStore(p.DB, box, timers.NewScheduler(setting.Client(), p.Now))
	domain := verification.NewService(store, verification.Timing{Settle: c.Settle, MaxWait: c.MaxWait, HorizonDays: c.Days}, p.Now, uuid.NewV7)
	working, err := timer.New(timer.Options{
		Service: name, DB: p.DB, Log: p.Log, Workers: timers.NewWorkers(domain, p.Now, p.Log, p.Metrics), JobTimeout: time.Minute, RescueAfter: rescueAfter,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to work timers: %w", err)
	}
	return &Service{run: lifecycle.Group(
		box.Relay(p.DB, p.Bus, p.Log),
		working,
		consume.Deployments(p.Bus, name, domain),
	)}, nil
}

// Run consumes, looks and relays until ctx is done.
func (s *Service) Run(ctx context.Context, ready func()) error { return s.run.Run(ctx, ready) }

// Handler is nil: the verifier serves no HTTP of its own.
func (s *Service) Handler() http.Handler { return nil }
