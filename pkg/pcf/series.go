package pcf

import (
	"math"
	"time"
)

// Metric is what one day's bucket measures.
type Metric uint8

const (
	// Ratio compares positive with negative signals: the scale is the log odds, an effect is a factor on the odds.
	Ratio Metric = iota
	// Count follows the number of positive signals alone: the scale is the log, an effect is a factor on the count.
	Count
	// Value follows any positive quantity of which no sampling error is known (a price, a duration, a rate): the scale is
	// the log, an effect is a factor. A value of zero or less is unknown.
	Value
)

// Day is one bucket: what was counted between two midnights of the product's time zone.
type Day struct {
	// Positive and Negative are counts ≥ 0. Count and Value read Positive only.
	Positive, Negative float64
	// Missing says that nothing is known of the day (no data arrived, or only part of the day belongs to the window).
	// It is not the same as a day on which nothing happened.
	Missing bool
}

// Total is everything the day counted.
func (d Day) Total() float64 { return d.Positive + d.Negative }

// point is one day on the scale of the analysis: y the log odds (or log count), v its sampling variance.
type point struct {
	y, v     float64
	observed bool
}

// points puts days on the scale of the analysis. The added halves keep an empty cell finite (Haldane and Anscombe).
func points(metric Metric, days []Day) []point {
	out := make([]point, len(days))
	for i, day := range days {
		if day.Missing || !finiteCount(day.Positive) || !finiteCount(day.Negative) {
			continue
		}
		switch metric {
		case Count:
			out[i] = point{y: math.Log(day.Positive + .5), v: 1 / (day.Positive + .5), observed: true}
		case Value:
			if day.Positive > 0 {
				out[i] = point{y: math.Log(day.Positive), observed: true}
			}
		case Ratio:
			if day.Total() > 0 { // no signal at all says nothing about the ratio
				out[i] = point{
					y:        math.Log((day.Positive + .5) / (day.Negative + .5)),
					v:        1/(day.Positive+.5) + 1/(day.Negative+.5),
					observed: true,
				}
			}
		}
	}
	return out
}

func finiteCount(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }

// weekdayOf gives the weekday of the i-th day of a series that starts on first.
func weekdayOf(first time.Weekday, i int) int { return (int(first) + i) % 7 }

func observedDays(series []point) int {
	n := 0
	for _, p := range series {
		if p.observed {
			n++
		}
	}
	return n
}

// natural takes a value of the analysis' scale back to what people read: a ratio in 0…1, a count or a value.
func natural(metric Metric, y float64) float64 {
	switch metric {
	case Count:
		return math.Max(0, math.Min(math.Exp(y), math.MaxFloat64)-.5)
	case Value:
		return math.Min(math.Exp(y), math.MaxFloat64)
	case Ratio:
	}
	return 1 / (1 + math.Exp(-y))
}

func observedValues(series []point) []float64 {
	values := make([]float64, 0, len(series))
	for _, p := range series {
		if p.observed {
			values = append(values, p.y)
		}
	}
	return values
}
