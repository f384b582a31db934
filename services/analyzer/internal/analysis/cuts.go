package analysis

import "time"

// RefusedHour is an hour in which signals of the product were refused though nothing was
// wrong with them: the limit was used up, too many came at once, a key had expired or was
// not for their origin.
type RefusedHour struct {
	Hour   time.Time
	N      int64
	UsedUp bool // the account's monthly limit was
}

// leastCut is the share of what a context usually has in an hour from which refused signals
// may be what is missing. A forgotten page that sends with an expired key for ever hides no
// silence.
const leastCut = 0.05

// cuts are the hours in which it is not known how many signals there would have been.
// They are asked for in order.
type cuts struct {
	hours []RefusedHour // not passed yet, ascending
	until int64         // the month ends whose limit is used up
}

// next is the first hour from one on that may be one.
func (c *cuts) next(hour int64) (int64, bool) {
	for len(c.hours) > 0 && hourOf(c.hours[0].Hour) < hour {
		c.hours = c.hours[1:]
	}
	switch {
	case hour < c.until:
		return hour, true
	case len(c.hours) > 0:
		return hourOf(c.hours[0].Hour), true
	}
	return 0, false
}

// at tells whether an hour in which some came, and how many were expected, is one. Once the
// limit is used up, senders that know it stay away until the month is over; that some are
// stored and none refused shows that it was raised.
func (c *cuts) at(hour, came int64, expected float64) bool {
	if next, some := c.next(hour); !some || next != hour {
		return false
	}
	if len(c.hours) == 0 || hourOf(c.hours[0].Hour) != hour {
		if came > 0 {
			c.until = 0
		}
		return came == 0
	}
	refused := c.hours[0]
	if refused.UsedUp {
		month := refused.Hour.UTC()
		c.until = hourOf(time.Date(month.Year(), month.Month()+1, 1, 0, 0, 0, 0, time.UTC))
	}
	return refused.UsedUp || float64(refused.N) >= leastCut*expected
}
