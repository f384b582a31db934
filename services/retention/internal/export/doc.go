// Package export makes the archive that an account asked for: everything it has, in the form of
// pkg/exportfile.
//
//	building ──▶ ready ──▶ expired
//	   └──▶ failed (too_large, internal)
//
// An archive is built in steps, a transaction each: a step reads some rows, packs them as files of a
// few megabytes and saves them with the place it got to. So a builder that is killed goes on where the
// last step ended, memory does not grow with the account, and no transaction is long. Between steps the
// builder rests, so that others get their share of the database.
//
// Whoever has the account is told by mail what came of it: the letter's timer is set in the transaction that ends the
// build, so that no death of a process lies between the two, and that it was sent is kept with the build.
//
// What goes in is in contents.go: every table of an account is either there or among those left out,
// with the reason; a test compares both with the database's catalogue.
package export
