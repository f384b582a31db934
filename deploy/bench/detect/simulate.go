package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Series is one labelled series.
type Series struct {
	Kind    string
	Origin  Origin
	At      []time.Time
	Values  []float64
	Windows []Window
}

// labelled is the share of the rows that lie in labelled windows.
const labelled = 0.10

// sim makes one series: rows with timestamps, values to be composed, and marked events.
type sim struct {
	*rand.Rand
	n    int
	at   []time.Time
	v    []float64
	step time.Duration
	days float64 // rows a day
	mark []int   // rows around which windows are laid
}

// newSim starts a series of n rows every step; jitter is how uneven the steps are, 0 to 1.
func newSim(r *rand.Rand, n int, step time.Duration, jitter float64) *sim {
	s := &sim{Rand: r, n: n, step: step, days: float64(24*time.Hour) / float64(step), v: make([]float64, n)}
	t := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(365*24)) * time.Hour)
	for range n {
		s.at = append(s.at, t)
		t = t.Add(time.Duration((1 + jitter*(r.ExpFloat64()-1)) * float64(step)).Truncate(time.Second))
	}
	return s
}

func (s *sim) between(low, high float64) float64 { return low + s.Float64()*(high-low) }
func (s *sim) rows(low, high int) int            { return low + s.IntN(high-low+1) }
func (s *sim) chance(p float64) bool             { return s.Float64() < p }
func (s *sim) sign() float64                     { return float64(2*s.IntN(2) - 1) }

// lognormal has median 1.
func (s *sim) lognormal(sd float64) float64 { return math.Exp(sd * s.NormFloat64()) }

// pareto is at least 1, with tail exponent a.
func (s *sim) pareto(a float64) float64 { return math.Pow(1-s.Float64(), -1/a) }

// student has heavy tails: about nu degrees of freedom.
func (s *sim) student(nu float64) float64 {
	var chi float64
	for range int(nu) {
		z := s.NormFloat64()
		chi += z * z
	}
	return s.NormFloat64() / math.Sqrt(max(chi, 1e-9)/math.Floor(nu))
}

// count is a Poisson count of the mean, with gamma-like overdispersion when over > 0.
func (s *sim) count(mean, over float64) float64 {
	if over > 0 {
		mean *= s.lognormal(over)
	}
	if mean > 50 {
		return max(0, math.Round(mean+math.Sqrt(mean)*s.NormFloat64()))
	}
	limit, k, p := math.Exp(-mean), 0.0, 1.0
	for p *= s.Float64(); p > limit; p *= s.Float64() {
		k++
	}
	return k
}

// fill sets every value.
func (s *sim) fill(f func(i int) float64) {
	for i := range s.v {
		s.v[i] = f(i)
	}
}

// wander is an autoregression around 0 with this standard deviation.
func (s *sim) wander(phi, sd float64) []float64 {
	out := make([]float64, s.n)
	x := sd * s.NormFloat64()
	for i := range out {
		out[i] = x
		x = phi*x + sd*math.Sqrt(1-phi*phi)*s.NormFloat64()
	}
	return out
}

// daily is a random smooth course of the day in 0 to 1, calmer at weekends by the factor.
func (s *sim) daily(weekend float64) func(at time.Time) float64 {
	phase, second, phase2 := s.between(0, 24), s.between(0, 0.4), s.between(0, 24)
	return func(at time.Time) float64 {
		hour := float64(at.Hour()) + float64(at.Minute())/60
		x := 0.5 + (0.5-second/2)*math.Cos(2*math.Pi*(hour-phase)/24) + second/2*math.Cos(4*math.Pi*(hour-phase2)/24)
		if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
			x *= weekend
		}
		return x
	}
}

// shots are bursts at random times that die away by the factor a row; sizes have a Pareto tail.
// It returns the rows where they began, largest first.
func (s *sim) shots(rate, a, decay float64) (course []float64, largest []int) {
	course = make([]float64, s.n)
	size := make([]float64, s.n)
	level := 0.0
	for i := range course {
		if s.chance(rate) {
			size[i] = s.pareto(a)
			level += size[i]
			largest = append(largest, i)
		}
		course[i] = level
		level *= decay
	}
	slices.SortFunc(largest, func(i, j int) int {
		if size[i] > size[j] {
			return -1
		}
		return 1
	})
	return course, largest
}

// events picks 1 to most rows, apart from one another, past the probation, and marks them.
func (s *sim) events(most int) []int {
	count := 1 + s.IntN(most)
	var rows []int
	first := Probation(s.n) + s.n/20
	for try := 0; len(rows) < count && try < 200; try++ {
		row := first + s.IntN(s.n-s.n/25-first)
		if !slices.ContainsFunc(rows, func(o int) bool { return max(o-row, row-o) < s.n/10/count+s.n/40 }) {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	s.mark = append(s.mark, rows...)
	return rows
}

// markLargest marks the first of the given rows that lie past the probation and apart.
func (s *sim) markLargest(rows []int, most int) {
	count := 1 + s.IntN(most)
	for _, row := range rows {
		apart := !slices.ContainsFunc(s.mark, func(o int) bool { return max(o-row, row-o) < s.n/10/count })
		if row > Probation(s.n)+s.n/20 && apart && len(s.mark) < count {
			s.mark = append(s.mark, row)
		}
	}
	slices.Sort(s.mark)
}

// over applies f to the rows of a stretch; x runs from 0 to 1 along it.
func (s *sim) over(from, rows int, f func(i int, x float64)) {
	for i := from; i < min(from+rows, s.n); i++ {
		f(i, float64(i-from)/float64(rows))
	}
}

func (s *sim) add(from, rows int, delta float64) {
	s.over(from, rows, func(i int, _ float64) { s.v[i] += delta })
}

func (s *sim) scale(from, rows int, factor float64) {
	s.over(from, rows, func(i int, _ float64) { s.v[i] *= factor })
}

func (s *sim) set(from, rows int, value float64) {
	s.over(from, rows, func(i int, _ float64) { s.v[i] = value })
}

// quantise rounds to multiples of the unit and keeps the values within the limits.
func (s *sim) quantise(unit, low, high float64) {
	for i, v := range s.v {
		s.v[i] = min(max(math.Round(v/unit)*unit, low), high)
	}
}

// drop removes rows, as a collector does that was away.
func (s *sim) drop(from, rows int) {
	to := min(from+rows, s.n)
	s.at = slices.Delete(s.at, from, to)
	s.v = slices.Delete(s.v, from, to)
	for i, m := range s.mark {
		if m >= to {
			s.mark[i] -= to - from
		}
	}
	s.n = len(s.v)
}

// windows lays a window around every mark, as people label: not quite in the middle of what
// happened. Together they cover the labelled share of the rows.
func (s *sim) windows() []Window {
	var out []Window
	if len(s.mark) == 0 {
		return nil
	}
	width := int(labelled * float64(s.n) / float64(len(s.mark)))
	slices.Sort(s.mark)
	for _, mark := range s.mark {
		middle := mark + int(s.between(-0.15, 0.25)*float64(width))
		w := Window{max(middle-width/2, Probation(s.n)), min(middle+width/2, s.n-1)}
		if len(out) > 0 && out[len(out)-1].Last >= w.First {
			out[len(out)-1].Last = w.Last
			continue
		}
		out = append(out, w)
	}
	return out
}
