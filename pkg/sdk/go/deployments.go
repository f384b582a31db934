package specter

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// DeploymentStatus is where a deployment stands:
//
//	planned ─▶ deployed ─▶ collecting ─▶ verified | regressed | no_effect | inconclusive
//	   └─▶ cancelled  └─▶ rolled_back
type DeploymentStatus string

// The states of a deployment.
const (
	DeploymentPlanned      DeploymentStatus = "planned"
	DeploymentDeployed     DeploymentStatus = "deployed"
	DeploymentCollecting   DeploymentStatus = "collecting"
	DeploymentVerified     DeploymentStatus = "verified"
	DeploymentRegressed    DeploymentStatus = "regressed"
	DeploymentNoEffect     DeploymentStatus = "no_effect"
	DeploymentInconclusive DeploymentStatus = "inconclusive"
	DeploymentCancelled    DeploymentStatus = "cancelled"
	DeploymentRolledBack   DeploymentStatus = "rolled_back"
)

// Deployment is an approved proposal on its way to proof.
type Deployment struct {
	ID           string           `json:"id"`
	ProductID    string           `json:"product_id"`
	ContextID    string           `json:"context_id"`
	ContextName  string           `json:"context_name,omitempty"`
	ProposalID   string           `json:"proposal_id"`
	Title        string           `json:"title"`
	Status       DeploymentStatus `json:"status"`
	Version      string           `json:"version,omitempty"`
	Commit       string           `json:"commit,omitempty"`
	URL          string           `json:"url,omitempty"`
	CreatedAt    time.Time        `json:"created_at"`
	DeployedAt   *time.Time       `json:"deployed_at,omitempty"`
	RolledBackAt *time.Time       `json:"rolled_back_at,omitempty"`
	Verification *Verification    `json:"verification,omitempty"`

	// ReportedVia is how it was noticed: web, cli, sdk, api, hook, github_deployment, github_release,
	// github_pull_request or github_push.
	ReportedVia string              `json:"reported_via,omitempty"`
	Environment string              `json:"environment,omitempty"`
	CanaryShare *float64            `json:"canary_share,omitempty"` // percent of the traffic; nil until it is deployed
	Merged      *MergedChange       `json:"merged,omitempty"`
	Overlaps    []DeploymentOverlap `json:"overlaps,omitempty"`
	Timeline    []DeploymentStep    `json:"timeline,omitempty"` // of Get, not of List
	Revision    int                 `json:"revision"`           // counts the reports
}

// MergedChange says that a change was merged, which is not deployed.
type MergedChange struct {
	MergedAt       time.Time `json:"merged_at"`
	Commit         string    `json:"commit"`
	PullRequestURL string    `json:"pull_request_url,omitempty"`
}

// DeploymentOverlap is another deployment in whose window this one is watched: their effects may not be told apart.
type DeploymentOverlap struct {
	DeploymentID string           `json:"deployment_id"`
	Title        string           `json:"title"`
	Status       DeploymentStatus `json:"status"`
	DeployedAt   time.Time        `json:"deployed_at"`
	Version      string           `json:"version,omitempty"`
}

// DeploymentStep is one line of a deployment's history.
type DeploymentStep struct {
	At        time.Time      `json:"at"`
	Actor     string         `json:"actor"` // user:<id>, token:<id>, hook:deploy, hook:github or service:<name>
	ActorName string         `json:"actor_name,omitempty"`
	Action    string         `json:"action"` // deployment.deployed, deployment.edited, …
	Detail    map[string]any `json:"detail"`
}

// Verification is the before/after test of a deployment.
type Verification struct {
	ID           string      `json:"id"`
	Status       string      `json:"status"` // collecting, improved, regressed, no_effect, inconclusive, stopped
	Method       string      `json:"method"`
	RegisteredAt time.Time   `json:"registered_at"`
	DecidedAt    *time.Time  `json:"decided_at,omitempty"`
	NextLookAt   *time.Time  `json:"next_look_at,omitempty"`
	Result       *LookResult `json:"result,omitempty"`
}

// LookResult is what a look at the data said. Pointers are nil when there was too little of it.
type LookResult struct {
	Outcome       string   `json:"outcome,omitempty"` // improved, regressed, no_effect, inconclusive
	Effect        *float64 `json:"effect,omitempty"`  // change of the odds: 0.21 is +21 %
	EffectLow     *float64 `json:"effect_low,omitempty"`
	EffectHigh    *float64 `json:"effect_high,omitempty"`
	IntervalLevel *float64 `json:"interval_level,omitempty"`
	RatioBefore   *float64 `json:"ratio_before,omitempty"` // positive ratio
	RatioAfter    *float64 `json:"ratio_after,omitempty"`
	ExpectedRatio *float64 `json:"expected_ratio,omitempty"` // after, had nothing changed
	Before        Counts   `json:"before"`
	After         Counts   `json:"after"`
	Warnings      []string `json:"warnings"`
	Reason        string   `json:"reason,omitempty"`
}

// Counts are the signals of a window.
type Counts struct {
	Positive int64 `json:"positive"`
	Negative int64 `json:"negative"`
	Days     int   `json:"days"`
}

// Deployments reads and reports deployments. Reading needs a token with the scope deployments:read,
// reporting one with deployments:write.
type Deployments struct{ client *Client }

// Deployments returns the deployments of the token's account.
func (c *Client) Deployments() Deployments { return Deployments{client: c} }

// List ranges over a product's deployments, newest first. After an error it ends.
func (d Deployments) List(ctx context.Context, productID string) iter.Seq2[Deployment, error] {
	path, err := idPath("/api/v1/products/", productID, "/deployments")
	if err != nil {
		return func(yield func(Deployment, error) bool) { yield(Deployment{}, err) }
	}
	return list[Deployment](ctx, d.client, path, nil)
}

// Get reads one deployment with its verification.
func (d Deployments) Get(ctx context.Context, id string) (Deployment, error) {
	var deployment Deployment
	path, err := idPath("/api/v1/deployments/", id, "")
	if err != nil {
		return deployment, err
	}
	err = d.client.call(ctx, http.MethodGet, path, nil, nil, &deployment)
	return deployment, err
}

// DeploymentReport says what shipped. All of it may be left out.
type DeploymentReport struct {
	DeployedAt time.Time `json:"deployed_at,omitzero"` // default now; may lie in the past
	Version    string    `json:"version,omitempty"`    // at most 200 characters
	Commit     string    `json:"commit,omitempty"`     // at most 64 characters
	URL        string    `json:"url,omitempty"`

	Environment string   `json:"environment,omitempty"`
	CanaryShare *float64 `json:"canary_share,omitempty"` // percent of the traffic; nil is all of it
}

// Report says that a deployment has shipped, which starts its verification. It is sent once: after an
// error that is no *Error, Get tells whether it arrived.
func (d Deployments) Report(ctx context.Context, id string, report DeploymentReport) (Deployment, error) {
	return d.write(ctx, http.MethodPost, id, "/report", report)
}

// DeploymentEdit corrects a report; what is nil stays.
type DeploymentEdit struct {
	DeployedAt  *time.Time `json:"deployed_at,omitempty"` // until its test has a verdict
	Version     *string    `json:"version,omitempty"`
	Commit      *string    `json:"commit,omitempty"`
	URL         *string    `json:"url,omitempty"`
	Environment *string    `json:"environment,omitempty"`
	CanaryShare *float64   `json:"canary_share,omitempty"` // percent of the traffic from CanarySince on
	CanarySince *time.Time `json:"canary_since,omitempty"` // default now
}

// Edit corrects what was reported, or tells of a new canary share.
func (d Deployments) Edit(ctx context.Context, id string, edit DeploymentEdit) (Deployment, error) {
	return d.write(ctx, http.MethodPatch, id, "", edit)
}

// Cancel says that a planned change will not ship.
func (d Deployments) Cancel(ctx context.Context, id string) (Deployment, error) {
	return d.write(ctx, http.MethodPost, id, "/cancel", nil)
}

// RollBack says that what shipped was taken back at a time; the zero time is now. A test that runs is stopped.
func (d Deployments) RollBack(ctx context.Context, id string, at time.Time) (Deployment, error) {
	return d.write(ctx, http.MethodPost, id, "/rollback", struct {
		At time.Time `json:"rolled_back_at,omitzero"`
	}{at})
}

func (d Deployments) write(ctx context.Context, method, id, suffix string, in any) (Deployment, error) {
	var deployment Deployment
	path, err := idPath("/api/v1/deployments/", id, suffix)
	if err != nil {
		return deployment, err
	}
	err = d.client.call(ctx, method, path, nil, in, &deployment)
	return deployment, err
}
