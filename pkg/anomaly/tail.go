package anomaly

import "math"

const (
	learning = 50   // points of a view before it has an opinion
	quantile = 0.97 // beyond it, and below 1 - it, lie the rare points
	// A record loses forgetting·seen^-slowing of its distance to the quantile at a point.
	forgetting = 0.0094
	slowing    = 0.4
	wildest    = 10.0 // how many times as far out as the record a point counts for the next
	narrowest  = 0.02 // of the whole range, the least distance of record and quantile
)

// tail is what one view has seen: running quantiles on both sides and the records beyond them.
// The quantiles are followed by steps in proportion to the view's own spread (Robbins and Monro
// 1951), the records come down to them slowly.
type tail struct {
	seen      float64 // points, or learning once that is reached plus those after
	mean      float64 // while learning
	squares   float64 // while learning: sum of squared deviations
	low, high float64 // records
	qLow      float64
	qHigh     float64
	spread    float64 // mean distance to the middle, clipped
}

// level says how far out x is: 0 between the quantiles, 1 at a record, more beyond it; then learns
// from it, while kept is left of the records. A one-sided view is only ever out above.
func (t *tail) level(x float64, oneSided bool, kept float64) float64 {
	t.seen++
	if t.seen <= learning {
		t.learn(x)
		return 0
	}
	width := t.high - t.low
	floor := width * narrowest
	out := beyond(x-t.qHigh, t.high-t.qHigh, floor)
	if !oneSided {
		out = max(out, beyond(t.qLow-x, t.qLow-t.low, floor))
	}
	t.follow(x, width, kept)
	return out
}

// kept is the share of a record's distance to the quantile that is left after the next of so many
// points.
func kept(seen uint64) float64 { return 1 - forgetting*math.Pow(float64(seen), -slowing) }

// beyond is 0 up to the quantile and 1 at the record.
func beyond(distance, record, floor float64) float64 {
	if distance <= 0 {
		return 0
	}
	if record = max(record, floor); record <= 0 {
		return farthest // nothing but one value was ever seen, and this is another
	}
	return min(distance/record, farthest)
}

func (t *tail) learn(x float64) {
	if t.seen == 1 {
		t.low, t.high = x, x
	}
	if sd := math.Sqrt(t.squares / t.seen); t.seen > learning/5 && sd > 0 {
		x = min(max(x, t.mean-wildest*sd), t.mean+wildest*sd)
	}
	t.low, t.high = min(t.low, x), max(t.high, x)
	delta := x - t.mean
	t.mean += delta / t.seen
	t.squares += delta * (x - t.mean)
	if t.seen == learning {
		// Until the quantiles have found their places they start where a bell would have them.
		sd := math.Sqrt(max(t.squares, 0) / learning)
		t.qLow, t.qHigh = max(t.mean-1.9*sd, t.low), min(t.mean+1.9*sd, t.high)
		t.spread = (t.high - t.low) / 20
	}
}

func (t *tail) follow(x, width, kept float64) {
	// A wild value counts as a record, but not for as much as it is: it would hide all that follows.
	floor := max(width*narrowest, t.spread)
	if floor > 0 {
		x = max(min(x, t.qHigh+wildest*max(t.high-t.qHigh, floor)), t.qLow-wildest*max(t.qLow-t.low, floor))
	}
	middle := t.qLow + (t.qHigh-t.qLow)/2
	step := t.spread * max(0.02, 10/t.seen)
	t.qHigh += step * towards(x > t.qHigh, quantile)
	t.qLow += step * towards(x > t.qLow, 1-quantile)
	t.spread += 0.01 * (min(math.Abs(x-middle), 3*t.spread+width*0.01) - t.spread)
	t.high = max(t.qHigh+(t.high-t.qHigh)*kept, x)
	t.low = min(t.qLow+(t.low-t.qLow)*kept, x)
}

// towards is the step of a quantile tracker: up by q when the point is above, down by 1-q when not.
func towards(above bool, q float64) float64 {
	if above {
		return q
	}
	return q - 1
}
