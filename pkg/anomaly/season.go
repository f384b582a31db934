package anomaly

import (
	"time"
)

const (
	daySlots    = 96
	seasonGain  = 0.15 // of a new day
	levelGain   = 0.01 // of the slow level under the season
	secondsADay = 24 * 60 * 60
)

// season is a slow level and what the time of day adds to it.
type season struct {
	level float64
	day   [daySlots]float64
	seen  [daySlots]uint8 // visits, up to where the gain no longer depends on them
}

// clock tells which slot of the season a time belongs to: a quarter of an hour of the day, or the
// day of the week for a series that comes daily or less often.
type clock struct {
	last, step int64 // seconds
	slot       uint8
}

func (c *clock) read(at time.Time) int {
	now := at.Unix()
	step := now - c.last
	if step == 0 {
		return int(c.slot)
	}
	// Of two steps the shorter: a gap in a series of minutes does not make it one of days.
	rare := min(step, c.step) >= secondsADay/2
	c.last, c.step = now, step
	second := now % secondsADay
	if second < 0 {
		second += secondsADay
	}
	c.slot = uint8(second * daySlots / secondsADay)
	if rare {
		c.slot = uint8(at.UTC().Weekday())
	}
	return int(c.slot)
}

// forecast is what the time of day leads to expect.
func (s *season) forecast(slot int) float64 { return s.level + s.day[slot] }

// learn returns what is left of x; 0 for a time of day that was never seen.
func (s *season) learn(x float64, slot int) float64 {
	left := x - s.forecast(slot)
	first := s.seen[slot] == 0
	if s.seen[slot] < 255 {
		s.seen[slot]++
	}
	s.day[slot] += max(seasonGain, 1/float64(s.seen[slot])) * left
	s.level += levelGain * left
	if first {
		return 0
	}
	return left
}
