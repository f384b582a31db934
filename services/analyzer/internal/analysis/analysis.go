package analysis

import (
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// MinSignals is how many signals of the last 24 hours an analysis needs.
const MinSignals = 5

// Lookback bounds how much history a run reads.
const lookback = 12 * 7 * 24 * time.Hour

// recent is how much of it is read by value: four weeks.
const recent = 4 * 7 * 24 * time.Hour

// Trigger of an analysis.
type Trigger string

// What makes an analysis run.
const (
	Timer     Trigger = "timer"     // signals were stored a few minutes ago
	Requested Trigger = "requested" // a person asked
	Import    Trigger = "import"    // history came in
)

// Outcome of an analysis.
type Outcome string

// The outcomes.
const (
	Findings           Outcome = "findings"
	NothingSignificant Outcome = "nothing_significant"
	NotEnoughData      Outcome = "not_enough_data"
)

// Analysis is one look at a context.
type Analysis struct {
	ID           uuid.UUID
	Context      signal.Context
	Trigger      Trigger
	RequestedBy  string
	From         time.Time // of the history read
	AsOf         time.Time
	Outcome      Outcome
	Reason       string
	FindingCount int
	Signals24h   int64
	DryRun       bool // nothing was opened or resolved
	Detail       Detail
	StartedAt    time.Time
	FinishedAt   time.Time
}

// Detail is what a person may want to see of a run that found nothing.
type Detail struct {
	Evidence      float64  `json:"evidence"`  // accumulated, natural logarithm
	Threshold     float64  `json:"threshold"` // what a finding needs
	Hours         int      `json:"hours"`     // hours with signals that were judged
	Ratio24h      *float64 `json:"ratio_24h"`
	ExpectedRatio *float64 `json:"expected_ratio"`
	OpenFindingID string   `json:"open_finding_id,omitempty"`
	// Pending is what was noticed a short while ago and cannot be explained yet.
	Pending string `json:"pending,omitempty"`
	// Preview is what a dry run would have opened.
	Preview []Preview `json:"preview,omitempty"`
}

// Preview is a finding that was not opened, because the run was dry.
type Preview struct {
	Family    string    `json:"family"`
	Severity  float64   `json:"severity"`
	StartedAt time.Time `json:"started_at"`
	Summary   string    `json:"summary"`
	Evidence  Evidence  `json:"evidence"`
}

// Families of findings.
const (
	RatioWorsening      = "ratio_worsening"
	SlowWorsening       = "slow_worsening" // it took more than a day to become noticeable
	ErrorSpike          = "error_spike"
	NewError            = "new_error" // an error nobody had before
	RageClicks          = "rage_clicks"
	BrokenRelease       = "broken_release" // one release explains it
	FunnelDrop          = "funnel_drop"
	Silence             = "silence"         // signals stopped: the integration broke, not the users
	VolumeCollapse      = "volume_collapse" // far fewer signals, or far fewer of a type
	DeploymentRegressed = "deployment_regressed"
)

// Finding is something that became worse.
type Finding struct {
	ID           uuid.UUID
	AnalysisID   uuid.UUID // uuid.Nil for a regressed deployment
	Context      signal.Context
	Family       string
	Fingerprint  string
	Severity     float64
	StartedAt    time.Time
	StartedLow   time.Time
	StartedHigh  time.Time
	DetectedAt   time.Time
	Evidence     Evidence
	DeploymentID uuid.UUID // uuid.Nil unless a deployment regressed

	unclear bool // several segments explain it about equally well
}

// Known is a finding that was opened before.
type Known struct {
	ID          uuid.UUID
	Family      string
	Fingerprint string // the key of the series that gave the alarm, "@" and its start
	StartedAt   time.Time
	StartedLow  time.Time
	DetectedAt  time.Time
	ResolvedAt  *time.Time
	AsOf        time.Time // of its evidence
	Severity    float64
	Lead        []Condition // of the segment that explains it, if one does
}

// HourCount is what one hour of a context held, polarity applied.
type HourCount struct {
	Hour     time.Time
	Positive int64
	Negative int64
	All      int64 // neutral ones included
}

// Window is a span of whole hours [From, To). HoursOfDay, when not empty, keeps
// only these hours (UTC): a bad window of three afternoon hours is compared with
// afternoons.
type Window struct {
	From       time.Time
	To         time.Time
	HoursOfDay []int
}

// TypeTotal is one type's count in the bad window and its baseline.
type TypeTotal struct {
	Type     string
	Window   int64
	Baseline int64
}

// ValueTotal is one type's count of one dimension value in both.
type ValueTotal struct {
	Dimension string
	Value     string
	TypeTotal
}

// RawSignal is what examples are taken from.
type RawSignal struct {
	ID      uuid.UUID
	Type    string
	Payload []byte
	At      time.Time
}
