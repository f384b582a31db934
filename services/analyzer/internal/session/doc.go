// Package session holds the sample of sessions that the analyzer keeps of every context
// and hour, and what can be said from it: how many sessions there were, and how many took
// the steps of a funnel. What went together in them is contrasted by package analysis.
//
// The sample is coordinated: whether a session is in it depends on the hash of its id
// alone. An hour's level starts at 0 and rises by one, which halves the sample, whenever
// more than MaxSessions sessions lie below its bound. So an hour holds a bounded number
// whatever its traffic, neighbouring hours hold the same sessions, and what is there
// times 2^level estimates what was.
//
// It knows no database. Memory decides what of a batch is kept; Encode and Decode are
// the form it is stored in; Combine makes one hour of what many batches added.
package session
