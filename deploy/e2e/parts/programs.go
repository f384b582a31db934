package parts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Root is the repository.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("this file's own place is not known")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Binary is the path of a program built by `make build`.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "bin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("run `make build` first, or the suite through `make e2e`: %v", err)
	}
	return path
}

// brokerProgram builds the broker's own program at the version go.mod pins,
// where the next run finds it again.
var brokerProgram = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no HOME, as in some CI containers
	}
	path := filepath.Join(cache, "specter-testkit", "bin", "nats-server")
	out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building nats-server: %w: %s", err, out)
	}
	return path, nil
})
