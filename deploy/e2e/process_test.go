package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// binary is the path of a program built by `make build`.
func binary(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(root(t), "bin", name)
	_, err := os.Stat(path)
	require.NoError(t, err, "run `make build` first, or the suite through `make e2e`")
	return path
}

// natsServerDir holds the built broker; empty until one was needed.
var natsServerDir string

// natsServer builds the broker's own program at the version go.mod pins.
var natsServer = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "specter-e2e-bin-")
	if err != nil {
		return "", err
	}
	natsServerDir = dir
	path := filepath.Join(dir, "nats-server")
	out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building nats-server: %w: %s", err, out)
	}
	return path, nil
})
