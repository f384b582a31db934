package webhook

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// Tested is the event a person sends to try an endpoint.
const Tested = "endpoint.tested"

// Kind is an event that people can subscribe to.
type Kind struct {
	event.Info
	About  string // one sentence
	sample proto.Message
}

// Sample is a made-up body, as it would be sent.
func (k Kind) Sample() (json.RawMessage, error) {
	data, err := Data(k.sample)
	if err != nil {
		return nil, fmt.Errorf("making the sample of %s: %w", k.Name(), err)
	}
	return Envelope(k.Name(), sampleTime().Add(time.Minute), data)
}

func sampleTime() time.Time { return time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC) }

// Kinds lists the events in the order of a signal's life.
func Kinds() []Kind {
	const (
		product, context     = "0195a1f0-0000-7000-8000-000000000001", "0195a1f0-0000-7000-8000-000000000002"
		finding, proposal    = "0195a1f0-0000-7000-8000-000000000003", "0195a1f0-0000-7000-8000-000000000004"
		deployment, analysis = "0195a1f0-0000-7000-8000-000000000005", "0195a1f0-0000-7000-8000-000000000006"
		other, person        = "0195a1f0-0000-7000-8000-000000000007", "user:0195a1f0-0000-7000-8000-000000000008"
		title, hash          = "Checkout button does nothing on Safari", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	)
	at := timestamppb.New(sampleTime())
	verdict := func(outcome string, effect, low, high, probability float64) *eventv1.Verdict {
		return &eventv1.Verdict{
			DeploymentId: deployment, ProposalId: proposal, ProductId: product, ContextId: context, VerificationId: other, Outcome: outcome,
			Effect: effect, EffectLow: low, EffectHigh: high, ProbabilityImproved: probability, PositiveBefore: 4210, NegativeBefore: 1804,
			PositiveAfter: 2391, NegativeAfter: 826, MinimumDetectableEffect: 0.12, LookDay: 7, AsOf: at,
		}
	}
	quota := func(used uint64) *eventv1.Quota {
		month := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		return &eventv1.Quota{Month: timestamppb.New(month), ResetsAt: timestamppb.New(month.AddDate(0, 1, 0)), Used: used, Limit: 100_000}
	}
	return []Kind{
		{event.SignalFirstReceived.Info(), "A product's first signal was stored.",
			&eventv1.SignalFirstReceived{ProductId: product, ContextId: context, Type: "page_view", OccurredAt: at}},
		{event.AnalysisCompleted.Info(), "An analysis of a context ended, with or without findings.",
			&eventv1.AnalysisCompleted{AnalysisId: analysis, ProductId: product, ContextId: context, AsOf: at, Outcome: "findings", FindingCount: 1}},
		{event.ProposalCreated.Info(), "A proposal waits for a decision.",
			&eventv1.ProposalCreated{ProposalId: proposal, FindingId: finding, ProductId: product, ContextId: context, Title: title, Confidence: 0.87, Priority: 42.5}},
		{event.ProposalUpdated.Info(), "An open proposal absorbed newer evidence of the same matter.",
			&eventv1.ProposalUpdated{ProposalId: proposal, FindingId: finding, ProductId: product, ContextId: context, Title: title, Confidence: 0.91, Priority: 48, OldContentHash: hash, ContentHash: hash}},
		{event.ProposalApproved.Info(), "A person approved a proposal; its deployment exists.",
			&eventv1.ProposalApproved{ProposalId: proposal, ProductId: product, ContextId: context, DeploymentId: deployment, DecidedBy: person, DecidedAt: at, ContentHash: hash}},
		{event.ProposalRejected.Info(), "A person rejected a proposal.",
			&eventv1.ProposalRejected{ProposalId: proposal, ProductId: product, ContextId: context, DecidedBy: person, DecidedAt: at, Reason: "The sale ended.", ReasonCode: "not_a_problem"}},
		{event.ProposalSnoozed.Info(), "A person wants to decide later.",
			&eventv1.ProposalSnoozed{ProposalId: proposal, ProductId: product, ContextId: context, DecidedBy: person, DecidedAt: at, SnoozedUntil: timestamppb.New(sampleTime().AddDate(0, 0, 7))}},
		{event.ProposalDuplicated.Info(), "A person says that a proposal repeats another.",
			&eventv1.ProposalDuplicated{ProposalId: proposal, ProductId: product, ContextId: context, DecidedBy: person, DecidedAt: at, DuplicateOf: other}},
		{event.ProposalEdited.Info(), "A person put a proposal in other words.",
			&eventv1.ProposalEdited{ProposalId: proposal, ProductId: product, ContextId: context, EditedBy: person, EditedAt: at, Title: title, OldContentHash: hash, ContentHash: hash}},
		{event.ProposalReopened.Info(), "A decision was undone, or a snooze was due.",
			&eventv1.ProposalReopened{ProposalId: proposal, ProductId: product, ContextId: context, UndoneBy: person, UndoneAt: at, Cause: "undone", Status: "pending"}},
		{event.ProposalExpired.Info(), "Nobody decided, and the evidence is 30 days old.",
			&eventv1.ProposalExpired{ProposalId: proposal, ProductId: product, ContextId: context, ExpiredAt: at}},
		{event.DeploymentCreated.Info(), "An approved proposal waits to be shipped.",
			&eventv1.DeploymentCreated{DeploymentId: deployment, ProposalId: proposal, ProductId: product, ContextId: context}},
		{event.DeploymentDeployed.Info(), "A change shipped; its verification begins.",
			&eventv1.DeploymentDeployed{DeploymentId: deployment, ProposalId: proposal, ProductId: product, ContextId: context, DeployedAt: at, Version: "v1.42.0", ReportedBy: "hook:github",
				Commit: "6dcb09b5b57875f334f61aebed695e2e4193db5e", Url: "https://github.com/acme/shop/actions/runs/771", Environment: "production", CanaryShare: proto.Float64(100), ReportedVia: "github_deployment"}},
		{event.DeploymentEdited.Info(), "What was reported of a deployment was corrected, or its share of the traffic changed.",
			&eventv1.DeploymentEdited{DeploymentId: deployment, ProposalId: proposal, ProductId: product, ContextId: context, EditedBy: person, OldDeployedAt: at, DeployedAt: at,
				OldCanaryShare: 10, CanaryShare: 100, CanarySince: timestamppb.New(sampleTime().Add(2 * time.Hour)), OldVersion: "v1.42.0", Version: "v1.42.0"}},
		{event.DeploymentCancelled.Info(), "A change will not ship.",
			&eventv1.DeploymentCancelled{DeploymentId: deployment, ProposalId: proposal, ProductId: product, ContextId: context, CancelledBy: person}},
		{event.DeploymentRolledBack.Info(), "A change shipped and was taken back.",
			&eventv1.DeploymentRolledBack{DeploymentId: deployment, ProposalId: proposal, ProductId: product, ContextId: context, RolledBackAt: at, ReportedBy: person}},
		{event.DeploymentVerified.Info(), "The test ended: the change improved things, or had no effect.",
			&eventv1.DeploymentVerified{Verdict: verdict("improved", 0.24, 0.11, 0.39, 0.998)}},
		{event.DeploymentRegressed.Info(), "The test ended: the change made things worse.",
			&eventv1.DeploymentRegressed{Verdict: verdict("regressed", -0.19, -0.28, -0.08, 0.002)}},
		{event.DeploymentInconclusive.Info(), "The test ended without an answer, and says why.",
			&eventv1.DeploymentInconclusive{Verdict: verdict("inconclusive", 0.02, -0.14, 0.21, 0.58)}},
		{event.QuotaWarning.Info(), "The account has used 80 % of its monthly signals.", &eventv1.QuotaWarning{Quota: quota(80_000)}},
		{event.QuotaExceeded.Info(), "The account has used up its monthly signals; more are refused.", &eventv1.QuotaExceeded{Quota: quota(100_000)}},
		{event.AccountDeletionScheduled.Info(), "The account is closed; everything is purged at the time given.",
			&eventv1.AccountDeletionScheduled{DeletionId: other, RequestedAt: at, PurgeAt: timestamppb.New(sampleTime().AddDate(0, 0, 14))}},
		{event.AccountDeletionCancelled.Info(), "The owner changed their mind before the purge.", &eventv1.AccountDeletionCancelled{DeletionId: other}},
		{event.EndpointTested.Info(), "A person sent a test to one endpoint.", &eventv1.EndpointTested{EndpointId: other}},
		{event.EndpointDisabled.Info(), "Specter stopped sending to an endpoint: it answered 410, or failed for days.",
			&eventv1.EndpointDisabled{EndpointId: other, Reason: "The endpoint answered 410 Gone.", DisabledAt: at}},
	}
}

// Types are the events' types, for a consumer.
func Types() []event.Info {
	kinds := Kinds()
	types := make([]event.Info, len(kinds))
	for i, k := range kinds {
		types[i] = k.Info
	}
	return types
}

// Names are the events' names.
func Names() []string {
	types := Types()
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name()
	}
	return names
}

// IsName reports whether there is an event of that name.
func IsName(name string) bool { return slices.Contains(Names(), name) }
