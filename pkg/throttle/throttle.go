package throttle

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// kept bounds the memory; whoever was not seen for longest is forgotten.
	kept = 10_000
	// An IPv6 visitor has as many addresses as it likes within its network.
	visitorNetwork = 64
)

// Throttle gives each name a token bucket, kept in memory: a restart forgives.
type Throttle struct {
	burst int
	every time.Duration
	now   func() time.Time

	mu     sync.Mutex
	order  *list.List // of *bucket, most recently seen first
	byName map[string]*list.Element
}

type bucket struct {
	name    string
	limiter *rate.Limiter
}

// New returns a Throttle that lets burst tries through at once, and one more each time every has passed.
func New(burst int, every time.Duration, now func() time.Time) *Throttle {
	return &Throttle{burst: burst, every: every, now: now, order: list.New(), byName: map[string]*list.Element{}}
}

// Take returns how long the name has to wait, 0 when it may go ahead.
func (t *Throttle) Take(name string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	reservation := t.limiter(name).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// Forgive forgets what the name took: who proved to be right was not guessing.
func (t *Throttle) Forgive(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.byName[name]; ok {
		t.order.Remove(e)
		delete(t.byName, name)
	}
}

func (t *Throttle) limiter(name string) *rate.Limiter {
	if e, ok := t.byName[name]; ok {
		t.order.MoveToFront(e)
		return e.Value.(*bucket).limiter
	}
	one := &bucket{name: name, limiter: rate.NewLimiter(rate.Every(t.every), t.burst)}
	t.byName[name] = t.order.PushFront(one)
	if t.order.Len() > kept {
		oldest := t.order.Remove(t.order.Back()).(*bucket)
		delete(t.byName, oldest.name)
	}
	return one.limiter
}

// Network is what a visitor's address counts as.
func Network(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(visitorNetwork)
	if err != nil {
		return addr
	}
	return prefix.String()
}
