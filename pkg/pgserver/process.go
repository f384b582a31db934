package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// command is a child process to start as a user.
type command struct {
	path          string
	args          []string
	dir           string
	as            user
	onParentDeath syscall.Signal // honoured where the kernel can do it
	log           *zap.Logger
}

// process is a started child.
type process struct {
	child  *os.Process
	done   chan struct{} // closed when it has ended and err is set
	err    error
	output *outputLog
}

// startProcess starts the child and holds the thread that did until it ends: the
// kernel's parent-death signal watches the thread, not the process, and Go ends
// idle threads.
func startProcess(c command) (*process, error) {
	p := &process{done: make(chan struct{}), output: &outputLog{log: c.log}}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()                 // never unlocked: the thread ends with this goroutine
		cmd := exec.Command(c.path, c.args...) //nolint:noctx // outlives the call that starts it; stop ends it
		cmd.Dir = c.dir
		// Nothing of ours is handed down: PG* variables would change what runs, and
		// the environment may hold secrets.
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
		cmd.Stdout, cmd.Stderr = p.output, p.output
		cmd.WaitDelay = time.Second
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: c.as.credential(),
			// Its own group: an interrupt typed at the terminal is for the parent,
			// which stops the database last.
			Setpgid: true,
		}
		setParentDeathSignal(cmd.SysProcAttr, c.onParentDeath)
		err := cmd.Start()
		if err == nil {
			p.child = cmd.Process
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		p.output.flush()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// exit is how the process ended; call it after done is closed.
func (p *process) exit() error { return p.err }

func (p *process) signal(s syscall.Signal) {
	// The only error is that it has ended, which done tells as well.
	_ = p.child.Signal(s)
}

// stop asks for a fast shutdown, and when ctx ends goes on to an immediate one and
// at last to a kill.
func (p *process) stop(ctx context.Context) error {
	p.signal(syscall.SIGINT)
	select {
	case <-p.done:
		return p.shutdownError()
	case <-ctx.Done():
	}
	for _, harsher := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		p.signal(harsher)
		select {
		case <-p.done:
			return fmt.Errorf("postgres did not stop in time and was ended with %s: %w", harsher, context.Cause(ctx))
		case <-time.After(quitGrace):
		}
	}
	return errors.New("postgres cannot be ended")
}

func (p *process) shutdownError() error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("postgres ended abnormally (%w)%s", p.err, lastWords(p.output.tail()))
}

const (
	tailLines   = 20
	maxLineSize = 4 << 10
)

// outputLog turns what the child prints into log lines and remembers the last ones
// for error messages. It is an io.Writer for one child's stdout and stderr.
type outputLog struct {
	log *zap.Logger

	mu      sync.Mutex
	partial string
	last    []string
}

func (o *outputLog) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial += string(b)
	for {
		line, rest, found := strings.Cut(o.partial, "\n")
		if !found {
			break
		}
		o.partial = rest
		o.add(line)
	}
	if len(o.partial) > maxLineSize {
		o.add(o.partial)
		o.partial = ""
	}
	return len(b), nil
}

func (o *outputLog) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(o.partial)
	o.partial = ""
}

func (o *outputLog) add(line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	o.last = append(o.last, line)
	if len(o.last) > tailLines {
		o.last = o.last[1:]
	}
	if strings.HasPrefix(line, "PANIC:") || strings.Contains(line, "was terminated by signal") {
		o.log.Error(line)
		return
	}
	o.log.Debug(line)
}

func (o *outputLog) tail() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.last...)
}
