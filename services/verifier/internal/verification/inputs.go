package verification

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Inputs are everything a look is computed from. They are stored with it, so that the same bytes can be had again.
type Inputs struct {
	// Dates are the days seen, HistoryDays of them before the window. When Gap, the last of those is the day of the
	// deployment, which belongs to neither side.
	Dates        []string     `json:"dates"`
	FirstWeekday time.Weekday `json:"first_weekday"`
	HistoryDays  int          `json:"history_days"`
	Gap          bool         `json:"gap,omitempty"`
	// Trigger are the places in Dates of the days that led to the finding.
	Trigger []int `json:"trigger,omitempty"`

	Measure  Series   `json:"measure"`
	Promised Series   `json:"promised,omitempty"`
	Controls []Series `json:"controls,omitempty"`

	Canary           Canary `json:"canary"`
	OtherDeployments int    `json:"other_deployments,omitempty"`
	Instrumentation  string `json:"instrumentation,omitempty"`
	// NewTypes and VanishedTypes were seen on one side of the deployment only.
	NewTypes      []string `json:"new_types,omitempty"`
	VanishedTypes []string `json:"vanished_types,omitempty"`
	ClockChanged  bool     `json:"clock_changed,omitempty"`
	Mix           *MixSeen `json:"mix,omitempty"`
	// Gaps are the days since the deployment in which hours are missing that usually carry signals.
	Gaps []string `json:"gaps,omitempty"`
	// Refused are the days on which signals were refused that are missing from it: nothing is known of them.
	Refused []RefusedDay `json:"refused,omitempty"`
	// Notes are warnings about what was done to the product or its settings meanwhile.
	Notes []Note `json:"notes,omitempty"`
}

// Series are the positive and negative counts of each day.
type Series [][2]float64

// Canary is how much of the traffic had the change over the window, in percent: at its end, at least and at most.
type Canary struct {
	Share float64 `json:"share"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
}

// Note is a warning with its code.
type Note struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// MixSeen counts the values of one dimension before and after.
type MixSeen struct {
	Dimension string    `json:"dimension"`
	Segments  []Segment `json:"segments"`
}

// Segment is the part of the traffic with one value.
type Segment struct {
	Value          string `json:"value"`
	PositiveBefore int64  `json:"positive_before"`
	NegativeBefore int64  `json:"negative_before"`
	PositiveAfter  int64  `json:"positive_after"`
	NegativeAfter  int64  `json:"negative_after"`
}

// dayGrid are the days of the calendar a look sees.
type dayGrid struct {
	days    calendar
	starts  []time.Time
	history int
	gap     bool
}

// newGrid lays out the days from the start of the history to the look.
func newGrid(days calendar, plan Plan, look PlannedLook) dayGrid {
	g := dayGrid{days: days, gap: plan.WindowFrom.After(plan.HistoryTo)}
	for i := 0; ; i++ {
		start := days.start(plan.HistoryFrom, i)
		if !start.Before(look.AsOf) {
			return g
		}
		g.starts = append(g.starts, start)
		if start.Before(plan.WindowFrom) {
			g.history = len(g.starts)
		}
	}
}

// day is the place of the day that holds an hour: the last one that starts at or before it.
func (g dayGrid) day(hour time.Time) int {
	day, exact := slices.BinarySearchFunc(g.starts, hour, time.Time.Compare)
	if !exact {
		day--
	}
	return day
}

// bucket sums hours into days. Sampled hours count by what they stand for, and together weigh as much as was sampled.
func (g dayGrid) bucket(hours []Hour) Series {
	type sum struct{ positive, negative, sampled float64 }
	sums := make([]sum, len(g.starts))
	for _, hour := range hours {
		weight := math.Ldexp(1, hour.Halvings)
		s := &sums[g.day(hour.Start)]
		s.positive += weight * float64(hour.Positive)
		s.negative += weight * float64(hour.Negative)
		s.sampled += float64(hour.Positive + hour.Negative)
	}
	series := make(Series, len(sums))
	for i, s := range sums {
		if all := s.positive + s.negative; all > 0 {
			series[i] = [2]float64{math.Round(s.positive / all * s.sampled), math.Round(s.negative / all * s.sampled)}
		}
	}
	return series
}

func (g dayGrid) dates() []string {
	dates := make([]string, len(g.starts))
	for i, start := range g.starts {
		dates[i] = g.days.date(start)
	}
	return dates
}

// trigger are the places of the days that led to the finding.
func (g dayGrid) trigger(plan Plan) (places []int) {
	if plan.Trigger == nil {
		return nil
	}
	for i, start := range g.starts[:g.history] {
		if !start.Before(plan.Trigger.From) && start.Before(plan.Trigger.To) {
			places = append(places, i)
		}
	}
	return places
}

// gather reads what the look may see.
func gather(ctx context.Context, v Verification, look PlannedLook, evidence Evidence) (Inputs, error) {
	plan := v.Plan
	days, err := newCalendar(plan.TimeZone)
	if err != nil {
		return Inputs{}, err
	}
	grid := newGrid(days, plan, look)
	in := Inputs{
		Dates: grid.dates(), FirstWeekday: grid.starts[0].In(days.zone).Weekday(), HistoryDays: grid.history, Gap: grid.gap,
		Trigger: grid.trigger(plan),
	}
	read := func(m Measure) (Series, []Hour, error) {
		hours, err := evidence.Hours(ctx, m, plan.HistoryFrom, look.AsOf)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the hours of %s: %w", m.Name(), err)
		}
		return grid.bucket(hours), hours, nil
	}
	var hours []Hour
	if in.Measure, hours, err = read(plan.Measure); err != nil {
		return Inputs{}, err
	}
	if plan.Promised != nil {
		if in.Promised, _, err = read(*plan.Promised); err != nil {
			return Inputs{}, err
		}
	}
	for _, c := range plan.Controls {
		series, _, err := read(c.Measure)
		if err != nil {
			return Inputs{}, err
		}
		in.Controls = append(in.Controls, series)
	}
	in.Gaps = gaps(grid, hours)
	refused, err := evidence.Refused(ctx, plan.HistoryFrom, look.AsOf)
	if err != nil {
		return Inputs{}, fmt.Errorf("reading what was refused: %w", err)
	}
	in.Refused = refusedDays(grid, in.Measure, refused)
	return in, in.circumstances(ctx, days, v, look, evidence)
}

const (
	gapHours   = 4  // without a signal, in a row
	usualInGap = 20 // signals those hours carried together in an ordinary week
	gapWeeks   = 4  // that say what is usual
)

// gaps finds the days of the window with hours that are missing: signals usually come in them, and none did. A day
// without any signal is missing as a whole, and counted elsewhere.
func gaps(g dayGrid, hours []Hour) (dates []string) {
	const week = 7 * 24 * time.Hour
	at := make(map[time.Time]int64, len(hours))
	for _, h := range hours {
		at[h.Start] += h.Positive + h.Negative
	}
	usual := func(hour time.Time) int64 {
		n, from := int64(0), g.starts[g.history-1]
		for back := 1; back <= gapWeeks+g.weeksSince(hour); back++ {
			if past := hour.Add(-time.Duration(back) * week); past.Before(from) {
				n += at[past]
			}
		}
		return n / gapWeeks
	}
	for i := g.history; i < len(g.starts); i++ {
		end := g.starts[i].Add(24 * time.Hour)
		silent, missed, came, found := 0, int64(0), false, false
		for hour := g.starts[i]; hour.Before(end); hour = hour.Add(time.Hour) {
			if at[hour] > 0 {
				silent, missed, came = 0, 0, true
				continue
			}
			silent++
			missed += usual(hour)
			found = found || silent >= gapHours && missed >= usualInGap
		}
		if came && found {
			dates = append(dates, g.days.date(g.starts[i]))
		}
	}
	return dates
}

// weeksSince the window began.
func (g dayGrid) weeksSince(hour time.Time) int {
	return int(hour.Sub(g.starts[g.history-1]) / (7 * 24 * time.Hour))
}

// input is the series as the method takes it.
func (in Inputs) input(plan Plan, m Measure, series Series) pcf.Input {
	out := pcf.Input{
		Metric: m.scale(), FirstWeekday: in.FirstWeekday, Schedule: plan.schedule(), Trigger: in.Trigger,
		History: in.side(series, 0, in.HistoryDays), Window: in.side(series, in.HistoryDays, len(series)),
		Known: pcf.Circumstances{
			OtherDeployments: in.OtherDeployments, InstrumentationChanged: in.Instrumentation,
			NewTypes: in.NewTypes, VanishedTypes: in.VanishedTypes, ClockChanged: in.ClockChanged,
		},
	}
	if out.Metric == pcf.Count { // before its first signal there was nothing to count, which is not the same as none
		for i := 0; i < in.HistoryDays && out.History[i].Positive == 0; i++ {
			out.History[i].Missing = true
		}
	}
	if in.Gap {
		out.History[in.HistoryDays-1] = pcf.Day{Missing: true}
	}
	for i, c := range in.Controls {
		out.Controls = append(out.Controls, pcf.Control{
			Name: plan.Controls[i].Name, History: in.side(c, 0, in.HistoryDays), Window: in.side(c, in.HistoryDays, len(c)),
		})
	}
	if in.Mix != nil {
		for _, s := range in.Mix.Segments {
			out.Known.Segments = append(out.Known.Segments, pcf.Segment{
				Name:   s.Value,
				Before: pcf.Totals{Positive: float64(s.PositiveBefore), Negative: float64(s.NegativeBefore)},
				After:  pcf.Totals{Positive: float64(s.PositiveAfter), Negative: float64(s.NegativeAfter)},
			})
		}
	}
	return out
}

// side are the days of a series from one place to another; of those with refusals nothing is known.
func (in Inputs) side(series Series, from, to int) []pcf.Day {
	days := make([]pcf.Day, to-from)
	for i, counts := range series[from:to] {
		days[i] = pcf.Day{Positive: counts[0], Negative: counts[1]}
	}
	for _, r := range in.Refused {
		if r.Place >= from && r.Place < to {
			days[r.Place-from] = pcf.Day{Missing: true}
		}
	}
	return days
}
