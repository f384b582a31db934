package verification

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Refusals are how many signals of the product were refused in an hour for one reason.
type Refusals struct {
	Hour time.Time
	Code string
	N    int64
}

// usedUp is the code of a monthly limit that is: everything is refused, and senders that know it do not even try.
const usedUp = "quota_exceeded"

// leastRefused is the share of a day's signals from which refused ones may be what is missing. A forgotten page that sends
// with an expired key for ever hides no effect.
const leastRefused = .02

// RefusedDay is a day on which signals were refused, by its place in Dates. What came on it says nothing of how many
// there were, nor of what they were.
type RefusedDay struct {
	Place   int           `json:"place"`
	Reasons []RefusedCode `json:"reasons"`
}

// RefusedCode is how many were refused for one reason.
type RefusedCode struct {
	Code string `json:"code"`
	N    int64  `json:"count"`
}

// refusedDays are the days that say nothing, because signals were refused that are missing from the measure.
func refusedDays(g dayGrid, measure Series, refused []Refusals) []RefusedDay {
	came := func(place int) float64 { return measure[place][0] + measure[place][1] }
	days := slices.DeleteFunc(refusedByDay(g, refused), func(d RefusedDay) bool {
		var n int64
		for _, c := range d.Reasons {
			if c.Code == usedUp {
				return false
			}
			n += c.N
		}
		return float64(n) < leastRefused*came(d.Place)
	})
	// Whoever knows that the limit is used up stays away until the month is over.
	for _, r := range refused {
		if r.Code != usedUp {
			continue
		}
		over := time.Date(r.Hour.Year(), r.Hour.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		for place := g.day(r.Hour) + 1; place < len(g.starts) && g.starts[place].Before(over) && came(place) == 0; place++ {
			if !slices.ContainsFunc(days, func(d RefusedDay) bool { return d.Place == place }) {
				days = append(days, RefusedDay{Place: place, Reasons: []RefusedCode{{Code: usedUp}}})
			}
		}
	}
	slices.SortFunc(days, func(a, b RefusedDay) int { return cmp.Compare(a.Place, b.Place) })
	return days
}

func refusedByDay(g dayGrid, refused []Refusals) []RefusedDay {
	var days []RefusedDay
	for _, r := range refused {
		place := g.day(r.Hour)
		if len(days) == 0 || days[len(days)-1].Place != place {
			days = append(days, RefusedDay{Place: place})
		}
		day := &days[len(days)-1]
		i := slices.IndexFunc(day.Reasons, func(c RefusedCode) bool { return c.Code == r.Code })
		if i < 0 {
			i = len(day.Reasons)
			day.Reasons = append(day.Reasons, RefusedCode{Code: r.Code})
		}
		day.Reasons[i].N += r.N
	}
	return days
}

// refusedSince is how many days since the deployment say nothing.
func (in Inputs) refusedSince() (days int) {
	for _, r := range in.Refused {
		if r.Place >= in.HistoryDays {
			days++
		}
	}
	return days
}

// refusedWarning says in words what was refused and when, before the deployment or since.
func refusedWarning(in Inputs) string {
	var dates []string
	var all int64
	var reasons []RefusedCode
	for _, d := range in.Refused {
		dates = append(dates, in.Dates[d.Place])
		for _, c := range d.Reasons {
			all += c.N
			i := slices.IndexFunc(reasons, func(known RefusedCode) bool { return known.Code == c.Code })
			if i < 0 {
				i = len(reasons)
				reasons = append(reasons, RefusedCode{Code: c.Code})
			}
			reasons[i].N += c.N
		}
	}
	slices.SortStableFunc(reasons, func(a, b RefusedCode) int { return cmp.Compare(b.N, a.N) })
	words := make([]string, len(reasons))
	for i, c := range reasons {
		words[i] = refusedBecause(c.Code)
	}
	were := "signals were"
	if all == 1 {
		were = "signal was"
	}
	return fmt.Sprintf("%s %s refused on %s (%s); of these days nothing is known, so they do not count.",
		thousands(all), were, listed(dates), strings.Join(words, ", "))
}

func refusedBecause(code string) string {
	switch code {
	case usedUp:
		return "monthly limit used up"
	case "rate_limited":
		return "too many at once"
	case "key_expired":
		return "API key expired"
	case "origin_not_allowed":
		return "origin not allowed for the key"
	}
	return code
}

// thousands writes a count as people read it.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
