package detect

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Origin is how a kind came about: who wrote it and when says how far its figure can be trusted.
type Origin uint8

// The origins.
const (
	made    Origin = iota // the detector was made on it
	fresh                 // by the detector's author, when the detector was finished
	field                 // by somebody who had seen neither the other kinds nor their figures
	origins = 3
)

func (o Origin) String() string {
	return [origins]string{"kinds it was made on", "fresh kinds *", "field kinds **"}[o]
}

// stars mark a kind that the detector was not made on.
func (o Origin) stars() string { return [origins]string{"", " *", " **"}[o] }

// kind makes the series of one kind.
type kind struct {
	name string
	of   Origin
	make func(r *rand.Rand) *sim
}

func kinds() []kind {
	return append([]kind{
		{"cpu, idle with jobs", made, idleCPU},
		{"cpu, busy", made, busyCPU},
		{"cpu, two loads", made, twoLoads},
		{"cpu, misconfigured", made, misconfigured},
		{"requests", made, requests},
		{"network bytes", made, networkBytes},
		{"disk writes", made, diskWrites},
		{"latency", made, latency},
		{"memory, sawtooth", made, sawtooth},
		{"load, moved for good", made, movedForGood},
		{"mentions, busy", made, busyMentions},
		{"mentions, sparse", made, sparseMentions},
		{"ad clicks, ratio", made, clickRatio},
		{"ad prices", made, adPrices},
		{"road speed", made, roadSpeed},
		{"road occupancy", made, occupancy},
		{"travel time", made, travelTime},
		{"passengers", made, passengers},
		{"machine temperature", made, machineTemperature},
		{"room temperature", made, roomTemperature},
		{"keystrokes", made, keystrokes},
		{"pulse at odd hours", made, oddPulse},
		{"pulse, missed or changed", made, changedPulse},
		{"steps out of order", made, steps},
		{"wave, changed", made, wave},
		{"slow drift", made, slowDrift},
		{"level shift", made, levelShift},
		{"gaps and dropouts", made, dropouts},
		{"changed noise", made, changedNoise},
		{"season moved", made, movedSeason},
		{"flat line", made, flatLine},
		{"heavy tails, nothing", made, heavyNothing},
		{"nothing", made, nothing},
		{"wrong time of day", made, wrongHour},
		{"queue", fresh, queue},
		{"failures", fresh, failures},
		{"solar power", fresh, solar},
		{"disk usage", fresh, diskUsage},
		{"exchange rate", fresh, exchangeRate},
		{"cache hit ratio", fresh, hitRatio},
		{"water", fresh, water},
		{"round trips", fresh, roundTrips},
		{"nightly job", fresh, nightlyJob},
		{"vibration", fresh, vibration},
	}, fieldKinds()...)
}

// Simulate makes one series of each kind from each of the seeds.
func Simulate(seeds int) []*Series {
	var all []*Series
	for _, k := range kinds() {
		for seed := range seeds {
			all = append(all, k.series(uint64(seed)))
		}
	}
	return all
}

func (k kind) series(seed uint64) *Series {
	h := fnv.New64a()
	fmt.Fprint(h, k.name)
	s := k.make(rand.New(rand.NewPCG(seed, h.Sum64())))
	return &Series{Kind: k.name, Origin: k.of, At: s.at, Values: s.v, Windows: s.windows()}
}

const (
	fiveMinutes = 5 * time.Minute
	fortnight   = 14 * 24 * 12 // rows of five minutes
)

// idleCPU is near zero, with a job every now and then; the load moves, a job gets out of hand or
// stops.
func idleCPU(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, noise := s.between(0.1, 4), s.between(0.02, 0.3)
	period, height := s.rows(6, 290), s.between(1, 20)
	skipped := 0
	s.fill(func(i int) float64 {
		v := base + noise*s.ExpFloat64()
		if i%period < 1+period/60 && i >= skipped {
			v += height * s.between(0.8, 1.2)
		}
		if s.chance(0.002) {
			v += height * s.between(0.2, 1.1) // somebody logs in
		}
		return v
	})
	for _, row := range s.events(2) {
		switch s.IntN(3) {
		case 0:
			s.add(row, s.rows(40, 600), base*0.5+noise*s.between(3, 10))
		case 1:
			s.add(row, s.rows(1, 6), height*s.between(1.5, 6))
		default:
			s.over(row, period*s.rows(2, 4)+100, func(i int, _ float64) { s.v[i] = base + noise*s.ExpFloat64() })
		}
	}
	s.quantise(s.between(0.001, 0.07), 0, 100)
	return s
}

// busyCPU works hard all day; it falls idle, saturates or settles on another level.
func busyCPU(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, day, ar := s.between(35, 80), s.daily(s.between(0.8, 1)), s.wander(s.between(0.5, 0.98), s.between(1, 5))
	swing, noise := s.between(0, 15), s.between(0.3, 3)
	s.fill(func(i int) float64 {
		v := base + swing*day(s.at[i]) + ar[i] + noise*s.student(4)
		if s.chance(0.003) {
			v += s.sign() * s.between(4, 15)
		}
		return v
	})
	for _, row := range s.events(3) {
		switch s.IntN(4) {
		case 0:
			s.scale(row, s.rows(10, 150), s.between(0.1, 0.6))
		case 1:
			s.add(row, s.rows(10, 150), 100)
		case 2:
			s.add(row, s.n, s.sign()*s.between(6, 25))
		default:
			s.add(row, s.rows(1, 4), s.sign()*s.between(15, 40))
		}
	}
	s.quantise(0.01, 0, 100)
	return s
}

// twoLoads goes between two loads at random times; a third load is news.
func twoLoads(r *rand.Rand) *sim {
	s := newSim(r, fortnight-r.IntN(400), fiveMinutes, 0)
	low, high := s.between(5, 30), s.between(40, 80)
	mean, noise := s.between(40, 300), s.between(0.5, 4)
	on := false
	s.fill(func(int) float64 {
		if s.chance(1 / mean) {
			on = !on
		}
		if on {
			return high + noise*s.NormFloat64()
		}
		return low + noise*s.NormFloat64()
	})
	for _, row := range s.events(2) {
		switch s.IntN(3) {
		case 0:
			third := s.between(low, high)
			s.over(row, s.rows(30, 300), func(i int, _ float64) { s.v[i] = third + noise*s.NormFloat64() })
		case 1:
			third := high + s.between(8, 20)
			s.over(row, s.rows(5, 100), func(i int, _ float64) { s.v[i] = third + noise*s.NormFloat64() })
		default:
			s.over(row, s.rows(30, 200), func(i int, _ float64) { s.v[i] += 6 * noise * s.NormFloat64() })
		}
	}
	s.quantise(0.002, 0, 100)
	return s
}

// misconfigured is a long noisy series in which the mix of loads changes once.
func misconfigured(r *rand.Rand) *sim {
	s := newSim(r, 18000-r.IntN(3000), fiveMinutes, 0)
	levels := []float64{s.between(10, 30), s.between(35, 45), s.between(60, 85)}
	day, noise := s.daily(0.7), s.between(2, 6)
	stay, at := s.between(3, 30), 0
	s.fill(func(i int) float64 {
		if s.chance(1 / stay) {
			at = 0
			if s.chance(0.2 + 0.6*day(s.at[i])) {
				at = 1 + s.IntN(2)
			}
		}
		return levels[at] + noise*s.NormFloat64()
	})
	row := s.events(1)[0]
	switch s.IntN(3) {
	case 0:
		s.over(row, 2500, func(i int, _ float64) { s.v[i] = levels[1] + noise*s.between(0.5, 2)*s.NormFloat64() })
	case 1:
		s.add(row, 2500, s.between(8, 16))
	default:
		s.over(row, 2500, func(i int, _ float64) {
			if s.chance(0.05) {
				s.v[i] = s.between(90, 100)
			}
		})
	}
	s.quantise(0.002, 0, 100)
	return s
}

// requests are counts with a rhythm and bursts; they surge or collapse.
func requests(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	mean, over, day := s.between(10, 300), s.between(0.1, 0.5), s.daily(s.between(0.6, 1))
	burst, _ := s.shots(0.004, s.between(1.5, 3), 0.6)
	floor := s.between(0.1, 0.6)
	s.fill(func(i int) float64 { return mean * (floor + day(s.at[i]) + 0.4*burst[i]) })
	for _, row := range s.events(2) {
		if s.chance(0.7) {
			s.scale(row, s.rows(2, 40), s.between(3, 8))
		} else {
			s.scale(row, s.rows(15, 150), s.between(0, 0.1))
		}
	}
	for i, v := range s.v {
		s.v[i] = s.count(v, over)
	}
	return s
}

// networkBytes are little traffic with large transfers at about fixed times.
func networkBytes(r *rand.Rand) *sim {
	s := newSim(r, fortnight-r.IntN(400), fiveMinutes, 0)
	base, period, size := s.between(50, 5e5), s.rows(20, 290), s.between(5, 60)
	next, spread := 0, s.between(0.05, 0.6)
	s.fill(func(i int) float64 {
		v := base * s.lognormal(spread)
		if i >= next {
			v += base * size * s.lognormal(0.15)
			if i >= next+s.IntN(4) {
				next = i + period + s.IntN(1+period/8)
			}
		}
		return v
	})
	for _, row := range s.events(2) {
		switch s.IntN(3) {
		case 0:
			s.add(row, s.rows(1, 8), base*size*s.between(2, 6))
		case 1:
			s.scale(row, s.rows(50, 400), s.between(2, 6))
		default:
			s.over(row, s.rows(period+60, 3*period+60), func(i int, _ float64) { s.v[i] = base * s.lognormal(spread) })
		}
	}
	s.quantise(max(1, base/1000), 0, 1e12)
	return s
}

// diskWrites are nothing most of the time; then somebody writes and writes.
func diskWrites(r *rand.Rand) *sim {
	s := newSim(r, fortnight+700, fiveMinutes, 0)
	busy, size := s.between(0.02, 0.4), s.between(1e4, 1e8)
	s.fill(func(int) float64 {
		if s.chance(busy) {
			return size * s.pareto(3) * s.between(0.1, 1)
		}
		return 0
	})
	for _, row := range s.events(2) {
		if s.chance(0.6) {
			s.over(row, s.rows(20, 150), func(i int, _ float64) { s.v[i] = size * s.between(1, 4) })
		} else {
			s.add(row, s.rows(1, 4), size*s.between(10, 40))
		}
	}
	s.quantise(512, 0, 1e12)
	return s
}

// latency is steady with lone outliers; they come in crowds, or everything is slower.
func latency(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, noise, lone := s.between(20, 50), s.between(0.5, 3), s.between(0.001, 0.006)
	s.fill(func(int) float64 {
		v := base + noise*s.NormFloat64()
		if s.chance(lone) {
			v += base * s.between(0.2, 0.8)
		}
		return v
	})
	for _, row := range s.events(3) {
		switch s.IntN(3) {
		case 0:
			s.over(row, s.rows(10, 50), func(i int, _ float64) {
				if s.chance(0.4) {
					s.v[i] += base * s.between(0.3, 1.2)
				}
			})
		case 1:
			s.add(row, s.rows(60, 600), noise*s.between(3, 7))
		default:
			s.add(row, s.rows(1, 3), base*s.between(1, 2.5))
		}
	}
	return s
}

// sawtooth is a leak with restarts; it leaks faster or is restarted early.
func sawtooth(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	period, top, noise := s.between(100, 700), s.between(40, 90), s.between(0.05, 1.5)
	marks := s.events(3)
	phase, slope, until := 0.0, 1.0, 0
	s.fill(func(i int) float64 {
		for _, m := range marks {
			if i == m {
				slope, until = []float64{0, 3, 5}[s.IntN(3)], i+int(period)
				if slope == 0 {
					phase, slope = 0, 0.02
				}
			}
		}
		if i > until {
			slope = 1
		}
		phase += slope / period
		if phase > 1.5 || (phase > 1 && i > until) {
			phase = 0
		}
		return 10 + top*phase + noise*s.NormFloat64()
	})
	return s
}

// movedForGood is steady, then elsewhere until the end.
func movedForGood(r *rand.Rand) *sim {
	s := newSim(r, 4600, fiveMinutes, 0)
	base, noise := s.between(20, 40), s.between(0.3, 3)
	ar := s.wander(0.97, noise*s.between(0, 1.5))
	s.fill(func(i int) float64 { return base + ar[i] + noise*s.NormFloat64() })
	for _, row := range s.events(2) {
		s.add(row, s.n, s.sign()*noise*s.between(4, 15))
		s.add(row, s.rows(1, 10), noise*s.between(0, 15))
	}
	return s
}
