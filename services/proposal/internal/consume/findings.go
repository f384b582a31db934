package consume

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/telemetry"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// Proposals is what findings are handed to.
type Proposals interface {
	FindingOpened(ctx context.Context, f proposal.Finding) (proposal.Outcome, error)
}

// Findings consumes what the analyzer opened.
func Findings(b *bus.Bus, durable string, p Proposals, log *zap.Logger, metrics prometheus.Registerer) lifecycle.Service {
	outcomes := telemetry.MustRegister(metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "specter_proposal_findings_total", Help: "Findings handled, by what became of them.",
	}, []string{"outcome"}))
	return bus.Consume(b, event.FindingOpened, bus.ConsumerOptions{Durable: durable},
		func(ctx context.Context, d bus.Delivery[*eventv1.FindingOpened]) error {
			f, err := findingOf(d)
			if err != nil {
				return fault.Permanent(err)
			}
			outcome, err := p.FindingOpened(ctx, f)
			switch {
			case errors.Is(err, proposal.ErrEvidence), errors.Is(err, proposal.ErrUngrounded), errors.Is(err, proposal.ErrUnknownContext):
				return fault.Permanent(err)
			case err != nil:
				return err
			}
			outcomes.WithLabelValues(string(outcome)).Inc()
			log.Info("finding handled", zap.Stringer("finding_id", f.ID), zap.String("family", f.Family), zap.String("outcome", string(outcome)))
			return nil
		})
}

func findingOf(d bus.Delivery[*eventv1.FindingOpened]) (proposal.Finding, error) {
	f := proposal.Finding{
		EventID: d.ID, AccountID: d.AccountID, Family: d.Body.GetFamily(), Severity: d.Body.GetSeverity(),
		StartedAt: d.Body.GetStartedAt().AsTime(), DetectedAt: d.Body.GetDetectedAt().AsTime(), Evidence: d.Body.GetEvidenceJson(),
	}
	var err error
	for _, id := range []struct {
		name, text string
		into       *uuid.UUID
		optional   bool
	}{
		{"finding", d.Body.GetFindingId(), &f.ID, false},
		{"product", d.Body.GetProductId(), &f.ProductID, false},
		{"context", d.Body.GetContextId(), &f.ContextID, false},
		{"deployment", d.Body.GetDeploymentId(), &f.DeploymentID, true},
	} {
		if id.optional && id.text == "" {
			continue
		}
		if *id.into, err = uuid.Parse(id.text); err != nil {
			return proposal.Finding{}, fmt.Errorf("reading the %s's id: %w", id.name, err)
		}
	}
	if f.Family == "" || d.Body.GetStartedAt() == nil || d.Body.GetDetectedAt() == nil {
		return proposal.Finding{}, errors.New("the finding has no family or no time")
	}
	return f, nil
}
