package program

import (
	"bytes"
	"context"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Bounds of what a suite waits for; generous because machines are shared.
const (
	StartTimeout = 60 * time.Second
	StopTimeout  = 20 * time.Second
)

// Program is a process the test started.
type Program struct {
	name   string
	cmd    *exec.Cmd
	output *buffer
	exited chan struct{}
	err    error
}

// Start runs the binary at path with env as its only SPECTER_ settings, in a
// directory of its own. When the test ends it is stopped with SIGTERM, and its
// output is logged if the test failed.
func Start(t testing.TB, name string, env []string, path string, args ...string) *Program {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(Environ(), env...)
	cmd.Dir = t.TempDir()
	p := &Program{name: name, cmd: cmd, output: &buffer{}, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Thaw()
		if !p.end(syscall.SIGTERM) {
			p.Kill()
			t.Errorf("%s did not stop within %s of SIGTERM", name, StopTimeout)
		}
		if t.Failed() {
			t.Logf("--- output of %s ---\n%s", name, p.Output())
		}
	})
	return p
}

// end sends a signal and reports whether the program ended in time.
func (p *Program) end(s os.Signal) bool {
	_ = p.cmd.Process.Signal(s) // it may have ended already
	select {
	case <-p.exited:
		return true
	case <-time.After(StopTimeout):
		return false
	}
}

// PID is the process's number.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Freeze stops the program in its tracks, and Thaw lets it go on. One that is still
// frozen when the test ends is thawed to be stopped.
func (p *Program) Freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) } // it may have ended already

// Thaw undoes Freeze.
func (p *Program) Thaw() { _ = p.cmd.Process.Signal(syscall.SIGCONT) } // it may have ended already

// Kill ends the program as a power cut would end it, and waits until it is gone.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// Stop asks the program to end, requires that it exits with 0, and returns how
// long it took.
func (p *Program) Stop(t testing.TB) time.Duration {
	t.Helper()
	began := time.Now()
	if !p.end(syscall.SIGTERM) {
		t.Fatalf("%s did not stop within %s", p.name, StopTimeout)
	}
	if p.err != nil {
		t.Fatalf("%s must exit with 0 on SIGTERM: %v\n%s", p.name, p.err, p.Output())
	}
	return time.Since(began)
}

// Wait waits for a program that ends by itself and requires that it exits with 0.
func (p *Program) Wait(t testing.TB) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(StartTimeout):
		t.Fatalf("%s did not end within %s", p.name, StartTimeout)
	}
	if p.err != nil {
		t.Fatalf("%s: %v\n%s", p.name, p.err, p.Output())
	}
}

// AwaitReady polls a health URL until it answers 200; it fails at once when the program ends.
func (p *Program) AwaitReady(t testing.TB, url string) {
	t.Helper()
	Await(t, StartTimeout, p.name+" to be ready", func() bool {
		select {
		case <-p.exited:
			t.Fatalf("%s ended while starting: %v\n%s", p.name, p.err, p.Output())
		default:
		}
		return answersOK(t.Context(), url)
	})
}

func answersOK(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Output is the end of what the program printed.
func (p *Program) Output() string { return p.output.tail(16 << 10) }

// WholeOutput is all that the program has printed, for a test that looks for what must not be there.
func (p *Program) WholeOutput() string { return p.output.tail(math.MaxInt) }

// Await polls cond until it holds.
func Await(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %s in vain for %s", limit, what)
		case <-tick.C:
		}
	}
}

// Environ is this process's environment without any SPECTER_ setting.
func Environ() []string {
	all := os.Environ()
	kept := make([]string, 0, len(all))
	for _, pair := range all {
		if !strings.HasPrefix(pair, "SPECTER_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// FreeAddr is a loopback address nobody listens on at this moment.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return FreeAddrs(t, 1)[0]
}

// FreeAddrs are different ones: the system may give a port again as soon as nobody listens.
func FreeAddrs(t testing.TB, n int) []string {
	t.Helper()
	addrs := make([]string, n)
	for i := range addrs {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("finding a free port: %v", err)
		}
		defer listener.Close()
		addrs[i] = listener.Addr().String()
	}
	return addrs
}

// OpenPath makes every directory from the temporary one down to dir
// traversable: a private Postgres runs as another user when the suite runs as
// root.
func OpenPath(t testing.TB, dir string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatalf("opening %s: %v", d, err)
		}
	}
}

// buffer collects a program's output.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.buf.Bytes()
	return string(all[max(0, len(all)-n):])
}
