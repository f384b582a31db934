package specter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
)

const (
	startTime = 60 * time.Second // generous: the machine runs other tests at the same time
	stopTime  = 20 * time.Second
)

// buildFlags are added when the program is built.
var buildFlags []string

// binary is the real program, built once for all tests of this package.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "specter-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "specter")
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", binary, "./cmd/specter")...)
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("building the program: %v\n%s", err, out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// place is a data directory with the settings that go with it.
type place struct {
	dir  string // the data directory
	file string // SPECTER_BOOTSTRAP_FILE
	env  []string
}

// newPlace makes a directory that the database's unprivileged user can reach; t.TempDir's
// parents may be private.
func newPlace(t *testing.T) place {
	t.Helper()
	base, err := os.MkdirTemp("", "specter-up-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(base, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	p := place{dir: filepath.Join(base, "data"), file: filepath.Join(base, "bootstrap.json")}
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + base, "SPECTER_DATA_DIR=" + p.dir, "SPECTER_BOOTSTRAP_FILE=" + p.file,
		"SPECTER_HTTP_ADDR=" + freeAddr(t), "SPECTER_LOG_LEVEL=warn",
	}
	return p
}

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func (p place) facts(t *testing.T) bootstrap.Facts {
	t.Helper()
	facts, err := bootstrap.ReadFile(p.file)
	require.NoError(t, err)
	return facts
}

// specter runs a command to its end.
func (p place) specter(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, filepath.Dir(p.file), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, stderr.String())
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// process is a running server.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs a server command and returns when it says it is ready.
func (p place) start(t *testing.T, ready string, args ...string) *process {
	t.Helper()
	s := &process{t: t, cmd: exec.Command(binary, args...), out: &output{}, done: make(chan struct{})}
	s.cmd.Env, s.cmd.Dir = p.env, filepath.Dir(p.file)
	s.cmd.Stdout, s.cmd.Stderr = io.Writer(s.out), s.out
	require.NoError(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // the exit code is read from ProcessState
		close(s.done)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			t.Logf("what %v printed:\n%s", args, s.out)
		}
	})
	require.Eventually(t, func() bool {
		select {
		case <-s.done:
			require.FailNow(t, "the server ended", s.out.String())
		default:
		}
		return strings.Contains(s.out.String(), ready)
	}, startTime, 20*time.Millisecond, "waiting for %q", ready)
	return s
}

func (p place) up(t *testing.T) *process {
	t.Helper()
	return p.start(t, "Specter is ready", "up")
}

// stop asks the server to end and returns how long it took.
func (s *process) stop(signal os.Signal) time.Duration {
	s.t.Helper()
	began := time.Now()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
	select {
	case <-s.done:
	case <-time.After(stopTime):
		require.FailNow(s.t, "the server did not stop", s.out.String())
	}
	require.Zero(s.t, s.cmd.ProcessState.ExitCode(), s.out.String())
	return time.Since(began)
}

// kill ends the server without warning.
func (s *process) kill() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGKILL))
	<-s.done
}
