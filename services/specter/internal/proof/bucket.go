package proof

import (
	"math"
	"slices"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

const (
	day  = 24 * time.Hour
	week = 7 * day

	// maxBuckets bounds a file whose times lie far apart: a century of days.
	maxBuckets = 36600
	// A day with fewer than this share of its usual rows is not known.
	completeDay = .75
)

// buckets is the series in even steps.
type buckets struct {
	weekly bool
	// first is midnight of the first day, as it was written, or the time of the first week.
	first time.Time
	days  []pcf.Day
}

// date is midnight of the day a moment was written with, without its zone: days are what the file calls days.
func date(at time.Time) time.Time {
	y, m, d := at.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// step is the usual distance between two moments of the file.
func (t *table) step() (time.Duration, bool) {
	var steps []time.Duration
	for i := 1; i < len(t.rows); i++ {
		if d := t.rows[i].at.Sub(t.rows[i-1].at); d > 0 {
			steps = append(steps, d)
		}
	}
	if len(steps) == 0 {
		return 0, false
	}
	slices.Sort(steps)
	return steps[len(steps)/2], true
}

// bucket sums rows into days, or takes them for weeks.
func (t *table) bucket() (*buckets, error) {
	step, ok := t.step()
	if !ok {
		return nil, problem("too_little_history", "a file needs a row a day, for weeks", "there are no two rows of different times")
	}
	b := &buckets{}
	length := day
	switch {
	case step <= day*7/2:
		b.first = date(t.rows[0].at)
	case step <= day*21/2:
		b.weekly, length = true, week
		b.first = t.rows[0].at
	default:
		return nil, problem("rows_too_far_apart", "rows may be hourly or finer, daily or weekly", "rows are %.0f days apart", step.Hours()/24)
	}
	// The day of a row is the one it is written with; a week is the nearest to a whole number of them.
	index := func(at time.Time) int {
		if b.weekly {
			return int(math.Round(float64(at.Sub(b.first)) / float64(length)))
		}
		return int(date(at).Sub(b.first) / length)
	}
	n := 0
	for _, r := range t.rows {
		n = max(n, index(r.at)+1)
	}
	if n > maxBuckets {
		return nil, problem("times_too_far_apart", "check the column with the times", "from the first row to the last it is %d days", n)
	}
	cells := make([]cell, n)
	for _, r := range t.rows {
		cells[max(0, index(r.at))].add(r)
	}
	t.fill(b, cells, step)
	return b, nil
}

// cell is what fell into one bucket.
type cell struct {
	rows, repeated, different int
	last                      sample
	value, beside             float64
}

func (c *cell) add(r sample) {
	if math.IsNaN(r.value) || math.IsNaN(r.beside) {
		return
	}
	if c.rows > 0 && r.at.Equal(c.last.at) {
		if r.value == c.last.value && r.beside == c.last.beside { // a line that is there twice counts once
			c.repeated++
			return
		}
		c.different++
	}
	c.rows, c.last = c.rows+1, r
	c.value += r.value
	c.beside += r.beside
}

// fill makes days of cells, and notes what was odd.
func (t *table) fill(b *buckets, cells []cell, step time.Duration) {
	usual := usualRows(cells)
	repeated, different, partial := 0, 0, 0
	b.days = make([]pcf.Day, len(cells))
	for i, c := range cells {
		repeated += c.repeated
		different += c.different
		enough := c.rows > 0
		if enough && !b.weekly && step < day*4/5 && float64(c.rows) < completeDay*usual {
			if i == len(cells)-1 { // the day that is not over yet
				b.days = b.days[:i]
				break
			}
			enough = false
			partial++
		}
		switch {
		case !enough:
			b.days[i] = pcf.Day{Missing: true}
		case t.metric == pcf.Value:
			b.days[i] = pcf.Day{Positive: c.value / float64(c.rows)}
		default:
			b.days[i] = pcf.Day{Positive: c.value, Negative: c.beside}
		}
	}
	if repeated > 0 {
		t.note("repeated_rows", "%d rows are there twice and counted once.", repeated)
	}
	if different > 0 {
		how := "added up"
		if t.metric == pcf.Value {
			how = "averaged"
		}
		t.note("same_time", "%d rows have the time of another and other numbers; they are %s.", different, how)
	}
	if partial > 0 {
		t.note("partial_days", "%d days have less than three quarters of their usual rows and are left out.", partial)
	}
}

// usualRows is how many rows a day with any has, in the middle.
func usualRows(cells []cell) float64 {
	var rows []int
	for _, c := range cells {
		if c.rows > 0 {
			rows = append(rows, c.rows)
		}
	}
	if len(rows) == 0 {
		return 0
	}
	slices.Sort(rows)
	return float64(rows[len(rows)/2])
}

// cut is the series with a deployment in it.
type cut struct {
	history, window []pcf.Day
	from            time.Time // the beginning of the window
}

// cut the series at a deployment. The bucket that holds the moment belongs to neither side unless it begins then; a date
// alone is the beginning of that day.
func (b *buckets) cut(at time.Time) (cut, error) {
	var c cut
	var row int
	var inside bool
	length := day
	if b.weekly {
		// Weeks are compared as moments: a week's row may stand for its first day or its last.
		length = week
		distance := float64(at.Sub(b.first)) / float64(week)
		row = int(math.Floor(distance))
		inside = distance-math.Floor(distance) > 1./(7*24) // an hour's grace, for clocks that changed
	} else {
		row = int(math.Floor(float64(date(at).Sub(b.first)) / float64(day)))
		_, zone := at.Zone()
		inside = !date(at).Equal(at.Add(time.Duration(zone) * time.Second))
	}
	if row <= 0 || row >= len(b.days) {
		last := b.first.Add(time.Duration(len(b.days)-1) * length)
		return c, badQuestion("outside_the_series", "--at is when the change went live; there must be rows before and after it",
			"%s is not within the series, which runs from %s to %s", at.Format(time.RFC3339), b.first.Format(time.DateOnly), last.Format(time.DateOnly))
	}
	c.history, c.window = slices.Clone(b.days[:row]), b.days[row:]
	if inside {
		row++
		c.history, c.window = append(c.history, pcf.Day{Missing: true}), c.window[1:]
	}
	if len(c.window) == 0 {
		return c, problem("no_window", "wait for a complete day, or give an earlier --at",
			"there is no complete day after %s", at.Format(time.RFC3339))
	}
	c.from = b.first.Add(time.Duration(row) * length)
	return c, nil
}
