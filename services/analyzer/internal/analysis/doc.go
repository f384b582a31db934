// Package analysis judges a context as of a moment: it reads the hourly rollups
// before that moment, runs the detector over them, and when an incident is running
// that nobody was told about, says what is over-represented and opens a finding.
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
//	    ──(no incident running, or one that is known)──▶ nothing_significant
//	    ──(an incident nobody was told about)──▶ findings: a Finding opened
//
//	finding: open ──(the detector sees recovery)──▶ resolved
package analysis
