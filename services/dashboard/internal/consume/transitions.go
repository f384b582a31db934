package consume

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/dashboard/internal/transition"
)

// AuditLog is what transitions are written to.
type AuditLog interface {
	// Append writes an entry once; to the log of an account that is closed it writes nothing.
	Append(ctx context.Context, e transition.Entry) error
}

// Transitions writes into the audit log what other services did to proposals, deployments and endpoints.
func Transitions(b *bus.Bus, durable string, log AuditLog) lifecycle.Service {
	types := []event.Info{
		event.ProposalCreated.Info(), event.ProposalUpdated.Info(), event.ProposalExpired.Info(),
		event.DeploymentVerified.Info(), event.DeploymentRegressed.Info(), event.DeploymentInconclusive.Info(),
		event.EndpointDisabled.Info(),
	}
	// In the stream's order, one at a time: the log's ids then tell what came first.
	options := bus.ConsumerOptions{Durable: durable + "_audit", Concurrency: 1}
	return bus.ConsumeAny(b, types, options, func(ctx context.Context, d bus.Delivery[proto.Message]) error {
		e, err := toEntry(d)
		if err != nil {
			return fault.Permanent(err)
		}
		return log.Append(ctx, e)
	})
}

func toEntry(d bus.Delivery[proto.Message]) (transition.Entry, error) {
	e := transition.Entry{Event: d.ID, Account: d.AccountID, At: d.Time, Action: d.Type.Name(), Actor: "service:proposal", Subject: "proposal"}
	var id string
	switch body := d.Body.(type) {
	case *eventv1.ProposalCreated:
		id, e.Detail = body.GetProposalId(), map[string]any{"finding_id": body.GetFindingId()}
		if body.GetReopens() != "" {
			e.Detail["reopens"], e.Detail["reopens_after"] = body.GetReopens(), body.GetReopensAfter()
		}
	case *eventv1.ProposalUpdated:
		id, e.Detail = body.GetProposalId(), map[string]any{
			"finding_id": body.GetFindingId(), "old_content_hash": body.GetOldContentHash(), "content_hash": body.GetContentHash(),
		}
	case *eventv1.ProposalExpired:
		id = body.GetProposalId()
	case interface{ GetVerdict() *eventv1.Verdict }:
		v := body.GetVerdict()
		e.Actor, e.Subject = "service:verifier", "deployment"
		id, e.Detail = v.GetDeploymentId(), map[string]any{"verification_id": v.GetVerificationId(), "outcome": v.GetOutcome()}
	case *eventv1.EndpointDisabled:
		e.Actor, e.Subject = "service:notifier", "endpoint"
		id, e.Detail = body.GetEndpointId(), map[string]any{"reason": body.GetReason()}
	default:
		return e, fmt.Errorf("a %s has no place in the audit log", d.Type.Tag())
	}
	var err error
	if e.ID, err = uuid.Parse(id); err != nil {
		return e, fmt.Errorf("reading the id of a %s: %w", d.Type.Tag(), err)
	}
	return e, nil
}
