// Package verification runs the before/after test of a deployment: it fixes the plan when the deployment is reported,
// takes the planned looks as their days become complete, and gives the verdict.
//
//	deployment.deployed ──▶ collecting ──▶ improved | regressed              at the look that crosses its boundary
//	                          │ ▲  │ └───▶ no_effect | inconclusive          at the last look
//	  the time was edited ────┘ │  └─────▶ stopped                           rolled back or cancelled before a verdict
//	  a later plan ─────────────┘
//
// Three things keep the answer honest. The plan ([Plan]: measure and why, windows, looks, thresholds, trigger days,
// control contexts, promised range) is registered before anything after the deployment is looked at, and never changes.
// A look is always taken as of the end of its own day: it reads nothing later, whether it runs the same night or, for a
// deployment reported with a past time, years afterwards. And a result is computed by [Judge] from the plan and the
// look's [Inputs] alone, which are stored with it.
//
// What is measured ([Measure]) is the first of these that its past allows to judge: the part of the traffic that explains
// the finding, what the finding is about (a type's share, an error, a step of the funnel, a volume), the context's
// positive ratio. What was predicted is measured beside it when that is something else.
//
// A verdict needs more than a boundary that is crossed. Another deployment of the product in the same days, or of the
// context in the week before; a counted type that was never sent before; one side that stops as a whole; days on which
// far more or fewer came than usual and which alone carry it; a change that only a part of the traffic has, where it
// shows nothing: each of these leaves the test inconclusive with what would settle it. A regression is held back by
// the first three only, since it is better to look in vain.
//
// The statistics are in package pcf; this package knows time zones, waiting for data, what happened around the
// deployment, and what to tell people.
package verification
