package anomaly

import "math"

const (
	shapeBins   = 6
	shapeWindow = 52 // points
	shapes      = 40 // remembered at most
	// newShape is the chi-square quantile (1 %) beyond which a window fits no remembered shape.
	newShape = 13.28
	// rarest share that a remembered shape allows a bin it never saw.
	rarestShare = 1e-6
)

// shape is the view of a window's distribution: how far the histogram of the last points is from
// every histogram remembered, as twice the log likelihood ratio. What is new is remembered.
type shape struct {
	known [shapes][shapeBins]uint8 // counts of shapeWindow points
	count uint8                    // of known
	next  uint8                    // the one to be forgotten next
}

// logs of counts and of shares of a window.
var shapeLog = func() (logs [shapeWindow + 1]float64) {
	logs[0] = math.Log(rarestShare)
	for n := 1; n <= shapeWindow; n++ {
		logs[n] = math.Log(float64(n) / shapeWindow)
	}
	return logs
}()

// distance is 1 where a histogram begins to be new; 0 when it is known.
func (s *shape) distance(histogram *[shapeBins]uint8) float64 {
	var own float64
	for _, n := range histogram {
		if n > 0 {
			own += float64(n) * shapeLog[n]
		}
	}
	best := math.Inf(1)
	for i := range int(s.count) {
		likelihood := 0.0
		for bin, n := range s.known[i] {
			likelihood += float64(histogram[bin]) * shapeLog[n]
		}
		if best = min(best, 2*(own-likelihood)); best < newShape {
			return 0
		}
	}
	s.known[s.next] = *histogram
	s.next = (s.next + 1) % shapes
	if s.count < shapes {
		s.count++
	}
	if math.IsInf(best, 1) {
		return 0 // the first is no news
	}
	return best / newShape
}
