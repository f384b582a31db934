package e2e

import (
	"os"
	"testing"
)

// TestMain removes what outlives a single test: the broker's program.
func TestMain(m *testing.M) {
	code := m.Run()
	if natsServerDir != "" {
		_ = os.RemoveAll(natsServerDir) // a leftover in the temporary directory is harmless
	}
	os.Exit(code)
}
