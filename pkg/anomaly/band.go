package anomaly

import "math"

const (
	bandGain  = 0.3   // of the level from which the next value is expected
	bandShare = 0.025 // of the points, outside of the band on each side
	bandMost  = 6     // mean absolute errors, how far out an end can be: a bad start is forgotten
)

// band is the forecast of the next value, less what the time of day adds, and the quantiles of the
// forecast's errors.
type band struct {
	level     float64
	low, high float64 // distance of the band's ends to the forecast
	spread    float64 // mean absolute error, clipped
	seen      float64
}

func (b *band) learn(x float64, first bool) {
	if first {
		b.level = x
		return
	}
	wrong := x - b.level
	b.level += bandGain * wrong
	b.seen++
	size := math.Abs(wrong)
	if b.seen > learning && b.spread > 0 {
		size = min(size, 5*b.spread)
	}
	b.spread += max(0.01, 1/b.seen) * (size - b.spread)
	if b.seen <= learning {
		b.low, b.high = -2.5*b.spread, 2.5*b.spread
		return
	}
	step := b.spread * max(0.1, 10/b.seen)
	b.high = min(max(b.high+step*towards(wrong > b.high, 1-bandShare), 0), bandMost*b.spread)
	b.low = max(min(b.low+step*towards(wrong > b.low, bandShare), 0), -bandMost*b.spread)
}
