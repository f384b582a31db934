package notifier

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/outbox"
	"github.com/draftlabs/specter/pkg/safehttp"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/notifier/internal/consume"
	"github.com/draftlabs/specter/services/notifier/internal/delivery"
	"github.com/draftlabs/specter/services/notifier/internal/metrics"
	"github.com/draftlabs/specter/services/notifier/internal/postgres"
	"github.com/draftlabs/specter/services/notifier/internal/timers"
	"github.com/draftlabs/specter/services/notifier/internal/webhook"
)

const name = "notifier"

// Module describes the service to the programs that host it.
func Module() svcmain.Module { return svcmain.Define(name, true, load, New) }

// Service is the notifier at work.
type Service struct{ lifecycle.Service }

// Handler is nil: people reach deliveries through the dashboard.
func (s *Service) Handler() http.Handler { return nil }

// New wires the service; nothing runs before Run.
func New(c Config, p svcmain.Platform) (*Service, error) {
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	secrets, err := c.secrets()
	if err != nil {
		return nil, err
	}
	var deliverer *delivery.Deliverer
	tasks, err := timers.New(p.DB, p.Log, policy.Timeout, func(ctx context.Context, t delivery.Task) (time.Duration, error) {
		return deliverer.Attempt(ctx, t) // called after Run, when deliverer is set
	})
	if err != nil {
		return nil, err
	}
	attempts, err := metrics.New(p.Metrics, p.Now)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	box := outbox.New(name)
	store := postgres.NewStore(p.DB, box, tasks, uuid.NewV7)
	deliverer = delivery.New(store, webhook.NewSender(safehttp.New(policy), secrets, p.Now), attempts, p.Now)
	return &Service{lifecycle.Group(append(consume.Consumers(p.Bus, deliverer),
		tasks,
		box.Relay(p.DB, p.Bus, p.Log),
	)...)}, nil
}
