// Package cli is the `specter` command: it starts the server parts and talks to a running
// Specter through its public API.
//
// Results go to stdout, everything said about them to stderr. `-o json` makes the results
// machine-readable. Colour appears only on a terminal and without NO_COLOR. Every error is
// one line and a hint; the exit code says what kind it was (ExitCodes).
package cli
