package verify

import (
	"math/rand/v2"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// trial is one test at one date.
type trial struct {
	metric          pcf.Metric
	first           time.Weekday
	history, window []pcf.Day
	control         *pcf.Control // nil without one
	trigger         []int        // indexes in history
}

// outcome of a test: its two-sided p and the direction of the effect.
type outcome struct{ p, effect float64 }

// side is +1 or −1 where an effect is found, else 0.
func (o outcome) side() int {
	switch {
	case !(o.p <= pcf.Alpha) || o.effect == 0:
		return 0
	case o.effect > 0:
		return 1
	}
	return -1
}

// at is the test of h days after a date, with at most so many days of history.
func (s Series) at(date, history, h int) trial {
	from := max(0, date-history)
	c := trial{
		metric: s.Metric, first: time.Weekday((int(s.First) + from) % 7),
		history: s.Days[from:date], window: s.Days[date : date+h],
	}
	if s.Control != nil {
		c.control = &pcf.Control{Name: "control", History: s.Control[from:date], Window: s.Control[date : date+h]}
	}
	return c
}

// within is the same trial with its first days alone.
func (c trial) within(days int) trial {
	c.window = c.window[:days]
	return c
}

// input of the product's own test, which knows of no control.
func (c trial) input(s pcf.Schedule) pcf.Input {
	return pcf.Input{Metric: c.metric, FirstWeekday: c.first, History: c.history, Window: c.window, Schedule: s, Trigger: c.trigger}
}

// changed is the same trial after a deployment that multiplied the odds, or the count, by the factor. Signals are drawn
// one by one for what becomes of them, so that the counts are as noisy as real ones; for a count that grows it is the
// history that is thinned.
func (c trial) changed(r *rand.Rand, factor float64) trial {
	switch c.metric {
	case pcf.Ratio:
		c.window = each(c.window, func(d pcf.Day) pcf.Day { return turned(r, d, factor) })
	case pcf.Count:
		if factor < 1 {
			c.window = each(c.window, func(d pcf.Day) pcf.Day { return pcf.Day{Positive: binomial(r, d.Positive, factor), Missing: d.Missing} })
		} else {
			c.history = each(c.history, func(d pcf.Day) pcf.Day {
				return pcf.Day{Positive: binomial(r, d.Positive, 1/factor), Missing: d.Missing}
			})
		}
	case pcf.Value:
		c.window = each(c.window, func(d pcf.Day) pcf.Day { d.Positive *= factor; return d })
	}
	return c
}

// turned lets signals change sides, each by chance, so that the odds are multiplied by the factor.
func turned(r *rand.Rand, d pcf.Day, factor float64) pcf.Day {
	if d.Total() == 0 {
		return d
	}
	p := d.Positive / d.Total()
	now := factor * p / (1 - p + factor*p)
	switch {
	case factor > 1 && p < 1:
		turn := binomial(r, d.Negative, (now-p)/(1-p))
		d.Positive, d.Negative = d.Positive+turn, d.Negative-turn
	case factor < 1 && p > 0:
		turn := binomial(r, d.Positive, (p-now)/p)
		d.Positive, d.Negative = d.Positive-turn, d.Negative+turn
	}
	return d
}

func each(days []pcf.Day, f func(pcf.Day) pcf.Day) []pcf.Day {
	out := make([]pcf.Day, len(days))
	for i, d := range days {
		out[i] = f(d)
	}
	return out
}
