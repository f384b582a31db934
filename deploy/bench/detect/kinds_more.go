package detect

import (
	"math"
	"math/rand/v2"
	"time"
)

// busyMentions are counts in which anything may be talked about more for a while; the largest
// waves are the events.
func busyMentions(r *rand.Rand) *sim {
	s := newSim(r, 8000+r.IntN(8000), fiveMinutes, 0)
	mean, over, day := s.between(5, 60), s.between(0.2, 0.5), s.daily(s.between(0.5, 1))
	wave, largest := s.shots(s.between(0.001, 0.006), s.between(1.2, 2), s.between(0.6, 0.97))
	s.fill(func(i int) float64 { return s.count(mean*(0.2+day(s.at[i])+s.between(0.5, 1.5)*wave[i]), over) })
	s.markLargest(largest, 4)
	return s
}

// sparseMentions are mostly 0 to 3 in five minutes.
func sparseMentions(r *rand.Rand) *sim {
	s := newSim(r, 8000+r.IntN(8000), fiveMinutes, 0)
	mean, day := s.between(0.3, 4), s.daily(s.between(0.4, 1))
	wave, largest := s.shots(s.between(0.0005, 0.003), s.between(1.1, 1.8), s.between(0.5, 0.95))
	s.fill(func(i int) float64 { return s.count(mean*(0.2+day(s.at[i])+wave[i]), 0.4) })
	s.markLargest(largest, 4)
	return s
}

// clickRatio is hourly and noisy with outliers; the largest are the events.
func clickRatio(r *rand.Rand) *sim {
	s := newSim(r, 1400+r.IntN(300), time.Hour, 0)
	base, spread, day := s.between(0.03, 0.3), s.between(0.1, 0.35), s.daily(1)
	swing := s.between(0, 0.6)
	wave, largest := s.shots(s.between(0.003, 0.01), s.between(1.5, 3), s.between(0, 0.7))
	size := s.between(0.4, 1.2)
	s.fill(func(i int) float64 {
		return base * s.lognormal(spread) * (1 - swing/2 + swing*day(s.at[i]) + size*wave[i])
	})
	s.markLargest(largest, 3)
	return s
}

// adPrices wander, hourly; they jump for days or for an hour.
func adPrices(r *rand.Rand) *sim {
	s := newSim(r, 1400+r.IntN(300), time.Hour, 0)
	base, day, ar := s.between(0.3, 3), s.daily(s.between(0.7, 1.2)), s.wander(0.98, s.between(0.05, 0.3))
	swing, spread := s.between(0, 0.8), s.between(0.05, 0.3)
	s.fill(func(i int) float64 {
		v := base * math.Exp(ar[i]) * (0.6 + swing*day(s.at[i])) * s.lognormal(spread)
		if s.chance(0.004) {
			v *= s.between(1.5, 2.5)
		}
		return v
	})
	for _, row := range s.events(3) {
		if s.chance(0.5) {
			s.scale(row, s.rows(1, 3), s.between(3, 8))
		} else {
			s.scale(row, s.rows(12, 100), s.between(1.6, 3))
		}
	}
	return s
}

// roadSpeed comes unevenly; traffic jams at the rush hours are normal, others are not.
func roadSpeed(r *rand.Rand) *sim {
	s := newSim(r, 1000+r.IntN(1600), sensorStep(r), 0.5)
	free, noise := s.between(55, 75), s.between(1.5, 5)
	rush, deep := s.between(7, 18), s.between(5, 30)
	s.fill(func(i int) float64 {
		hour := float64(s.at[i].Hour()) + float64(s.at[i].Minute())/60
		v := free + noise*s.student(5)
		if day := s.at[i].Weekday(); day != time.Saturday && day != time.Sunday {
			v -= deep * math.Exp(-(hour-rush)*(hour-rush)/2) * s.between(0.5, 1.2)
		}
		return v
	})
	for range s.n / 300 {
		s.add(s.IntN(s.n), s.rows(1, 4), -s.between(5, 15))
	}
	for _, row := range s.events(3) {
		s.add(row, s.rows(3, 25), -s.between(15, 45))
	}
	s.quantise(1, 2, 95)
	return s
}

// sensorStep is how often a sensor at a road reports.
func sensorStep(r *rand.Rand) time.Duration { return time.Duration(5+r.IntN(8)) * time.Minute }

// occupancy is skewed, with peaks in the rush hours.
func occupancy(r *rand.Rand) *sim {
	s := newSim(r, 2400+r.IntN(200), sensorStep(r), 0.5)
	base, day, peak := s.between(1, 6), s.daily(s.between(0.4, 0.9)), s.between(5, 15)
	power := s.between(1, 4)
	s.fill(func(i int) float64 {
		v := (base + peak*math.Pow(day(s.at[i]), power)) * s.lognormal(0.3)
		if s.chance(0.003) {
			v *= s.between(1.3, 2)
		}
		return v
	})
	for _, row := range s.events(3) {
		if s.chance(0.7) {
			s.add(row, s.rows(1, 15), peak*s.between(1, 4))
		} else {
			s.scale(row, s.rows(10, 60), s.between(0, 0.3))
		}
	}
	s.quantise(0.01, 0, 100)
	return s
}

// travelTime has congestion of any size; the longest are the events. The collector is away at times.
func travelTime(r *rand.Rand) *sim {
	s := newSim(r, 2100+r.IntN(500), sensorStep(r), 0.7)
	base, day, noise := s.between(60, 500), s.daily(s.between(0.6, 1)), s.between(0.02, 0.15)
	wave, largest := s.shots(s.between(0.003, 0.012), s.between(1.3, 2.2), s.between(0.5, 0.95))
	size := s.between(0.15, 0.6)
	s.fill(func(i int) float64 { return base * s.lognormal(noise) * (1 + 0.3*day(s.at[i]) + size*wave[i]) })
	s.markLargest(largest, 3)
	s.quantise(1, 0, 1e5)
	for range 1 + s.IntN(3) {
		s.drop(s.IntN(s.n), s.rows(5, 60))
	}
	return s
}

// passengers follow the week closely; holidays, storms and great evenings do not.
func passengers(r *rand.Rand) *sim {
	s := newSim(r, 10000+r.IntN(600), 30*time.Minute, 0)
	mean, noise := s.between(500, 20000), s.between(0.02, 0.06)
	day, weekend, trend := s.daily(1), s.daily(1), s.wander(0.9995, 0.05)
	s.fill(func(i int) float64 {
		x := day(s.at[i])
		if d := s.at[i].Weekday(); d == time.Saturday || d == time.Sunday {
			x = 0.8 * weekend(s.at[i])
		}
		return mean * (0.15 + x) * (1 + trend[i]) * s.lognormal(noise)
	})
	for _, row := range s.events(5) {
		switch s.IntN(3) {
		case 0:
			s.scale(row-24, 48, s.between(0.4, 0.75))
		case 1:
			s.scale(row-10, s.rows(24, 70), s.between(0.05, 0.35))
		default:
			s.scale(row, s.rows(2, 8), s.between(1.4, 2))
		}
	}
	s.quantise(1, 0, 1e9)
	return s
}

// machineTemperature wanders slowly and dips; before a failure it is odd, then it falls.
func machineTemperature(r *rand.Rand) *sim {
	s := newSim(r, 14000+r.IntN(8000), fiveMinutes, 0)
	slow, fast := s.wander(0.9997, s.between(3, 8)), s.wander(0.97, s.between(1, 2.5))
	base := s.between(60, 95)
	s.fill(func(i int) float64 { return base + slow[i] + fast[i] + 0.5*s.NormFloat64() })
	for range s.IntN(6) {
		depth := s.between(5, 15)
		s.over(s.IntN(s.n), s.rows(30, 150), func(i int, x float64) { s.v[i] -= depth * math.Sin(math.Pi*x) })
	}
	for _, row := range s.events(4) {
		depth := s.between(15, 70)
		s.over(row-s.rows(0, 40), s.rows(60, 400), func(i int, x float64) {
			s.v[i] -= depth * math.Pow(math.Sin(math.Pi*min(x*s.between(0.98, 1.02), 1)), 0.5)
		})
	}
	return s
}

// roomTemperature is hourly with a mild day; heating fails, or it is too warm for days.
func roomTemperature(r *rand.Rand) *sim {
	s := newSim(r, 7000+r.IntN(500), time.Hour, 0)
	slow, fast, day := s.wander(0.999, s.between(1, 3)), s.wander(0.9, 1), s.daily(s.between(0.7, 1))
	base, swing := s.between(60, 75), s.between(0, 4)
	s.fill(func(i int) float64 { return base + slow[i] + fast[i] + swing*day(s.at[i]) })
	for _, row := range s.events(2) {
		depth := s.sign() * s.between(6, 14)
		s.over(row-6, s.rows(12, 120), func(i int, x float64) { s.v[i] += depth * math.Sin(math.Pi*x) })
	}
	for range 1 + s.IntN(2) {
		s.drop(s.IntN(s.n), s.rows(20, 100))
	}
	return s
}

// keystrokes are a skewed mixture at uneven times; somebody else types.
func keystrokes(r *rand.Rand) *sim {
	s := newSim(r, 1900+r.IntN(3500), 5*time.Minute, 0.9)
	quick, slow, share := s.between(0.03, 0.1), s.between(0.2, 0.4), s.between(0.05, 0.2)
	s.fill(func(int) float64 {
		if s.chance(share) {
			return slow * s.lognormal(0.6)
		}
		return quick * s.lognormal(0.4)
	})
	for _, row := range s.events(2) {
		factor := s.between(1.8, 5)
		s.over(row, s.rows(20, 150), func(i int, _ float64) {
			if s.chance(0.7) {
				s.v[i] *= factor * s.lognormal(0.2)
			}
		})
	}
	return s
}

// pulsed is the same every day: low, with a plateau.
func pulsed(s *sim) (from, to, low, high float64) {
	from = s.between(2, 14)
	to = from + s.between(3, 9)
	low, high = s.between(10, 30), s.between(60, 90)
	noise := s.between(0, 4)
	s.fill(func(i int) float64 {
		hour := float64(s.at[i].Hour()) + float64(s.at[i].Minute())/60
		if hour >= from && hour < to {
			return high + noise*(2*s.Float64()-1)
		}
		return low + noise*(2*s.Float64()-1)
	})
	return from, to, low, high
}

// oddPulse has its plateau, or a small one, when it should be low.
func oddPulse(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	_, to, low, high := pulsed(s)
	row := s.events(1)[0]
	latest := max(20, int(to)+1) // hour
	for row = max(row, Probation(s.n)+50); s.at[row].Hour() <= int(to) || s.at[row].Hour() > latest; {
		row = Probation(s.n) + 50 + (row+12)%(s.n-Probation(s.n)-110)
	}
	s.mark[0] = row
	s.add(row, s.rows(4, 40), (high-low)*[]float64{1, s.between(0.1, 0.6)}[s.IntN(2)])
	return s
}

// changedPulse leaves a plateau out, or makes it higher or lower.
func changedPulse(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	from, to, low, high := pulsed(s)
	row := s.events(1)[0]
	start := row
	for start < s.n-1 && s.at[start].Hour() != int(from)+1 {
		start++
	}
	s.mark[0] = start
	length := int((to - from) * s.days / 24)
	switch s.IntN(3) {
	case 0:
		s.over(start-12, length+24, func(i int, _ float64) { s.v[i] = low + s.Float64() })
	case 1:
		s.add(start, length, (high-low)*s.between(0.3, 1))
	default:
		s.add(start, length, -(high-low)*s.between(0.2, 0.6))
	}
	return s
}
