package batch

import (
	"sync"
	"time"

	"github.com/draftlabs/specter/pkg/fault"
)

// health remembers whether the last append worked, and lets one request at a time through while
// it did not. The interval is measured on the monotonic clock: a jump of the wall clock must not
// keep the door shut.
type health struct {
	interval time.Duration

	mu      sync.Mutex
	down    bool
	probing bool      // a request is on its way to find out
	since   time.Time // of the last failure
}

// admit reports whether a request may pass, and whether it is the one that finds out.
func (h *health) admit() (ok, probe bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.down {
		return true, false
	}
	if h.probing || time.Since(h.since) < h.interval {
		return false, false
	}
	h.probing = true
	return true, true
}

// give returns the right to probe unused.
func (h *health) give(probe bool) {
	if !probe {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probing = false
}

// observe takes the outcome of an append and reports what was and what is now believed. A message
// that is too large says nothing about the store.
func (h *health) observe(err error) (wasDown, isDown bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wasDown = h.down
	h.probing = false
	if h.down = err != nil && !fault.Is(err, fault.TooLarge); h.down {
		h.since = time.Now()
	}
	return wasDown, h.down
}
