package throttle

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

const (
	// kept bounds the memory: a name costs about 100 bytes, so a Throttle takes 20 MB at most, and that only while so
	// many have something to wait for.
	kept = 200_000
	// An IPv6 visitor has as many addresses as it likes within its network.
	visitorNetwork = 64
)

// Throttle gives each name a token bucket, kept in memory: a restart forgives.
//
// Only what is missing from a bucket is remembered, so one that is full again is dropped. When there are too many
// nevertheless, whoever took least is forgotten first: to be forgotten, a guesser would have to make all the others
// guess as much.
type Throttle struct {
	every time.Duration
	now   func() time.Time

	mu     sync.Mutex
	began  time.Time
	seen   time.Duration // since began; a clock that is set back stands still here
	byName map[name]*bucket
	// slots are a wheel of rings: a bucket that is full at a time is in the ring of the first multiple of every that is
	// not before it. No bucket is further than burst times every from being full, so there is one more slot than tries.
	slots  []bucket
	passed int64 // the multiple of every whose slot was emptied last
}

// name is a hash of one: of fixed size, however long somebody makes it.
type name [16]byte

func hashed(text string) name {
	sum := sha256.Sum256([]byte(text))
	return name(sum[:len(name{})])
}

// bucket of a name, or the head of a ring of them.
type bucket struct {
	name       name
	full       time.Duration // when, since the Throttle began
	prev, next *bucket
}

func (b *bucket) leave() { b.prev.next, b.next.prev = b.next, b.prev }

// join puts it at the end of the ring that head begins.
func (b *bucket) join(head *bucket) {
	b.prev, b.next = head.prev, head
	head.prev.next, head.prev = b, b
}

// New returns a Throttle that lets burst tries through at once, and one more each time every has passed.
func New(burst int, every time.Duration, now func() time.Time) *Throttle {
	t := &Throttle{every: every, now: now, began: now(), byName: map[name]*bucket{}, slots: make([]bucket, burst+1)}
	for i := range t.slots {
		head := &t.slots[i]
		head.prev, head.next = head, head
	}
	return t
}

// Take returns how long the name has to wait, 0 when it may go ahead.
func (t *Throttle) Take(text string) time.Duration {
	one := hashed(text)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.pass()
	b, known := t.byName[one]
	full := now + t.every
	if known {
		full = max(full, b.full+t.every)
	}
	if wait := full - now - time.Duration(len(t.slots)-1)*t.every; wait > 0 {
		return wait
	}
	if known {
		b.leave()
	} else {
		t.makeRoom()
		b = &bucket{name: one}
		t.byName[one] = b
	}
	b.full = full
	b.join(t.slot(int64((full + t.every - 1) / t.every)))
	return 0
}

// Forgive forgets what the name took: who proved to be right was not guessing.
func (t *Throttle) Forgive(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b, ok := t.byName[hashed(text)]; ok {
		t.forget(b)
	}
}

func (t *Throttle) forget(b *bucket) {
	b.leave()
	delete(t.byName, b.name)
}

func (t *Throttle) slot(multiple int64) *bucket { return &t.slots[multiple%int64(len(t.slots))] }

// pass drops the buckets that are full by now, which it returns.
func (t *Throttle) pass() (now time.Duration) {
	t.seen = max(t.seen, t.now().Sub(t.began))
	reached := int64(t.seen / t.every)
	for m := max(t.passed+1, reached-int64(len(t.slots))+1); m <= reached; m++ {
		t.empty(t.slot(m))
	}
	t.passed = max(t.passed, reached)
	return t.seen
}

func (t *Throttle) empty(head *bucket) {
	for head.next != head {
		t.forget(head.next)
	}
}

// makeRoom for one more, at the cost of whoever took least, and of those of whoever took first.
func (t *Throttle) makeRoom() {
	if len(t.byName) < kept {
		return
	}
	for m := t.passed + 1; ; m++ {
		if head := t.slot(m); head.next != head {
			t.forget(head.next)
			return
		}
	}
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
