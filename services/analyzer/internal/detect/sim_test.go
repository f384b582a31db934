package detect_test

import (
	"math"
	"math/rand/v2"
)

// site simulates the hourly series of one context of a product.
type site struct {
	name     string
	perHour  float64 // mean signals an hour
	negative float64 // share of negatives
	rho      float64 // hour-to-hour overdispersion of the share
	dayVar   float64 // variance of a day's own deviation of the logit
	ar       float64 // how much of yesterday's deviation stays
	nights   bool    // nothing happens from 0 to 6
	season   float64 // amplitude of the share over the day, in logits
	bursts   float64 // chance an hour that one visitor produces a burst of negatives
}

// worsening is what is planted: from hour At on, the log-odds rise by Shift,
// linearly over Ramp hours.
type worsening struct {
	At    int
	Shift float64
	Ramp  int
	End   int // 0: for ever
}

type counts struct{ pos, neg int64 }

func (s site) simulate(r *rand.Rand, hours int, w worsening) []counts {
	out := make([]counts, hours)
	day := 0.0
	base := math.Log(s.negative / (1 - s.negative))
	for h := range out {
		if h%24 == 0 {
			day = s.ar*day + math.Sqrt(s.dayVar*(1-s.ar*s.ar))*r.NormFloat64()
		}
		hod, dow := h%24, h/24%7
		traffic := s.perHour * (1 + 0.8*math.Sin(2*math.Pi*float64(hod-9)/24))
		if dow >= 5 {
			traffic *= 0.6
		}
		if s.nights && hod < 6 {
			traffic = 0
		}
		// Visitors come in waves: traffic itself is overdispersed.
		n := poisson(r, traffic*gamma(r, 8)/8)
		logit := base + day + s.season*math.Sin(2*math.Pi*float64(hod)/24)
		if dow >= 5 {
			logit += s.season / 2
		}
		if w.Shift != 0 && h >= w.At && (w.End == 0 || h < w.End) {
			grown := 1.0
			if w.Ramp > 0 {
				grown = math.Min(1, float64(h-w.At+1)/float64(w.Ramp))
			}
			logit += w.Shift * grown
		}
		q := 1 / (1 + math.Exp(-logit))
		if s.rho > 0 {
			size := 1/s.rho - 1
			a, b := gamma(r, q*size), gamma(r, (1-q)*size)
			if a+b > 0 {
				q = a / (a + b)
			}
		}
		neg := binomial(r, n, q)
		out[h] = counts{int64(n - neg), int64(neg)}
		if s.bursts > 0 && n > 0 && r.Float64() < s.bursts {
			out[h].neg += int64(5 + r.IntN(20))
		}
	}
	return out
}

func poisson(r *rand.Rand, mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 60 {
		return int(math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	limit, n, p := math.Exp(-mean), 0, r.Float64()
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

func binomial(r *rand.Rand, n int, q float64) int {
	mean := float64(n) * q
	if mean > 100 && float64(n)-mean > 100 {
		return min(n, max(0, int(math.Round(mean+math.Sqrt(mean*(1-q))*r.NormFloat64()))))
	}
	k := 0
	for range n {
		if r.Float64() < q {
			k++
		}
	}
	return k
}

// gamma draws with scale 1 (Marsaglia & Tsang 2000).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(r.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
