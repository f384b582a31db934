package pcf

import (
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// MaxHistoryDays is how far back the forecast looks. Older days describe another product.
	MaxHistoryDays = 182
	// MinReadDays is the shortest history any number can be computed from.
	MinReadDays = 7
	// MaxWindowDays bounds the window after the deployment.
	MaxWindowDays = 366

	modelDegrees  = 4.0 // degrees of freedom granted to the model's own variance
	placeboStart  = 14  // first day a placebo window may start, unless a third of the history comes sooner
	placeboCredit = 0.5 // degrees of freedom for each independent placebo window
	weekdays      = 7
)

// Reasons why nothing can be estimated at all. The input is left as it was.
var (
	// ErrTooLittleHistory: fewer than MinReadDays days with data before the deployment.
	ErrTooLittleHistory = errors.New("too little history")
	// ErrEmptyWindow: no day with data after the deployment.
	ErrEmptyWindow = errors.New("no data in the window after the deployment")
	// ErrWindowTooLong: more than MaxWindowDays days after the deployment.
	ErrWindowTooLong = errors.New("window too long")
)

// Estimate is the measured effect of one window, on the log scale of the metric.
type Estimate struct {
	// D is the mean of the window minus the level forecast from the history.
	D float64
	// Median is the same for the day in the middle of the window's days, by size. SteadyD and SteadyS are D and S with
	// days that lie far off the window's middle pulled in, as in every past window. Both tell what few days carry; a
	// window of fewer than five has D and S there.
	Median, SteadyD, SteadyS float64
	// S is the standard error of D, Nu the degrees of freedom of D/S.
	S, Nu float64
	// HistoryDays is the length T of the history that was used, from its first day with data.
	HistoryDays int
	// WindowDays is the length h of the window, ObservedDays how many of them carry data.
	WindowDays, ObservedDays int
	// Placebos are the forecast errors of every earlier window of the same length: what "nothing happened" looks like.
	Placebos []float64
	// ModelVariance (Vm) and PlaceboVariance (Vp) are the two sources S is pooled from.
	ModelVariance, PlaceboVariance float64

	// Controls are what was taken out, one for each control of the input.
	Controls []ControlUse

	level   level
	effects [7]float64
	first   time.Weekday // of the first day of the window
	owed    []float64    // to the controls, on each day of the window
}

// Forecast estimates the effect at the boundary between history and window. firstWeekday is the weekday of history[0].
// Leading days without data and days beyond MaxHistoryDays are left out. Trailing history days without data stand for a
// gap before the window (the day of the deployment itself, or days set aside by the trigger guard).
func Forecast(metric Metric, firstWeekday time.Weekday, history, window []Day) (Estimate, error) {
	return forecast(Input{Metric: metric, FirstWeekday: firstWeekday, History: history, Window: window})
}

// forecast estimates with the controls and the calendar of an input; schedule and trigger are not asked.
func forecast(in Input) (Estimate, error) {
	past, skipped := usable(points(in.Metric, in.History))
	post := points(in.Metric, in.Window)
	if n := observedDays(past); n < MinReadDays {
		return Estimate{}, fmt.Errorf("%w: %d days with data, at least %d are needed", ErrTooLittleHistory, n, MinReadDays)
	}
	if len(post) > MaxWindowDays {
		return Estimate{}, fmt.Errorf("%w: %d days, at most %d", ErrWindowTooLong, len(post), MaxWindowDays)
	}
	if observedDays(post) == 0 {
		return Estimate{}, ErrEmptyWindow
	}
	t := newTrack(past, post, time.Weekday(weekdayOf(in.FirstWeekday, skipped)), in.Weekly)
	owed, uses := t.subtract(in, skipped)
	if observedDays(t.past) < MinReadDays || observedDays(t.post) == 0 { // the controls' gaps left nothing
		return forecast(in.withoutControls())
	}
	e := t.estimate(in.Weekly, in.guarded)
	e.owed, e.Controls = owed, uses
	return e, nil
}

// estimate is steps 4 to 9 of the method, on a track with data on both sides.
func (t *track) estimate(weekly, guarded bool) Estimate {
	cleaned := clipped(t.past)
	e := Estimate{
		HistoryDays: len(t.past), WindowDays: len(t.post), ObservedDays: observedDays(t.post),
		level: filterLevel(cleaned), effects: t.effects, first: time.Weekday(weekdayOf(t.first, len(t.past))),
		owed: make([]float64, len(t.post)),
	}
	e.Median = median(observedValues(t.post)) - e.level.last
	steady := e
	e.measure(t, cleaned, weekly, guarded, windowMean)
	e.SteadyD, e.SteadyS = e.D, e.S
	if e.ObservedDays >= spikeDays {
		steady.measure(t, cleaned, weekly, guarded, steadyMean(math.Sqrt(e.level.scale)))
		e.SteadyD, e.SteadyS = steady.D, steady.S
	}
	return e
}

// measure holds the window against the level, and against what past windows did. mean is how a window is summed up.
func (e *Estimate) measure(t *track, cleaned []point, weekly, guarded bool, mean summary) {
	after, noise := mean(t.post)
	e.D = after - e.level.last
	origins, oldNoise := e.runPlacebos(t.past, mean)
	if guarded {
		e.comeBack(cleaned, origins)
	}
	e.spread(noise, oldNoise, weekly)
}

// usable cuts the history to at most MaxHistoryDays that begin with a day with data, and tells how many were cut.
func usable(history []point) ([]point, int) {
	start := max(0, len(history)-MaxHistoryDays)
	for start < len(history) && !history[start].observed {
		start++
	}
	return history[start:], start
}

func adjust(series []point, effects [7]float64, first time.Weekday) {
	for i := range series {
		series[i].y -= effects[weekdayOf(first, i)]
	}
}

// summary takes a window with data for one number, and gives its sampling variance.
type summary func(window []point) (value, noise float64)

// windowMean is the mean over a window's days with data, and the sampling variance of that mean. The window has at
// least one such day.
func windowMean(window []point) (value, noise float64) {
	n := 0.0
	for _, p := range window {
		if p.observed {
			value += p.y
			noise += p.v
			n++
		}
	}
	return value / n, noise / (n * n)
}

// spread pools the model's variance with the placebos' into S and Nu. noise is the window's own sampling variance,
// oldNoise that of the placebos' windows.
func (e *Estimate) spread(noise, oldNoise float64, weekly bool) {
	h, n := float64(e.WindowDays), float64(e.ObservedDays)
	scale := e.level.scale
	e.ModelVariance = scale * (e.level.variance + e.level.q*(h+1)*(2*h+1)/(6*h) + 1/n)

	placeboDegrees := 1.0
	e.PlaceboVariance = e.ModelVariance
	if origins := len(e.Placebos); origins >= e.WindowDays {
		e.PlaceboVariance = 0
		for _, miss := range e.Placebos {
			e.PlaceboVariance += miss * miss / float64(origins)
		}
		// Fewer signals after than before: the placebos looked through less noise than this window does.
		if noise > oldNoise {
			e.PlaceboVariance = max(e.PlaceboVariance-oldNoise, e.PlaceboVariance/4) + noise
		}
		placeboDegrees = max(1, placeboCredit*float64(origins)/h)
	}

	e.Nu = modelDegrees + placeboDegrees
	variance := (modelDegrees*e.ModelVariance + placeboDegrees*e.PlaceboVariance) / e.Nu
	// A window shorter than a week leans on estimated weekday effects, which carry an error of their own.
	if !weekly {
		variance += scale * (weekdays / float64(e.HistoryDays)) * max(0, 1/h-1./weekdays)
	}
	e.S = math.Sqrt(max(variance, noise, minScale))
}

// origin is a past date: the first day of a window, and the last day before it with data on the far side of the gap.
type origin struct{ day, from int }

// runPlacebos forecasts every earlier window of the same length from the level before it, and returns where they begin
// and the mean sampling variance of those windows. The days are not clipped: real bad days are part of what can happen
// by itself. When the real window starts after a gap, the placebos forecast across the same gap.
func (e *Estimate) runPlacebos(past []point, mean summary) (origins []origin, oldNoise float64) {
	gap := gapBefore(past)
	need := (e.WindowDays + 1) / 2
	for day := min(placeboStart, len(past)/3); day+e.WindowDays <= len(past); day++ {
		from := day - 1 - gap
		window := past[day : day+e.WindowDays]
		if from < 0 || observedDays(window) < need {
			continue
		}
		value, noise := mean(window)
		e.Placebos = append(e.Placebos, value-e.level.path[from])
		origins = append(origins, origin{day, from})
		oldNoise += noise
	}
	if len(e.Placebos) == 0 {
		return nil, 0
	}
	return origins, oldNoise / float64(len(e.Placebos))
}

// gapBefore is how many days at the end of the history carry no data.
func gapBefore(past []point) int {
	gap := 0
	for gap < len(past) && !past[len(past)-1-gap].observed {
		gap++
	}
	return gap
}

// SteadyPValue is PValue with what few days do left out.
func (e Estimate) SteadyPValue() float64 { return min(1, 2*e.student().CDF(-abs(e.SteadyD/e.SteadyS))) }

func (e Estimate) student() distuv.StudentsT { return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: e.Nu} }

// PValue is the two-sided probability of an effect at least this large when nothing happened.
func (e Estimate) PValue() float64 { return min(1, 2*e.student().CDF(-abs(e.D/e.S))) }

// ProbabilityImproved is the probability that the true effect is above zero.
func (e Estimate) ProbabilityImproved() float64 { return e.student().CDF(e.D / e.S) }

// Interval is the effect's interval that misses with probability alpha (two-sided), on the log scale.
func (e Estimate) Interval(alpha float64) (low, high float64) {
	reach := e.quantile(alpha) * e.S
	return e.D - reach, e.D + reach
}

func (e Estimate) quantile(alpha float64) float64 { return e.student().Quantile(1 - alpha/2) }

// MDE is the smallest true effect, on the log scale, that this window would find four times in five at 5 %.
func (e Estimate) MDE() float64 {
	t := e.student()
	return (t.Quantile(.975) + t.Quantile(.8)) * e.S
}
