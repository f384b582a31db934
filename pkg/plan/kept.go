package plan

import "time"

// Kept is for how long the signals stay that an account had under a larger plan: until a moment they are kept for as
// many months as before. The zero value is nothing.
type Kept struct {
	Months int
	Until  time.Time
}

// At is for how many months signals are kept at a moment by an account whose plan keeps them for so many.
func (k Kept) At(now time.Time, months int) int {
	if now.Before(k.Until) {
		return max(months, k.Months)
	}
	return months
}

// Then is what stays after the plan's months changed, for days from now on when they became fewer.
func (k Kept) Then(before, after, days int, now time.Time) Kept {
	months := k.At(now, before)
	until := k.Until
	if after < before {
		if later := now.AddDate(0, 0, days); later.After(until) {
			until = later
		}
	}
	if after >= months || !now.Before(until) {
		return Kept{}
	}
	return Kept{Months: months, Until: until}
}
