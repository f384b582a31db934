package pcf

import "math"

const (
	usualDays    = 56 // what a level is compared with to tell whether it is high or low
	minUsualDays = 14
	// minReturns is how many windows that do not overlap the tendency to come back is learned from.
	minReturns = 3
	// beyondSeen is how far past the distances it was learned from the tendency is believed.
	beyondSeen = 1.5
)

// comeBack takes out of the effect what the series would have done by itself: where a level that lay off the usual of
// the last weeks came back in the past, it is expected to come back now. The tendency is the slope of the placebos'
// misses on how far the level before them lay off, shrunk by its sampling error; a series whose levels stay where they
// are has none. The guard alone reads so, because a deployment that ends a trouble of weeks is a return to the usual,
// too, and its reading should say how large it is.
func (e *Estimate) comeBack(clipped []point, origins []origin) {
	off := make([]float64, len(origins))
	known := contrasts{}
	for i, o := range origins {
		distance, ok := e.offUsual(clipped, o.from)
		if ok {
			off[i] = distance
			known.own, known.other = append(known.own, e.Placebos[i]), append(known.other, distance)
		}
	}
	now, ok := e.offUsual(clipped, len(clipped)-1-gapBefore(clipped))
	if !ok || float64(len(known.own)) < minReturns*float64(e.WindowDays) {
		return
	}
	tendency, _ := slope(known, e.WindowDays)
	tendency = math.Max(-1, math.Min(0, tendency)) // back to the usual, and not beyond it
	// That small distances come back does not say that one as large as never before does.
	farthest := 0.0
	for _, distance := range known.other {
		farthest = math.Max(farthest, beyondSeen*abs(distance))
	}
	now = math.Max(-farthest, math.Min(farthest, now))
	for i := range e.Placebos {
		e.Placebos[i] -= tendency * off[i]
	}
	e.D -= tendency * now
}

// offUsual is how far the level at the end of a day lies off the mean of the last weeks.
func (e *Estimate) offUsual(clipped []point, day int) (float64, bool) {
	if day < 0 {
		return 0, false
	}
	recent := clipped[max(0, day+1-usualDays) : day+1]
	if observedDays(recent) < minUsualDays {
		return 0, false
	}
	return e.level.path[day] - centreOf(recent), true
}
