package pcf

import "math"

const (
	levelStartDays = 7 // the level starts as the mean of the first week, and the likelihood counts from the day after

	// Below this the innovations are rounding noise; the floor keeps the likelihood of a constant series finite.
	minScale = 1e-12
)

// signalToNoise is the grid of q, the level's daily variance in units of the observation variance: a level that never
// moves, and 26 logarithmic steps from one that needs months to move to one that follows every day.
func signalToNoise() []float64 {
	grid := []float64{0}
	for i := range 26 {
		grid = append(grid, math.Pow(10, -4+5*float64(i)/25))
	}
	return grid
}

// level is what the filter knows at the end of the history, averaged over the grid of q by likelihood.
type level struct {
	path     []float64 // the filtered level after each day
	last     float64
	q        float64 // level variance a day, in units of scale
	scale    float64 // observation variance σ²
	variance float64 // P, of last, in units of scale
}

// filterLevel runs a local-level Kalman filter with observation variance 1 and concentrated scale (Durbin & Koopman
// 2012, chapter 2) once for each q, and averages. A day without an observation only widens the variance.
func filterLevel(history []point) level {
	grid := signalToNoise()
	runs := make([]level, len(grid))
	logLikelihoods := make([]float64, len(grid))
	best := math.Inf(-1)
	for i, q := range grid {
		runs[i], logLikelihoods[i] = filterWith(history, q)
		best = max(best, logLikelihoods[i])
	}

	averaged := level{path: make([]float64, len(history))}
	total := 0.0
	for _, ll := range logLikelihoods {
		total += math.Exp(ll - best)
	}
	for i, run := range runs {
		weight := math.Exp(logLikelihoods[i]-best) / total
		averaged.last += weight * run.last
		averaged.q += weight * run.q
		averaged.scale += weight * run.scale
		averaged.variance += weight * run.variance
		for day, value := range run.path {
			averaged.path[day] += weight * value
		}
	}
	return averaged
}

// filterWith filters with one q and returns the concentrated log-likelihood −½(c·ln σ² + Σ ln F).
func filterWith(history []point, q float64) (level, float64) {
	burnIn := min(levelStartDays, len(history)/2) // a history of 7 to 13 days must leave some days to learn the scale from
	run := level{path: make([]float64, len(history)), last: startLevel(history), q: q, variance: 1}
	squares, logs, counted := 0.0, 0.0, 0
	for day, p := range history {
		if day > 0 {
			run.variance += q
		}
		if p.observed {
			innovationVariance := run.variance + 1
			innovation := p.y - run.last
			gain := run.variance / innovationVariance
			run.last += gain * innovation
			run.variance *= 1 - gain
			if day >= burnIn {
				squares += innovation * innovation / innovationVariance
				logs += math.Log(innovationVariance)
				counted++
			}
		}
		run.path[day] = run.last
	}
	run.scale = minScale
	if counted > 0 {
		run.scale = max(minScale, squares/float64(counted))
	}
	return run, -.5 * (float64(counted)*math.Log(run.scale) + logs)
}

func startLevel(history []point) float64 {
	first := make([]float64, 0, levelStartDays)
	for _, p := range history {
		if p.observed && len(first) < levelStartDays {
			first = append(first, p.y)
		}
	}
	if len(first) == 0 {
		return 0
	}
	return mean(first)
}
