package consume

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

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
	FindingRenewed(ctx context.Context, f proposal.Finding) (proposal.Outcome, error)
	RewriteRequested(ctx context.Context, event, account, id uuid.UUID) (proposal.Outcome, error)
}

// Findings consumes what the analyzer opened and what it renewed, and what people want written anew.
func Findings(b *bus.Bus, durable string, p Proposals, log *zap.Logger, metrics prometheus.Registerer) lifecycle.Service {
	outcomes := telemetry.MustRegister(metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "specter_proposal_findings_total", Help: "Findings handled, by what became of them.",
	}, []string{"outcome"}))
	handled := func(f proposal.Finding, outcome proposal.Outcome, err error) error {
		if err := lasting(err); err != nil {
			return err
		}
		outcomes.WithLabelValues(string(outcome)).Inc()
		log.Info("finding handled", zap.Stringer("finding_id", f.ID), zap.String("family", f.Family), zap.String("outcome", string(outcome)))
		return nil
	}
	return lifecycle.Group(
		bus.Consume(b, event.FindingOpened, bus.ConsumerOptions{Durable: durable}, func(ctx context.Context, d bus.Delivery[*eventv1.FindingOpened]) error {
			f, err := findingOf(d.ID, d.AccountID, d.Body)
			if err == nil {
				err = readID("deployment", d.Body.GetDeploymentId(), true, &f.DeploymentID)
			}
			if err != nil {
				return fault.Permanent(err)
			}
			outcome, err := p.FindingOpened(ctx, f)
			return handled(f, outcome, err)
		}),
		bus.Consume(b, event.FindingRenewed, bus.ConsumerOptions{Durable: durable}, func(ctx context.Context, d bus.Delivery[*eventv1.FindingRenewed]) error {
			f, err := findingOf(d.ID, d.AccountID, d.Body)
			if err != nil {
				return fault.Permanent(err)
			}
			outcome, err := p.FindingRenewed(ctx, f)
			return handled(f, outcome, err)
		}),
		bus.Consume(b, event.ProposalRewriteRequested, bus.ConsumerOptions{Durable: durable}, func(ctx context.Context, d bus.Delivery[*eventv1.ProposalRewriteRequested]) error {
			var id uuid.UUID
			if err := readID("proposal", d.Body.GetProposalId(), false, &id); err != nil {
				return fault.Permanent(err)
			}
			outcome, err := p.RewriteRequested(ctx, d.ID, d.AccountID, id)
			if err := lasting(err); err != nil {
				return err
			}
			log.Info("rewriting handled", zap.Stringer("proposal_id", id), zap.String("outcome", string(outcome)))
			return nil
		}),
	)
}

// lasting marks an error that trying again does not mend.
func lasting(err error) error {
	switch {
	case errors.Is(err, proposal.ErrEvidence), errors.Is(err, proposal.ErrUngrounded), errors.Is(err, proposal.ErrUnknownContext):
		return fault.Permanent(err)
	default:
		return err
	}
}

// body is what the two events have in common.
type body interface {
	GetFindingId() string
	GetProductId() string
	GetContextId() string
	GetFamily() string
	GetSeverity() float64
	GetStartedAt() *timestamppb.Timestamp
	GetDetectedAt() *timestamppb.Timestamp
	GetEvidenceJson() []byte
}

func findingOf(event, account uuid.UUID, b body) (proposal.Finding, error) {
	f := proposal.Finding{
		EventID: event, AccountID: account, Family: b.GetFamily(), Severity: b.GetSeverity(),
		StartedAt: b.GetStartedAt().AsTime(), DetectedAt: b.GetDetectedAt().AsTime(), Evidence: b.GetEvidenceJson(),
	}
	if f.Family == "" || b.GetStartedAt() == nil || b.GetDetectedAt() == nil {
		return proposal.Finding{}, errors.New("the finding has no family or no time")
	}
	err := errors.Join(
		readID("finding", b.GetFindingId(), false, &f.ID),
		readID("product", b.GetProductId(), false, &f.ProductID),
		readID("context", b.GetContextId(), false, &f.ContextID),
	)
	return f, err
}

func readID(name, text string, optional bool, into *uuid.UUID) (err error) {
	if optional && text == "" {
		return nil
	}
	if *into, err = uuid.Parse(text); err != nil {
		return fmt.Errorf("reading the %s's id: %w", name, err)
	}
	return nil
}
