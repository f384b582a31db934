package verification

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/pcf"
)

const (
	// metricPositiveRatio is the one metric in use: positive / (positive + negative) signals of the context.
	metricPositiveRatio = "positive_ratio"

	// maxTriggerDays bounds the days set aside by the trigger guard. What lay below the usual for longer than a week was
	// not a passing bad spell.
	maxTriggerDays = 7

	// shownDays of history are drawn before the deployment.
	shownDays = 28
)

// Plan is the pre-registration: everything a look will do, fixed before it may see anything. Stored as JSON and shown.
type Plan struct {
	Method string `json:"method"`
	Metric string `json:"metric"`
	// The context's signal types as they were configured when the test was registered.
	ContextID     uuid.UUID `json:"context_id"`
	PositiveTypes []string  `json:"positive_types"`
	NegativeTypes []string  `json:"negative_types"`

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
	// Predicted is what the proposal promised, as it was when the test was registered.
	Predicted json.RawMessage `json:"predicted,omitempty"`
}

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
	// When the finding behind the proposal began and was detected; nil when it is gone.
	FindingStartedAt, FindingDetectedAt *time.Time
	Predicted                           json.RawMessage
}

// newPlan fixes the test of a deployment.
func newPlan(d Deployment) (Plan, error) {
	days, err := newCalendar(d.TimeZone)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Method: pcf.Method, Metric: metricPositiveRatio,
		ContextID: d.ContextID, PositiveTypes: d.PositiveTypes, NegativeTypes: d.NegativeTypes,
		TimeZone: d.TimeZone, DeployedAt: d.DeployedAt.UTC(),
		HistoryTo: days.start(d.DeployedAt, 0), HistoryDays: pcf.MaxHistoryDays,
		HistoryFrom: days.start(d.DeployedAt, -pcf.MaxHistoryDays),
		Thresholds: Thresholds{
			Alpha: .05, MinHistoryDays: pcf.MinHistoryDays, MinWindowDays: pcf.MinWindowDays,
			MinWeeklyEvents: pcf.MinWeeklyEvents, NoEffectWithin: pcf.NoEffectWithin,
		},
		Predicted: d.Predicted,
	}
	firstDay := 0
	if d.DeployedAt.After(p.HistoryTo) {
		firstDay = 1
	}
	p.WindowFrom = days.start(d.DeployedAt, firstDay)
	for _, look := range pcf.TwoWeeks() {
		p.Looks = append(p.Looks, PlannedLook{
			Number: look.Number, Day: look.Day, NominalP: look.NominalP,
			AsOf: days.start(d.DeployedAt, firstDay+look.Day),
		})
	}
	p.Trigger = triggerSpan(days, d, p.HistoryTo)
	return p, nil
}

// triggerSpan is the days from the start of the finding to its detection, the last maxTriggerDays of them at most, cut
// at the end of the history. Days between detection and deployment are not among them: had the metric recovered by
// itself, they would show it.
func triggerSpan(days calendar, d Deployment, historyTo time.Time) *Span {
	if d.FindingStartedAt == nil || d.FindingDetectedAt == nil {
		return nil
	}
	// The detection is as of an hour's start: the hour before is the last it saw.
	lastSeen := d.FindingDetectedAt.Add(-time.Nanosecond)
	span := Span{From: days.start(*d.FindingStartedAt, 0), To: days.start(lastSeen, 1)}
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
