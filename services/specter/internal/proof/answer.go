package proof

import (
	"math"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Answer is what `specter verify -o json` prints. Fields are named as those of a verification of the product: effects
// are changes as fractions (0.21 is +21 %) of the odds, the count or the value. Fields that cannot be had are absent.
type Answer struct {
	Verdict    string `json:"verdict"`
	Final      bool   `json:"final"` // false while later looks may still decide
	Reason     string `json:"reason"`
	ReasonCode string `json:"reason_code,omitempty"`
	EarlyRead  bool   `json:"early_read"`
	Metric     string `json:"metric"` // ratio, count or value
	Column     string `json:"column"`
	Unit       string `json:"unit"` // day or week
	At         string `json:"at"`

	Effect        *float64    `json:"effect,omitempty"`
	EffectLow     *float64    `json:"effect_low,omitempty"` // at interval_level, which holds however often one looks
	EffectHigh    *float64    `json:"effect_high,omitempty"`
	IntervalLevel float64     `json:"interval_level"`
	Effect95      *[2]float64 `json:"effect_95,omitempty"` // right for who looks once
	Points        *[3]float64 `json:"points,omitempty"`    // of ratio: the effect and its interval

	Probability *float64 `json:"probability_improved,omitempty"`
	PValue      *float64 `json:"p_value,omitempty"`
	NominalP    float64  `json:"nominal_p"`
	MDE         *float64 `json:"minimum_detectable_effect,omitempty"`
	MDEPoints   *float64 `json:"minimum_detectable_points,omitempty"`

	Look        int    `json:"look"`
	Looks       int    `json:"looks_planned"`
	Day         int    `json:"day"`
	DecidedAt   *int   `json:"decided_at_look,omitempty"`
	NextLook    *int   `json:"next_look_day,omitempty"`
	Horizon     int    `json:"horizon"`
	HistoryDays int    `json:"history_days"`
	Before      Counts `json:"before"`
	After       Counts `json:"after"`

	Expected *Bounds  `json:"expected,omitempty"`
	Observed *float64 `json:"observed,omitempty"`

	Taken       []Taken       `json:"looks"`
	Sensitivity []Sensitivity `json:"sensitivity"`
	// Placebos are the changes the same test finds at every earlier date; PlaceboShare of them are at least as large.
	Placebos     []float64 `json:"placebos"`
	PlaceboShare *float64  `json:"placebo_share,omitempty"`
	Warnings     []Warning `json:"warnings"`
	Days         []Point   `json:"days"`
	Method       string    `json:"method"`
}

// Counts are the raw numbers of the last four weeks before, and of the window. A value has its sum and its mean alone.
type Counts struct {
	Numerator   *float64 `json:"numerator,omitempty"`
	Denominator *float64 `json:"denominator,omitempty"`
	Ratio       *float64 `json:"ratio,omitempty"`
	Sum         *float64 `json:"sum,omitempty"`
	Mean        *float64 `json:"mean,omitempty"`
	Days        int      `json:"days"`
}

// Bounds are a number and its interval.
type Bounds struct {
	Low  float64 `json:"low"`
	Mid  float64 `json:"mid"`
	High float64 `json:"high"`
}

// Taken is one look in short.
type Taken struct {
	Look     int      `json:"look"`
	Day      int      `json:"day"`
	Effect   *float64 `json:"effect,omitempty"`
	PValue   *float64 `json:"p_value,omitempty"`
	NominalP float64  `json:"nominal_p"`
	Verdict  string   `json:"verdict"`
}

// Sensitivity is the same reading on other grounds.
type Sensitivity struct {
	Name        string  `json:"name"`
	HistoryDays int     `json:"history_days"`
	Effect      float64 `json:"effect"`
	EffectLow   float64 `json:"effect_low"`
	EffectHigh  float64 `json:"effect_high"`
	PValue      float64 `json:"p_value"`
}

// Warning is something to know beside the verdict.
type Warning struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Point is one day since the change.
type Point struct {
	Date     string   `json:"date"`
	Observed *float64 `json:"observed"` // null is a day without data
	Bounds
}

// newAnswer tells the last look taken; decided is the one that gave the verdict, -1 while none has.
func newAnswer(in pcf.Input, t *table, taken []pcf.Result, decided int, at, from time.Time) Answer {
	last := taken[len(taken)-1]
	a := Answer{
		Verdict: string(pcf.Inconclusive), Final: decided >= 0, ReasonCode: string(last.Reason), EarlyRead: last.EarlyRead,
		Metric: metricName(t.metric), Column: t.name, Unit: "day", At: at.Format(time.RFC3339),
		IntervalLevel: 1 - last.Look.NominalP, NominalP: last.Look.NominalP,
		Look: last.Look.Number, Looks: len(in.Schedule), Day: last.Look.Day, Horizon: last.Horizon,
		Before: counts(t.metric, last.Before), After: counts(t.metric, last.After),
		Sensitivity: []Sensitivity{}, Placebos: []float64{}, Warnings: []Warning{}, Days: []Point{}, Method: last.Method,
	}
	if in.Weekly {
		a.Unit = "week"
	}
	if decided >= 0 {
		a.Verdict, a.ReasonCode = string(taken[decided].Verdict), string(taken[decided].Reason)
		number := taken[decided].Look.Number
		a.DecidedAt = &number
	} else if last.Look.Number < len(in.Schedule) {
		a.NextLook = &in.Schedule[last.Look.Number].Day
	}
	for _, r := range taken {
		a.Taken = append(a.Taken, shortly(r))
	}
	a.read(in, last, from)
	for _, w := range append(t.notes, last.Warnings...) {
		a.Warnings = append(a.Warnings, Warning(w))
	}
	if decided >= 0 && decided < len(taken)-1 && last.Reading != nil && last.Reading.PValue > last.Look.NominalP {
		a.Warnings = append(a.Warnings, Warning{"faded", "The first days decided, and over the whole week the change is within what happens by itself."})
	}
	a.Reason = a.sentence(last)
	return a
}

// read fills in what was estimated, if anything was.
func (a *Answer) read(in pcf.Input, r pcf.Result, from time.Time) {
	if r.Reading == nil {
		return
	}
	reading := *r.Reading
	a.HistoryDays = reading.HistoryDays
	a.Effect, a.EffectLow, a.EffectHigh = &reading.Change.Mid, &reading.Change.Low, &reading.Change.High
	a.Effect95 = &[2]float64{reading.Change95.Low, reading.Change95.High}
	a.Probability, a.PValue, a.MDE = &reading.ProbabilityImproved, &reading.PValue, &reading.MDE
	if in.Metric == pcf.Ratio {
		a.Points = &[3]float64{reading.Points.Mid, reading.Points.Low, reading.Points.High}
		a.MDEPoints = &reading.MDEPoints
	}
	a.Expected, a.Observed = bounds(reading.Expected), &reading.Observed
	for _, other := range r.Sensitivity {
		a.Sensitivity = append(a.Sensitivity, sensitivity(other.Name, other.Reading))
	}
	for _, miss := range reading.Estimate.Placebos {
		a.Placebos = append(a.Placebos, math.Expm1(math.Min(miss, 300)))
	}
	if share := reading.PlaceboShare(); !math.IsNaN(share) {
		a.PlaceboShare = &share
	}
	a.Days = points(in, reading, from)
}

func points(in pcf.Input, reading pcf.Reading, from time.Time) []Point {
	step := 1
	if in.Weekly {
		step = wholeWeek
	}
	out := make([]Point, len(reading.Days))
	for i, expected := range reading.Days {
		out[i] = Point{Date: from.AddDate(0, 0, i*step).Format(time.DateOnly), Bounds: *bounds(expected)}
		if d := in.Window[i]; !d.Missing {
			value := d.Positive
			if in.Metric == pcf.Ratio {
				value /= d.Total()
			}
			if !math.IsNaN(value) && !math.IsInf(value, 0) {
				out[i].Observed = &value
			}
		}
	}
	return out
}

func bounds(r pcf.Range) *Bounds { return &Bounds{r.Low, r.Mid, r.High} }

func shortly(r pcf.Result) Taken {
	s := Taken{Look: r.Look.Number, Day: r.Look.Day, NominalP: r.Look.NominalP, Verdict: string(r.Verdict)}
	if r.Reading != nil {
		s.Effect, s.PValue = &r.Reading.Change.Mid, &r.Reading.PValue
	}
	return s
}

func sensitivity(name string, r pcf.Reading) Sensitivity {
	return Sensitivity{
		Name: name, HistoryDays: r.HistoryDays, PValue: r.PValue,
		Effect: r.Change.Mid, EffectLow: r.Change.Low, EffectHigh: r.Change.High,
	}
}

func counts(metric pcf.Metric, t pcf.Totals) Counts {
	c := Counts{Days: t.Days}
	if metric == pcf.Ratio {
		whole := t.Positive + t.Negative
		c.Numerator, c.Denominator = &t.Positive, &whole
		if whole > 0 {
			ratio := t.Ratio()
			c.Ratio = &ratio
		}
		return c
	}
	c.Sum = &t.Positive
	if t.Days > 0 {
		mean := t.Positive / float64(t.Days)
		c.Mean = &mean
	}
	return c
}

func metricName(m pcf.Metric) string {
	switch m {
	case pcf.Count:
		return "count"
	case pcf.Value:
		return "value"
	case pcf.Ratio:
	}
	return "ratio"
}
