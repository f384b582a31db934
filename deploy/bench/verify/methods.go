package verify

import (
	"fmt"
	"math"

	"github.com/draftlabs/specter/pkg/pcf"
)

// method is one way to tell whether something happened.
type method struct {
	name string
	// once looks a single time, at the end of the window; +1 is an improvement, −1 a worsening, 0 nothing.
	once func(trial) int
	// often looks on the usual days up to the end of the window and stops at the first that finds something.
	often func(trial) int
}

// lookDays are the days people look on.
func lookDays() []int { return []int{1, 2, 3, 5, 7, 10, 14} }

// product is the method that is measured, guards and minimums and all.
func product() method {
	return method{
		name:  "placebo-calibrated forecast",
		once:  func(c trial) int { return verdict(c.input(pcf.Once(len(c.window)))) },
		often: func(c trial) int { return verdict(c.input(pcf.TwoWeeks())) },
	}
}

// estimate is its test without guards and minimums, as the design has it.
func estimate() method {
	reading := func(c trial, level float64) int {
		e, err := pcf.Forecast(c.metric, c.first, c.history, c.window)
		if err != nil || e.PValue() > level {
			return 0
		}
		return int(math.Copysign(1, e.D))
	}
	return method{
		name: "the same without its guards",
		once: func(c trial) int { return reading(c, pcf.Alpha) },
		often: func(c trial) int {
			for _, look := range pcf.TwoWeeks() {
				if side := reading(c.within(look.Day), look.NominalP); side != 0 {
					return side
				}
			}
			return 0
		},
	}
}

func verdict(in pcf.Input) int {
	r, err := pcf.Run(in)
	if err != nil {
		panic(fmt.Sprintf("a trial that cannot be judged: %v", err)) // the days of a trial are whole and enough
	}
	switch r.Verdict {
	case pcf.Improved:
		return 1
	case pcf.Regressed:
		return -1
	case pcf.NoEffect, pcf.Inconclusive, pcf.Collecting:
	}
	return 0
}

// peer is a test whose p is held against 5 % whenever somebody looks.
func peer(name string, test func(trial) outcome) method {
	return method{
		name: name,
		once: func(c trial) int { return test(c).side() },
		often: func(c trial) int {
			for _, day := range lookDays() {
				if side := test(c.within(day)).side(); side != 0 {
					return side
				}
			}
			return 0
		},
	}
}

// naive is the place of the two-proportion z among the methods.
const naive = 2

func methods() []method {
	return []method{
		product(),
		estimate(),
		peer("two-proportion z, before and after", zTest),
		peer("GrowthBook sequential (units independent)", growthbook),
		peer("interrupted time series, Newey-West", itsNeweyWest),
		peer("interrupted time series, AR(1)", itsAR1),
		peer("Welch on daily ratios", welch),
		peer("Mann-Whitney on daily ratios, Kayenta's rule", kayenta),
	}
}
