package pcf

import (
	"slices"
	"time"
)

const (
	// A centred week needs this many of its seven days, so that one missing day does not silence the weekdays around it.
	minWeekDays = 5
	// Below this many observations a weekday's median is too coarse and its mean is used.
	minMedianObservations = 5

	clipWindow   = 15         // days, centred
	minClipDays  = 5          // with fewer days around it a value is left alone
	clipDistance = 3 * 1.4826 // in MADs: three standard deviations of a normal series
)

// weekdayEffects estimates what each weekday adds to the series, from the history only: the median distance of that
// weekday from its centred week, moved so that the effects sum to zero. With less than two weeks no weekday can be told
// from a trend, and all effects are zero. A weekday that never has data, as a shop's that is closed, has none.
func weekdayEffects(history []point, first time.Weekday) [7]float64 {
	var distances [7][]float64
	open := openDays(history, first)
	for i := 3; i+3 < len(history); i++ {
		if !history[i].observed {
			continue
		}
		week, n := 0.0, 0
		for _, p := range history[i-3 : i+4] {
			if p.observed {
				week += p.y
				n++
			}
		}
		if n >= minWeekDays {
			day := weekdayOf(first, i)
			distances[day] = append(distances[day], history[i].y-week/float64(n))
		}
	}

	var effects [7]float64
	centre, days := 0.0, 0.0
	for day, d := range distances {
		switch {
		case !open[day]:
			continue
		case len(d) == 0:
			return [7]float64{}
		case len(d) < minMedianObservations:
			effects[day] = mean(d)
		default:
			effects[day] = median(d)
		}
		centre += effects[day]
		days++
	}
	for day := range effects {
		if open[day] {
			effects[day] -= centre / days
		}
	}
	return effects
}

// openDays are the weekdays that ever have data.
func openDays(series []point, first time.Weekday) (open [7]bool) {
	for i, p := range series {
		if p.observed {
			open[weekdayOf(first, i)] = true
		}
	}
	return open
}

// clipped pulls outliers of the history to within three robust standard deviations of the rolling median, so that one
// bad day moves the level no further than an ordinary one. It returns a copy; the window after the deployment never
// passes through here, because there an extreme value is what we look for.
func clipped(history []point) []point {
	medians := make([]float64, len(history))
	hasMedian := make([]bool, len(history))
	var distances []float64
	window := make([]float64, 0, clipWindow)
	for i := range history {
		window = window[:0]
		for _, p := range history[max(0, i-clipWindow/2):min(len(history), i+clipWindow/2+1)] {
			if p.observed {
				window = append(window, p.y)
			}
		}
		if len(window) < minClipDays {
			continue
		}
		medians[i], hasMedian[i] = median(window), true
		if history[i].observed {
			distances = append(distances, abs(history[i].y-medians[i]))
		}
	}

	out := slices.Clone(history)
	if len(distances) == 0 {
		return out
	}
	reach := clipDistance * median(distances)
	if reach == 0 { // more than half the days sit exactly on their median: there is no scale to clip by
		return out
	}
	for i := range out {
		if out[i].observed && hasMedian[i] {
			out[i].y = min(max(out[i].y, medians[i]-reach), medians[i]+reach)
		}
	}
	return out
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, value := range x {
		sum += value
	}
	return sum / float64(len(x))
}

// median of a non-empty slice, which is left as it was.
func median(x []float64) float64 {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func abs(x float64) float64 { return max(x, -x) }
