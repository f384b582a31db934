package verify

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/draftlabs/specter/pkg/pcf"
)

// before is how many days a test that compares before with after takes for "before".
const before = 28

// scaled is a day's metric on the scale on which effects are the same at every level; ok is false where there is none.
func scaled(metric pcf.Metric, d pcf.Day) (y float64, ok bool) {
	switch {
	case d.Missing:
		return 0, false
	case metric == pcf.Ratio:
		return math.Log((d.Positive + .5) / (d.Negative + .5)), d.Total() > 0
	case metric == pcf.Count:
		return math.Log(d.Positive + .5), true
	}
	return math.Log(d.Positive), d.Positive > 0
}

func values(metric pcf.Metric, days []pcf.Day) []float64 {
	out := make([]float64, 0, len(days))
	for _, d := range days {
		if y, ok := scaled(metric, d); ok {
			out = append(out, y)
		}
	}
	return out
}

func sums(days []pcf.Day) (positive, negative float64) {
	for _, d := range days {
		positive += d.Positive
		negative += d.Negative
	}
	return positive, negative
}

func recent(days []pcf.Day) []pcf.Day { return days[max(0, len(days)-before):] }

// twoSided is the p of a z-score.
func twoSided(z float64) float64 {
	if math.IsNaN(z) {
		return 1
	}
	return 2 * distuv.UnitNormal.Survival(math.Abs(z))
}

// twoProportions is the pooled z of x1 in n1 against x2 in n2; positive when the second share is larger.
func twoProportions(x1, n1, x2, n2 float64) float64 {
	p := (x1 + x2) / (n1 + n2)
	return (x2/n2 - x1/n1) / math.Sqrt(p*(1-p)*(1/n1+1/n2))
}

// zTest takes signals for independent: shares for a ratio, Poisson rates for a count.
func zTest(c trial) outcome {
	old := recent(c.history)
	switch c.metric {
	case pcf.Ratio:
		a, b := sums(old)
		x, y := sums(c.window)
		z := twoProportions(a, a+b, x, x+y)
		return outcome{p: twoSided(z), effect: z}
	case pcf.Count:
		a, _ := sums(old)
		x, _ := sums(c.window)
		z := (math.Log((x+.5)/float64(len(c.window))) - math.Log((a+.5)/float64(len(old)))) / math.Sqrt(1/(x+.5)+1/(a+.5))
		return outcome{p: twoSided(z), effect: z}
	}
	return outcome{p: 1} // values have no sampling error
}

// welch compares the days' metric before and after, as if days were independent.
func welch(c trial) outcome {
	x, y := values(c.metric, recent(c.history)), values(c.metric, c.window)
	if len(y) < 2 {
		return outcome{p: 1}
	}
	mx, vx := stat.MeanVariance(x, nil)
	my, vy := stat.MeanVariance(y, nil)
	a, b := vx/float64(len(x)), vy/float64(len(y))
	df := (a + b) * (a + b) / (a*a/float64(len(x)-1) + b*b/float64(len(y)-1))
	t := (my - mx) / math.Sqrt(a+b)
	if math.IsNaN(t) || math.IsNaN(df) {
		return outcome{p: 1}
	}
	return outcome{p: 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(math.Abs(t)), effect: my - mx}
}

// Kayenta's judge: a metric fails when the confidence interval of the shift lies beyond a quarter of the shift.
const (
	kayentaConfidence = .98
	kayentaTolerance  = .25
)

// kayenta applies that rule to the days' metric; its p is 0 or 1, since the rule has none.
func kayenta(c trial) outcome {
	control, experiment := values(c.metric, recent(c.history)), values(c.metric, c.window)
	low, high, shift := mannWhitney(experiment, control, kayentaConfidence)
	bound := kayentaTolerance * math.Abs(shift)
	if low > bound || high < -bound {
		return outcome{p: 0, effect: shift}
	}
	return outcome{p: 1, effect: shift}
}

// mannWhitney is the confidence interval of the shift of x against y and its estimate, by the normal approximation with
// corrections for continuity and ties: the shifts at which the statistic takes its quantiles, as R's wilcox.test has it.
func mannWhitney(x, y []float64, confidence float64) (low, high, shift float64) {
	at := func(quantile float64, above func(z, quantile float64) bool) float64 {
		from, to := slices.Min(x)-slices.Max(y), slices.Max(x)-slices.Min(y)
		for range 60 { // the statistic falls with the shift, in steps
			if middle := (from + to) / 2; above(rankZ(x, y, middle, quantile != 0), quantile) {
				from = middle
			} else {
				to = middle
			}
		}
		return (from + to) / 2
	}
	more := func(z, quantile float64) bool { return z > quantile }
	orAt := func(z, quantile float64) bool { return z >= quantile }
	z := distuv.UnitNormal.Quantile((1 + confidence) / 2)
	return at(z, more), at(-z, more), (at(0, more) + at(0, orAt)) / 2 // at the middle of a step of nothing
}

// rankZ is the standardised rank sum of x less shift among y.
func rankZ(x, y []float64, shift float64, corrected bool) float64 {
	type ranked struct {
		value float64
		own   bool
	}
	all := make([]ranked, 0, len(x)+len(y))
	for _, v := range x {
		all = append(all, ranked{v - shift, true})
	}
	for _, v := range y {
		all = append(all, ranked{v, false})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	rankSum, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].value == all[i].value {
			j++
		}
		size := float64(j - i)
		for k := i; k < j; k++ {
			if all[k].own {
				rankSum += float64(i+j+1) / 2
			}
		}
		ties += size*size*size - size
		i = j
	}
	nx, ny := float64(len(x)), float64(len(y))
	z := rankSum - nx*(nx+1)/2 - nx*ny/2
	correction := 0.0
	if corrected {
		correction = math.Copysign(.5, z)
		if z == 0 {
			correction = 0
		}
	}
	sigma := math.Sqrt(nx * ny / 12 * (nx + ny + 1 - ties/((nx+ny)*(nx+ny-1))))
	if sigma == 0 {
		return 0
	}
	return (z - correction) / sigma
}
