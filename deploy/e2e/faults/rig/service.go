package rig

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// Service is one of Specter's processes; it keeps its address across restarts.
type Service struct {
	URL string

	name    string
	env     []string
	binary  string
	running *program.Program
}

func newService(t testing.TB, name string, env ...string) *Service {
	t.Helper()
	addr := program.FreeAddr(t)
	return &Service{
		URL: "http://" + addr, name: name, binary: parts.Binary(t, name),
		env: append([]string{"SPECTER_LOG_LEVEL=warn", "SPECTER_HTTP_ADDR=" + addr}, env...),
	}
}

// Launch starts the process and does not wait for it.
func (s *Service) Launch(t testing.TB) {
	t.Helper()
	s.running = program.Start(t, s.name, s.env, s.binary)
}

// Start starts the process and returns when it is ready.
func (s *Service) Start(t testing.TB) {
	t.Helper()
	s.Launch(t)
	s.running.AwaitReady(t, s.URL+"/healthz/ready")
}

// Kill ends it as kill -9 does.
func (s *Service) Kill() { s.running.Kill() }

// Stop asks it to end and returns how long it took.
func (s *Service) Stop(t testing.TB) time.Duration {
	t.Helper()
	return s.running.Stop(t)
}

// MemoryMiB is the process's resident memory.
func (s *Service) MemoryMiB(t testing.TB) int {
	t.Helper()
	return MemoryMiB(t, s.running)
}

// WatchMemory samples the process's resident memory from now on, see WatchMemory.
func (s *Service) WatchMemory(t testing.TB) (peak func() int) {
	t.Helper()
	return WatchMemory(t, s.running)
}

// MemoryMiB is the resident memory of a program.
func MemoryMiB(t testing.TB, p *program.Program) int {
	t.Helper()
	kib, err := residentKiB(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// sampleEvery is how often memory is looked at: what nothing gives back is there the next time, too.
const sampleEvery = 200 * time.Millisecond

// WatchMemory samples the resident memory of a program until peak is called, which returns the most
// there was, in MiB. The program must live until then.
func WatchMemory(t testing.TB, p *program.Program) (peak func() int) {
	t.Helper()
	stop, ended := make(chan struct{}), make(chan struct{})
	var most int
	var err error
	go func() {
		defer close(ended)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for err == nil {
			var kib int
			kib, err = residentKiB(p.PID())
			most = max(most, kib)
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	halt := sync.OnceFunc(func() {
		close(stop)
		<-ended
	})
	t.Cleanup(halt)
	return func() int {
		t.Helper()
		halt()
		if err != nil {
			t.Fatal(err)
		}
		return most >> 10
	}
}

func residentKiB(pid int) (int, error) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return kib, nil
}
