package pcf

import "math"

const (
	spikeDays  = 5      // a shorter window has no middle to speak of
	spikeShare = 1. / 3 // of the effect the middle day must show
	// steadyReach is how many day-to-day standard deviations a day counts for, seen from the middle of its window.
	steadyReach = 2.5
	steadyTries = 20 // rounds; a handful settles it
)

// steadyMean sums a window up by Huber's location (1964): days further than steadyReach from it count as if they were
// there. A lasting change moves all days and is kept whole, what a holiday or an outage does to a few is not.
func steadyMean(day float64) summary {
	reach := steadyReach * day
	return func(window []point) (value, noise float64) {
		_, noise = windowMean(window)
		days := observedValues(window)
		value = median(days)
		for range steadyTries {
			pulled := 0.0
			for _, y := range days {
				pulled += math.Max(-reach, math.Min(reach, y-value))
			}
			value += pulled / float64(len(days))
		}
		return value, noise
	}
}

// sustained tells whether the effect is more than what a few days carry: it must be as significant with these pulled in,
// and the day in the middle must show a good part of it.
func (r Reading) sustained(nominalP float64) bool {
	e := r.Estimate
	if e.ObservedDays < spikeDays {
		return true
	}
	return e.SteadyPValue() <= nominalP && e.SteadyD*e.D > 0 && e.Median*e.D > 0 && abs(e.Median) >= spikeShare*abs(e.D)
}
