package event

import eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

// The catalogue. What each means is said once, at its message in proto/specter/event/v1.
var (
	SignalBatch = define[*eventv1.SignalBatch](signals, "signal.batch", 1, ManyAccounts)

	IngestRefused = define[*eventv1.IngestRefused](refusals, "ingest.refused", 1, ManyAccounts)
	KeysUsed      = define[*eventv1.KeysUsed](refusals, "keys.used", 1, ManyAccounts)

	SignalFirstReceived = define[*eventv1.SignalFirstReceived](facts, "signal.first_received", 1, OneAccount)
	ImportCompleted     = define[*eventv1.ImportCompleted](facts, "import.completed", 1, OneAccount)

	AnalysisRequested = define[*eventv1.AnalysisRequested](facts, "analysis.requested", 1, OneAccount)
	AnalysisCompleted = define[*eventv1.AnalysisCompleted](facts, "analysis.completed", 1, OneAccount)
	FindingOpened     = define[*eventv1.FindingOpened](facts, "finding.opened", 1, OneAccount)
	FindingRenewed    = define[*eventv1.FindingRenewed](facts, "finding.renewed", 1, OneAccount)

	ProposalCreated          = define[*eventv1.ProposalCreated](facts, "proposal.created", 1, OneAccount)
	ProposalUpdated          = define[*eventv1.ProposalUpdated](facts, "proposal.updated", 1, OneAccount)
	ProposalApproved         = define[*eventv1.ProposalApproved](facts, "proposal.approved", 1, OneAccount)
	ProposalRejected         = define[*eventv1.ProposalRejected](facts, "proposal.rejected", 1, OneAccount)
	ProposalSnoozed          = define[*eventv1.ProposalSnoozed](facts, "proposal.snoozed", 1, OneAccount)
	ProposalDuplicated       = define[*eventv1.ProposalDuplicated](facts, "proposal.duplicated", 1, OneAccount)
	ProposalRewriteRequested = define[*eventv1.ProposalRewriteRequested](facts, "proposal.rewrite_requested", 1, OneAccount)
	ProposalEdited           = define[*eventv1.ProposalEdited](facts, "proposal.edited", 1, OneAccount)
	ProposalReopened         = define[*eventv1.ProposalReopened](facts, "proposal.reopened", 1, OneAccount)
	ProposalExpired          = define[*eventv1.ProposalExpired](facts, "proposal.expired", 1, OneAccount)

	DeploymentCreated      = define[*eventv1.DeploymentCreated](facts, "deployment.created", 1, OneAccount)
	DeploymentDeployed     = define[*eventv1.DeploymentDeployed](facts, "deployment.deployed", 1, OneAccount)
	DeploymentEdited       = define[*eventv1.DeploymentEdited](facts, "deployment.edited", 1, OneAccount)
	DeploymentCancelled    = define[*eventv1.DeploymentCancelled](facts, "deployment.cancelled", 1, OneAccount)
	DeploymentRolledBack   = define[*eventv1.DeploymentRolledBack](facts, "deployment.rolled_back", 1, OneAccount)
	DeploymentVerified     = define[*eventv1.DeploymentVerified](facts, "deployment.verified", 1, OneAccount)
	DeploymentRegressed    = define[*eventv1.DeploymentRegressed](facts, "deployment.regressed", 1, OneAccount)
	DeploymentInconclusive = define[*eventv1.DeploymentInconclusive](facts, "deployment.inconclusive", 1, OneAccount)

	AccountDeletionScheduled = define[*eventv1.AccountDeletionScheduled](facts, "account.deletion_scheduled", 1, OneAccount)
	AccountDeletionCancelled = define[*eventv1.AccountDeletionCancelled](facts, "account.deletion_cancelled", 1, OneAccount)
	AccountPurgeBegun        = define[*eventv1.AccountPurgeBegun](facts, "account.purge_begun", 1, OneAccount)
	AccountForgotten         = define[*eventv1.AccountForgotten](facts, "account.forgotten", 1, OneAccount)

	ExportRequested = define[*eventv1.ExportRequested](facts, "export.requested", 1, OneAccount)
	ExportDeleted   = define[*eventv1.ExportDeleted](facts, "export.deleted", 1, OneAccount)

	EndpointTested            = define[*eventv1.EndpointTested](facts, "endpoint.tested", 1, OneAccount)
	EndpointDisabled          = define[*eventv1.EndpointDisabled](facts, "endpoint.disabled", 1, OneAccount)
	EndpointRecoveryRequested = define[*eventv1.EndpointRecoveryRequested](facts, "endpoint.recovery_requested", 1, OneAccount)
	DeliveryResendRequested   = define[*eventv1.DeliveryResendRequested](facts, "delivery.resend_requested", 1, OneAccount)

	QuotaWarning  = define[*eventv1.QuotaWarning](facts, "quota.warning", 1, OneAccount)
	QuotaExceeded = define[*eventv1.QuotaExceeded](facts, "quota.exceeded", 1, OneAccount)
)

// All lists the catalogue in the order of a signal's life.
func All() []Info {
	types := []Describer{
		SignalBatch, IngestRefused, KeysUsed,
		SignalFirstReceived, ImportCompleted,
		AnalysisRequested, AnalysisCompleted, FindingOpened, FindingRenewed,
		ProposalCreated, ProposalUpdated, ProposalApproved, ProposalRejected, ProposalSnoozed, ProposalDuplicated, ProposalRewriteRequested, ProposalEdited, ProposalReopened, ProposalExpired,
		DeploymentCreated, DeploymentDeployed, DeploymentEdited, DeploymentCancelled, DeploymentRolledBack,
		DeploymentVerified, DeploymentRegressed, DeploymentInconclusive,
		AccountDeletionScheduled, AccountDeletionCancelled, AccountPurgeBegun, AccountForgotten,
		ExportRequested, ExportDeleted,
		EndpointTested, EndpointDisabled, EndpointRecoveryRequested, DeliveryResendRequested,
		QuotaWarning, QuotaExceeded,
	}
	infos := make([]Info, len(types))
	for i, t := range types {
		infos[i] = t.Info()
	}
	return infos
}

// ByTag finds a type by its tag ("proposal.created.v1"), the value of the Specter-Event header.
func ByTag(tag string) (Info, bool) {
	for _, i := range All() {
		if i.Tag() == tag {
			return i, true
		}
	}
	return Info{}, false
}
