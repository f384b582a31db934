package proposal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxEvidence is in bytes; the analyzer bounds its documents far below.
const maxEvidence = 512 << 10

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

// Segment is a part of the traffic in which a type is over-represented.
type Segment struct {
	Conditions      []Condition `json:"conditions"`
	Type            string      `json:"type"`
	Window          float64     `json:"window"`
	Expected        float64     `json:"expected"`
	Excess          float64     `json:"excess"`
	ShareOfChange   float64     `json:"share_of_change"`
	ShareOfTraffic  float64     `json:"share_of_traffic"`
	ShareOfSessions *float64    `json:"share_of_sessions"`
	RateRatio       float64     `json:"rate_ratio"`
	FirstSeen       bool        `json:"first_seen"`
	Explains        bool        `json:"explains"`
}

// TypeChange is how one signal type changed.
type TypeChange struct {
	Type      string  `json:"type"`
	Polarity  string  `json:"polarity"`
	Window    float64 `json:"window"`
	Expected  float64 `json:"expected"`
	Excess    float64 `json:"excess"`
	RateRatio float64 `json:"rate_ratio"`
}

// RuledOut is a dimension in which nothing stands out.
type RuledOut struct {
	Dimension string `json:"dimension"`
	Reason    string `json:"reason"`
}

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
