package detect

import (
	"math"
	"math/rand/v2"
	"time"
)

// fieldKinds were written by somebody else than the detector and the other kinds, from how such
// metrics look in the field, and in about the proportions in which labelled collections hold them.
// What is labelled is often not the most extreme point of its series: others, of no consequence, lie
// elsewhere.
func fieldKinds() []kind {
	return []kind{
		{"field: cpu, idle plateaus", field, fieldIdle},
		{"field: cpu, shared out", field, fieldShared},
		{"field: cpu, flat then spikes", field, fieldFlat},
		{"field: cpu, deployments", field, fieldDeployed},
		{"field: cpu, regular peaks", field, fieldPeaks},
		{"field: cpu, database", field, fieldDatabase},
		{"field: network in", field, fieldNetwork},
		{"field: disk batches", field, fieldBatches},
		{"field: balancer requests", field, fieldBalancer},
		{"field: memory leak", field, fieldMemory},
		{"field: scaled group", field, fieldGroup},
		{"field: latency", field, fieldLatency},
		{"field: cluster cpu", field, fieldCluster},
		{"field: room", field, fieldRoom},
		{"field: machine", field, fieldMachine},
		{"field: taxis", field, fieldTaxis},
		{"field: hold times", field, fieldHolds},
		{"field: key gaps", field, fieldGaps},
		{"field: click price", field, fieldClickPrice},
		{"field: thousand prices", field, fieldThousand},
		{"field: click ratio", field, fieldClickRatio},
		{"field: road occupancy", field, fieldOccupancy},
		{"field: road speed", field, fieldSpeed},
		{"field: travel time", field, fieldTravel},
		{"field: tweets, busy", field, fieldTweets},
		{"field: tweets, few", field, fieldFewTweets},
		{"field: tweets, contagious", field, fieldContagious},
		{"field: tweets, trend", field, fieldTrend},
		{"field: square days", field, fieldSquare},
		{"field: sine days", field, fieldSine},
		{"field: spikes get denser", field, fieldDenser},
		{"field: nothing but days", field, fieldQuietDays},
		{"field: nothing but noise", field, fieldQuietNoise},
	}
}

// scatter puts n unlabelled happenings anywhere, the probation included.
func (s *sim) scatter(n int, f func(at int)) {
	for range n {
		f(s.IntN(s.n))
	}
}

// hours is how many rows those hours have, at least one.
func (s *sim) hours(h float64) int { return max(1, int(h/24*s.days)) }

// near rounds to the unit; no limits.
func (s *sim) near(unit float64) { s.quantise(unit, math.Inf(-1), math.Inf(1)) }

// fieldIdle rests on a few discrete values; a job comes every day, people log in.
func fieldIdle(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	unit, base := []float64{0.066, 0.1, 0.5}[s.IntN(3)], s.between(0.1, 3)
	hour, height, long := s.IntN(288), s.between(2, 25), s.rows(1, 5)
	s.fill(func(i int) float64 {
		v := base + unit*math.Floor(s.ExpFloat64()*0.7)
		if (i+hour)%288 < long {
			v += height * s.between(0.7, 1.1)
		}
		return v
	})
	s.scatter(s.rows(3, 12), func(at int) { s.add(at, s.rows(1, 3), height*0.4*min(s.pareto(1.5), 4)) })
	for _, at := range s.events(2) {
		switch s.IntN(4) {
		case 0:
			s.add(at, s.hours(s.between(4, 60)), s.between(2, 8)*unit)
		case 1:
			s.add(at, s.hours(s.between(1, 6)), height*s.between(0.5, 1.2))
		case 2:
			s.add(at, s.rows(1, 2), height*s.between(1.3, 3))
		case 3:
			s.over(at, s.hours(36), func(i int, _ float64) {
				if (i-at)%12 < 2 {
					s.v[i] += height * 0.5
				}
			})
		}
	}
	s.quantise(unit, 0, 100)
	return s
}

// fieldShared is the load of one machine of many: steady, with short dips that mean nothing.
func fieldShared(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	level, noise, day := s.between(25, 60), s.between(0.8, 4), s.daily(s.between(0.8, 1))
	slow := s.wander(0.98, noise*s.between(0.3, 1))
	swing := s.between(0, 6)
	s.fill(func(i int) float64 { return level + swing*day(s.at[i]) + slow[i] + noise*s.student(5) })
	s.scatter(s.rows(2, 8), func(at int) { s.add(at, 1, -noise*s.between(4, 8)) })
	for _, at := range s.events(2) {
		switch s.IntN(4) {
		case 0:
			s.scale(at, s.rows(2, 20), s.between(0.02, 0.4))
		case 1:
			s.add(at, s.n, s.sign()*noise*s.between(3, 7))
		case 2:
			s.add(at, s.hours(s.between(1, 10)), noise*s.between(4, 9))
		case 3:
			s.over(at, s.hours(24), func(i int, _ float64) { s.v[i] += 2.5 * noise * s.NormFloat64() })
		}
	}
	s.quantise(0.001, 0, 100)
	return s
}

// fieldFlat hardly moves; then spikes come. The first of a group is labelled, single ones are not.
func fieldFlat(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, noise := s.between(0.05, 2), s.between(0.005, 0.05)
	s.fill(func(int) float64 { return base * (1 + noise*s.NormFloat64()) })
	height := base * s.between(0.3, 20)
	s.scatter(s.rows(0, 4), func(at int) { s.add(at, 1, height*s.between(0.2, 0.9)) })
	for _, at := range s.events(3) {
		for k := range s.rows(1, 8) {
			s.add(at+k*s.rows(1, 15), s.rows(1, 2), height*s.between(0.6, 1.4))
		}
	}
	s.near(0.002)
	return s
}

// fieldDeployed steps at each deployment. Small steps are daily business.
func fieldDeployed(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	day, noise := s.daily(s.between(0.6, 1)), s.between(0.3, 1.5)
	level, swing := s.between(10, 40), s.between(2, 15)
	s.fill(func(i int) float64 { return level + swing*day(s.at[i]) + noise*s.student(6) })
	s.scatter(s.rows(2, 5), func(at int) {
		s.add(at, s.n, s.sign()*noise*s.between(0.5, 2))
		s.add(at, s.rows(1, 3), noise*s.between(3, 10)) // the restart
	})
	for _, at := range s.events(2) {
		s.add(at, s.n, s.sign()*(noise*3+swing*s.between(0.3, 0.9)))
	}
	s.quantise(0.01, 0, 100)
	return s
}

// fieldPeaks has a peak every so many hours; one is higher, one fails to come, some come between.
func fieldPeaks(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, noise := s.between(5, 30), s.between(0.2, 2)
	period, long, height := s.rows(12, 150), s.rows(2, 6), s.between(8, 50)
	from, to := 0, 0
	marks := s.events(2)
	if s.chance(0.4) {
		from, to = marks[0], marks[0]+s.rows(2, 6)*period
	}
	s.fill(func(i int) float64 {
		v := base + noise*s.NormFloat64()
		if k := i % period; k < long && (i < from || i >= to) {
			v += height * s.lognormal(0.08) * (1 - float64(k)/float64(2*long))
		}
		return v
	})
	for _, at := range marks {
		if at == from {
			continue
		}
		if s.chance(0.5) {
			s.add(at, s.rows(2, 10), height*s.between(1, 1.8))
			continue
		}
		for k := range s.rows(5, 20) {
			s.add(at+k*max(period/4, 5), 2, height*s.between(0.5, 1))
		}
	}
	s.quantise(0.1, 0, 100)
	return s
}

// fieldDatabase wanders through levels by itself, jumps with queries that run long, and fails over.
func fieldDatabase(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	slow, day := s.wander(0.997, s.between(1, 4)), s.daily(s.between(0.5, 1))
	level, swing, noise := s.between(6, 25), s.between(1, 8), s.between(0.3, 1)
	s.fill(func(i int) float64 {
		return level + slow[i] + swing*day(s.at[i]) + noise*s.NormFloat64()
	})
	s.scatter(s.rows(5, 25), func(at int) { s.add(at, s.rows(1, 4), 3*s.pareto(1.8)) })
	for _, at := range s.events(2) {
		switch s.IntN(3) {
		case 0:
			top := s.between(20, 50)
			s.over(at, s.hours(s.between(2, 20)), func(i int, x float64) { s.v[i] += top * math.Sqrt(x) })
		case 1:
			s.scale(at, s.hours(s.between(6, 48)), s.between(0.2, 0.5))
		case 2:
			s.add(at, s.n, s.between(8, 20))
		}
	}
	s.quantise(0.002, 0, 100)
	return s
}

// fieldNetwork is low, with bursts whose heights have no scale.
func fieldNetwork(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, burst := math.Pow(10, s.between(2, 6)), s.between(3, 20)
	bursts, _ := s.shots(s.between(0.003, 0.02), 1.2, s.between(0, 0.6))
	s.fill(func(i int) float64 { return base * (s.lognormal(0.15) + burst*min(bursts[i], 15)) })
	for _, at := range s.events(3) {
		if s.chance(0.7) {
			top := base * burst * s.between(3, 20)
			s.over(at, s.rows(2, 18), func(i int, _ float64) { s.v[i] += top * s.between(0.6, 1) })
			continue
		}
		s.over(at, s.hours(s.between(6, 40)), func(i int, _ float64) { s.v[i] += base * s.between(1, 2.5) })
	}
	s.quantise(1, 0, math.Inf(1))
	return s
}

// fieldBatches is zero but for batches every hour, the size of which is nobody's business.
func fieldBatches(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	unit, every, vary := math.Pow(10, s.between(4, 7)), []int{6, 12, 12, 72}[s.IntN(4)], s.between(0.1, 0.7)
	idle := s.between(0, 0.05)
	s.fill(func(i int) float64 {
		if i%every == 0 || i%every == 1 && s.chance(0.3) {
			return unit * s.lognormal(vary)
		}
		return unit * idle * s.ExpFloat64()
	})
	for _, at := range s.events(2) {
		switch s.IntN(3) {
		case 0:
			s.set(at, every*s.rows(3, 15), 0)
		case 1:
			s.over(at, s.rows(4, 30), func(i int, _ float64) { s.v[i] += unit * math.Exp(2*vary) * s.between(0.7, 2) })
		case 2:
			s.over(at, s.hours(s.between(10, 40)), func(i int, _ float64) { s.v[i] += unit * s.between(0.2, 0.6) })
		}
	}
	s.quantise(512, 0, math.Inf(1))
	return s
}

// fieldBalancer counts requests in five minutes; crawlers come and go.
func fieldBalancer(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	mean, day, over := s.between(10, 200), s.daily(s.between(0.4, 1)), s.between(0.1, 0.4)
	crawl, _ := s.shots(0.002, 2, 0.5)
	s.fill(func(i int) float64 { return s.count(mean*(0.15+day(s.at[i])+0.4*min(crawl[i], 4)), over) })
	for _, at := range s.events(3) {
		switch s.IntN(3) {
		case 0:
			s.add(at, s.rows(2, 8), mean*s.between(2, 6))
		case 1:
			s.set(at, s.rows(4, 30), 0)
		case 2:
			s.scale(at, s.hours(s.between(3, 20)), s.between(1.7, 3))
		}
	}
	s.near(1)
	return s
}

// fieldMemory fills up until a restart; restarts come when they come.
func fieldMemory(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	low, top, rate, noise := s.between(15, 35), s.between(60, 85), s.between(0.02, 0.2), s.between(0.05, 0.6)
	events := s.events(2)
	faster, stuck := s.between(3, 8), s.chance(0.3)
	level := s.between(low, top)
	limit := top * s.between(0.85, 1)
	s.fill(func(i int) float64 {
		grow := rate
		for _, at := range events {
			if i >= at && i < at+s.hours(24) {
				if grow = rate * faster; stuck {
					limit, grow = 98, rate
				}
			}
		}
		if level = min(level+grow*s.between(0.5, 1.5), 98); level >= limit && limit < 98 || s.chance(0.001) {
			level, limit = low*s.between(0.95, 1.1), top*s.between(0.85, 1)
		}
		return level + noise*s.NormFloat64()
	})
	s.quantise(0.01, 0, 100)
	return s
}

// fieldGroup is cut and raised by an autoscaler all the time, in steps.
func fieldGroup(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	day := s.daily(s.between(0.5, 1))
	load, machines, noise := s.between(100, 300), 4.0, s.between(0.5, 2)
	s.fill(func(i int) float64 {
		each := load * (0.3 + day(s.at[i])) / machines
		switch {
		case each > 55:
			machines++
		case each < 25 && machines > 1:
			machines--
		}
		return each + noise*s.NormFloat64()
	})
	for _, at := range s.events(2) {
		if s.chance(0.5) {
			s.over(at, s.hours(s.between(2, 30)), func(i int, _ float64) { s.v[i] = noise * math.Abs(s.NormFloat64()) })
			continue
		}
		s.add(at, s.hours(s.between(2, 24)), s.between(20, 40))
	}
	s.quantise(0.1, 0, 100)
	return s
}

// fieldLatency is heavy in its tail at all times; when it is ill the tail is fuller.
func fieldLatency(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	median, sd := s.between(20, 60), s.between(0.05, 0.25)
	tail := s.between(0.003, 0.02)
	s.fill(func(int) float64 {
		v := median * s.lognormal(sd)
		if s.chance(tail) {
			v *= min(s.pareto(2), 6)
		}
		return v
	})
	for _, at := range s.events(3) {
		switch s.IntN(3) {
		case 0:
			s.over(at, s.hours(s.between(2, 12)), func(i int, _ float64) {
				if s.chance(0.3) {
					s.v[i] *= s.between(1.5, 4)
				}
			})
		case 1:
			s.scale(at, s.n, 1+sd*s.between(2, 5))
		case 2:
			s.scale(at, s.rows(2, 10), s.between(2, 5))
		}
	}
	s.near(0.01)
	return s
}

// fieldCluster works through shifts of jobs; then one setting is wrong and it works at nothing.
func fieldCluster(r *rand.Rand) *sim {
	s := newSim(r, rowsOf(r, 16000, 18000), fiveMinutes, 0)
	day, slow := s.daily(s.between(0.6, 1)), s.wander(0.999, s.between(2, 5))
	level, swing, noise := s.between(30, 50), s.between(10, 25), s.between(1, 4)
	s.fill(func(i int) float64 { return level + slow[i] + swing*day(s.at[i]) + noise*s.student(5) })
	s.scatter(s.rows(10, 30), func(at int) { s.add(at, s.rows(1, 6), s.sign()*swing*s.between(0.4, 1.2)) })
	for _, at := range s.events(1) {
		long := s.hours(s.between(30, 90))
		low := s.between(0.2, 0.5)
		s.over(at, long, func(i int, x float64) { s.v[i] *= 1 - (1-low)*min(1, 4*x) })
		s.add(at+long, s.hours(5), swing)
	}
	s.quantise(0.001, 0, 100)
	return s
}

// rowsOf draws a length before there is a simulation to draw from.
func rowsOf(r *rand.Rand, low, high int) int { return low + r.IntN(high-low+1) }

// fieldRoom is an office's temperature by the hour, with hours missing.
func fieldRoom(r *rand.Rand) *sim {
	s := newSim(r, 7300, time.Hour, 0)
	slow, fast := s.wander(0.998, s.between(1.5, 3)), s.wander(0.8, s.between(0.5, 1))
	swing, day := s.between(0.5, 3), s.daily(s.between(0.5, 0.9))
	s.fill(func(i int) float64 { return 71 + slow[i] + fast[i] + swing*day(s.at[i]) })
	for _, at := range s.events(2) {
		top, long := s.sign()*s.between(4, 9), s.rows(8, 60)
		s.over(at, long, func(i int, x float64) { s.v[i] += top * math.Sin(math.Pi*min(x*1.5, 0.5+x/2)) })
	}
	for range s.rows(2, 6) {
		s.drop(s.IntN(s.n-200), s.rows(5, 90))
	}
	return s
}

// fieldMachine is steady for weeks, stops now and then, and drifts before it fails.
func fieldMachine(r *rand.Rand) *sim {
	s := newSim(r, rowsOf(r, 20000, 22700), fiveMinutes, 0)
	slow, fast := s.wander(0.9995, s.between(3, 7)), s.wander(0.95, s.between(0.8, 2))
	day, swing := s.daily(1), s.between(0, 4)
	level := s.between(80, 95)
	s.fill(func(i int) float64 { return level + slow[i] + fast[i] + swing*day(s.at[i]) + 0.2*s.NormFloat64() })
	stop := func(at int, depth float64, back float64) {
		s.over(at, s.hours(back), func(i int, x float64) { s.v[i] -= depth * math.Min(1, 8*x) * math.Exp(-3*x) })
	}
	s.scatter(s.rows(2, 6), func(at int) { stop(at, s.between(10, 22), s.between(3, 12)) })
	for _, at := range s.events(4) {
		before := s.hours(s.between(12, 72))
		drift := s.sign() * s.between(3, 12)
		s.over(max(at-before, 0), before, func(i int, x float64) { s.v[i] += drift * x * x })
		stop(at, s.between(25, 70), s.between(8, 40))
	}
	s.near(1e-6)
	return s
}

// fieldTaxis has two rushes a day and a week; some days are unlike others, for better or worse.
func fieldTaxis(r *rand.Rand) *sim {
	s := newSim(r, 10320, 30*time.Minute, 0)
	day, weekend := s.daily(1), s.daily(1)
	slow := s.wander(0.9995, 0.06)
	mean := s.between(8000, 20000)
	s.fill(func(i int) float64 {
		x := day(s.at[i])
		if d := s.at[i].Add(-5 * time.Hour).Weekday(); d == time.Saturday || d == time.Sunday {
			x = 0.5*x + 0.5*weekend(s.at[i])
		} else {
			x *= 0.9 + 0.03*float64(d)
		}
		return mean * (0.15 + 1.2*x) * (1 + slow[i] + 0.03*s.NormFloat64())
	})
	s.scatter(s.rows(3, 8), func(at int) { s.scale(at, s.rows(6, 40), s.between(0.82, 1.15)) })
	for _, at := range s.events(4) {
		if s.chance(0.6) {
			s.scale(at, s.rows(14, 60), s.between(0.15, 0.7))
			continue
		}
		s.scale(at, s.rows(4, 14), s.between(1.3, 1.9))
	}
	s.near(1)
	return s
}

// fieldHolds is how long keys are held down; then somebody else types.
func fieldHolds(r *rand.Rand) *sim {
	s := newSim(r, 1880, time.Hour, 1)
	median, sd := s.between(0.06, 0.12), s.between(0.1, 0.3)
	who := s.wander(0.97, 0.08)
	s.fill(func(i int) float64 { return median * s.lognormal(sd) * math.Exp(who[i]) })
	s.scatter(s.rows(4, 12), func(at int) { s.scale(at, 1, s.between(1.5, 3)) })
	for _, at := range s.events(2) {
		factor := math.Exp(s.sign() * sd * s.between(1.2, 3))
		s.over(at, s.rows(10, 120), func(i int, _ float64) { s.v[i] *= factor * s.lognormal(sd/2) })
	}
	s.near(0.0005)
	return s
}

// fieldGaps is the time between keys in five minutes: mostly alike, with breaks of any length.
func fieldGaps(r *rand.Rand) *sim {
	s := newSim(r, 5300, fiveMinutes, 0)
	day := s.daily(0.4)
	s.fill(func(i int) float64 {
		if s.chance(0.05 + 0.4*(1-day(s.at[i]))) {
			return 0
		}
		return s.between(0.5, 1) * min(s.pareto(1.5), 12)
	})
	for _, at := range s.events(2) {
		pace := s.between(2, 6)
		s.over(at, s.hours(s.between(4, 24)), func(i int, _ float64) { s.v[i] = pace * s.lognormal(0.4) })
	}
	s.near(0.01)
	return s
}

// fieldSquare is made up: high by day and low by night, and one day is not.
func fieldSquare(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	low, high, noise := s.between(10, 40), s.between(50, 90), s.between(0, 10)
	on, off := s.rows(80, 130), s.rows(180, 230)
	noiseShape := func() float64 { return noise * (s.Float64() - 0.5) }
	s.fill(func(i int) float64 {
		if k := i % 288; k >= on && k < off {
			return high + noiseShape()
		}
		return low + noiseShape()
	})
	day := 288 * s.rows(5, 12)
	s.mark = append(s.mark, day+on+(off-on)/4)
	var level float64
	switch s.IntN(4) {
	case 0:
		level = high + (high-low)*s.between(0.3, 1)
	case 1:
		level = low - (high-low)*s.between(0.3, 0.8)
	case 2:
		level = low
	case 3:
		level = (low + high) / 2
	}
	s.over(day+on, off-on, func(i int, _ float64) { s.v[i] = level + noiseShape() })
	return s
}

// fieldSine is made up: one cycle is flat, low, doubled or noisy.
func fieldSine(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	level, swing, noise := s.between(0, 50), s.between(10, 30), s.between(0, 3)
	period := []int{288, 288, 144, 96}[s.IntN(4)]
	wave := func(i int) float64 { return math.Sin(2 * math.Pi * float64(i) / float64(period)) }
	s.fill(func(i int) float64 { return level + swing*wave(i) + noise*s.NormFloat64() })
	for _, at := range s.events(1) {
		s.over(at, period, func(i int, _ float64) {
			switch at % 4 {
			case 0:
				s.v[i] = level + noise*s.NormFloat64()
			case 1:
				s.v[i] = level + swing*wave(2*i) + noise*s.NormFloat64()
			case 2:
				s.v[i] = level + swing*1.5*wave(i) + noise*s.NormFloat64()
			case 3:
				s.v[i] += swing * 0.3 * s.NormFloat64()
			}
		})
	}
	return s
}

// fieldDenser is made up: noise with spikes at random times, which get more or higher.
func fieldDenser(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	base, noise, height, every := s.between(0, 20), s.between(0.1, 1), s.between(10, 50), s.between(30, 120)
	begin := s.events(1)[0]
	often, long := s.between(3, 8), s.rows(200, 1500)
	s.fill(func(i int) float64 {
		v := base + noise*s.Float64()
		p := 1 / every
		if i >= begin && i < begin+long {
			p *= often
		}
		if s.chance(p) {
			v += height * s.between(0.8, 1)
		}
		return v
	})
	return s
}

// fieldQuietDays repeats itself, with or without noise, and nothing happens.
func fieldQuietDays(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	low, high, noise := s.between(10, 40), s.between(50, 90), []float64{0, 2, 10}[s.IntN(3)]
	on, smooth := s.rows(60, 200), s.chance(0.3)
	s.fill(func(i int) float64 {
		v := low + noise*s.Float64()
		switch {
		case smooth:
			v += (high - low) * (0.5 + 0.5*math.Sin(2*math.Pi*float64(i)/288))
		case i%288 >= on && i%288 < on+60:
			v += high - low
		}
		return v
	})
	return s
}

// fieldQuietNoise is level, and nothing happens.
func fieldQuietNoise(r *rand.Rand) *sim {
	s := newSim(r, fortnight, fiveMinutes, 0)
	level := s.between(5, 50)
	noise := []float64{0, 0.2, 10}[s.IntN(3)]
	jump, every := s.between(0, 10)*float64(s.IntN(2)), s.rows(20, 200)
	s.fill(func(i int) float64 {
		v := level + noise*s.NormFloat64()
		if i%every == 0 {
			v += jump
		}
		return v
	})
	return s
}
