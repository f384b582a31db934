package auth

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Sign-ins and sign-ups of one address: ten at once, then one in ten seconds.
	// A success gives the attempt back.
	attemptsBurst = 10
	attemptsEvery = 10 * time.Second

	// Recovery links for one address: one a minute, as Supabase.
	mailsBurst = 1
	mailsEvery = time.Minute

	// throttleKeys bounds the memory; the address unseen for longest is forgotten.
	throttleKeys = 10_000
)

// throttle is a token bucket for each key, kept in memory: a restart forgives.
type throttle struct {
	burst int
	every time.Duration
	now   func() time.Time

	mu      sync.Mutex
	order   *list.List // of *bucket, most recently seen first
	buckets map[string]*list.Element
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

func newThrottle(burst int, every time.Duration, now func() time.Time) *throttle {
	return &throttle{burst: burst, every: every, now: now, order: list.New(), buckets: map[string]*list.Element{}}
}

// take returns how long the key has to wait, 0 when it may go ahead now. undo gives
// the token back.
func (t *throttle) take(key string) (wait time.Duration, undo func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	reservation := t.limiter(key).ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, func() {}
	}
	return 0, func() { t.forget(key) }
}

func (t *throttle) limiter(key string) *rate.Limiter {
	if e, ok := t.buckets[key]; ok {
		t.order.MoveToFront(e)
		return e.Value.(*bucket).limiter
	}
	b := &bucket{key: key, limiter: rate.NewLimiter(rate.Every(t.every), t.burst)}
	t.buckets[key] = t.order.PushFront(b)
	if t.order.Len() > throttleKeys {
		oldest := t.order.Remove(t.order.Back()).(*bucket)
		delete(t.buckets, oldest.key)
	}
	return b.limiter
}

func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.buckets[key]; ok {
		t.order.Remove(e)
		delete(t.buckets, key)
	}
}
