package anomaly

import "math"

const (
	lowestBar = 2.2
	raise     = 1.7 // an alarm puts the bar this much above itself
	// The bar comes down to its lowest within a share of the points seen so far: a series that was
	// watched for long is one in which events last long.
	fallShare = 0.06
	fallLeast = 10.0  // points
	fallMost  = 300.0 // points
)

// bar is what a distance is held against. It is lowest at first, higher after each alarm, and falls
// again exponentially.
type bar struct {
	height float64 // above the lowest, at the last alarm
	at     uint64  // points seen at the last alarm
}

// score is Threshold for a distance as high as the bar.
func (b *bar) score(distance float64, seen uint64) float64 {
	if distance == 0 {
		return 0
	}
	fall := min(max(fallShare*float64(seen), fallLeast), fallMost)
	height := lowestBar + b.height*math.Exp(-float64(seen-b.at)/fall)
	if distance >= height {
		b.height, b.at = distance*raise-lowestBar, seen
	}
	return distance / (distance + height)
}
