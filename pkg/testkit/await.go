package testkit

import (
	"fmt"
	"testing"
	"time"
)

const (
	// awaitLimit is generous: it only matters when a test fails, and test machines
	// are busy.
	awaitLimit = 30 * time.Second
	awaitPoll  = 10 * time.Millisecond
)

// Eventually waits until cond holds and fails the test when it does not within 30
// seconds. The message says what was awaited.
func Eventually(t testing.TB, cond func() bool, msg string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(awaitLimit)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", awaitLimit, fmt.Sprintf(msg, args...))
		}
		time.Sleep(awaitPoll)
	}
}
