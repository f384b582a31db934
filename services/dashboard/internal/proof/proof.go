package proof

import (
	"time"

	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

// Proof is what is shown, with the names of the contract. Effects are changes of the odds (or of the number) as
// fractions: 0.21 is +21 %.
type Proof struct {
	Title        string     `json:"title"`
	Context      string     `json:"context,omitempty"`
	Version      string     `json:"version,omitempty"`
	DeployedAt   *time.Time `json:"deployed_at,omitempty"`
	RolledBackAt *time.Time `json:"rolled_back_at,omitempty"`
	TimeZone     string     `json:"time_zone"`

	Status   Status `json:"status"`
	Headline string `json:"headline"`
	// Sentence says the status in plain words, with the raw counts.
	Sentence  string     `json:"sentence"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	NextLook  *NextLook  `json:"next_look,omitempty"`

	Measure     *Measure     `json:"measure,omitempty"`
	Effect      *Effect      `json:"effect,omitempty"`
	Counts      *Counts      `json:"counts,omitempty"`
	Prediction  *Prediction  `json:"prediction,omitempty"`
	Plan        *Plan        `json:"plan,omitempty"`
	Looks       []Look       `json:"looks"`
	Sensitivity *Sensitivity `json:"sensitivity,omitempty"`
	Warnings    []Warning    `json:"warnings"`
	Daily       []Day        `json:"daily"`

	Method       string   `json:"method,omitempty"`
	ResultSHA256 string   `json:"result_sha256,omitempty"`
	Reproduce    []string `json:"reproduce"`

	zone *time.Location
	// clean makes a text of people or signals fit to be shown.
	clean func(string) string
	// placebos are the effects of every earlier window; the page draws them.
	placebos []float64
	// series is what the newest look was computed from; nil for looks that kept none.
	series []seriesDay
	// predictionDrawn: the prediction is in the unit of the chart.
	predictionDrawn bool
}

// Status of a proof: the verifier's word, or waiting before there is any.
type Status string

// The statuses.
const (
	Waiting      Status = "waiting"
	Collecting   Status = "collecting"
	Improved     Status = "improved"
	Regressed    Status = "regressed"
	NoEffect     Status = "no_effect"
	Inconclusive Status = "inconclusive"
	Stopped      Status = "stopped"
)

// Final tells whether nothing more will be looked at.
func (s Status) Final() bool { return s != Waiting && s != Collecting }

// NextLook is the first planned look that was not taken.
type NextLook struct {
	Number int `json:"number"`
	Of     int `json:"of"`
	// Day counts complete days since the deployment; At is when that day ends.
	Day int       `json:"day"`
	At  time.Time `json:"at"`
}

// Measure is what was measured.
type Measure struct {
	Metric    string `json:"metric"`
	Described string `json:"described"`
	Because   string `json:"because,omitempty"`
	Unit      Unit   `json:"unit"`
}

// Unit of a measure.
type Unit string

// The units.
const (
	Share  Unit = "share"
	PerDay Unit = "per_day"
)

// Effect is what changed.
type Effect struct {
	Of   string  `json:"of"` // odds, or number of a measure per day
	Mid  float64 `json:"value"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Level of the interval: one minus the look's boundary.
	Level float64 `json:"level"`

	Points     *float64 `json:"points,omitempty"`
	PointsLow  *float64 `json:"points_low,omitempty"`
	PointsHigh *float64 `json:"points_high,omitempty"`

	Observed     *float64 `json:"observed,omitempty"`
	Expected     *float64 `json:"expected,omitempty"`
	ExpectedLow  *float64 `json:"expected_low,omitempty"`
	ExpectedHigh *float64 `json:"expected_high,omitempty"`

	ProbabilityImproved     *float64 `json:"probability_improved,omitempty"`
	PValue                  *float64 `json:"p_value,omitempty"`
	NominalP                *float64 `json:"nominal_p,omitempty"`
	MinimumDetectable       *float64 `json:"minimum_detectable,omitempty"`
	MinimumDetectablePoints *float64 `json:"minimum_detectable_points,omitempty"`
}

// Counts are raw, as they were sent.
type Counts struct {
	Before      Count `json:"before"`
	After       Count `json:"after"`
	HistoryDays int   `json:"history_days"` // that the forecast learned from
	PostDays    int   `json:"post_days"`
}

// Count of one side of the deployment.
type Count struct {
	Positive int64 `json:"positive"`
	Negative int64 `json:"negative"`
	Days     int   `json:"days"`
}

// Prediction is what the proposal promised, held against what came once there is a result.
type Prediction struct {
	Metric    string   `json:"metric"`
	Low       float64  `json:"low"`
	Predicted float64  `json:"predicted"`
	High      float64  `json:"high"`
	Observed  *float64 `json:"observed,omitempty"`
	Expected  *float64 `json:"expected,omitempty"`
	Fit       string   `json:"fit,omitempty"` // below, within or above
	// Share of the promised change that came: 1 is all of it.
	Share *float64 `json:"share,omitempty"`
}

// Plan is what was registered before anything after the deployment was looked at.
type Plan struct {
	RegisteredAt   time.Time  `json:"registered_at"`
	Revision       int        `json:"revision"`
	RevisedBecause string     `json:"revised_because,omitempty"`
	Method         string     `json:"method"`
	HistoryFrom    *time.Time `json:"history_from,omitempty"`
	HistoryTo      *time.Time `json:"history_to,omitempty"`
	WindowFrom     *time.Time `json:"window_from,omitempty"`
	TriggerFrom    *time.Time `json:"trigger_from,omitempty"`
	TriggerTo      *time.Time `json:"trigger_to,omitempty"`
	PositiveTypes  []string   `json:"positive_types,omitempty"`
	NegativeTypes  []string   `json:"negative_types,omitempty"`
	Controls       []string   `json:"controls,omitempty"`
	ControlRule    string     `json:"control_rule,omitempty"`
	CanaryShare    *float64   `json:"canary_share,omitempty"` // percent of the traffic

	Alpha           float64 `json:"alpha,omitempty"`
	MinHistoryDays  int     `json:"min_history_days,omitempty"`
	MinWindowDays   int     `json:"min_window_days,omitempty"`
	MinWeeklyEvents int     `json:"min_weekly_events,omitempty"`
	NoEffectWithin  float64 `json:"no_effect_within,omitempty"`
}

// Look is one planned look, and what it read once it was taken.
type Look struct {
	Number   int       `json:"number"`
	Day      int       `json:"day"`
	At       time.Time `json:"at"`
	NominalP float64   `json:"nominal_p"`
	Taken    bool      `json:"taken"`
	Outcome  string    `json:"outcome,omitempty"`
	Effect   *float64  `json:"effect,omitempty"`
	Low      *float64  `json:"low,omitempty"`
	High     *float64  `json:"high,omitempty"`
	PValue   *float64  `json:"p_value,omitempty"`
}

// Sensitivity is the same test on other grounds.
type Sensitivity struct {
	Readings       []Reading     `json:"readings"`
	PlaceboDates   []PlaceboDate `json:"placebo_dates"`
	PlaceboWindows int           `json:"placebo_windows,omitempty"`
	PlaceboShare   *float64      `json:"placebo_share,omitempty"`
	Controls       []Control     `json:"controls,omitempty"`
	Mix            *Mix          `json:"mix,omitempty"`
}

// Reading is one repetition: without_trigger, without_controls, or with a shorter history (history_28, …).
type Reading struct {
	Name        string  `json:"name,omitempty"`
	HistoryDays int     `json:"history_days"`
	Effect      float64 `json:"effect"`
	Low         float64 `json:"effect_low"`
	High        float64 `json:"effect_high"`
	PValue      float64 `json:"p_value"`
}

// PlaceboDate is the whole test at an earlier date, when nothing of this shipped.
type PlaceboDate struct {
	Date   string  `json:"date"`
	Effect float64 `json:"effect"`
	Low    float64 `json:"effect_low"`
	High   float64 `json:"effect_high"`
	PValue float64 `json:"p_value"`
	// Crossed the boundary of the look.
	Crossed bool `json:"crossed"`
}

// Control is what an untouched context contributed.
type Control struct {
	Name   string  `json:"name"`
	Beta   float64 `json:"beta"`
	Moved  bool    `json:"moved"`
	Change float64 `json:"change"`
}

// Mix splits the change, in points, by who came.
type Mix struct {
	Dimension   string  `json:"dimension"`
	Moved       float64 `json:"moved"`
	Composition float64 `json:"composition"`
	Within      float64 `json:"within"`
	Reweighted  float64 `json:"reweighted"`
}

// Warning is what a reader must know beside the verdict.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Day is one day of the chart.
type Day struct {
	Date     string   `json:"day"`
	Positive int64    `json:"positive"`
	Negative int64    `json:"negative"`
	Value    *float64 `json:"value,omitempty"`
	// Expected, Low and High are the measure had nothing changed.
	Expected *float64  `json:"expected,omitempty"`
	Low      *float64  `json:"low,omitempty"`
	High     *float64  `json:"high,omitempty"`
	Post     bool      `json:"post"`
	Between  bool      `json:"between,omitempty"` // the day of the deployment, in neither side
	Trigger  bool      `json:"trigger,omitempty"` // one that led to the finding
	Refused  []Refused `json:"refused,omitempty"`
}

// Refused is how many signals were refused on a day for one reason. Such a day counts for nothing.
type Refused struct {
	Code  string `json:"code"`
	Count int64  `json:"count"`
}

// Source is what a proof is made of.
type Source struct {
	Deployment deployment.Deployment
	// Inputs are those of the newest look as they were stored, and ResultSHA256 the fingerprint of its result; both nil
	// for looks that kept neither.
	Inputs       []byte
	ResultSHA256 []byte
}
