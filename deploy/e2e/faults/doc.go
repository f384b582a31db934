// Package faults takes away, one after the other, everything a signal passes on its
// way into the database, under load, and counts afterwards: of what was acknowledged
// nothing may be lost and nothing counted twice.
//
// Each test is a row of the fault matrix in docs/DURABILITY.md and carries its number.
// `make e2e-faults` runs them with the counts given there, `make test` with smaller
// ones (SPECTER_FAULTS is full or short). Every row prints a line of JSON; a table and
// the sum come last.
package faults
