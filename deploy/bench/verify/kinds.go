package verify

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// kind is one way a product's metric behaves while nothing happens to it.
type kind struct {
	name   string
	metric pcf.Metric
	make   func(s *sim)
}

// kinds are drawn anew for every seed, parameters and all.
func kinds() []kind {
	return []kind{
		{"ratio: steady", pcf.Ratio, func(s *sim) {
			s.level(s.between(-1, 2.5), s.scale(300, 30000))
			s.weekdays(.1)
			s.over = s.between(0, .05)
		}},
		{"ratio: noisy days", pcf.Ratio, func(s *sim) {
			s.level(s.between(-1, 2.5), s.scale(200, 10000))
			s.weekdays(.15)
			s.over = s.between(.08, .3)
		}},
		{"ratio: platform", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1), s.scale(1e5, 5e6))
			s.weekdays(.15)
			s.walk(s.scale(.004, .015))
			s.over = s.between(.015, .05)
		}},
		{"ratio: two ways", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.2, .2), s.scale(500, 3000))
			s.weekdays(.03)
			s.wander(.5, s.between(0, .03))
			s.over = s.between(.02, .08)
		}},
		{"ratio: delays", pcf.Ratio, func(s *sim) {
			s.level(s.between(0, 1.5), s.scale(20, 150))
			s.weekdays(.3)
			s.wander(s.between(.3, .7), s.between(.4, .9))
			s.season(s.between(.1, .4))
		}},
		{"ratio: few signals", pcf.Ratio, func(s *sim) {
			s.level(s.between(-1, 1.5), s.scale(15, 80))
			s.weekdays(.15)
			s.over = s.between(0, .2)
		}},
		{"ratio: persistent", pcf.Ratio, func(s *sim) {
			s.level(s.between(-1, 2), s.scale(200, 10000))
			s.weekdays(.15)
			s.wander(s.between(.4, .9), s.between(.08, .3))
			s.over = s.between(.03, .15)
		}},
		{"ratio: long memory", pcf.Ratio, func(s *sim) {
			s.level(s.between(-1, 2), s.scale(200, 10000))
			s.weekdays(.15)
			for _, phi := range []float64{.5, .9, .98} {
				s.wander(phi, s.between(.04, .15))
			}
			s.over = s.between(.03, .15)
		}},
		{"ratio: slow walk", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 2), s.scale(200, 10000))
			s.weekdays(.1)
			s.walk(s.scale(.005, .03))
			s.over = s.between(.03, .2)
		}},
		{"ratio: fast walk", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1), s.scale(200, 10000))
			s.weekdays(.1)
			s.walk(s.scale(.03, .08))
			s.over = s.between(.02, .1)
		}},
		{"ratio: level shifts", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			s.weekdays(.15)
			s.shifts(s.between(40, 120), s.between(.1, .4))
			s.over = s.between(.03, .15)
		}},
		{"ratio: small releases", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			s.weekdays(.1)
			s.shifts(s.between(7, 20), s.between(.03, .1))
			s.over = s.between(.03, .12)
		}},
		{"ratio: season", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			s.weekdays(.2)
			s.season(s.between(.2, .8))
			s.wander(s.between(.2, .7), s.between(.1, .3))
		}},
		{"ratio: weather", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(50, 2000))
			s.weekdays(.4)
			s.season(s.between(.1, .4))
			s.wander(s.between(.3, .6), s.between(.2, .5))
			s.over = s.between(.05, .2)
		}},
		{"ratio: holidays", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			s.weekdays(.2)
			s.stretches(s.between(25, 60), 1, 4, func() float64 { return s.sign() * s.between(.3, 1.2) })
			s.over = s.between(.05, .15)
		}},
		{"ratio: bad spells", pcf.Ratio, func(s *sim) {
			s.level(s.between(0, 2), s.scale(200, 10000))
			s.weekdays(.15)
			s.stretches(s.between(30, 70), 2, 10, func() float64 { return -s.between(.2, .8) })
			s.over = s.between(.05, .15)
		}},
		{"ratio: heavy tails", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			s.weekdays(.15)
			s.tails(s.between(.1, .4))
			s.wander(.8, s.between(0, .1))
		}},
		{"ratio: weekdays change", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			before, after := s.weekday(.4), s.weekday(.4)
			s.add(func(day int) float64 {
				share := float64(day) / float64(s.n)
				return (1-share)*before[day%7] + share*after[day%7]
			})
			s.wander(.6, s.between(.03, .15))
			s.over = s.between(.03, .12)
		}},
		{"ratio: trend", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1), s.scale(200, 10000))
			s.weekdays(.15)
			slope := s.between(-.003, .003)
			s.add(func(day int) float64 { return slope * float64(day) })
			s.wander(.5, s.between(.03, .15))
			s.over = s.between(.03, .12)
		}},
		{"ratio: traffic drives it", pcf.Ratio, func(s *sim) {
			s.level(s.between(-.5, 1.5), s.scale(200, 10000))
			s.weekdays(.2)
			x, share := 0.0, s.between(-.6, .6)
			for day := range s.y {
				x = .7*x + .3*s.NormFloat64()
				s.volume[day] *= math.Exp(x)
				s.y[day] += share * x
			}
			s.over = s.between(.03, .12)
		}},
		{"count: steady", pcf.Count, func(s *sim) {
			s.level(math.Log(s.scale(50, 5000)), 1)
			s.weekdays(.2)
			s.over = s.between(.02, .15)
		}},
		{"count: few", pcf.Count, func(s *sim) {
			s.level(math.Log(s.scale(4, 30)), 1)
			s.weekdays(.2)
			s.over = s.between(0, .2)
		}},
		{"count: persistent", pcf.Count, func(s *sim) {
			s.level(math.Log(s.scale(50, 5000)), 1)
			s.weekdays(.3)
			s.wander(s.between(.5, .95), s.between(.1, .35))
			s.over = s.between(.03, .12)
		}},
		{"count: outdoors", pcf.Count, func(s *sim) {
			s.level(math.Log(s.scale(200, 3000)), 1)
			s.weekdays(.3)
			s.season(s.between(.2, .7))
			s.wander(s.between(.3, .6), s.between(.15, .4))
			s.over = s.between(.05, .15)
		}},
		{"count: bursts", pcf.Count, func(s *sim) {
			s.level(math.Log(s.scale(200, 5000)), 1)
			s.weekdays(.2)
			s.bursts(s.between(25, 60), s.between(.4, 1), s.between(.5, .8))
			s.wander(.9, s.between(.05, .25))
			s.over = s.between(.03, .15)
		}},
		{"count: growth", pcf.Count, func(s *sim) {
			s.level(math.Log(s.scale(100, 2000)), 1)
			s.weekdays(.25)
			growth := s.between(0, .006)
			s.add(func(day int) float64 { return growth * float64(day) })
			s.walk(s.scale(.005, .03))
			s.over = s.between(.03, .15)
		}},
		{"value: prices", pcf.Value, func(s *sim) {
			s.level(math.Log(s.scale(10, 500)), 1)
			s.walk(s.scale(.01, .03))
		}},
	}
}

// Simulate draws so many series of every kind, from a seed on. Each comes with a control: a series that shares a part of
// its course and that nothing is ever done to.
func Simulate(from uint64, seeds int) []Series {
	var all []Series
	for i, k := range kinds() {
		for seed := range uint64(seeds) {
			s := newSim(rand.New(rand.NewPCG(from+seed, uint64(i))))
			k.make(s)
			one := Series{Kind: k.name, Metric: k.metric, First: time.Weekday(s.IntN(7)), Days: s.draw(k.metric)}
			s.sibling()
			one.Control = s.draw(k.metric)
			all = append(all, one)
		}
	}
	return all
}
