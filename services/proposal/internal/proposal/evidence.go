package proposal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// maxEvidence is in bytes; the analyzer bounds its documents far below.
const maxEvidence = 512 << 10

// maxNumber is beyond any count; what is larger is no evidence and could not be read either.
const maxNumber = 1e15

// ErrEvidence means that a finding's evidence cannot be read; trying again cannot help.
var ErrEvidence = errors.New("the finding's evidence cannot be read")

// Evidence is the part of a finding's document that proposals are computed from. Shares and ratios are 0–1.
type Evidence struct {
	Version          int             `json:"version"`
	Metric           string          `json:"metric"`
	AsOf             time.Time       `json:"as_of"`
	Window           Span            `json:"window"`
	Baseline         Span            `json:"baseline"`
	Counts           Counts          `json:"counts"`
	Ratio            Ratio           `json:"ratio"`
	Score            Score           `json:"score"`
	Segments         []Segment       `json:"segments"`
	Types            []TypeChange    `json:"types"`
	RuledOut         []RuledOut      `json:"ruled_out"`
	AffectedSessions *float64        `json:"affected_sessions"`
	Deployment       *RegressionTest `json:"deployment"`
	Subject          Subject         `json:"subject"` // the series that gave the alarm
	Volume           *Volume         `json:"volume"`
	FirstSeen        *FirstSeen      `json:"first_seen"`
	Funnel           *Funnel         `json:"funnel"`
	Counterfactual   *Counterfactual `json:"counterfactual"`
}

// Metrics: what a finding's ratio is of, and what its counts and its segments' count.
const (
	MetricRatio     = "positive_ratio"        // signals by polarity; segments: the negative ones of all types
	MetricTypeShare = "type_share"            // signals that are not of the subject's type; segments: those that are
	MetricVolume    = "share_of_usual_volume" // signals of the subject's type, or all
	// The counts of segments below are those of a sample of sessions: only their shares tell of the whole.
	MetricErrorFree  = "error_free_share"  // signals without the error; segments: those with it
	MetricConversion = "funnel_conversion" // sessions that go on; segments: those that stop
)

// Kinds of a Subject.
const (
	SubjectSegment = "segment" // the positive ratio of one value of a dimension
	SubjectType    = "type"    // the share of the signals that have this type
	SubjectError   = "error"   // an error that was never seen before
	SubjectFunnel  = "funnel"  // the share of sessions that take a step
)

// Subject is what was watched; Name is a type, an error or a step's target.
type Subject struct {
	Kind       string      `json:"kind"`
	Name       string      `json:"name"`
	Conditions []Condition `json:"conditions"`
}

// OfSample reports whether the counts of segments are a sample's.
func (e Evidence) OfSample() bool { return e.Metric == MetricErrorFree || e.Metric == MetricConversion }

// Volume is how many signals came, against how many were to be expected (95 %).
type Volume struct {
	Window       float64    `json:"window"`
	Expected     float64    `json:"expected"`
	Low          float64    `json:"low"`
	High         float64    `json:"high"`
	LastSignalAt *time.Time `json:"last_signal_at"`
}

// FirstSeen is a value, of an error for instance, that was not there before.
type FirstSeen struct {
	Dimension       string    `json:"dimension"`
	Value           string    `json:"value"`
	Type            string    `json:"type"`
	FirstAt         time.Time `json:"first_at"`
	Count           float64   `json:"count"`
	Sessions        *float64  `json:"sessions"`
	ShareOfSessions *float64  `json:"share_of_sessions"`
}

// Funnel is one step between two types, counted in sessions; Expected is the share that goes on, with its 95 % interval.
type Funnel struct {
	Steps    []string   `json:"steps"`
	From     string     `json:"from"`
	To       string     `json:"to"`
	Window   FunnelStep `json:"window"`
	Baseline FunnelStep `json:"baseline"`
	Expected float64    `json:"expected"`
	Low      float64    `json:"low"`
	High     float64    `json:"high"`
}

// FunnelStep counts the sessions that reached the step and those that went on.
type FunnelStep struct {
	Entered   float64 `json:"entered"`
	Continued float64 `json:"continued"`
}

// Share of the sessions that went on; 0 where none came.
func (s FunnelStep) Share() float64 { return share(s.Continued, s.Entered) }

// Counterfactual is the metric in the window and what it would have been without the trouble, both shares. SD is the
// standard error of their difference on the logit scale.
type Counterfactual struct {
	Metric string  `json:"metric"`
	Now    float64 `json:"now"`
	Then   float64 `json:"then"`
	SD     float64 `json:"sd"`
}

// Span of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Counts of the bad window and of what it is compared with.
type Counts struct {
	Window   Tally `json:"window"`
	Baseline Tally `json:"baseline"`
}

// Tally counts signals by polarity; Sessions is nil where they are not known.
type Tally struct {
	Positive float64  `json:"positive"`
	Negative float64  `json:"negative"`
	Sessions *float64 `json:"sessions"`
}

func (t Tally) total() float64 { return t.Positive + t.Negative }

// Share of the positive ones; 0 where nothing came.
func (t Tally) Share() float64 { return share(t.Positive, t.total()) }

func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}

// Ratio is the share of positive signals; Expected with its 95 % interval is what was predicted for the window.
type Ratio struct {
	Window   float64 `json:"window"`
	Baseline float64 `json:"baseline"`
	Expected float64 `json:"expected"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// Score of the detector; P bounds the probability of a false alarm.
type Score struct {
	P        float64 `json:"p"`
	Evidence float64 `json:"evidence"`
}

// Condition of a segment, such as element = #pay.
type Condition struct {
	Dimension string `json:"dimension"`
	Value     string `json:"value"`
}

// Segment is a part of the traffic that is worse off than the rest. Type is the most frequent of what it counts, at its
// first condition.
type Segment struct {
	Conditions      []Condition `json:"conditions"`
	Type            string      `json:"type"`
	Window          float64     `json:"window"`
	Expected        float64     `json:"expected"`
	Excess          float64     `json:"excess"`
	ShareOfChange   float64     `json:"share_of_change"`
	ShareOfTraffic  float64     `json:"share_of_traffic"`
	ShareOfSessions *float64    `json:"share_of_sessions"`
	FirstSeen       bool        `json:"first_seen"`
	Explains        bool        `json:"explains"`
	Sampled         bool        `json:"sampled"` // its counts are estimates
	Counts          Counts      `json:"counts"`
}

// TypeChange is how one signal type changed.
type TypeChange struct {
	Type     string  `json:"type"`
	Polarity string  `json:"polarity"`
	Window   float64 `json:"window"`
	Expected float64 `json:"expected"`
	Excess   float64 `json:"excess"`
}

// RuledOut is a dimension in which nothing stands out; Reason is the analyzer's.
type RuledOut struct {
	Dimension string `json:"dimension"`
	Reason    string `json:"reason"`
}

// Unjudged reports whether the dimension could not be judged at all, having a single value.
func (r RuledOut) Unjudged() bool { return strings.HasPrefix(r.Reason, "only one value") }

// RegressionTest is the verdict a regressed deployment's finding comes from; effects are changes of the odds.
type RegressionTest struct {
	Effect     float64 `json:"effect"`
	EffectLow  float64 `json:"effect_low"`
	EffectHigh float64 `json:"effect_high"`
	LookDay    float64 `json:"look_day"`
}

// readEvidence decodes and checks a finding's document.
func readEvidence(raw json.RawMessage) (Evidence, error) {
	if len(raw) > maxEvidence {
		return Evidence{}, fmt.Errorf("%w: %d bytes", ErrEvidence, len(raw))
	}
	var e Evidence
	if err := json.Unmarshal(raw, &e); err != nil {
		return Evidence{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	switch {
	case e.Version != 1:
		return Evidence{}, fmt.Errorf("%w: version %d", ErrEvidence, e.Version)
	case e.AsOf.IsZero(), e.Window.To.Before(e.Window.From), e.Baseline.To.Before(e.Baseline.From):
		return Evidence{}, fmt.Errorf("%w: its times do not fit", ErrEvidence)
	}
	for _, n := range e.numbers() {
		if math.Abs(n.value) > maxNumber {
			return Evidence{}, fmt.Errorf("%w: a number is beyond all counts", ErrEvidence)
		}
	}
	for _, t := range []Tally{e.Counts.Window, e.Counts.Baseline} {
		if t.Positive < 0 || t.Negative < 0 {
			return Evidence{}, fmt.Errorf("%w: a count is negative", ErrEvidence)
		}
	}
	for _, r := range []float64{e.Ratio.Window, e.Ratio.Baseline, e.Ratio.Expected, e.Ratio.Low, e.Ratio.High} {
		if r < 0 || r > 1 {
			return Evidence{}, fmt.Errorf("%w: a ratio is outside 0 to 1", ErrEvidence)
		}
	}
	return e, nil
}

// Lead is the segment that explains the change: the one marked so, else the first.
func (e Evidence) Lead() (Segment, bool) {
	for _, s := range e.Segments {
		if s.Explains {
			return s, true
		}
	}
	if len(e.Segments) == 0 {
		return Segment{}, false
	}
	return e.Segments[0], true
}
