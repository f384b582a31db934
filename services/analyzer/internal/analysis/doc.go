// Package analysis judges a context as of a moment: it reads the hourly rollups
// before that moment, watches the context and each of its parts over them (watch.go), and
// when an alarm is on that nobody was told about, says what is over-represented and opens
// a finding. ADR 17 says why it watches what.
//
//	alarm.go          which alarms are one incident, and when it is over
//	finding.go        ratios, segments, types:  contrast.go, counterfactual.go
//	other.go          volumes, new errors, steps of the funnel
//	cuts.go           hours in which signals were refused: how many came says nothing
//	sample.go         what a sample of sessions adds: pairs of conditions, sessions affected
//
// Nothing is looked at that lies after as_of, so history that was imported is
// judged as it would have been (Walk goes hour by hour). The detector starts from
// the rollups every time, at most twelve weeks back: what a person changes about a
// context (which types are negative) holds for its whole history at once, and
// every number of a finding can be computed again.
//
// Every run leaves an Analysis, also one that found nothing, with the reason.
//
//	run ──(< 5 signals in 24 h, or still learning)──▶ not_enough_data
//	    ──(no alarm on, or one that is known)──▶ nothing_significant
//	    ──(noticed < 4 h after it began, and not explained yet)──▶ nothing_significant: pending
//	    ──(an alarm nobody was told about)──▶ findings: a Finding opened
//
//	finding: open ──(6, 12, 24, 72 h after its start, while it goes on)──▶ renewed
//	         open ──(its series recovers)──▶ resolved
package analysis
