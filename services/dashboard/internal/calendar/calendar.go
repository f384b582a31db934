package calendar

import "time"

// Step of a series.
type Step string

// The steps; days are days of the product's time zone.
const (
	Hour Step = "hour"
	Day  Step = "day"
)

// Steps is a span of time, cut.
type Steps struct {
	Begins []time.Time // the first moments, in order
	step   Step
	zone   *time.Location
	index  map[int64]int
}

// Cut cuts the time from one moment until another; the first step is the one that from lies in.
func Cut(step Step, zone *time.Location, from, to time.Time) Steps {
	s := Steps{step: step, zone: zone, index: map[int64]int{}}
	for n := 0; ; n++ {
		begin := from.UTC().Truncate(time.Hour).Add(time.Duration(n) * time.Hour)
		if step == Day {
			begin = Begin(from, zone, n)
		}
		if !begin.Before(to) {
			return s
		}
		s.index[s.key(begin)] = n
		s.Begins = append(s.Begins, begin)
	}
}

// Find tells which step a moment lies in, if any.
func (s Steps) Find(at time.Time) (i int, ok bool) {
	i, ok = s.index[s.key(at)]
	return i, ok
}

// key is the same for all moments of a step. A day goes by its date: two programs need not agree on
// when a day begins that has no midnight.
func (s Steps) key(at time.Time) int64 {
	if s.step == Hour {
		return at.Truncate(time.Hour).Unix()
	}
	y, m, d := at.In(s.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()
}

// Begin is the first moment of the day in zone that is some days after the one t lies in.
func Begin(t time.Time, zone *time.Location, days int) time.Time {
	y, m, d := t.In(zone).Date()
	begin := time.Date(y, m, d+days, 0, 0, 0, 0, zone)
	if begin.Day() != time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC).Day() {
		// There is no midnight, and this is the hour before it would have been: the day begins
		// when the clocks are put forward.
		_, begin = begin.ZoneBounds()
	}
	return begin
}
