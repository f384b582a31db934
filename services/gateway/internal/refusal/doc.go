// Package refusal tells the dashboard what the gateway refused and why, so that the people of a
// product can see why nothing arrives.
//
//	Record ──▶ counts by product, code and minute + a few samples ──(every 2 s)──▶ ingest.refused
//
// It never holds a request up: what does not fit is counted as dropped and forgotten. What is shown
// of a refused signal passes the scrubber first, as an accepted one does, and as a whole: of what
// is no JSON, or too long to keep, only an outline is shown.
package refusal
