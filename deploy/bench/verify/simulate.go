package verify

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Series is one daily series in which nothing that a test should find was ever deployed.
type Series struct {
	Kind   string
	Real   bool
	Metric pcf.Metric
	First  time.Weekday
	Days   []pcf.Day
	// Control is a series beside it; none of a real one.
	Control []pcf.Day
}

// simulatedDays of a series: a year and a half, so that a season passes and half a year of history has room.
const simulatedDays = 560

// sim composes one series: the log odds (or the log mean) of each day, and how many signals come.
type sim struct {
	*rand.Rand
	n      int
	y      []float64 // log odds, or log of the mean count
	volume []float64 // signals a day, of a ratio
	over   float64   // standard deviation of the day's own log odds or log mean, beyond sampling
}

func newSim(r *rand.Rand) *sim {
	return &sim{Rand: r, n: simulatedDays, y: make([]float64, simulatedDays), volume: make([]float64, simulatedDays)}
}

func (s *sim) between(low, high float64) float64 { return low + s.Float64()*(high-low) }
func (s *sim) sign() float64                     { return float64(2*s.IntN(2) - 1) }

// scale draws from low to high, as likely to halve as to double.
func (s *sim) scale(low, high float64) float64 { return low * math.Pow(high/low, s.Float64()) }

func (s *sim) add(f func(day int) float64) {
	for day := range s.y {
		s.y[day] += f(day)
	}
}

// level is the middle of the metric and its usual volume.
func (s *sim) level(y, volume float64) {
	growth := s.between(-.0005, .0015)
	swing := s.weekday(.25)
	for day := range s.y {
		s.y[day] += y
		s.volume[day] = volume * math.Exp(growth*float64(day)+swing[day%7]+.1*s.NormFloat64())
	}
}

// weekday draws an effect for each weekday, and more for the weekend.
func (s *sim) weekday(size float64) (effects [7]float64) {
	weekend := size * s.NormFloat64()
	for i := range effects {
		effects[i] = size * .4 * s.NormFloat64()
		if i >= 5 {
			effects[i] += weekend
		}
	}
	return effects
}

func (s *sim) weekdays(size float64) {
	effects := s.weekday(size)
	s.add(func(day int) float64 { return effects[day%7] })
}

// wander adds an autoregression around 0 with this standard deviation.
func (s *sim) wander(phi, sd float64) {
	x := sd * s.NormFloat64()
	s.add(func(int) float64 {
		now := x
		x = phi*x + sd*math.Sqrt(1-phi*phi)*s.NormFloat64()
		return now
	})
}

// walk adds a random walk of this daily step.
func (s *sim) walk(step float64) {
	x := 0.0
	s.add(func(int) float64 {
		x += step * s.NormFloat64()
		return x
	})
}

// shifts adds jumps to new levels, once in so many days on average, that come back halfway.
func (s *sim) shifts(every, size float64) {
	x := 0.0
	s.add(func(int) float64 {
		if s.Float64() < 1/every {
			x = x/2 + size*s.NormFloat64()
		}
		return x
	})
}

// season adds a year's course.
func (s *sim) season(size float64) {
	phase, second := s.between(0, 365), s.between(0, .4)
	s.add(func(day int) float64 {
		x := 2 * math.Pi * (float64(day) + phase) / 365
		return size * (math.Cos(x) + second*math.Cos(2*x+phase))
	})
}

// stretches adds happenings of some days, once in so many days on average, each of one size.
func (s *sim) stretches(every float64, shortest, longest int, size func() float64) {
	for day := 0; ; {
		day += 1 + int(every*s.ExpFloat64())
		if day >= s.n {
			return
		}
		height := size()
		for end := day + shortest + s.IntN(longest-shortest+1); day < min(end, s.n); day++ {
			s.y[day] += height
		}
	}
}

// bursts adds happenings that die away.
func (s *sim) bursts(every, size, decay float64) {
	x := 0.0
	s.add(func(int) float64 {
		if s.Float64() < 1/every {
			x += size * s.ExpFloat64()
		}
		now := x
		x *= decay
		return now
	})
}

// tails adds day-to-day noise of Student's t with 3 degrees of freedom.
func (s *sim) tails(sd float64) {
	s.add(func(int) float64 {
		chi := 0.0
		for range 3 {
			z := s.NormFloat64()
			chi += z * z
		}
		return sd * s.NormFloat64() / math.Sqrt(max(chi, 1e-3))
	})
}

// sibling turns the series into one beside it: it follows the course to a part, and has one of its own.
func (s *sim) sibling() {
	share, middle := s.between(.3, 1), 0.0
	for _, y := range s.y {
		middle += y / float64(s.n)
	}
	s.add(func(day int) float64 { return (share - 1) * (s.y[day] - middle) })
	s.wander(s.between(.3, .9), s.between(.03, .15))
}

// draw makes days of the course.
func (s *sim) draw(metric pcf.Metric) []pcf.Day {
	switch metric {
	case pcf.Count:
		return s.count()
	case pcf.Value:
		days := make([]pcf.Day, s.n)
		for i := range days {
			days[i].Positive = math.Exp(s.y[i])
		}
		return days
	case pcf.Ratio:
	}
	return s.ratio()
}

// ratio draws the counts of both polarities.
func (s *sim) ratio() []pcf.Day {
	days := make([]pcf.Day, s.n)
	for i := range days {
		total := poisson(s.Rand, s.volume[i])
		p := 1 / (1 + math.Exp(-s.y[i]-s.over*s.NormFloat64()))
		positive := binomial(s.Rand, total, p)
		days[i] = pcf.Day{Positive: positive, Negative: total - positive}
	}
	return days
}

// count draws the counts.
func (s *sim) count() []pcf.Day {
	days := make([]pcf.Day, s.n)
	for i := range days {
		days[i] = pcf.Day{Positive: poisson(s.Rand, math.Exp(s.y[i]+s.over*s.NormFloat64()))}
	}
	return days
}

// exact is up to where counts are drawn one by one; beyond it the normal distribution is as good.
const exact = 60

func poisson(r *rand.Rand, mean float64) float64 {
	if mean > exact {
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	limit, k := math.Exp(-mean), 0.0
	for p := r.Float64(); p > limit; p *= r.Float64() {
		k++
	}
	return k
}

func binomial(r *rand.Rand, n, p float64) float64 {
	if n*p*(1-p) > exact {
		return min(n, max(0, math.Round(n*p+math.Sqrt(n*p*(1-p))*r.NormFloat64())))
	}
	if n <= exact {
		k := 0.0
		for range int(n) {
			if r.Float64() < p {
				k++
			}
		}
		return k
	}
	if p > .5 {
		return n - binomial(r, n, 1-p)
	}
	// Many trials of a rare outcome: jump from one to the next.
	k := 0.0
	for at := math.Floor(math.Log(1-r.Float64())/math.Log1p(-p)) + 1; at <= n; at += math.Floor(math.Log(1-r.Float64())/math.Log1p(-p)) + 1 {
		k++
	}
	return k
}
