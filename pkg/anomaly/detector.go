package anomaly

import (
	"math"
	"math/bits"
	"time"
)

// Threshold is the score from which a point is called anomalous, for every series.
const Threshold = 0.5

// View is one way of looking at a series; views can be combined with |.
type View uint16

// The views.
const (
	Value      View = 1 << iota // the value itself
	Innovation                  // its distance to the recent level
	Level                       // the mean of a window
	Spread                      // the logarithm of a window's standard deviation
	Season                      // what is left after the time of day
	Shape                       // a window's distribution
	Drift                       // the same, for as long as it lasts: smoothed over some thirty points
	Shift                       // a window's mean, less the level over a hundred points
	Roughness                   // the logarithm of the standard deviation of a window's steps
	Rarity                      // how rare a value is at its time of day
	AllViews   = Value | Innovation | Level | Spread | Season | Shape | Drift | Shift | Roughness | Rarity
	viewCount  = 10
	oneSided   = Shape | Rarity // out of the ordinary only when large
)

// Options configures a detector.
type Options struct {
	// Views that count; none means all. Less is for measuring what each earns.
	Views View
}

// Result is what is said of one point.
type Result struct {
	Score   float64 // 0 to 1
	Anomaly bool    // Score reaches Threshold
	// Expected is the forecast of the point before it was seen, Low and High the band in which
	// about 95 % of the points lie. All three are finite.
	Expected, Low, High float64
}

const (
	farthest     = 5.0   // how far out one view can be
	largest      = 1e120 // values beyond it count as this: their squares are finite
	window       = 52    // points that are kept
	shortWindow  = 30    // of them, for level and spread
	roughWindow  = 12
	recentGain   = 0.1 // of the recent level
	seasonSmooth = 0.2
	driftSmooth  = 0.03
	raritySmooth = 0.2
	spreadFloor  = 0.01 // of the usual spread, added before the logarithm
)

// The weights of the views.
var weights = [viewCount]float64{0.3, 0.5, 0.5, 0.5, 1, 1.5, 0.6, 0.3, 0.25, 0.5}

// Detector watches one series. It is not safe for concurrent use.
type Detector struct {
	views View
	kept  float64 // of the records, at this point
	state
}

// state is all that is kept of a series.
type state struct {
	seen     uint64 // values that were numbers
	recent   [window]float64
	innov    float64 // recent level
	slow     float64 // level over a hundred points
	usual    float64 // spread
	rough    float64 // usual roughness
	smoothed [3]float64
	clock    clock
	season   season
	tails    [viewCount]tail
	shape    shape
	rarity   rarity
	bar      bar
	band     band
}

// New starts a detector that has seen nothing.
func New(o Options) *Detector {
	if o.Views == 0 {
		o.Views = AllViews
	}
	return &Detector{views: o.Views & AllViews}
}

// Push judges the next point of the series by all points before it, then learns from it. A value
// that is not finite is a gap: it is never anomalous, and nothing is learned from it. Where times
// are not known they are all the same: the zero time, say.
func (d *Detector) Push(at time.Time, value float64) Result {
	slot := d.clock.read(at)
	r := d.forecast(slot)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return r
	}
	x := min(max(value, -largest), largest)
	if d.seen == 0 {
		d.innov, d.slow, d.season.level = x, x, x
	}
	d.band.learn(x-d.season.day[slot], d.seen == 0)
	d.recent[d.seen%window] = x
	d.seen++
	d.kept = kept(d.seen)
	r.Score = d.bar.score(d.distance(x, slot), d.seen)
	r.Anomaly = r.Score >= Threshold
	return r
}

func (d *Detector) forecast(slot int) Result {
	expected := d.band.level + d.season.day[slot]
	return Result{Expected: expected, Low: expected + d.band.low, High: expected + d.band.high}
}

// distance is the weighted sum of how far out each view is.
func (d *Detector) distance(x float64, slot int) float64 {
	sum := d.level(Value, x) + d.level(Innovation, x-d.innov)
	d.innov += recentGain * (x - d.innov)

	left := d.season.learn(x, slot)
	d.smoothed[0] += seasonSmooth * (left - d.smoothed[0])
	d.smoothed[1] += driftSmooth * (left - d.smoothed[1])
	sum += d.level(Season, d.smoothed[0]) + d.level(Drift, d.smoothed[1])

	d.smoothed[2] += raritySmooth * (d.rarity.bits(uint8(d.bin(x, symbols)), slot) - d.smoothed[2])
	sum += d.level(Rarity, d.smoothed[2])

	if d.seen >= shortWindow {
		mean, sd := d.moments()
		sum += d.level(Level, mean) + d.level(Shift, mean-d.slow)
		d.usual += max(0.002, 1/float64(d.seen-shortWindow+1)) * (sd - d.usual)
		if sd += spreadFloor * d.usual; sd > 0 {
			sum += d.level(Spread, math.Log(sd))
		}
		rough := d.roughness()
		d.rough += max(0.002, 1/float64(d.seen-shortWindow+1)) * (rough - d.rough)
		if rough += spreadFloor * d.rough; rough > 0 {
			sum += d.level(Roughness, math.Log(rough))
		}
	}
	d.slow += 0.01 * (x - d.slow)
	if d.seen >= window {
		sum += d.level(Shape, min(d.shape.distance(d.histogram()), 10))
	}
	return sum
}

// level is the weight of how far out a view is, 0 for one that does not count.
func (d *Detector) level(v View, x float64) float64 {
	i := bits.TrailingZeros16(uint16(v))
	out := d.tails[i].level(x, v&oneSided != 0, d.kept)
	if d.views&v == 0 {
		return 0
	}
	return weights[i] * out
}

// bin is the place of x between the records of the value, which forget: one wild value does not
// leave all others in one bin for good.
func (d *Detector) bin(x float64, bins int) int {
	low, high := d.tails[0].low, d.tails[0].high
	if high <= low {
		return 0
	}
	return min(max(int((x-low)/(high-low)*float64(bins)), 0), bins-1)
}

// moments of the last shortWindow points, in two passes: no error adds up.
func (d *Detector) moments() (mean, sd float64) {
	for i := range uint64(shortWindow) {
		mean += d.recent[(d.seen-1-i)%window] / shortWindow
	}
	for i := range uint64(shortWindow) {
		delta := d.recent[(d.seen-1-i)%window] - mean
		sd += delta * delta
	}
	return mean, math.Sqrt(sd / shortWindow)
}

// roughness is the root mean square of the last steps.
func (d *Detector) roughness() float64 {
	sum := 0.0
	for i := range uint64(roughWindow) {
		step := d.recent[(d.seen-1-i)%window] - d.recent[(d.seen-2-i)%window]
		sum += step * step
	}
	return math.Sqrt(sum / roughWindow)
}

func (d *Detector) histogram() *[shapeBins]uint8 {
	var h [shapeBins]uint8
	for _, x := range d.recent {
		h[d.bin(x, shapeBins)]++
	}
	return &h
}
