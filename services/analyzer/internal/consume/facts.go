package consume

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// Scheduler sets timers; setting the same one again does nothing.
type Scheduler interface {
	Requested(ctx context.Context, analysis uuid.UUID, area signal.Area, by string, asOf *time.Time, dryRun bool) error
	Imported(ctx context.Context, importID, account, product uuid.UUID, from, to time.Time, sequence uint64) error
}

// Regressions opens findings for deployments that made things worse.
type Regressions interface {
	Regression(ctx context.Context, r analysis.Regressed) error
}

// Requests schedules what people asked for.
func Requests(b *bus.Bus, durable string, timers Scheduler) lifecycle.Service {
	return bus.Consume(b, event.AnalysisRequested, bus.ConsumerOptions{Durable: durable, Concurrency: 1},
		func(ctx context.Context, d bus.Delivery[*eventv1.AnalysisRequested]) error {
			ids, err := parse(d.Body.GetAnalysisId(), d.Body.GetContextId())
			if err != nil {
				return err
			}
			var asOf *time.Time
			if d.Body.GetAsOf() != nil {
				t := d.Body.GetAsOf().AsTime()
				asOf = &t
			}
			return timers.Requested(ctx, ids[0], signal.Area{AccountID: d.AccountID, ContextID: ids[1]}, d.Body.GetRequestedBy(), asOf, d.Body.GetDryRun())
		})
}

// Imports schedules the walk over each completed import.
func Imports(b *bus.Bus, durable string, timers Scheduler) lifecycle.Service {
	return bus.Consume(b, event.ImportCompleted, bus.ConsumerOptions{Durable: durable, Concurrency: 1},
		func(ctx context.Context, d bus.Delivery[*eventv1.ImportCompleted]) error {
			if d.Body.GetSignalCount() == 0 || d.Body.GetFirstAt() == nil || d.Body.GetLastAt() == nil {
				return nil // an import of nothing
			}
			ids, err := parse(d.Body.GetImportId(), d.Body.GetProductId())
			if err != nil {
				return err
			}
			return timers.Imported(ctx, ids[0], d.AccountID, ids[1], d.Body.GetFirstAt().AsTime(), d.Body.GetLastAt().AsTime(), d.Body.GetSignalsSequence())
		})
}

// RegressedDeployments turns a bad verdict into a finding.
func RegressedDeployments(b *bus.Bus, durable string, r Regressions) lifecycle.Service {
	return bus.Consume(b, event.DeploymentRegressed, bus.ConsumerOptions{Durable: durable, Concurrency: 1},
		func(ctx context.Context, d bus.Delivery[*eventv1.DeploymentRegressed]) error {
			v := d.Body.GetVerdict()
			ids, err := parse(v.GetContextId(), v.GetDeploymentId(), v.GetProposalId(), v.GetVerificationId())
			if err != nil {
				return err
			}
			asOf := d.Time
			if v.GetAsOf() != nil {
				asOf = v.GetAsOf().AsTime()
			}
			return r.Regression(ctx, analysis.Regressed{
				AccountID: d.AccountID, ContextID: ids[0], AsOf: asOf,
				Part: v.GetSegment() != "" || v.GetMetric() != "" && v.GetMetric() != analysis.MetricRatio,
				Verdict: analysis.Regression{
					DeploymentID: ids[1], ProposalID: ids[2], VerificationID: ids[3],
					Effect: v.GetEffect(), EffectLow: v.GetEffectLow(), EffectHigh: v.GetEffectHigh(),
					ProbabilityImproved: v.GetProbabilityImproved(), LookDay: int(v.GetLookDay()),
				},
			})
		})
}

func parse(texts ...string) ([]uuid.UUID, error) {
	out := make([]uuid.UUID, len(texts))
	for i, text := range texts {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, fault.Permanent(fmt.Errorf("reading the event's ids: %w", err))
		}
		out[i] = id
	}
	return out, nil
}
