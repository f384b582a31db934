package llm

import (
	"sync"
	"time"
)

const (
	// trips is how many drafts in a row must fail before the endpoint is left alone.
	trips = 5
	// firstRest is how long, doubled each time the trial fails too, up to longestRest.
	firstRest, longestRest = 30 * time.Second, 10 * time.Minute
)

// breaker leaves an endpoint alone that keeps failing, so that findings need not wait for its timeouts. It belongs to one
// process.
//
//	         5 failures in a row              the rest is over
//	closed ──────────────────────▶ open ─────────────────────────▶ half-open (one draft tries)
//	   ▲                            ▲                                   │       │
//	   │                            └────────── fails: rest doubled ────┘       │
//	   └──────────────────────────────────────────── succeeds ──────────────────┘
//
// A draft that ends without a word about the endpoint (no budget left, the process stops) changes nothing.
type breaker struct {
	now func() time.Time

	mu       sync.Mutex
	failures int       // in a row, while closed
	until    time.Time // open until then; zero while closed
	rest     time.Duration
	trying   bool // half-open: a draft is on its way
}

type result int

const (
	worked result = iota
	broke
	unknown
)

// enter reports whether the endpoint may be asked; whoever may must say leave.
func (b *breaker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return true
	case b.trying || b.now().Before(b.until):
		return false
	}
	b.trying = true
	return true
}

func (b *breaker) leave(r result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	halfOpen := b.trying
	b.trying = false
	switch {
	case r == worked:
		b.failures, b.until, b.rest = 0, time.Time{}, 0
	case r == broke && halfOpen:
		b.open(min(2*b.rest, longestRest))
	case r == broke && b.until.IsZero():
		if b.failures++; b.failures >= trips {
			b.open(firstRest)
		}
	}
}

func (b *breaker) open(rest time.Duration) {
	b.failures, b.rest, b.until = 0, rest, b.now().Add(rest)
}
