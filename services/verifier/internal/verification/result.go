package verification

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

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
	// ExpectedRatio is what to expect of the measure after the deployment had it changed nothing.
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

	// Metric is what was measured, Described the same in words; Observed is what it was over the window, in its unit: a
	// share or a number of signals a day.
	Metric    string   `json:"metric"`
	Described string   `json:"described"`
	Observed  *float64 `json:"observed,omitempty"`
	// Promised holds the prediction against what came, in the unit it was made in.
	Promised *Promised `json:"promised,omitempty"`
	// Controls are what was taken out, Mix who came.
	Controls []ControlUse `json:"controls,omitempty"`
	Mix      *Mix         `json:"mix,omitempty"`
	// CanaryShare is the percentage of the traffic that had the change.
	CanaryShare float64 `json:"canary_share"`
	// SpecialDays since the deployment stand out by how much came.
	SpecialDays []string `json:"special_days,omitempty"`

	// Guard repeats the reading without the days that led to the finding.
	Guard       *Sensitivity  `json:"guard,omitempty"`
	Sensitivity []Sensitivity `json:"sensitivity,omitempty"`
	// Placebos are the effects the forecast finds at every earlier date; PlaceboShare of them are at least as large.
	Placebos     []float64 `json:"placebos,omitempty"`
	PlaceboShare *float64  `json:"placebo_share,omitempty"`
	// PlaceboDates is the whole test at earlier dates that do not overlap, when nothing of this shipped.
	PlaceboDates []PlaceboDate `json:"placebo_dates,omitempty"`
	// Warnings are sentences, WarningCodes their names, one for one.
	Warnings     []string        `json:"warnings"`
	WarningCodes []string        `json:"warning_codes"`
	Predicted    json.RawMessage `json:"predicted,omitempty"`
	Daily        []DailyPoint    `json:"daily"`
	Method       string          `json:"method"`
}

// Counts are raw signals.
type Counts struct {
	Positive int64 `json:"positive"`
	Negative int64 `json:"negative"`
	Days     int   `json:"days"`
}

// Sensitivity is the same test on other grounds: Name is history_28, history_56 or history_91, which forget what is
// older, or without_controls.
type Sensitivity struct {
	Name        string  `json:"name,omitempty"`
	HistoryDays int     `json:"history_days"`
	Effect      float64 `json:"effect"`
	EffectLow   float64 `json:"effect_low"`
	EffectHigh  float64 `json:"effect_high"`
	PValue      float64 `json:"p_value"`
}

// DailyPoint is one day of the chart; Expected, Low and High are the measure had nothing changed.
type DailyPoint struct {
	Day      string   `json:"day"`
	Positive int64    `json:"positive"`
	Negative int64    `json:"negative"`
	Expected *float64 `json:"expected,omitempty"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	Post     bool     `json:"post"`
	// Value is the measure itself. Between is the day of the deployment, which is in neither side; Trigger a day that led
	// to the finding.
	Value   *float64 `json:"value,omitempty"`
	Between bool     `json:"between,omitempty"`
	Trigger bool     `json:"trigger,omitempty"`
	// Refused is why the day says nothing: signals were refused.
	Refused []RefusedCode `json:"refused,omitempty"`
}

// Promised is a prediction held against what was measured. Effect, like the result's own, is of the odds (or the count)
// of what was predicted, which may be more than the part that was tested.
type Promised struct {
	Metric    string  `json:"metric"`
	Low       float64 `json:"low"`
	Predicted float64 `json:"predicted"`
	High      float64 `json:"high"`
	Observed  float64 `json:"observed"`
	Expected  float64 `json:"expected"`
	Fit       string  `json:"fit"`
	// Share of the promised gain that came; absent when there was nothing left to gain.
	Share    *float64    `json:"share,omitempty"`
	Effect   float64     `json:"effect"`
	Effect95 *[2]float64 `json:"effect_95"`
}

// ControlUse is what one control context contributed.
type ControlUse struct {
	Name  string  `json:"name"`
	Beta  float64 `json:"beta"`
	Moved bool    `json:"moved"`
	// Change is the control's own over the window.
	Change float64 `json:"change"`
}

// Mix splits the change of the ratio, in points, by one dimension.
type Mix struct {
	Dimension   string  `json:"dimension"`
	Moved       float64 `json:"moved"`
	Composition float64 `json:"composition"`
	Within      float64 `json:"within"`
	Reweighted  float64 `json:"reweighted"`
}

// PlaceboDate is the test as it would have read with its window at another date.
type PlaceboDate struct {
	Date       string  `json:"date"`
	Effect     float64 `json:"effect"`
	EffectLow  float64 `json:"effect_low"`
	EffectHigh float64 `json:"effect_high"`
	PValue     float64 `json:"p_value"`
	// Crossed: the look's boundary was passed though nothing shipped.
	Crossed bool `json:"crossed"`
}

func newResult(plan Plan, in Inputs, j, promised pcf.Result) Result {
	m := plan.Measure
	r := Result{
		Reason: sentence(m, j), ReasonCode: string(j.Reason), EarlyRead: j.EarlyRead,
		IntervalLevel: 1 - j.Look.NominalP, NominalP: j.Look.NominalP,
		Look: j.Look.Number, PostDays: j.Look.Day,
		Before: counts(j.Before), After: counts(j.After),
		Metric: m.Metric, Described: sentenceCase(m.Name()), CanaryShare: in.Canary.Share,
		Warnings: []string{}, WarningCodes: []string{}, Predicted: plan.Predicted, Method: j.Method,
	}
	if m.scale() == pcf.Ratio {
		r.RatioBefore, r.RatioAfter = ratio(j.Before), ratio(j.After)
	}
	if j.Verdict.Final() {
		r.Outcome = string(j.Verdict)
	}
	for _, w := range j.Warnings {
		r.warn(w.Code, w.Detail)
	}
	if len(in.Gaps) > 0 {
		r.warn("missing_hours", fmt.Sprintf("Hours that usually carry signals have none on %s.", listed(in.Gaps)))
	}
	if len(in.Refused) > 0 {
		r.warn("signals_refused", refusedWarning(in))
	}
	for _, note := range in.Notes {
		r.warn(note.Code, note.Detail)
	}
	if j.Reading != nil {
		r.fill(m, *j.Reading)
	}
	if j.WithoutTrigger != nil {
		guard := sensitivity("without_trigger", *j.WithoutTrigger)
		r.Guard = &guard
	}
	for _, other := range j.Sensitivity {
		r.Sensitivity = append(r.Sensitivity, sensitivity(other.Name, other.Reading))
	}
	if j.Mix != nil && in.Mix != nil {
		r.Mix = &Mix{Dimension: in.Mix.Dimension, Moved: j.Mix.Moved, Composition: j.Mix.Composition, Within: j.Mix.Within, Reweighted: j.Mix.Reweighted}
	}
	r.Promised = newPromised(plan.promisedMeasure(), promised)
	r.Daily = daily(m, j, in)
	return r
}

// standOut names the days of the window that are unlike others.
func (r *Result) standOut(in Inputs, special []int) {
	for _, day := range special {
		r.SpecialDays = append(r.SpecialDays, in.Dates[in.HistoryDays+day])
	}
	if len(r.SpecialDays) > 0 {
		r.warn("special_days", fmt.Sprintf("Far more or fewer signals came than usual on %s: a holiday, an outage, a campaign?", listed(r.SpecialDays)))
	}
}

func newPromised(m Measure, j pcf.Result) *Promised {
	if j.Prediction == nil || j.Reading == nil {
		return nil
	}
	p := &Promised{
		Metric: m.Metric, Low: j.Prediction.Promised.Low, Predicted: j.Prediction.Promised.Mid, High: j.Prediction.Promised.High,
		Observed: j.Prediction.Observed, Expected: j.Reading.Expected.Mid, Fit: j.Prediction.Fit,
		Effect: j.Reading.Change.Mid, Effect95: &[2]float64{j.Reading.Change95.Low, j.Reading.Change95.High},
	}
	if p.Predicted > p.Expected && j.Prediction.Share != 0 {
		p.Share = &j.Prediction.Share
	}
	return p
}

func (r *Result) warn(code, detail string) {
	r.Warnings = append(r.Warnings, detail)
	r.WarningCodes = append(r.WarningCodes, code)
}

const (
	mostPlaceboDates = 12
	listedDays       = 3
)

// listed names a few days and counts the rest.
func listed(dates []string) string {
	if len(dates) <= listedDays {
		return strings.Join(dates, ", ")
	}
	return fmt.Sprintf("%s and %d more days", strings.Join(dates[:listedDays], ", "), len(dates)-listedDays)
}

// placeboDates repeats the look at earlier dates, back to back before the deployment. A date at which nothing can be
// estimated is left out.
func (r *Result) placeboDates(in pcf.Input, inputs Inputs, look PlannedLook) {
	history := len(in.History)
	if inputs.Gap {
		history--
	}
	in.Trigger, in.Known, in.Predicted = nil, pcf.Circumstances{}, nil
	in.Schedule = pcf.Schedule{{Number: 1, Day: look.Day, NominalP: look.NominalP}}
	all, controls := in.History[:history], in.Controls
	for k := 1; k <= mostPlaceboDates; k++ {
		cut := history - k*look.Day
		if cut < pcf.MinHistoryDays {
			return
		}
		in.History, in.Window = all[:cut], all[cut:cut+look.Day]
		in.Controls = nil
		for _, c := range controls {
			in.Controls = append(in.Controls, pcf.Control{Name: c.Name, History: c.History[:cut], Window: c.History[cut : cut+look.Day]})
		}
		placebo, err := pcf.Judge(in, 1)
		if err != nil || placebo.Reading == nil || placebo.EarlyRead {
			continue
		}
		reading := *placebo.Reading
		r.PlaceboDates = append(r.PlaceboDates, PlaceboDate{
			Date: inputs.Dates[cut], Effect: reading.Change.Mid, EffectLow: reading.Change.Low, EffectHigh: reading.Change.High,
			PValue: reading.PValue, Crossed: reading.PValue <= look.NominalP,
		})
	}
}

func (r *Result) fill(m Measure, reading pcf.Reading) {
	r.HistoryDays, r.Observed = reading.HistoryDays, &reading.Observed
	r.Effect, r.EffectLow, r.EffectHigh = &reading.Change.Mid, &reading.Change.Low, &reading.Change.High
	r.Effect95 = &[2]float64{reading.Change95.Low, reading.Change95.High}
	r.ExpectedRatio, r.ExpectedLow, r.ExpectedHigh = &reading.Expected.Mid, &reading.Expected.Low, &reading.Expected.High
	r.ProbabilityImproved, r.PValue = &reading.ProbabilityImproved, &reading.PValue
	r.MinimumDetectableEffect = &reading.MDE
	if m.scale() == pcf.Ratio {
		r.Points, r.PointsLow, r.PointsHigh = &reading.Points.Mid, &reading.Points.Low, &reading.Points.High
		r.MinimumDetectablePoints = &reading.MDEPoints
	}
	if share := reading.PlaceboShare(); !math.IsNaN(share) {
		r.PlaceboShare = &share
	}
	for _, c := range reading.Estimate.Controls {
		r.Controls = append(r.Controls, ControlUse{Name: c.Name, Beta: c.Beta, Moved: c.Moved(), Change: c.Change.Mid})
	}
	for _, miss := range reading.Estimate.Placebos {
		// Four digits are enough to draw, and keep a stored look small.
		r.Placebos = append(r.Placebos, math.Round(1e4*math.Expm1(min(miss, 20)))/1e4)
	}
}

func sensitivity(name string, reading pcf.Reading) Sensitivity {
	return Sensitivity{
		Name: name, HistoryDays: reading.HistoryDays, PValue: reading.PValue,
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
func daily(m Measure, j pcf.Result, in Inputs) []DailyPoint {
	from := max(0, in.HistoryDays-shownDays)
	points := make([]DailyPoint, 0, len(in.Dates)-from)
	for i := from; i < len(in.Dates); i++ {
		counts := in.Measure[i]
		point := DailyPoint{
			Day: in.Dates[i], Positive: int64(counts[0]), Negative: int64(counts[1]), Post: i >= in.HistoryDays,
			Between: in.Gap && i == in.HistoryDays-1, Value: value(m, counts), Trigger: slices.Contains(in.Trigger, i),
		}
		if r := slices.IndexFunc(in.Refused, func(r RefusedDay) bool { return r.Place == i }); r >= 0 {
			point.Refused = in.Refused[r].Reasons
		}
		if point.Post && j.Reading != nil {
			forecast := j.Reading.Days[i-in.HistoryDays]
			point.Expected, point.Low, point.High = &forecast.Mid, &forecast.Low, &forecast.High
		}
		points = append(points, point)
	}
	return points
}

// value of a measure on one day; nil when nothing is known.
func value(m Measure, counts [2]float64) *float64 {
	x := counts[0]
	if m.scale() == pcf.Ratio {
		if counts[0]+counts[1] == 0 {
			return nil
		}
		x /= counts[0] + counts[1]
	}
	return &x
}
