package verification

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/pcf"
)

const (
	// wholeTraffic in percent: no canary.
	wholeTraffic = 100

	// maxTriggerDays bounds the days set aside by the trigger guard. What lay below the usual for longer than a week was
	// not a passing bad spell.
	maxTriggerDays = 7

	// shownDays of history are drawn before the deployment.
	shownDays = 28
)

// Plan is the pre-registration: everything a look will do, fixed before it may see anything. Stored as JSON and shown.
type Plan struct {
	Method string `json:"method"`
	// Revision counts the plans of a test from 1; RevisedBecause says why there is a later one.
	Revision       int    `json:"revision,omitempty"`
	RevisedBecause string `json:"revised_because,omitempty"`

	// Measure is what the test is about, Described the same in words, Because why.
	Measure
	Described string `json:"described"`
	Because   string `json:"because"`

	TimeZone   string    `json:"time_zone"`
	DeployedAt time.Time `json:"deployed_at"`
	// History is [HistoryFrom, HistoryTo). The window begins at WindowFrom, the first midnight at or after the
	// deployment; the part of a day in between belongs to neither side.
	HistoryFrom time.Time `json:"history_from"`
	HistoryTo   time.Time `json:"history_to"`
	HistoryDays int       `json:"history_days"`
	WindowFrom  time.Time `json:"window_from"`
	// Trigger is the span of days that led to the finding, before the deployment; a verdict must hold without them.
	Trigger *Span `json:"trigger,omitempty"`

	Looks      []PlannedLook `json:"looks"`
	Thresholds Thresholds    `json:"thresholds"`

	// Controls are untouched contexts, chosen by ControlRule.
	Controls    []Control `json:"controls"`
	ControlRule string    `json:"control_rule"`
	// MixDimensions are watched for a change of who comes.
	MixDimensions []string `json:"mix_dimensions"`
	// CanaryShare is the percentage of the traffic that got the change when the test was registered.
	CanaryShare float64 `json:"canary_share"`

	// Predicted is what the proposal promised, as it was when the test was registered. Promised is the measure it is
	// about, when the test is about a part of it; PromisedRange the same promise in that measure's unit.
	Predicted     json.RawMessage `json:"predicted,omitempty"`
	Promised      *Measure        `json:"promised,omitempty"`
	PromisedRange *pcf.Range      `json:"promised_range,omitempty"`
}

// mixDimensions are those of a signal that say who came, and not what happened.
func mixDimensions() []string { return []string{"browser", "country", "path"} }

// Span is [From, To).
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// PlannedLook is one look: after Day complete days, at AsOf, deciding at p ≤ NominalP.
type PlannedLook struct {
	Number   int       `json:"number"`
	Day      int       `json:"day"`
	AsOf     time.Time `json:"as_of"`
	NominalP float64   `json:"nominal_p"`
}

// Thresholds are the decision rules in numbers.
type Thresholds struct {
	Alpha           float64 `json:"alpha"`
	MinHistoryDays  int     `json:"min_history_days"`
	MinWindowDays   int     `json:"min_window_days"`
	MinWeeklyEvents int     `json:"min_weekly_events"`
	NoEffectWithin  float64 `json:"no_effect_within"`
}

// Deployment is what is known of a deployment when its test is registered.
type Deployment struct {
	ID, ProposalID, ProductID, ContextID uuid.UUID
	// Deployed is false when it was taken back before its report was read.
	Deployed                     bool
	DeployedAt                   time.Time
	TimeZone                     string
	PositiveTypes, NegativeTypes []string
	// CanaryShare is in percent.
	CanaryShare float64
	// Finding is behind the proposal; nil when it is gone.
	Finding   *Finding
	Predicted json.RawMessage
}

// newPlan fixes the test of a deployment: when what is looked at, and what it is.
func newPlan(ctx context.Context, d Deployment, horizonDays int, evidence Evidence) (Plan, error) {
	days, err := newCalendar(d.TimeZone)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Method: pcf.Method, Revision: 1,
		TimeZone: d.TimeZone, DeployedAt: d.DeployedAt.UTC(),
		HistoryTo: days.start(d.DeployedAt, 0), HistoryDays: pcf.MaxHistoryDays,
		HistoryFrom: days.start(d.DeployedAt, -pcf.MaxHistoryDays),
		Thresholds: Thresholds{
			Alpha: pcf.Alpha, MinHistoryDays: pcf.MinHistoryDays, MinWindowDays: pcf.MinWindowDays,
			MinWeeklyEvents: pcf.MinWeeklyEvents, NoEffectWithin: pcf.NoEffectWithin,
		},
		CanaryShare: d.CanaryShare, ControlRule: controlRule, Predicted: d.Predicted,
	}
	firstDay := 0
	if d.DeployedAt.After(p.HistoryTo) {
		firstDay = 1
	}
	p.WindowFrom = days.start(d.DeployedAt, firstDay)
	for _, look := range pcf.Until(horizonDays) {
		p.Looks = append(p.Looks, PlannedLook{
			Number: look.Number, Day: look.Day, NominalP: look.NominalP,
			AsOf: days.start(d.DeployedAt, firstDay+look.Day),
		})
	}
	p.Trigger = triggerSpan(days, d, p.HistoryTo)
	return p, p.about(ctx, days, d, evidence)
}

// about decides what is measured, and against what.
func (p *Plan) about(ctx context.Context, days calendar, d Deployment, evidence Evidence) error {
	chosen, err := choose(ctx, d, p.HistoryFrom, p.HistoryTo, evidence)
	if err != nil {
		return err
	}
	p.Measure, p.Because, p.Promised = chosen.measure, sentenceCase(chosen.because)+".", chosen.promised
	p.Described = sentenceCase(p.Name())
	p.PromisedRange = promisedRange(d, p.promisedMeasure())
	p.MixDimensions = slices.DeleteFunc(mixDimensions(), func(name string) bool { return p.Segment != nil && p.Segment.Dimension == name })
	if p.Controls, err = controls(ctx, days, *p, evidence); err != nil {
		return err
	}
	return nil
}

// promisedMeasure is what the prediction is about.
func (p Plan) promisedMeasure() Measure {
	if p.Promised != nil {
		return *p.Promised
	}
	return p.Measure
}

// triggerSpan is the days from the start of the finding to its detection, the last maxTriggerDays of them at most, cut
// at the end of the history. Days between detection and deployment are not among them: had the metric recovered by
// itself, they would show it.
func triggerSpan(days calendar, d Deployment, historyTo time.Time) *Span {
	if d.Finding == nil {
		return nil
	}
	// The detection is as of an hour's start: the hour before is the last it saw.
	lastSeen := d.Finding.DetectedAt.Add(-time.Nanosecond)
	span := Span{From: days.start(d.Finding.StartedAt, 0), To: days.start(lastSeen, 1)}
	if earliest := days.start(lastSeen, 1-maxTriggerDays); span.From.Before(earliest) {
		span.From = earliest
	}
	if span.To.After(historyTo) {
		span.To = historyTo
	}
	if !span.From.Before(span.To) {
		return nil
	}
	return &span
}

// revision counts from 1; plans made before revisions were told apart are the first.
func (p Plan) revision() int { return max(1, p.Revision) }

// look finds a planned look by its number.
func (p Plan) look(number int) (PlannedLook, error) {
	if number < 1 || number > len(p.Looks) {
		return PlannedLook{}, fmt.Errorf("look %d is not one of the %d planned", number, len(p.Looks))
	}
	return p.Looks[number-1], nil
}

func (p Plan) schedule() pcf.Schedule {
	s := make(pcf.Schedule, len(p.Looks))
	for i, look := range p.Looks {
		s[i] = pcf.Look{Number: look.Number, Day: look.Day, NominalP: look.NominalP}
	}
	return s
}
