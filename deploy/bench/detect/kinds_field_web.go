package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// ads is an hourly price or ratio with the course of a day and outliers all over.
func ads(r *rand.Rand, sd, outliers, a float64) *sim {
	s := newSim(r, rowsOf(r, 1540, 1650), time.Hour, 0)
	day, slow := s.daily(s.between(0.8, 1.2)), s.wander(0.99, 0.15)
	swing := s.between(0.1, 0.8)
	s.fill(func(i int) float64 {
		v := math.Exp(slow[i]+swing*day(s.at[i])) * s.lognormal(sd)
		if s.chance(outliers) {
			v *= min(s.pareto(a), 12)
		}
		return v
	})
	return s
}

// fieldClickPrice has single prices far off at any time; labelled is where several are, or a very
// high one.
func fieldClickPrice(r *rand.Rand) *sim {
	s := ads(r, 0.2, 0.01, 1.5)
	scale := s.between(0.05, 1)
	for _, at := range s.events(4) {
		if s.chance(0.5) {
			s.scale(at, s.rows(1, 2), s.between(3, 9))
			continue
		}
		s.over(at, s.rows(6, 24), func(i int, _ float64) { s.v[i] *= s.between(1, 2.5) })
	}
	s.scale(0, s.n, scale)
	s.near(1e-4)
	return s
}

// fieldThousand is the price of a thousand impressions: it also moves for days.
func fieldThousand(r *rand.Rand) *sim {
	s := ads(r, 0.12, 0.006, 2)
	for _, at := range s.events(4) {
		switch s.IntN(3) {
		case 0:
			s.scale(at, s.rows(1, 3), s.between(2.2, 5))
		case 1:
			s.scale(at, s.rows(24, 96), s.between(1.4, 2.2))
		case 2:
			s.scale(at, s.rows(8, 30), s.between(0.2, 0.6))
		}
	}
	s.near(1e-3)
	return s
}

// fieldClickRatio is clicks by impressions: small counts make it jump at night.
func fieldClickRatio(r *rand.Rand) *sim {
	s := newSim(r, 1600, time.Hour, 0)
	day, rate, shown := s.daily(s.between(0.7, 1)), s.between(0.002, 0.03), s.between(2000, 20000)
	factor := make([]float64, s.n)
	for i := range factor {
		factor[i] = 1
	}
	for _, at := range s.events(3) {
		f := []float64{s.between(0, 0.4), s.between(1.6, 3)}[s.IntN(2)]
		s.over(at, s.rows(3, 30), func(i int, _ float64) { factor[i] = f })
	}
	s.fill(func(i int) float64 {
		n := math.Round(shown * (0.05 + day(s.at[i])))
		return s.count(n*rate*factor[i], 0.1) / n
	})
	return s
}

// road has sensors' irregular times and stretches without any.
func road(r *rand.Rand) *sim {
	return newSim(r, rowsOf(r, 1100, 2500), 8*time.Minute, 0.5)
}

func (s *sim) missing() *sim {
	for range s.rows(1, 5) {
		at := s.IntN(s.n - 100)
		if !slices.ContainsFunc(s.mark, func(m int) bool { return m > at-5 && m < at+60 }) {
			s.drop(at, s.rows(5, 60))
		}
	}
	return s
}

// rush is 1 in the rush hours of weekdays.
func (s *sim) rush(i int) float64 {
	at := s.at[i]
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		return 0.15
	}
	h := float64(at.Hour()) + float64(at.Minute())/60
	return math.Exp(-(h-8)*(h-8)/2) + math.Exp(-(h-17.3)*(h-17.3)/3)
}

func fieldOccupancy(r *rand.Rand) *sim {
	s := road(r)
	day := s.between(3, 8)
	s.fill(func(i int) float64 {
		h := float64(s.at[i].Hour())
		v := 1 + day*max(0, math.Sin(math.Pi*(h-5)/18)) + 8*s.rush(i)*s.lognormal(0.4)
		return v * s.lognormal(0.25)
	})
	for _, at := range s.events(3) {
		if s.chance(0.7) {
			s.add(at, s.rows(3, 15), s.between(8, 30))
			continue
		}
		s.set(at, s.rows(5, 25), 0)
	}
	s.quantise(0.06, 0, 100)
	return s.missing()
}

func fieldSpeed(r *rand.Rand) *sim {
	s := road(r)
	free, depth := s.between(60, 85), s.between(3, 35)
	s.fill(func(i int) float64 { return free - depth*s.rush(i)*s.between(0.2, 1.1) + 3*s.student(5) })
	s.scatter(s.rows(3, 10), func(at int) { s.add(at, 1, -s.between(8, 20)) })
	for _, at := range s.events(3) {
		low := s.between(8, 35)
		s.over(at, s.rows(4, 20), func(i int, _ float64) { s.v[i] = min(s.v[i], low) + 3*s.NormFloat64() })
	}
	s.quantise(1, 0, 120)
	return s.missing()
}

func fieldTravel(r *rand.Rand) *sim {
	s := road(r)
	free, rush := s.between(80, 400), s.between(0.3, 1.5)
	s.fill(func(i int) float64 {
		v := free * (1 + rush*s.rush(i)*s.between(0.1, 1.2)) * s.lognormal(0.12)
		if s.chance(0.01) {
			v *= min(s.pareto(1.5), 8)
		}
		return v
	})
	for _, at := range s.events(3) {
		s.over(at, s.rows(1, 15), func(i int, _ float64) { s.v[i] += free * s.between(1.5, 6) })
	}
	s.near(1)
	return s.missing()
}

// tweets are counts of five minutes with bursts; people label some of the large ones, not always
// the largest.
func tweets(r *rand.Rand, mean, over, rate, a, decay, burst float64) *sim {
	s := newSim(r, rowsOf(r, 15800, 15900), fiveMinutes, 0)
	day := s.daily(s.between(0.6, 1))
	bursts, largest := s.shots(rate, a, decay)
	s.fill(func(i int) float64 { return s.count(mean*(0.2+day(s.at[i])+burst*min(bursts[i], 150)), over) })
	keep := slices.DeleteFunc(largest[:min(len(largest), 12)], func(int) bool { return s.chance(0.3) })
	s.markLargest(keep, 4)
	return s
}

func fieldTweets(r *rand.Rand) *sim {
	return tweets(r, 20+60*r.Float64(), 0.2, 0.002, 1.3, 0.8+0.15*r.Float64(), 0.3)
}

func fieldFewTweets(r *rand.Rand) *sim {
	return tweets(r, 0.5+6*r.Float64(), 0.4, 0.003, 1.1, 0.5+0.4*r.Float64(), 0.5)
}

// fieldTrend grows or wanes over the weeks, and news keeps it high for days.
func fieldTrend(r *rand.Rand) *sim {
	s := newSim(r, 15850, fiveMinutes, 0)
	day, slow := s.daily(0.8), s.wander(0.9998, 0.4)
	mean := s.between(5, 40)
	level := make([]float64, s.n)
	for i := range level {
		level[i] = math.Exp(slow[i])
	}
	s.scatter(s.rows(20, 60), func(at int) {
		size := min(s.pareto(1.5), 8)
		s.over(at, s.rows(3, 20), func(i int, x float64) { level[i] += size * math.Exp(-3*x) })
	})
	for _, at := range s.events(4) {
		size, long := s.between(3, 15), s.rows(12, 400)
		s.over(at, long, func(i int, x float64) { level[i] += size * min(1, 10*x) * math.Exp(-4*x) })
	}
	s.fill(func(i int) float64 { return s.count(mean*level[i]*(0.2+day(s.at[i])), 0.25) })
	return s
}

// fieldContagious feeds on itself: mentions bring mentions, so that bursts of all sizes come of
// nothing; labelled are some that come from outside.
func fieldContagious(r *rand.Rand) *sim {
	s := newSim(r, 15850, fiveMinutes, 0)
	day, mean, again := s.daily(0.9), s.between(2, 15), s.between(0.6, 0.9)
	events := s.events(4)
	feed := 0.0
	s.fill(func(i int) float64 {
		x := mean*(0.2+day(s.at[i]))*(1-again) + again*feed
		if slices.Contains(events, i) {
			x += mean * s.between(5, 40)
		}
		n := s.count(x, 0.15)
		if s.chance(0.002) {
			n += mean * min(s.pareto(1.2), 15)
		}
		feed = 0.3*feed + 0.7*n
		return math.Round(n)
	})
	return s
}
