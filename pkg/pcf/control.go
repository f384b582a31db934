package pcf

import (
	"math"
	"time"
)

const (
	maxControls = 3 // each one more costs a coefficient, and what the first ones left is mostly noise
	// A control explains this share of the past windows at least, or it is left out: below that the noise it brings is
	// as large as what it takes away.
	minShared = .1
	// minContrasts is how many windows that do not overlap a coefficient is learned from.
	minContrasts = 4
)

// ControlUse is what one control contributed.
type ControlUse struct {
	Name string
	// Beta is by how much the metric moves for each unit the control moves, both on their log scale, shrunk towards zero
	// by what its sampling error leaves of it. Zero when the control was not used.
	Beta float64
	// Change is the control's own effect over the window, with its 95 % interval, and its p.
	Change Range
	PValue float64
}

// Moved tells whether the control itself left its course over the window: then either something common happened, which
// is taken out, or the deployment touched it, and the effect is understated.
func (c ControlUse) Moved() bool { return c.PValue <= Alpha }

// track is a series split at the deployment, weekday effects off.
type track struct {
	past, post []point
	effects    [7]float64
	first      time.Weekday // of the past's first day
}

func newTrack(past, post []point, first time.Weekday, weekly bool) track {
	t := track{past: past, post: post, first: first}
	if !weekly {
		t.effects = weekdayEffects(past, first)
		adjust(past, t.effects, first)
		adjust(post, t.effects, time.Weekday(weekdayOf(first, len(past))))
	}
	return t
}

// contrasts are the misses of past windows of the metric and of a control at the origins both have.
type contrasts struct{ own, other []float64 }

// subtract takes the controls out of t, the one that shares most with it first, and returns what each day of the window
// owes to them. skipped days of the input's history are not in t.
func (t *track) subtract(in Input, skipped int) (owed []float64, uses []ControlUse) {
	owed, uses = make([]float64, len(t.post)), make([]ControlUse, len(in.Controls))
	left := map[int]track{} // controls with data that are not taken out yet
	for i, c := range in.Controls {
		past := padded(points(in.Metric, c.History), skipped+len(t.past))[skipped:]
		post := padded(points(in.Metric, c.Window), len(t.post))
		uses[i] = ControlUse{Name: c.Name, PValue: 1}
		if observedDays(past) < MinReadDays || observedDays(post) == 0 {
			continue
		}
		other := newTrack(past, post, t.first, in.Weekly)
		own := other.estimate(in.Weekly, false)
		low, high := own.Interval(Alpha)
		uses[i].Change, uses[i].PValue = Range{expm1(low), expm1(own.D), expm1(high)}, own.PValue()
		left[i] = other
	}
	for range maxControls {
		best, beta := t.closest(left, len(in.Controls))
		if best < 0 {
			break
		}
		other := left[best]
		delete(left, best)
		uses[best].Beta = beta
		centre := centreOf(other.past)
		take(t.past, other.past, beta, centre)
		take(t.post, other.post, beta, centre)
		for i, p := range other.post {
			if p.observed { // else nothing is known of what the day owes
				owed[i] += beta * (p.y - centre)
			}
		}
	}
	return owed, uses
}

// closest is the control that shares most with t, and its coefficient; -1 when none shares enough.
func (t *track) closest(left map[int]track, n int) (best int, beta float64) {
	best, shared := -1, minShared
	for i := range n { // in their order, so that the same input gives the same bytes
		other, ok := left[i]
		if !ok {
			continue
		}
		c := t.contrasts(other)
		if len(c.own) < minContrasts*len(t.post) {
			continue
		}
		if b, r2 := slope(c, len(t.post)); b != 0 && r2 > shared {
			best, beta, shared = i, b, r2
		}
	}
	return best, beta
}

// padded is a series of exactly n points; what is missing at the end is not observed.
func padded(series []point, n int) []point {
	out := make([]point, n)
	copy(out, series)
	return out
}

func centreOf(series []point) float64 {
	sum, n := 0.0, 0.0
	for _, p := range series {
		if p.observed {
			sum += p.y
			n++
		}
	}
	return sum / n
}

// take subtracts beta times the control. A day the control has nothing of is a day nothing is known of.
func take(series, control []point, beta, centre float64) {
	for i := range series {
		series[i].y -= beta * (control[i].y - centre)
		series[i].v += beta * beta * control[i].v
		series[i].observed = series[i].observed && control[i].observed
	}
}

// contrasts compares how far past windows of two series were from the level before them.
func (t *track) contrasts(other track) contrasts {
	var c contrasts
	own, theirs := filterLevel(clipped(t.past)), filterLevel(clipped(other.past))
	h := len(t.post)
	for origin := min(placeboStart, len(t.past)/3); origin+h <= len(t.past); origin++ {
		a, b := t.past[origin:origin+h], other.past[origin:origin+h]
		if origin == 0 || 2*observedDays(a) < h+1 || 2*observedDays(b) < h+1 {
			continue
		}
		mine, _ := windowMean(a)
		its, _ := windowMean(b)
		c.own = append(c.own, mine-own.path[origin-1])
		c.other = append(c.other, its-theirs.path[origin-1])
	}
	return c
}

// slope is the coefficient of own on other, shrunk by its own sampling error (windows that overlap count once), and the
// share of own that other explains.
func slope(c contrasts, h int) (beta, shared float64) {
	independent := float64(len(c.own)) / float64(h)
	var xx, xy, yy float64
	for i := range c.own {
		xx += c.other[i] * c.other[i]
		xy += c.own[i] * c.other[i]
		yy += c.own[i] * c.own[i]
	}
	if xx < minScale || yy < minScale {
		return 0, 0
	}
	shared = xy * xy / (xx * yy)
	strength := independent * shared / math.Max(1-shared, minScale) // the F of the coefficient
	return xy / xx * math.Max(0, 1-1/math.Max(strength, minScale)), shared
}
