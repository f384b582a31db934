package consume

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// Verifications is what the events are handed to.
type Verifications interface {
	Deployed(ctx context.Context, e verification.Event) error
	Withdrawn(ctx context.Context, e verification.Event) error
}

// Deployments consumes what happens to deployments. The consumers may overtake each other: the domain reads the
// deployment's own state and does not rely on their order.
func Deployments(b *bus.Bus, durable string, v Verifications) lifecycle.Service {
	options := bus.ConsumerOptions{Durable: durable}
	return lifecycle.Group(
		bus.Consume(b, event.DeploymentDeployed, options, func(ctx context.Context, d bus.Delivery[*eventv1.DeploymentDeployed]) error {
			return handle(ctx, d.ID, d.AccountID, d.Body.GetDeploymentId(), v.Deployed)
		}),
		bus.Consume(b, event.DeploymentEdited, options, func(ctx context.Context, d bus.Delivery[*eventv1.DeploymentEdited]) error {
			return handle(ctx, d.ID, d.AccountID, d.Body.GetDeploymentId(), v.Deployed)
		}),
		bus.Consume(b, event.DeploymentRolledBack, options, func(ctx context.Context, d bus.Delivery[*eventv1.DeploymentRolledBack]) error {
			return handle(ctx, d.ID, d.AccountID, d.Body.GetDeploymentId(), v.Withdrawn)
		}),
		bus.Consume(b, event.DeploymentCancelled, options, func(ctx context.Context, d bus.Delivery[*eventv1.DeploymentCancelled]) error {
			return handle(ctx, d.ID, d.AccountID, d.Body.GetDeploymentId(), v.Withdrawn)
		}),
	)
}

func handle(ctx context.Context, id, account uuid.UUID, deploymentID string, to func(context.Context, verification.Event) error) error {
	deployment, err := uuid.Parse(deploymentID)
	if err != nil {
		return fault.Permanent(fmt.Errorf("reading the deployment's id: %w", err))
	}
	err = to(ctx, verification.Event{ID: id, AccountID: account, DeploymentID: deployment})
	if errors.Is(err, verification.ErrUnknownDeployment) {
		return fault.Permanent(err)
	}
	return err
}
