// Package verification runs the before/after test of a deployment: it fixes the plan when the deployment is reported,
// takes the planned looks as their days become complete, and gives the verdict.
//
//	deployment.deployed ──▶ collecting ──▶ improved | regressed              at the look that crosses its boundary
//	                            │ └──────▶ no_effect | inconclusive          at the last look
//	                            └────────▶ stopped                           rolled back or cancelled before a verdict
//
// Two things keep the answer honest. The plan (metric, signal types, windows, looks, thresholds, trigger days) is
// registered before anything after the deployment is looked at, and never changes. And a look is always taken as of the
// end of its own day: it reads nothing later, whether it runs the same night or, for a deployment reported with a past
// time, years afterwards.
//
// The statistics are in package pcf; this package knows time zones, waiting for data, and what to tell people.
package verification
