package age

import "time"

// addMonths adds n months, or takes some away, as Postgres does: a day that the month has not becomes its last one.
// AddDate would go on into the next month, and from 31 May three months back is then 3 March.
func addMonths(t time.Time, n int) time.Time {
	year, month, day := t.Date()
	last := time.Date(year, month+time.Month(n)+1, 0, 0, 0, 0, 0, t.Location()).Day()
	return t.AddDate(0, n, min(day, last)-day)
}
