package verification

import (
	"fmt"
	"time"
	_ "time/tzdata" // time zones must resolve in an image that carries none
)

// calendar counts the days of a product's time zone in hours of UTC, the grain of the rollups.
type calendar struct{ zone *time.Location }

func newCalendar(name string) (calendar, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return calendar{}, fmt.Errorf("loading time zone %q: %w", name, err)
	}
	return calendar{zone: zone}, nil
}

// start is when the day that is offset days after t's begins, moved up to a full hour of UTC: where midnight is not on
// one (India, Nepal), the hour in between belongs to the day before, so that no day reads past its end.
func (c calendar) start(t time.Time, offset int) time.Time {
	year, month, day := t.In(c.zone).Date()
	noon := time.Date(year, month, day+offset, 12, 0, 0, 0, c.zone)
	midnight := time.Date(year, month, day+offset, 0, 0, 0, 0, c.zone)
	if midnight.Day() != noon.Day() { // where clocks go forward at midnight (Chile, Lebanon) the day begins at one
		midnight = midnight.Add(time.Hour)
	}
	hour := midnight.UTC().Truncate(time.Hour)
	if hour.Before(midnight) {
		hour = hour.Add(time.Hour)
	}
	return hour
}

// date names the day that begins at start.
func (c calendar) date(start time.Time) string { return start.In(c.zone).Format(time.DateOnly) }

// offset of the zone's clocks from UTC, in seconds.
func (c calendar) offset(t time.Time) int {
	_, seconds := t.In(c.zone).Zone()
	return seconds
}
