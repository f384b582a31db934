package testkit

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// NoLeaks runs a package's tests, stops the process's Postgres server, and fails
// when goroutines are left over. Use it as the body of TestMain.
func NoLeaks(m *testing.M, extra ...goleak.Option) {
	goleak.VerifyTestMain(stopping{m}, extra...)
}

// stopping ends the shared server between the last test and the leak check.
type stopping struct{ m *testing.M }

func (s stopping) Run() int {
	code := s.m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		if code == 0 {
			code = 1
		}
	}
	return code
}
