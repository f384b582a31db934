package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/outbox"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// publish writes the verdict's event into the outbox. A regression's event is what makes the analyzer open a finding.
func (s *Store) publish(ctx context.Context, tx pgx.Tx, v verification.Verification, step verification.Step) error {
	verdict := verdictMessage(v, step)
	var err error
	switch step.Status {
	case "improved", "no_effect":
		err = outbox.Put(ctx, tx, s.outbox, event.DeploymentVerified, message(v, step, &eventv1.DeploymentVerified{Verdict: verdict}))
	case "regressed":
		err = outbox.Put(ctx, tx, s.outbox, event.DeploymentRegressed, message(v, step, &eventv1.DeploymentRegressed{Verdict: verdict}))
	case "inconclusive":
		err = outbox.Put(ctx, tx, s.outbox, event.DeploymentInconclusive, message(v, step, &eventv1.DeploymentInconclusive{Verdict: verdict}))
	default:
		err = fmt.Errorf("%q is not a verdict", step.Status)
	}
	if err != nil {
		return fmt.Errorf("publishing the verdict: %w", err)
	}
	return nil
}

func message[M proto.Message](v verification.Verification, step verification.Step, body M) bus.Message[M] {
	return bus.Message[M]{ID: step.EventID, AccountID: v.AccountID, Time: step.At, Body: body}
}

func verdictMessage(v verification.Verification, step verification.Step) *eventv1.Verdict {
	r := step.Result
	segment := ""
	if v.Plan.Segment != nil {
		segment = v.Plan.Segment.String()
	}
	return &eventv1.Verdict{
		DeploymentId:            v.DeploymentID.String(),
		ProposalId:              v.ProposalID.String(),
		ProductId:               v.ProductID.String(),
		ContextId:               v.ContextID.String(),
		VerificationId:          v.ID.String(),
		Outcome:                 r.Outcome,
		Effect:                  orZero(r.Effect),
		EffectLow:               orZero(r.EffectLow),
		EffectHigh:              orZero(r.EffectHigh),
		ProbabilityImproved:     orZero(r.ProbabilityImproved),
		PositiveBefore:          uint64(max(0, r.Before.Positive)),
		NegativeBefore:          uint64(max(0, r.Before.Negative)),
		PositiveAfter:           uint64(max(0, r.After.Positive)),
		NegativeAfter:           uint64(max(0, r.After.Negative)),
		MinimumDetectableEffect: orZero(r.MinimumDetectableEffect),
		LookDay:                 uint32(step.Taken.Day),
		AsOf:                    timestamppb.New(step.Taken.AsOf),
		Warnings:                r.Warnings,
		Reason:                  r.Reason,
		Metric:                  r.Metric,
		Segment:                 segment,
	}
}

func orZero(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}
