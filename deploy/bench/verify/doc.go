// Package verify measures the before/after test (pkg/pcf) where nothing happened and where something was done that is
// known: on real series and on simulated ones of many unlike kinds. Tests that people use for the same question run
// beside it on the same dates, so that the figures have a meaning.
//
// A date is drawn; what a test finds there is false. An effect on the odds is put in by letting signals change sides,
// each by chance. Dates at which the days before were bad are what proposals come from.
package verify
