package verify

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/draftlabs/specter/pkg/pcf"
)

// sequentialTuning is GrowthBook's default: the number of units its interval is narrowest at.
const sequentialTuning = 5000

// sample is what GrowthBook knows of one variation.
type sample struct{ n, mean, variance float64 }

func proportion(sum, n float64) sample {
	p := sum / n
	return sample{n, p, p * (1 - p)}
}

// comparison of two variations: the effect and its standard error, absolute or relative to the first.
type comparison struct{ effect, se, n, df float64 }

func compare(a, b sample, relative bool) comparison {
	va, vb := a.variance/a.n, b.variance/b.n
	c := comparison{effect: b.mean - a.mean, se: math.Sqrt(va + vb), n: a.n + b.n}
	c.df = (va + vb) * (va + vb) / (va*va/(a.n-1) + vb*vb/(b.n-1))
	if relative {
		c.effect /= math.Abs(a.mean)
		c.se = math.Sqrt(vb/(a.mean*a.mean) + va*b.mean*b.mean/(a.mean*a.mean*a.mean*a.mean))
	}
	return c
}

// fixed is the two-sided test of a single look.
func (c comparison) fixed(alpha float64) (p, low, high float64) {
	t := distuv.StudentsT{Sigma: 1, Nu: c.df}
	reach := t.Quantile(1-alpha/2) * c.se
	return 2 * t.Survival(math.Abs(c.effect/c.se)), c.effect - reach, c.effect + reach
}

// sequential is the two-sided test that may be looked at any number of times (Waudby-Smith et al. 2021, eq. 9), under
// the assumption that units are independent.
func (c comparison) sequential(alpha, tuning float64) (p, low, high float64) {
	rho2 := (-2*math.Log(alpha) + math.Log(1-2*math.Log(alpha))) / tuning
	grown := c.n*rho2 + 1
	s2 := c.se * c.se * c.n
	reach := math.Sqrt(s2) * math.Sqrt(2*grown/(c.n*c.n*rho2)*math.Log(math.Sqrt(grown)/alpha))
	evidence := c.n * rho2 / grown * c.effect * c.effect * c.n / s2 / 2
	return math.Min(1, math.Sqrt(grown)*math.Exp(-evidence)), c.effect - reach, c.effect + reach
}

// growthbook takes the last weeks and the window for two variations of an experiment. A count is compared as a mean a
// day.
func growthbook(c trial) outcome {
	old := recent(c.history)
	var was, is sample
	if c.metric == pcf.Ratio {
		a, b := sums(old)
		x, y := sums(c.window)
		was, is = proportion(a, a+b), proportion(x, x+y)
	} else {
		was, is = daily(old), daily(c.window)
	}
	compared := compare(was, is, true)
	if !(compared.se > 0) {
		return outcome{p: 1}
	}
	p, _, _ := compared.sequential(pcf.Alpha, sequentialTuning)
	return outcome{p: p, effect: compared.effect}
}

// daily is the mean of counts a day, each signal taken for an independent event.
func daily(days []pcf.Day) sample {
	sum, _ := sums(days)
	mean := sum / float64(len(days))
	return sample{float64(len(days)), mean, mean}
}
