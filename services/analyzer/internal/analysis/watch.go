package analysis

import (
	"math"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
)

// seriesPoints bounds the series kept for a finding: two weeks.
const seriesPoints = 336

// watch runs the detector over hours and keeps what it predicted for the last ones.
type watch struct {
	detector *detect.Detector
	status   detect.Status
	judged   int
	points   []Point
}

func newWatch(watched int) *watch {
	return &watch{detector: detect.New(detect.Options{Series: watched})}
}

func (w *watch) push(h HourCount) {
	hour, n := hourOf(h.Hour), h.Positive+h.Negative
	if n > 0 {
		f := w.detector.Forecast(hour, float64(n))
		w.judged++
		w.points = append(w.points, Point{
			Hour: h.Hour.UTC(), Positive: h.Positive, Negative: h.Negative,
			Expected: 1 - f.Share, Low: math.Max(0, 1-f.Share-1.96*f.SD), High: math.Min(1, 1-f.Share+1.96*f.SD),
		})
		if len(w.points) > 2*seriesPoints {
			w.points = append(w.points[:0], w.points[len(w.points)-seriesPoints:]...)
		}
	}
	w.status = w.detector.Push(detect.Hour{Hour: hour, Positive: h.Positive, Negative: h.Negative})
}

// series is the tail that lies within the last two weeks before end.
func (w *watch) series(end time.Time) []Point {
	points := w.points
	if len(points) > seriesPoints {
		points = points[len(points)-seriesPoints:]
	}
	for len(points) > 0 && points[0].Hour.Before(end.Add(-seriesPoints*time.Hour)) {
		points = points[1:]
	}
	return append([]Point{}, points...)
}

func (w *watch) detail(hours []HourCount, asOf time.Time) Detail {
	d := Detail{Evidence: w.status.Evidence, Threshold: w.status.Threshold, Hours: w.judged}
	var day Tally
	var expected, weight float64
	since := asOf.Add(-24 * time.Hour)
	for _, h := range hours {
		if h.Hour.Add(time.Hour).After(since) {
			day.Positive += h.Positive
			day.Negative += h.Negative
		}
	}
	for _, p := range w.points {
		if p.Hour.Add(time.Hour).After(since) {
			n := float64(p.Positive + p.Negative)
			expected += n * p.Expected
			weight += n
		}
	}
	if weight > 0 {
		ratio, mean := day.ratio(), expected/weight
		d.Ratio24h, d.ExpectedRatio = &ratio, &mean
	}
	return d
}
