package e2e

import (
	"testing"

	"github.com/draftlabs/specter/deploy/e2e/parts"
)

// root is the repository.
func root(t testing.TB) string {
	t.Helper()
	return parts.Root(t)
}

// binary is the path of a program built by `make build`.
func binary(t testing.TB, name string) string {
	t.Helper()
	return parts.Binary(t, name)
}
