// Package program starts real binaries for black-box suites and benchmarks:
// with exactly the settings given, killed or stopped on request, and with
// their output at hand when a test fails.
package program
