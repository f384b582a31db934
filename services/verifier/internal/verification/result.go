package verification

import (
	"encoding/json"
	"math"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Result is a look's answer as it is stored and shown. Effects are changes of the odds of a positive signal as
// fractions: 0.21 is +21 %. Fields that could not be computed are absent.
type Result struct {
	// Outcome is empty while collecting.
	Outcome string `json:"outcome,omitempty"`
	// Reason is a plain sentence; ReasonCode names why there is no verdict.
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code,omitempty"`
	EarlyRead  bool   `json:"early_read,omitempty"`

	Effect     *float64 `json:"effect,omitempty"`
	EffectLow  *float64 `json:"effect_low,omitempty"`
	EffectHigh *float64 `json:"effect_high,omitempty"`
	// IntervalLevel of the bounds above is one minus the look's nominal p. Effect95 is the usual 95 % interval.
	IntervalLevel float64     `json:"interval_level"`
	Effect95      *[2]float64 `json:"effect_95,omitempty"`

	RatioBefore *float64 `json:"ratio_before,omitempty"`
	RatioAfter  *float64 `json:"ratio_after,omitempty"`
	// ExpectedRatio is the positive ratio to expect after the deployment had it changed nothing.
	ExpectedRatio *float64 `json:"expected_ratio,omitempty"`
	ExpectedLow   *float64 `json:"expected_low,omitempty"`
	ExpectedHigh  *float64 `json:"expected_high,omitempty"`
	// Points of positive ratio: 0.03 is three points more.
	Points     *float64 `json:"points,omitempty"`
	PointsLow  *float64 `json:"points_low,omitempty"`
	PointsHigh *float64 `json:"points_high,omitempty"`

	ProbabilityImproved     *float64 `json:"probability_improved,omitempty"`
	PValue                  *float64 `json:"p_value,omitempty"`
	NominalP                float64  `json:"nominal_p"`
	MinimumDetectableEffect *float64 `json:"minimum_detectable_effect,omitempty"`
	MinimumDetectablePoints *float64 `json:"minimum_detectable_points,omitempty"`

	Look        int    `json:"look"`
	HistoryDays int    `json:"history_days"`
	PostDays    int    `json:"post_days"`
	Before      Counts `json:"before"`
	After       Counts `json:"after"`

	// Guard repeats the reading without the days that led to the finding.
	Guard       *Sensitivity  `json:"guard,omitempty"`
	Sensitivity []Sensitivity `json:"sensitivity,omitempty"`
	// Placebos are the effects the same test finds at every earlier date.
	Placebos  []float64       `json:"placebos,omitempty"`
	Warnings  []string        `json:"warnings"`
	Predicted json.RawMessage `json:"predicted,omitempty"`
	Daily     []DailyPoint    `json:"daily"`
	Method    string          `json:"method"`
}

// Counts are raw signals.
type Counts struct {
	Positive int64 `json:"positive"`
	Negative int64 `json:"negative"`
	Days     int   `json:"days"`
}

// Sensitivity is the same test on other data of the past.
type Sensitivity struct {
	HistoryDays int     `json:"history_days"`
	Effect      float64 `json:"effect"`
	EffectLow   float64 `json:"effect_low"`
	EffectHigh  float64 `json:"effect_high"`
	PValue      float64 `json:"p_value"`
}

// DailyPoint is one day of the chart; Expected, Low and High are the positive ratio had nothing changed.
type DailyPoint struct {
	Day      string   `json:"day"`
	Positive int64    `json:"positive"`
	Negative int64    `json:"negative"`
	Expected *float64 `json:"expected,omitempty"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	Post     bool     `json:"post"`
}

func newResult(j pcf.Result, plan Plan, series daySeries, more []string) Result {
	r := Result{
		Reason: sentence(j), ReasonCode: string(j.Reason), EarlyRead: j.EarlyRead,
		IntervalLevel: 1 - j.Look.NominalP, NominalP: j.Look.NominalP,
		Look: j.Look.Number, PostDays: j.Look.Day,
		Before: counts(j.Before), After: counts(j.After),
		RatioBefore: ratio(j.Before), RatioAfter: ratio(j.After),
		Warnings: []string{}, Predicted: plan.Predicted, Method: j.Method,
	}
	if j.Verdict.Final() {
		r.Outcome = string(j.Verdict)
	}
	for _, w := range j.Warnings {
		r.Warnings = append(r.Warnings, w.Detail)
	}
	r.Warnings = append(r.Warnings, more...)
	if j.Reading != nil {
		r.fill(*j.Reading)
	}
	if j.WithoutTrigger != nil {
		guard := sensitivity(*j.WithoutTrigger)
		r.Guard = &guard
	}
	for _, other := range j.Sensitivity {
		r.Sensitivity = append(r.Sensitivity, sensitivity(other.Reading))
	}
	r.Daily = daily(j, series)
	return r
}

func (r *Result) fill(reading pcf.Reading) {
	r.HistoryDays = reading.HistoryDays
	r.Effect, r.EffectLow, r.EffectHigh = &reading.Change.Mid, &reading.Change.Low, &reading.Change.High
	r.Effect95 = &[2]float64{reading.Change95.Low, reading.Change95.High}
	r.ExpectedRatio, r.ExpectedLow, r.ExpectedHigh = &reading.Expected.Mid, &reading.Expected.Low, &reading.Expected.High
	r.Points, r.PointsLow, r.PointsHigh = &reading.Points.Mid, &reading.Points.Low, &reading.Points.High
	r.ProbabilityImproved, r.PValue = &reading.ProbabilityImproved, &reading.PValue
	r.MinimumDetectableEffect, r.MinimumDetectablePoints = &reading.MDE, &reading.MDEPoints
	for _, miss := range reading.Estimate.Placebos {
		// Four digits are enough to draw, and keep a stored look small.
		r.Placebos = append(r.Placebos, math.Round(1e4*math.Expm1(min(miss, 20)))/1e4)
	}
}

func sensitivity(reading pcf.Reading) Sensitivity {
	return Sensitivity{
		HistoryDays: reading.HistoryDays, PValue: reading.PValue,
		Effect: reading.Change.Mid, EffectLow: reading.Change.Low, EffectHigh: reading.Change.High,
	}
}

func counts(t pcf.Totals) Counts {
	return Counts{Positive: int64(t.Positive), Negative: int64(t.Negative), Days: t.Days}
}

func ratio(t pcf.Totals) *float64 {
	if t.Positive+t.Negative == 0 {
		return nil
	}
	value := t.Ratio()
	return &value
}

// daily are the last weeks before the deployment and every day since, with the forecast over the latter.
func daily(j pcf.Result, series daySeries) []DailyPoint {
	from := max(0, series.history-shownDays)
	points := make([]DailyPoint, 0, len(series.days)-from)
	for i := from; i < len(series.days); i++ {
		day := series.days[i]
		point := DailyPoint{Day: series.dates[i], Positive: int64(day.Positive), Negative: int64(day.Negative), Post: i >= series.history}
		if point.Post && j.Reading != nil {
			forecast := j.Reading.Days[i-series.history]
			point.Expected, point.Low, point.High = &forecast.Mid, &forecast.Low, &forecast.High
		}
		points = append(points, point)
	}
	return points
}
