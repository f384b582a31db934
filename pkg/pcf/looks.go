package pcf

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Alpha is the chance of a verdict when nothing happened, over all looks together.
const Alpha = .05

// Look is one planned evaluation.
type Look struct {
	// Number counts from 1.
	Number int
	// Day is how many complete days after the deployment the look sees.
	Day int
	// NominalP is the two-sided p at or below which this look decides. It is far below 5 % at first, because the error is
	// spent over all looks together (linear α-spending with Brownian correlation, Lan & DeMets 1983).
	NominalP float64
}

// Schedule is the list of looks fixed before the first of them. Its last look is the horizon.
type Schedule []Look

// TwoWeeks are the looks of a verification: seven until day 14, together 5 %.
func TwoWeeks() Schedule {
	return schedule([]int{1, 2, 3, 5, 7, 10, 14}, []float64{.0037, .0044, .0053, .0095, .0121, .0177, .0251})
}

// FourWeeks adds looks on days 21 and 28 for contexts with little traffic, together 5 %.
func FourWeeks() Schedule {
	return schedule([]int{1, 2, 3, 5, 7, 10, 14, 21, 28},
		[]float64{.0018, .0021, .0027, .0045, .0057, .0082, .0118, .0191, .0239})
}

// EightWeeks are the looks at a weekly series, in weeks, together 5 %.
func EightWeeks() Schedule { return spend([]int{1, 2, 3, 5, 8}) }

// Once is a single look after days days: nothing was peeked at, so it may spend all 5 %.
func Once(days int) Schedule { return schedule([]int{days}, []float64{Alpha}) }

// Until are the usual looks up to a horizon of any length, together 5 %. Beyond four weeks one is added every two weeks.
func Until(days int) Schedule {
	switch days {
	case 14:
		return TwoWeeks()
	case 28:
		return FourWeeks()
	}
	var at []int
	for _, day := range []int{1, 2, 3, 5, 7, 10, 14, 21, 28} {
		if day < days {
			at = append(at, day)
		}
	}
	for day := 42; day < days; day += 14 {
		at = append(at, day)
	}
	return spend(append(at, days))
}

func schedule(days []int, levels []float64) Schedule {
	s := make(Schedule, len(days))
	for i := range days {
		s[i] = Look{Number: i + 1, Day: days[i], NominalP: levels[i]}
	}
	return s
}

const (
	spendSteps = 400 // of the grid a look's boundary is integrated over
	spendReach = 8.0 // standard deviations beyond which nothing is left to integrate
	spendTries = 60  // halvings until a boundary is exact
	spendUnit  = 1e4 // levels are cut to four digits, as one writes them down
)

// spend computes the levels of looks on these days so that by each of them the chance of an error is Alpha times the
// share of the horizon that has passed. The looks' statistics are those of a Brownian motion at its times; what has not
// crossed yet is carried from look to look as a density (Armitage, McPherson & Rowe 1969).
func spend(days []int) Schedule {
	normal := distuv.UnitNormal
	levels := make([]float64, len(days))
	horizon := float64(days[len(days)-1])
	var density, at []float64 // of the motion's value after the look before, on its grid
	spent := 0.0
	for i, day := range days {
		due := Alpha*float64(day)/horizon - spent
		sd, step := math.Sqrt(float64(day)/horizon), math.Sqrt(float64(day)/horizon)
		if i > 0 {
			step = math.Sqrt(float64(day-days[i-1]) / horizon)
		}
		beyond := func(bound float64) float64 {
			if i == 0 {
				return 2 * normal.Survival(bound/step)
			}
			p := 0.0
			for j, x := range at {
				p += density[j] * (normal.Survival((bound-x)/step) + normal.CDF((-bound-x)/step))
			}
			return p * (at[1] - at[0])
		}
		low, high := 0.0, spendReach*sd
		for range spendTries {
			if middle := (low + high) / 2; beyond(middle) > due {
				low = middle
			} else {
				high = middle
			}
		}
		levels[i] = math.Floor(spendUnit*2*normal.Survival(high/sd)+1e-6) / spendUnit
		density, at = carry(density, at, high, step)
		spent += due
	}
	return schedule(days, levels)
}

// carry is the density of what lies within ± bound after one more step of the motion, on a grid of midpoints.
func carry(density, at []float64, bound, step float64) (next, grid []float64) {
	normal := distuv.Normal{Mu: 0, Sigma: step}
	width := 2 * bound / spendSteps
	for i := range spendSteps {
		x := -bound + (float64(i)+.5)*width
		p := 0.0
		if at == nil {
			p = normal.Prob(x)
		}
		for j, from := range at {
			p += density[j] * normal.Prob(x-from) * (at[1] - at[0])
		}
		grid, next = append(grid, x), append(next, p)
	}
	return next, grid
}

// Horizon is the day of the last look.
func (s Schedule) Horizon() int {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Day
}

// At is the look whose level holds on a day: the latest one due, or the first one before any is. Between two looks an
// interval is shown at the level of the earlier one.
func (s Schedule) At(day int) (Look, bool) {
	if len(s) == 0 {
		return Look{}, false
	}
	after := slices.IndexFunc(s, func(look Look) bool { return look.Day > day })
	switch after {
	case -1:
		return s[len(s)-1], true
	case 0:
		return s[0], true
	}
	return s[after-1], true
}
