package proposal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Families of findings; an unknown one is written about in general terms.
const (
	RatioWorsening      = "ratio_worsening"
	SlowWorsening       = "slow_worsening" // it took more than a day to become noticeable
	ErrorSpike          = "error_spike"
	NewError            = "new_error" // an error nobody had before
	RageClicks          = "rage_clicks"
	BrokenRelease       = "broken_release" // one release explains it
	FunnelDrop          = "funnel_drop"
	Silence             = "silence" // signals stopped: the integration broke, not the users
	VolumeCollapse      = "volume_collapse"
	DeploymentRegressed = "deployment_regressed"
)

// Finding is what the analyzer opened.
type Finding struct {
	EventID      uuid.UUID
	AccountID    uuid.UUID
	ID           uuid.UUID
	ProductID    uuid.UUID
	ContextID    uuid.UUID
	Family       string
	StartedAt    time.Time
	DetectedAt   time.Time
	Severity     float64 // 0–1
	DeploymentID uuid.UUID
	Evidence     json.RawMessage
	Renewed      bool // newer evidence of a finding that was opened before
}

// Context is the area of the product a finding is about.
type Context struct {
	Name          string
	PositiveTypes []string
	NegativeTypes []string
}

// Shipped is the deployment a regression comes from.
type Shipped struct {
	Title      string // of the proposal it carried out
	Version    string
	DeployedAt time.Time
}

// Proposal is what a person decides on.
type Proposal struct {
	ID              uuid.UUID
	AccountID       uuid.UUID
	ProductID       uuid.UUID
	ContextID       uuid.UUID
	FindingID       uuid.UUID
	DeploymentID    uuid.UUID // uuid.Nil unless a deployment regressed
	Family          string
	Fingerprint     string
	Title           string
	Diagnosis       string
	SuggestedChange string
	Evidence        json.RawMessage
	Impact          Impact
	Severity        float64 // of the finding
	Confidence      float64
	Priority        float64
	Reopens         *Before // nil unless the matter had a proposal before
	Provenance      Provenance
	ContentHash     string
	EvidenceAt      time.Time
	CreatedAt       time.Time
	ExpiresAt       time.Time
}

// Provenance says where the text came from and what it cost. Engine to PromptVersion name who wrote what is shown; what
// was asked of another engine in vain is in Fallback, and its tokens and cost count here all the same.
type Provenance struct {
	Engine        string      `json:"engine"`
	EngineVersion string      `json:"engine_version"`
	Provider      string      `json:"provider,omitempty"` // host that was asked
	Model         string      `json:"model,omitempty"`
	PromptVersion *string     `json:"prompt_version"`
	Window        Span        `json:"window"`
	Tokens        int         `json:"tokens"` // TokensIn + TokensOut
	TokensIn      int         `json:"tokens_in"`
	TokensOut     int         `json:"tokens_out"`
	Cost          float64     `json:"cost"` // US dollars
	DurationMS    int64       `json:"duration_ms"`
	Redactions    int         `json:"redactions"`
	Attempts      int         `json:"attempts"` // drafts asked for, the refused ones included
	Fallback      *Fallback   `json:"fallback,omitempty"`
	Findings      []uuid.UUID `json:"findings"` // all whose evidence it absorbed, newest first
	// Damped is what earlier rejections left of confidence and priority, when they took something.
	Damped *float64 `json:"damped,omitempty"`
}

// maxFindings bounds the list of absorbed findings.
const maxFindings = 20

// Absorbing returns p in the place of the open proposal it adds evidence to.
func (p Proposal) Absorbing(id uuid.UUID, createdAt time.Time, findings []uuid.UUID) Proposal {
	p.ID, p.CreatedAt = id, createdAt
	for _, f := range findings {
		if !slices.Contains(p.Provenance.Findings, f) && len(p.Provenance.Findings) < maxFindings {
			p.Provenance.Findings = append(p.Provenance.Findings, f)
		}
	}
	return p
}

// fingerprint names the matter: the kind of trouble and the place where it shows, not the incident. Two incidents of the
// same matter are one proposal while nobody has decided. A trouble of one error, step or type is another than the next's;
// of the positive ratio, what gave the alarm first is chance, and which negative type is the most frequent may change any hour.
func fingerprint(f Finding, e Evidence) string {
	parts := []string{f.Family}
	if e.Metric != MetricRatio && e.Subject.Name != "" {
		parts = append(parts, e.Subject.Name)
	}
	if f.DeploymentID != uuid.Nil {
		parts = append(parts, f.DeploymentID.String())
	} else if lead, ok := e.Lead(); ok {
		var where []string
		for _, c := range lead.Conditions {
			where = append(where, c.Dimension+"="+c.Value)
		}
		slices.Sort(where)
		parts = append(parts, where...)
	}
	return f.Family + "@" + digest(parts...)[:32]
}

// contentHash covers what a person approves. A decision carries the hash of what was on the screen.
func contentHash(p Proposal) (string, error) {
	impact, err := json.Marshal(p.Impact)
	if err != nil {
		return "", fmt.Errorf("encoding the predicted impact: %w", err)
	}
	return digest(p.Title, p.Diagnosis, p.SuggestedChange, string(impact)), nil
}

// digest hashes the parts with their lengths, so that no two lists run together.
func digest(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%d:%s,", len(p), p)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
