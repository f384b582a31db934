package detect

import (
	"math"
	"math/rand/v2"
	"time"
)

// The kinds of this file were written when the detector was finished, and nothing of it was changed
// after it had seen them.

// queue is work that waits: it grows when more comes than is done.
func queue(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(4000), fiveMinutes, 0)
	load, day := s.between(0.4, 0.8), s.daily(s.between(0.6, 1))
	extra := make([]float64, s.n)
	for _, row := range s.events(3) {
		more := s.between(0.4, 1)
		s.over(row, s.rows(10, 60), func(i int, _ float64) { extra[i] = more })
	}
	waiting, done := 0.0, s.between(20, 200)
	s.fill(func(i int) float64 {
		waiting = max(0, waiting+s.count(done*(load*(0.6+0.5*day(s.at[i]))+extra[i]), 0.3)-done)
		return waiting
	})
	return s
}

// failures are no errors most of the time; a bad release brings some all the time.
func failures(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	rate, lone := s.between(0.02, 0.5), s.between(0.001, 0.004)
	s.fill(func(int) float64 {
		if s.chance(lone) {
			return rate + s.pareto(1.5)
		}
		return rate
	})
	for _, row := range s.events(3) {
		s.add(row, s.rows(6, 200), rate*s.between(3, 15)+s.between(0.5, 3))
	}
	for i, mean := range s.v {
		s.v[i] = s.count(mean, 0.3)
	}
	return s
}

// solar is nothing at night and depends on the clouds by day; panels fail.
func solar(r *rand.Rand) *sim {
	s := newSim(r, 5000+r.IntN(4000), 15*time.Minute, 0)
	clouds, peak := s.wander(0.98, 0.3), s.between(3, 500)
	s.fill(func(i int) float64 {
		hour := float64(s.at[i].Hour()) + float64(s.at[i].Minute())/60
		return peak * max(0, math.Sin(math.Pi*(hour-6)/12)) * min(1, max(0.1, 0.8+clouds[i])) * s.lognormal(0.03)
	})
	for _, row := range s.events(3) {
		s.scale(row, s.rows(40, 250), []float64{0, s.between(0.05, 0.3)}[s.IntN(2)])
	}
	s.quantise(0.01, 0, 1e6)
	return s
}

// diskUsage climbs and is cleaned up; something fills it.
func diskUsage(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	grow, clean := s.between(0.002, 0.02), s.rows(100, 500)
	extra := make([]float64, s.n)
	for _, row := range s.events(2) {
		by := s.between(5, 25)
		length := s.rows(1, 80)
		s.over(row, length, func(i int, _ float64) { extra[i] = by / float64(length) })
	}
	used := s.between(20, 50)
	s.fill(func(i int) float64 {
		used += grow*s.ExpFloat64() + extra[i]
		if i%clean == 0 {
			used -= grow * float64(clean)
		}
		return used
	})
	s.quantise(0.01, 0, 100)
	return s
}

// exchangeRate is a random walk that jumps, or is nervous for a while.
func exchangeRate(r *rand.Rand) *sim {
	s := newSim(r, 2000+r.IntN(4000), time.Hour, 0)
	sd, price := s.between(0.0005, 0.004), 0.0
	factor, jump := make([]float64, s.n), make([]float64, s.n)
	for i := range factor {
		factor[i] = 1
	}
	for _, row := range s.events(3) {
		if s.chance(0.5) {
			jump[row] = s.sign() * sd * s.between(8, 25)
		} else {
			s.over(row, s.rows(20, 150), func(i int, _ float64) { factor[i] = s.between(2.5, 5) })
		}
	}
	s.fill(func(i int) float64 {
		price += sd*factor[i]*s.student(5) + jump[i]
		return 1.2 * math.Exp(price)
	})
	return s
}

// hitRatio is close to one; a cold cache is not.
func hitRatio(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	miss, day := s.between(0.002, 0.08), s.daily(0.8)
	s.fill(func(i int) float64 { return miss * (0.6 + 0.6*day(s.at[i])) * s.lognormal(0.25) })
	for range s.IntN(10) {
		s.scale(s.IntN(s.n), s.rows(1, 3), s.between(1.5, 3))
	}
	for _, row := range s.events(3) {
		worse := s.between(3, 10)
		s.over(row, s.rows(10, 120), func(i int, x float64) { s.v[i] *= 1 + (worse-1)*math.Exp(-2*x) })
	}
	for i, v := range s.v {
		s.v[i] = max(0, 1-v)
	}
	return s
}

// water flows by day and hardly at night; a leak flows always.
func water(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(3000), []time.Duration{15 * time.Minute, time.Hour}[r.IntN(2)], 0)
	mean, day := s.between(1, 50), s.daily(s.between(1, 1.3))
	s.fill(func(i int) float64 {
		return mean * (0.05 + math.Pow(day(s.at[i]), 2)) * s.lognormal(s.between(0.2, 0.4))
	})
	for _, row := range s.events(2) {
		s.add(row, s.rows(60, 300), mean*s.between(0.4, 1.2))
	}
	s.quantise(0.1, 0, 1e6)
	return s
}

// roundTrips take one of two ways; a third is longer.
func roundTrips(r *rand.Rand) *sim {
	s := newSim(r, 4000+r.IntN(4000), time.Minute, 0.2)
	near, far, share := s.between(5, 30), s.between(35, 60), s.between(0.1, 0.5)
	s.fill(func(int) float64 {
		v := near
		if s.chance(share) {
			v = far
		}
		if s.chance(0.003) {
			v *= s.pareto(2)
		}
		return v + s.ExpFloat64()
	})
	for _, row := range s.events(3) {
		switch s.IntN(3) {
		case 0:
			s.add(row, s.rows(15, 200), s.between(10, 60))
		case 1:
			s.over(row, s.rows(60, 300), func(i int, _ float64) { s.v[i] = far + s.ExpFloat64() })
		default:
			s.over(row, s.rows(60, 300), func(i int, _ float64) { s.v[i] = near + s.ExpFloat64() })
		}
	}
	return s
}

// nightlyJob runs once a day; it is left out, or takes much longer.
func nightlyJob(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(3000), []time.Duration{10 * time.Minute, 30 * time.Minute}[r.IntN(2)], 0)
	hour, length, height := s.IntN(24), s.between(0.5, 3), s.between(5, 80)
	events := s.events(3)
	longer := make([]float64, s.n)
	for _, row := range events {
		by := []float64{0, s.between(2.5, 5)}[s.IntN(2)]
		s.over(row, int(s.days), func(i int, _ float64) { longer[i] = 1 + by })
	}
	s.fill(func(i int) float64 {
		v := 5 + s.ExpFloat64()
		since := math.Mod(float64(s.at[i].Hour())+float64(s.at[i].Minute())/60-float64(hour)+24, 24)
		span := length
		switch {
		case longer[i] == 1:
			span = 0
		case longer[i] > 1:
			span *= longer[i]
		}
		if since < span {
			v += height * s.between(0.8, 1.2)
		}
		return v
	})
	return s
}

// vibration is a fast oscillation whose strength says how worn a bearing is.
func vibration(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(6000), time.Minute, 0)
	period, noise := s.between(3, 12), s.between(0.1, 0.6)
	slow := s.wander(0.999, 0.15)
	strength := make([]float64, s.n)
	for i := range strength {
		strength[i] = math.Exp(slow[i])
	}
	for _, row := range s.events(3) {
		factor := []float64{s.between(0.05, 0.4), s.between(1.8, 4)}[s.IntN(2)]
		s.over(row, s.rows(40, 400), func(i int, _ float64) { strength[i] *= factor })
	}
	s.fill(func(i int) float64 {
		return strength[i] * (math.Sin(2*math.Pi*float64(i)/period) + noise*s.NormFloat64())
	})
	return s
}
