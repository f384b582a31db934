package detect

import (
	"math"
	"math/rand/v2"
)

type peer struct {
	name   string
	scores scorer
	slow   bool
}

// peers are plain detectors. They keep what they like: no bound on their state, and some
// know the whole series' range beforehand.
func peers() []peer {
	return []peer{
		{"random", random, false},
		{"windowed z-score", windowedZ, false},
		{"relative entropy, range known before", relativeEntropy, false},
		{"contextual, range known before", contextual, true},
		{"out of range", outOfRange, false},
	}
}

func random(s *Series) []float64 {
	r := rand.New(rand.NewPCG(uint64(len(s.Values)), 1))
	scores := make([]float64, len(s.Values))
	for i := range scores {
		scores[i] = r.Float64()
	}
	return scores
}

// windowedZ is the tail probability of a normal distribution fitted to a window of points, with the
// constants of the published benchmark: until the window is full it takes in every point, then a
// batch at a time.
func windowedZ(s *Series) []float64 {
	const window, every = 6400, 100 // points
	scores := make([]float64, len(s.Values))
	var seen []float64
	mean, squares, points := 0.0, 0.0, 0.0
	move := func(x, weight float64) {
		delta := x - mean
		points += weight
		mean += weight * delta / max(points, 1)
		squares += weight * delta * (x - mean)
	}
	for i, x := range s.Values {
		if math.IsNaN(x) {
			continue
		}
		if len(seen) > 0 {
			sd := max(math.Sqrt(max(squares, 0)/points), 1e-6)
			scores[i] = -math.Log(math.Erfc(min(math.Abs(x-mean)/sd/math.Sqrt2, 25)))
		}
		seen = append(seen, x)
		switch n := len(seen); {
		case n <= window:
			move(x, 1)
		case (n-window)%every == 0:
			for k := n - every; k < n; k++ {
				move(seen[k], 1)
				move(seen[k-window], -1)
			}
		}
	}
	return scores
}

// relativeEntropy calls a window of points anomalous whose histogram is unlike all before it
// (Wang et al. 2011), with the constants of the published benchmark.
func relativeEntropy(s *Series) []float64 {
	const (
		bins, window = 5, 52
		critical     = 13.28 // chi-square with bins-1 degrees of freedom, 1 %
	)
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range s.Values {
		if !math.IsNaN(x) {
			low, high = min(low, x), max(high, x)
		}
	}
	scores := make([]float64, len(s.Values))
	var recent []int
	var known [][bins]float64
	for i, x := range s.Values {
		if math.IsNaN(x) || high == low {
			continue
		}
		recent = append(recent, min(int((x-low)/(high-low)*bins), bins-1))
		if len(recent) < window {
			continue
		}
		recent = recent[len(recent)-window:]
		var histogram [bins]float64
		for _, bin := range recent {
			histogram[bin] += 1.0 / window
		}
		nearest := math.Inf(1)
		for _, k := range known {
			distance := 0.0
			for bin, share := range histogram {
				if share > 0 {
					distance += 2 * window * share * math.Log(share/max(k[bin], 1e-6))
				}
			}
			nearest = min(nearest, distance)
		}
		if nearest > critical {
			known = append(known, histogram)
			scores[i] = 1
		}
	}
	return scores
}

// outOfRange scores what lies outside of the range seen so far by how far it does.
func outOfRange(s *Series) []float64 {
	const learning = 50 // points
	scores := make([]float64, len(s.Values))
	low, high, seen := math.Inf(1), math.Inf(-1), 0
	for i, x := range s.Values {
		if math.IsNaN(x) {
			continue
		}
		if excess := max(x-high, low-x); seen > learning && excess > 0 && high > low {
			scores[i] = excess / (excess + 0.1*(high-low))
		}
		low, high = min(low, x), max(high, x)
		seen++
	}
	return scores
}
