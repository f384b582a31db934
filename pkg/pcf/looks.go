package pcf

// Look is one planned evaluation.
type Look struct {
	// Number counts from 1.
	Number int
	// Day is how many complete days after the deployment the look sees.
	Day int
	// NominalP is the two-sided p at or below which this look decides. It is far below 5 % at first, because the error is
	// spent over all looks together (linear α-spending with Brownian correlation, Lan & DeMets 1983).
	NominalP float64
}

// Schedule is the list of looks fixed before the first of them. Its last look is the horizon.
type Schedule []Look

// TwoWeeks are the looks of a verification: seven until day 14, together 5 %.
func TwoWeeks() Schedule {
	return schedule([]int{1, 2, 3, 5, 7, 10, 14}, []float64{.0037, .0044, .0053, .0095, .0121, .0177, .0251})
}

// FourWeeks adds looks on days 21 and 28 for contexts with little traffic, together 5 %.
func FourWeeks() Schedule {
	return schedule([]int{1, 2, 3, 5, 7, 10, 14, 21, 28},
		[]float64{.0018, .0021, .0027, .0045, .0057, .0082, .0118, .0191, .0239})
}

// Once is a single look after days days: nothing was peeked at, so it may spend all 5 %.
func Once(days int) Schedule { return schedule([]int{days}, []float64{.05}) }

func schedule(days []int, levels []float64) Schedule {
	s := make(Schedule, len(days))
	for i := range days {
		s[i] = Look{Number: i + 1, Day: days[i], NominalP: levels[i]}
	}
	return s
}

// Horizon is the day of the last look.
func (s Schedule) Horizon() int {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Day
}

// At is the look whose level holds on a day: the latest one due, or the first one before any is. Between two looks an
// interval is shown at the level of the earlier one.
func (s Schedule) At(day int) (Look, bool) {
	if len(s) == 0 {
		return Look{}, false
	}
	at := s[0]
	for _, look := range s {
		if look.Day <= day {
			at = look
		}
	}
	return at, true
}
