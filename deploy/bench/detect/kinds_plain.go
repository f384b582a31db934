package detect

import (
	"math"
	"math/rand/v2"
	"time"
)

// steps go through few levels in order; an order or a level is new.
func steps(r *rand.Rand) *sim {
	s := newSim(r, 2000+r.IntN(4000), time.Minute, 0)
	levels := make([]float64, s.rows(3, 6))
	for i := range levels {
		levels[i] = math.Round(s.between(0, 40))
	}
	length := s.rows(4, 40)
	s.fill(func(i int) float64 { return levels[(i/length)%len(levels)] })
	for _, row := range s.events(3) {
		switch s.IntN(3) {
		case 0:
			s.set(row, s.rows(length/2, 2*length), levels[s.IntN(len(levels))])
		case 1:
			s.set(row, s.rows(2, length), math.Round(s.between(-5, 55)))
		default:
			s.over(row, length*len(levels), func(i int, _ float64) { s.v[i] = levels[s.IntN(len(levels))] })
		}
	}
	return s
}

// wave is a noisy sine whose height or period changes for a while.
func wave(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(3000), time.Minute, 0)
	period, noise, height := s.between(30, 300), s.between(0.03, 0.3), s.between(1, 100)
	marks := s.events(3)
	phase, speed, size, until := 0.0, 1.0, 1.0, 0
	s.fill(func(i int) float64 {
		for _, m := range marks {
			if i == m {
				until, speed, size = i+int(2*period), 1, 1
				if s.chance(0.5) {
					speed = []float64{0.3, 2.5}[s.IntN(2)]
				} else {
					size = []float64{0.2, 1.6}[s.IntN(2)]
				}
			}
		}
		if i > until {
			speed, size = 1, 1
		}
		phase += speed / period
		return height * (size*math.Sin(2*math.Pi*phase) + noise*s.NormFloat64())
	})
	return s
}

// slowDrift leaves its level over hundreds of rows.
func slowDrift(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(5000), []time.Duration{fiveMinutes, time.Hour}[r.IntN(2)], 0)
	noise, day, swing := s.between(0.5, 2), s.daily(0.9), s.between(0, 6)
	s.fill(func(i int) float64 { return 50 + swing*day(s.at[i]) + noise*s.NormFloat64() })
	for _, row := range s.events(2) {
		delta, length := s.sign()*noise*s.between(4, 12), s.rows(100, 500)
		s.over(row, length, func(i int, x float64) { s.v[i] += delta * x })
		s.add(row+length, s.rows(100, 800), delta)
	}
	return s
}

// levelShift is on another level for a while or for good.
func levelShift(r *rand.Rand) *sim {
	s := newSim(r, 1000+r.IntN(9000), []time.Duration{fiveMinutes, time.Hour}[r.IntN(2)], 0)
	noise, day, swing := s.between(0.5, 2), s.daily(s.between(0.6, 1)), s.between(0, 8)
	ar := s.wander(0.9, noise*s.between(0, 1.5))
	scale := s.between(1, 1000)
	s.fill(func(i int) float64 { return 50 + swing*day(s.at[i]) + ar[i] + noise*s.NormFloat64() })
	for _, row := range s.events(3) {
		s.add(row, []int{s.n, s.rows(20, 400)}[s.IntN(2)], s.sign()*noise*s.between(4, 12))
	}
	s.scale(0, s.n, scale)
	return s
}

// dropouts are zeros and gaps: some are usual, a long one is not.
func dropouts(r *rand.Rand) *sim {
	s := newSim(r, 3000+r.IntN(3000), fiveMinutes, 0.1)
	day, noise, base := s.daily(s.between(0.6, 1)), s.between(0.03, 0.2), s.between(10, 1000)
	usual := s.between(0, 0.003)
	s.fill(func(i int) float64 { return base * (0.5 + day(s.at[i])) * s.lognormal(noise) })
	for i := range s.v {
		if s.chance(usual) {
			s.v[i] = 0
		}
	}
	for _, row := range s.events(3) {
		if s.chance(0.7) {
			s.set(row, s.rows(4, 80), 0)
		} else {
			s.set(row, s.rows(20, 80), math.NaN())
			s.scale(row+20, s.rows(20, 90), s.between(0.1, 0.4))
		}
	}
	for range s.IntN(4) {
		s.drop(s.IntN(s.n), s.rows(3, 100))
	}
	return s
}

// changedNoise is noisier or calmer for a while.
func changedNoise(r *rand.Rand) *sim {
	s := newSim(r, 2000+r.IntN(5000), fiveMinutes, 0)
	noise, day, swing := s.between(0.5, 3), s.daily(1), s.between(0, 5)
	at := make([]float64, s.n)
	for i := range at {
		at[i] = 1
	}
	for _, row := range s.events(3) {
		factor := []float64{s.between(0.05, 0.3), s.between(2.5, 6), s.between(2.5, 6)}[s.IntN(3)]
		s.over(row, s.rows(60, 500), func(i int, _ float64) { at[i] = factor })
	}
	s.fill(func(i int) float64 { return 20 + swing*day(s.at[i]) + at[i]*noise*s.NormFloat64() })
	return s
}

// movedSeason comes hours early or late for some days, or is upside down.
func movedSeason(r *rand.Rand) *sim {
	step := []time.Duration{fiveMinutes, 30 * time.Minute, time.Hour}[r.IntN(3)]
	s := newSim(r, 3000+r.IntN(4000), step, 0)
	day, swing, noise := s.daily(s.between(0.8, 1)), s.between(5, 30), s.between(0.3, 2)
	shift := make([]time.Duration, s.n)
	for _, row := range s.events(2) {
		by := time.Duration(s.between(5, 19) * float64(time.Hour))
		s.over(row, int(s.days*s.between(1, 3)), func(i int, _ float64) { shift[i] = by })
	}
	s.fill(func(i int) float64 { return 100 + swing*day(s.at[i].Add(shift[i])) + noise*s.NormFloat64() })
	return s
}

// flatLine is a sensor that is stuck.
func flatLine(r *rand.Rand) *sim {
	s := newSim(r, 2000+r.IntN(5000), []time.Duration{time.Minute, fiveMinutes, time.Hour}[r.IntN(3)], 0)
	ar, day, swing, noise := s.wander(0.95, s.between(0, 2)), s.daily(0.9), s.between(0, 8), s.between(0.2, 2)
	s.fill(func(i int) float64 { return 30 + ar[i] + swing*day(s.at[i]) + noise*s.NormFloat64() })
	for _, row := range s.events(3) {
		stuck := s.v[row]
		if s.chance(0.3) {
			stuck = 0
		}
		s.set(row, s.rows(30, 300), stuck)
	}
	s.quantise(0.1, -1e9, 1e9)
	return s
}

// heavyNothing has outliers by nature and no event.
func heavyNothing(r *rand.Rand) *sim {
	s := newSim(r, 2000+r.IntN(4000), fiveMinutes, 0)
	nu, lognormal := s.between(2, 4), s.chance(0.4)
	ar := s.wander(0.9, s.between(0, 2))
	s.fill(func(i int) float64 {
		if lognormal {
			return 10 * s.lognormal(0.9)
		}
		return 100 + ar[i] + s.student(nu)
	})
	return s
}

// nothing happens.
func nothing(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	switch s.IntN(4) {
	case 0:
		pulsed(s)
	case 1:
		s.fill(func(int) float64 { return 20 + s.Float64() })
	case 2:
		s.set(0, s.n, 45)
	default:
		day, noise := s.daily(0.8), s.between(0.1, 5)
		s.fill(func(i int) float64 { return 40 + 20*day(s.at[i]) + noise*s.NormFloat64() })
	}
	return s
}

// wrongHour has values that are usual at another time of the day.
func wrongHour(r *rand.Rand) *sim {
	step := []time.Duration{fiveMinutes, 15 * time.Minute, time.Hour}[r.IntN(3)]
	s := newSim(r, 2500+r.IntN(5000), step, 0)
	day, swing, noise := s.daily(s.between(0.85, 1)), s.between(10, 50), s.between(0.3, 3)
	s.fill(func(i int) float64 { return 20 + swing*day(s.at[i]) + noise*s.NormFloat64() })
	for _, row := range s.events(4) {
		target := 20 + swing*0.15
		if day(s.at[row]) < 0.5 {
			target = 20 + swing*0.85
		}
		s.over(row, max(2, int(s.days*s.between(0.02, 0.15))), func(i int, _ float64) { s.v[i] = target + noise*s.NormFloat64() })
	}
	return s
}
