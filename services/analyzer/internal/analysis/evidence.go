package analysis

import (
	"time"

	"github.com/google/uuid"
)

// Evidence is a finding's document (findings.evidence): every number can be
// computed again from the rollups of its window and baseline.
type Evidence struct {
	Version          int               `json:"version"`
	Metric           string            `json:"metric"`
	AsOf             time.Time         `json:"as_of"`
	Window           Span              `json:"window"`
	Baseline         Span              `json:"baseline"`
	Counts           WindowCounts      `json:"counts"`
	Ratio            Ratio             `json:"ratio"`
	Score            Score             `json:"score"`
	Segments         []SegmentEvidence `json:"segments"`
	Types            []TypeEvidence    `json:"types"`
	RuledOut         []RuledOut        `json:"ruled_out"`
	Examples         []uuid.UUID       `json:"examples"`
	AffectedSessions *int64            `json:"affected_sessions"`
	Series           []Point           `json:"series"`
	Mix              []MixEvidence     `json:"mix"`
	Deployment       *Regression       `json:"deployment,omitempty"`
	// Subject is the series that gave the alarm.
	Subject Subject `json:"subject"`
	// Volume, FirstSeen and Funnel are there when the finding is about such a series.
	Volume    *Volume    `json:"volume,omitempty"`
	FirstSeen *FirstSeen `json:"first_seen,omitempty"`
	Funnel    *Funnel    `json:"funnel,omitempty"`
	// Counterfactual is what the metric would be without the trouble; nil when that
	// cannot be said.
	Counterfactual *Counterfactual `json:"counterfactual,omitempty"`
}

// Kinds of a Subject.
const (
	SubjectRatio   = "ratio"   // the context's positive ratio
	SubjectSegment = "segment" // the positive ratio of one value of a dimension
	SubjectType    = "type"    // the share of the context's signals that have this type
	SubjectVolume  = "volume"  // how many signals the context gets
	SubjectError   = "error"   // an error that was never seen before
	SubjectFunnel  = "funnel"  // the share of sessions that take the step
)

// Subject is what was watched: Name is the type, the error or the step's target.
type Subject struct {
	Kind       string      `json:"kind"`
	Name       string      `json:"name,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
}

// Volume is how many signals came, against how many were to be expected (95 %).
type Volume struct {
	Window       int64      `json:"window"`
	Expected     float64    `json:"expected"`
	Low          float64    `json:"low"`
	High         float64    `json:"high"`
	LastSignalAt *time.Time `json:"last_signal_at,omitempty"`
}

// FirstSeen is a value, of an error for instance, that was not there before. Sessions
// are estimated from the hour's sample.
type FirstSeen struct {
	Dimension       string    `json:"dimension"`
	Value           string    `json:"value"`
	Type            string    `json:"type"`
	FirstAt         time.Time `json:"first_at"`
	Count           int64     `json:"count"`
	Sessions        *int64    `json:"sessions,omitempty"`
	ShareOfSessions *float64  `json:"share_of_sessions,omitempty"`
}

// Funnel is one step between two types, counted in sessions.
type Funnel struct {
	Steps    []string   `json:"steps"` // all of the context's
	From     string     `json:"from"`
	To       string     `json:"to"`
	Window   FunnelStep `json:"window"`
	Baseline FunnelStep `json:"baseline"`
	Expected float64    `json:"expected"` // share that continues, with its 95 % interval
	Low      float64    `json:"low"`
	High     float64    `json:"high"`
}

// FunnelStep counts the sessions that reached the step and those that went on.
type FunnelStep struct {
	Entered   int64 `json:"entered"`
	Continued int64 `json:"continued"`
}

// Counterfactual is the metric as it was in the window and as it would have been had
// the segment stayed at its baseline, both shares. SD is the standard error of Then, in
// logits and with the drift of the coming week; of a volume it is relative.
type Counterfactual struct {
	Metric string  `json:"metric"`
	Now    float64 `json:"now"`
	Then   float64 `json:"then"`
	SD     float64 `json:"sd"`
}

// Metrics of a Counterfactual.
const (
	MetricRatio      = "positive_ratio"
	MetricVolume     = "share_of_usual_volume"
	MetricTypeShare  = "type_share"
	MetricErrorFree  = "error_free_share"
	MetricConversion = "funnel_conversion"
)

// Span of hours; HoursOfDay (UTC) when only these were compared.
type Span struct {
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	HoursOfDay []int     `json:"hours_of_day,omitempty"`
}

// WindowCounts of both windows.
type WindowCounts struct {
	Window   Tally `json:"window"`
	Baseline Tally `json:"baseline"`
}

// Tally counts signals; Sessions, estimated, is null where no session ids were sent.
type Tally struct {
	Positive int64  `json:"positive"`
	Negative int64  `json:"negative"`
	Sessions *int64 `json:"sessions"`
}

func (t Tally) ratio() float64 {
	if t.Positive+t.Negative == 0 {
		return 0
	}
	return float64(t.Positive) / float64(t.Positive+t.Negative)
}

// Ratio is the share of positive signals; Expected, Low and High (95 %) are what
// the detector predicted for the window before it was seen.
type Ratio struct {
	Window   float64 `json:"window"`
	Baseline float64 `json:"baseline"`
	Expected float64 `json:"expected"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Score: Evidence is the accumulated log-likelihood ratio, P the false-alarm
// bound e^−Evidence that goes with it.
type Score struct {
	P        float64 `json:"p"`
	Evidence float64 `json:"evidence"`
}

// Condition of a segment.
type Condition struct {
	Dimension string `json:"dimension"`
	Value     string `json:"value"`
}

// SegmentEvidence is one over-represented segment, the explanation first.
type SegmentEvidence struct {
	Conditions      []Condition `json:"conditions"`
	Type            string      `json:"type"` // its most frequent negative type
	Window          int64       `json:"window"`
	Expected        float64     `json:"expected"`
	Excess          float64     `json:"excess"`
	ShareOfChange   float64     `json:"share_of_change"`
	ShareOfTraffic  float64     `json:"share_of_traffic"`
	ShareOfSessions *float64    `json:"share_of_sessions"` // of the window's sessions, estimated
	RateRatio       float64     `json:"rate_ratio"`
	Q               float64     `json:"q"`
	FirstSeen       bool        `json:"first_seen"`
	Explains        bool        `json:"explains"` // the likeliest account, with ≥ 60 % of the change
	// Sampled: the counts are estimated from the sample of sessions, because rollups do
	// not count two conditions together.
	Sampled bool `json:"sampled,omitempty"`
	// Counts of the segment itself, in window and baseline.
	Counts WindowCounts `json:"counts"`
}

// TypeEvidence is one negative type.
type TypeEvidence struct {
	Type      string  `json:"type"`
	Polarity  string  `json:"polarity"`
	Window    int64   `json:"window"`
	Baseline  int64   `json:"baseline"`
	Expected  float64 `json:"expected"`
	Excess    float64 `json:"excess"`
	RateRatio float64 `json:"rate_ratio"`
	Q         float64 `json:"q"`
}

// RuledOut is a dimension in which nothing worsened more than the rest.
type RuledOut struct {
	Dimension string `json:"dimension"`
	Reason    string `json:"reason"`
}

// MixEvidence splits the change of the negative rate into the segments' own change
// and traffic moving between them (Kitagawa).
type MixEvidence struct {
	Dimension string  `json:"dimension"`
	Within    float64 `json:"within"`
	Between   float64 `json:"between"`
}

// Point of the series a person sees; Expected, Low and High are ratios.
type Point struct {
	Hour     time.Time `json:"hour"`
	Positive int64     `json:"positive"`
	Negative int64     `json:"negative"`
	Expected float64   `json:"expected"`
	Low      float64   `json:"low"`
	High     float64   `json:"high"`
}

// Regression is the verdict a finding of a regressed deployment comes from.
type Regression struct {
	DeploymentID        uuid.UUID `json:"deployment_id"`
	ProposalID          uuid.UUID `json:"proposal_id"`
	VerificationID      uuid.UUID `json:"verification_id"`
	Effect              float64   `json:"effect"` // change of the odds of a positive signal
	EffectLow           float64   `json:"effect_low"`
	EffectHigh          float64   `json:"effect_high"`
	ProbabilityImproved float64   `json:"probability_improved"`
	LookDay             int       `json:"look_day"`
}
