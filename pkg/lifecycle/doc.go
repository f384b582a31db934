// Package lifecycle starts long-running parts in the order of their needs and stops them in
// reverse.
//
// One unit moves through these states:
//
//	           all needs ready             calls ready
//	waiting ────────────────────▶ starting ───────────▶ running
//	   │                             │                     │
//	   │ stop asked                  │ returns early       │ returns early: failed,
//	   ▼                             ▼                     ▼ everything is asked to stop
//	stopped ◀── Run returns ── draining ◀── stop asked and everybody who needs it has stopped
//
// A stop is asked by the end of the context or by any unit's failure; asking twice is the same as
// asking once. A unit's context ends only after every unit that needs it has returned, so a
// consumer can still reach its database while it drains.
package lifecycle
