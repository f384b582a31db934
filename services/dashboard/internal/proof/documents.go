package proof

import (
	"encoding/json"
	"fmt"
	"time"
)

// The parts of the verifier's stored documents that a proof shows. Documents of older versions lack some of them.

type planDocument struct {
	Metric         string     `json:"metric"`
	Described      string     `json:"described"`
	Because        string     `json:"because"`
	RevisedBecause string     `json:"revised_because"`
	Method         string     `json:"method"`
	TimeZone       string     `json:"time_zone"`
	HistoryFrom    *time.Time `json:"history_from"`
	HistoryTo      *time.Time `json:"history_to"`
	WindowFrom     *time.Time `json:"window_from"`
	Trigger        *struct {
		From time.Time `json:"from"`
		To   time.Time `json:"to"`
	} `json:"trigger"`
	PositiveTypes []string `json:"positive_types"`
	NegativeTypes []string `json:"negative_types"`
	Looks         []struct {
		Number   int       `json:"number"`
		Day      int       `json:"day"`
		AsOf     time.Time `json:"as_of"`
		NominalP float64   `json:"nominal_p"`
	} `json:"looks"`
	Thresholds struct {
		Alpha           float64 `json:"alpha"`
		MinHistoryDays  int     `json:"min_history_days"`
		MinWindowDays   int     `json:"min_window_days"`
		MinWeeklyEvents int     `json:"min_weekly_events"`
		NoEffectWithin  float64 `json:"no_effect_within"`
	} `json:"thresholds"`
	Controls []struct {
		Name string `json:"name"`
	} `json:"controls"`
	ControlRule string   `json:"control_rule"`
	CanaryShare *float64 `json:"canary_share"`
	// Promised is set when the prediction is about something else than what is tested.
	Promised *struct {
		Metric string `json:"metric"`
	} `json:"promised"`
	PromisedRange *struct{ Low, Mid, High float64 } `json:"promised_range"`
}

type resultDocument struct {
	Outcome       string   `json:"outcome"`
	Reason        string   `json:"reason"`
	Effect        *float64 `json:"effect"`
	EffectLow     *float64 `json:"effect_low"`
	EffectHigh    *float64 `json:"effect_high"`
	IntervalLevel float64  `json:"interval_level"`

	RatioAfter    *float64 `json:"ratio_after"`
	Observed      *float64 `json:"observed"`
	ExpectedRatio *float64 `json:"expected_ratio"`
	ExpectedLow   *float64 `json:"expected_low"`
	ExpectedHigh  *float64 `json:"expected_high"`
	Points        *float64 `json:"points"`
	PointsLow     *float64 `json:"points_low"`
	PointsHigh    *float64 `json:"points_high"`

	ProbabilityImproved     *float64 `json:"probability_improved"`
	PValue                  *float64 `json:"p_value"`
	NominalP                *float64 `json:"nominal_p"`
	MinimumDetectableEffect *float64 `json:"minimum_detectable_effect"`
	MinimumDetectablePoints *float64 `json:"minimum_detectable_points"`

	HistoryDays int   `json:"history_days"`
	PostDays    int   `json:"post_days"`
	Before      Count `json:"before"`
	After       Count `json:"after"`

	Metric    string `json:"metric"`
	Described string `json:"described"`
	Promised  *struct {
		Metric    string   `json:"metric"`
		Low       float64  `json:"low"`
		Predicted float64  `json:"predicted"`
		High      float64  `json:"high"`
		Observed  float64  `json:"observed"`
		Expected  float64  `json:"expected"`
		Fit       string   `json:"fit"`
		Share     *float64 `json:"share"`
	} `json:"promised"`
	Controls []Control `json:"controls"`
	Mix      *Mix      `json:"mix"`

	Guard        *Reading      `json:"guard"`
	Sensitivity  []Reading     `json:"sensitivity"`
	Placebos     []float64     `json:"placebos"`
	PlaceboShare *float64      `json:"placebo_share"`
	PlaceboDates []PlaceboDate `json:"placebo_dates"`
	Warnings     []string      `json:"warnings"`
	WarningCodes []string      `json:"warning_codes"`
	Daily        []Day         `json:"daily"`
	Method       string        `json:"method"`
}

// inputsDocument is the part of a look's inputs that is the series of what was measured.
type inputsDocument struct {
	Dates       []string     `json:"dates"`
	HistoryDays int          `json:"history_days"`
	Gap         bool         `json:"gap"`
	Trigger     []int        `json:"trigger"`
	Measure     [][2]float64 `json:"measure"`
	// Refused are places of days of which nothing is known.
	Refused []struct {
		Place int `json:"place"`
	} `json:"refused"`
}

func decode[T any](what string, text []byte) (T, error) {
	var out T
	if len(text) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("reading a stored %s: %w", what, err)
	}
	return out, nil
}
