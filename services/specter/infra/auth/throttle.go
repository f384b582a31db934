package auth

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// throttleKeys bounds the memory; the key unseen for longest is forgotten.
const throttleKeys = 10_000

// throttles of a server. A place is where a request comes from.
type throttles struct {
	// Guesses at one address from one place: ten at once, then one in ten seconds. A success
	// gives them back. Whoever uses them up locks out their own place, not the person elsewhere.
	guessesHere *throttle
	// Guesses at one address from everywhere: many places before they hold each other up.
	guessesAnywhere *throttle
	requestsOfPlace *throttle
	// Mails of one kind to one address: one a minute, as Supabase; and of all kinds together.
	mailsOfKind, mailsToOne *throttle
	mailsOfPlace            *throttle
}

func newThrottles(now func() time.Time) throttles {
	return throttles{
		guessesHere:     newThrottle(10, 10*time.Second, now),
		guessesAnywhere: newThrottle(100, 10*time.Second, now),
		requestsOfPlace: newThrottle(100, time.Second, now),
		mailsOfKind:     newThrottle(1, time.Minute, now),
		mailsToOne:      newThrottle(10, 6*time.Minute, now),
		mailsOfPlace:    newThrottle(30, time.Minute, now),
	}
}

// guess returns how long a guess at an address has to wait, 0 when it may be made now. right gives
// the guesses back.
func (t throttles) guess(place, email string) (wait time.Duration, right func()) {
	wait = max(t.requestsOfPlace.of(place), t.guessesHere.take(place+" "+email))
	if wait > 0 {
		return wait, nil
	}
	if wait = t.guessesAnywhere.take(email); wait > 0 {
		return wait, nil
	}
	return 0, func() {
		t.guessesHere.forget(place + " " + email)
		t.guessesAnywhere.forget(email)
	}
}

// mail returns how long a mail to an address has to wait, 0 when it may be sent now.
func (t throttles) mail(place, kind, email string) time.Duration {
	if wait := max(t.requestsOfPlace.of(place), t.mailsOfPlace.of(place)); wait > 0 {
		return wait
	}
	if wait := t.mailsOfKind.take(kind + " " + email); wait > 0 {
		return wait
	}
	return t.mailsToOne.take(email)
}

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

// of is take for a place, which may be unknown.
func (t *throttle) of(place string) time.Duration {
	if place == "" {
		return 0
	}
	return t.take(place)
}

// take returns how long the key has to wait, 0 when it may go ahead now. Waiting costs nothing.
func (t *throttle) take(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	reservation := t.limiter(key).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
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

// forget has the key begin anew.
func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.buckets[key]; ok {
		t.order.Remove(e)
		delete(t.buckets, key)
	}
}

// placeOf names where a request comes from, "" when nobody knows: from a process of this machine
// that does not say for whom it asks. A proxy on this machine says it in X-Forwarded-For; from
// elsewhere that header is anybody's word. An IPv6 place is a /64, which one subscriber has.
func placeOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	if ip.Unmap().IsLoopback() {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		ip, err = netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1]))
		if err != nil {
			return ""
		}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		const subscriber = 64
		prefix, _ := ip.Prefix(subscriber) // of an IPv6 address always
		return prefix.String()
	}
	return ip.String()
}
