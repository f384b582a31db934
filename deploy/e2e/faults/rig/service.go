package rig

import (
	"os/exec"
	"strconv"
	"strings"
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

// MemoryMiB is the resident memory of a program.
func MemoryMiB(t testing.TB, p *program.Program) int {
	t.Helper()
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.PID())).Output()
	if err != nil {
		t.Fatalf("reading the memory of process %d: %v", p.PID(), err)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("reading the memory of process %d: %v", p.PID(), err)
	}
	return kib >> 10
}
