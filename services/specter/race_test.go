//go:build race

package specter_test

// With the race detector on, the program under test has it too.
func init() { buildFlags = append(buildFlags, "-race") }
