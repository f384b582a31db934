package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/draftlabs/specter/deploy/bench/broker"
)

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// serveBroker runs a broker that syncs every message and prints its URL.
func serveBroker(ctx context.Context, dir string, out io.Writer) error {
	s, err := broker.Start(dir)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, s.ClientURL())
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// serveEcho runs the bare handlers and prints their address: /single reads the body and answers
// 200, /batch also parses the JSON.
func serveEcho(ctx context.Context, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /single", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer(w)
	})
	mux.HandleFunc("POST /batch", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var signals []any
		if err != nil || json.Unmarshal(body, &signals) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer(w)
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: startTimeout}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	fmt.Fprintln(out, listener.Addr())
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

func answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"received":1}`)) // a client that has gone is counted by the load
}

// child is a started program.
type child struct {
	cmd   *exec.Cmd
	first string // line it printed
}

// start runs a program. When line is true it waits for the first line the program prints.
func start(line bool, env []string, path string, args ...string) (*child, error) {
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	cmd.Env = env
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	c := &child{cmd: cmd}
	if !line {
		return c, nil
	}
	text, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("%s said nothing: %w", path, err)
	}
	c.first = strings.TrimSpace(text)
	return c, nil
}

// stop ends the program, by force when it takes too long.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	force := time.AfterFunc(stopTimeout, func() { _ = c.cmd.Process.Kill() })
	defer force.Stop()
	_ = c.cmd.Wait() // a measurement is over; how the program ends does not change it
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// startSelf starts this program in another role.
func startSelf(args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	return start(true, os.Environ(), self, args...)
}

// startGateway starts the gateway and waits until it is ready.
func startGateway(ctx context.Context, path, broker string) (c *child, addr string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, "", fmt.Errorf("finding the gateway: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("finding a free port: %w", err)
	}
	addr = listener.Addr().String()
	listener.Close()
	c, err = start(false, []string{
		"SPECTER_HTTP_ADDR=" + addr, "SPECTER_NATS_URL=" + broker, "SPECTER_LOG_LEVEL=error",
		// The limit of one product is not what is measured.
		"SPECTER_INGEST_RATE_PER_SECOND=1000000000",
	}, path)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if ready(ctx, addr) {
			tick.Stop()
			return c, addr, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.stop()
			return nil, "", fmt.Errorf("waiting for the gateway: %w", ctx.Err())
		}
	}
}

func ready(ctx context.Context, addr string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz/ready", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
