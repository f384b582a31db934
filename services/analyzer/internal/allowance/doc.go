// Package allowance decides when the contexts of an account may be analysed. Accounts take turns; within an account it is
// the turn of the context that has waited longest. An account may have only so many analyses in a day, a UTC day.
//
// Analyses that new signals make due, or that none came when some were to be expected, are spread over the day: at any
// moment the account may have used the part of its limit that the day has passed, and each context that has or waits for
// an analysis today the same part of an equal share. So a busy context leaves the others theirs, a context that wakes up
// in the evening finds something left, and no product goes unwatched because its limit was used up at dawn. Analyses that
// a person asks for are counted and not spread. So is the walk over a context's part of an import, as one analysis; it
// waits for another day when none are left.
package allowance
