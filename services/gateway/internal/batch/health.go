package batch

import (
	"time"

	"github.com/draftlabs/specter/pkg/fault"
)

// health remembers whether the last append worked, and lets one request at a time through while
// it did not. The interval is measured on the monotonic clock: a jump of the wall clock must not
// keep the door shut. Its owner guards it.
type health struct {
	interval time.Duration

	down    bool
	probing bool      // a request is on its way to find out
	since   time.Time // of the last failure
}

// admit reports whether a request may pass. While the store is down, the one that may is the one
// that finds out.
func (h *health) admit() bool {
	if !h.down {
		return true
	}
	if h.probing || time.Since(h.since) < h.interval {
		return false
	}
	h.probing = true
	return true
}

// observe takes the outcome of an append and reports what was and what is now believed. A message
// that is too large says nothing about the store.
func (h *health) observe(err error) (wasDown, isDown bool) {
	wasDown = h.down
	h.probing = false
	if h.down = err != nil && !fault.Is(err, fault.TooLarge); h.down {
		h.since = time.Now()
	}
	return wasDown, h.down
}
