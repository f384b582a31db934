package verification

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/pcf"
)

// The metrics a test can be about. All but the volume are shares, tested by their odds.
const (
	// MetricRatio is positive / (positive + negative) signals.
	MetricRatio = "positive_ratio"
	// MetricTypeShare is the share of the signals that are not of the one type that is bad.
	MetricTypeShare = "type_share"
	// MetricErrorFree is the share of the signals that do not carry the one error.
	MetricErrorFree = "error_free_share"
	// MetricConversion is the share of the sessions at a step of the funnel that go on.
	MetricConversion = "funnel_conversion"
	// MetricVolume is how many signals come a day. It is predicted as a share of what is usual.
	MetricVolume = "share_of_usual_volume"
)

// Measure says what is counted for each hour. Which of its fields are set depends on the metric.
type Measure struct {
	Metric    string    `json:"metric"`
	ContextID uuid.UUID `json:"context_id"`
	// PositiveTypes and NegativeTypes of a positive ratio, as they were configured when the test was registered.
	PositiveTypes []string `json:"positive_types,omitempty"`
	NegativeTypes []string `json:"negative_types,omitempty"`
	// Segment is the part of the traffic that a positive ratio is of; nil is all of it.
	Segment *Condition `json:"segment,omitempty"`
	// Type is the bad one of a type share, or the one whose volume is counted ("" counts all).
	Type string `json:"type,omitempty"`
	// Error is the value of the dimension "error" of an error-free share.
	Error string `json:"error,omitempty"`
	// Funnel are all steps of a conversion; Step is the place, from 0, of the one that is left.
	Funnel []string `json:"funnel,omitempty"`
	Step   int      `json:"step,omitempty"`
}

// Condition of a segment, such as path = /checkout.
type Condition struct {
	Dimension string `json:"dimension"`
	Value     string `json:"value"`
}

func (c Condition) String() string { return c.Dimension + " = " + c.Value }

// scale is how the method treats the measure.
func (m Measure) scale() pcf.Metric {
	if m.Metric == MetricVolume {
		return pcf.Count
	}
	return pcf.Ratio
}

// same reports whether two measures count the same.
func (m Measure) same(other Measure) bool { return m.Name() == other.Name() }

// Name says the measure in words: "the positive ratio where path = /checkout".
func (m Measure) Name() string {
	switch m.Metric {
	case MetricTypeShare:
		return fmt.Sprintf("the share of signals other than %q", m.Type)
	case MetricErrorFree:
		return fmt.Sprintf("the share of signals without the error %q", m.Error)
	case MetricConversion:
		return fmt.Sprintf("the share of sessions that go on from %q to %q", m.Funnel[m.Step], m.Funnel[m.Step+1])
	case MetricVolume:
		if m.Type == "" {
			return "the number of signals"
		}
		return fmt.Sprintf("the number of %q signals", m.Type)
	}
	if m.Segment != nil {
		return "the positive ratio where " + m.Segment.String()
	}
	return "the positive ratio"
}

// wording is how a measure's numbers are called.
type wording struct {
	// effect is what changed by so many percent.
	effect string
	// good and bad are what is counted; bad is empty for a volume.
	good, bad string
}

func (m Measure) wording() wording {
	switch m.Metric {
	case MetricTypeShare:
		return wording{fmt.Sprintf("the odds of a signal other than %q", m.Type), "others", m.Type}
	case MetricErrorFree:
		return wording{"the odds of a signal without the error", "without it", "with it"}
	case MetricConversion:
		return wording{"the odds of going on", "sampled sessions that went on", "that did not"}
	case MetricVolume:
		return wording{m.Name(), "signals", ""}
	}
	return wording{"the odds of a positive signal", "positive", "negative"}
}

// sentenceCase starts a sentence.
func sentenceCase(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
