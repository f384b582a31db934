package delivery

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// newLimit attempts run at once to an endpoint that has not answered yet, of one instance; each
	// success allows one more, a failure halves them, silence leaves one.
	newLimit = 2
	maxLimit = 16
	// hanging is when a receiver is taken for slow: while it keeps a request for so long it gets no other.
	hanging = time.Second
	// minWait and maxWait bound how long a task steps back from a lane that is full.
	minWait = 200 * time.Millisecond
	maxWait = 15 * time.Second
	// silentEvery is how often an endpoint is asked that fails by not answering, brokenEvery one that
	// answers, but never well: it costs us little.
	silentEvery = 30 * time.Second
	brokenEvery = time.Second
	// maxProbeWait bounds how long a task waits for a failing endpoint: soon after it is well again
	// everything is on its way.
	maxProbeWait = 10 * time.Minute
	// longestPause bounds how long a receiver's Retry-After holds up its other deliveries.
	longestPause = time.Hour
	// forgetAfter is when a lane that nobody used is forgotten.
	forgetAfter = 15 * time.Minute
	sweepEvery  = time.Minute
	// firstPace is how long an answer is expected to take before there was one.
	firstPace = 50 * time.Millisecond
)

// lanes keep one endpoint from taking everybody's workers. They are this instance's memory of the
// endpoints; what must survive is in the Store.
type lanes struct {
	random func() float64 // in [0,1)

	mu    sync.Mutex
	open  map[uuid.UUID]*lane
	swept time.Time
}

// lane is one endpoint. Its lock is the lanes'.
type lane struct {
	running  map[*place]struct{}
	limit    int
	failures int           // in a row
	silent   bool          // the last failure was none to answer, as far as is known
	probed   time.Time     // last start while failing
	closed   time.Time     // until then, by the receiver's wish
	pace     time.Duration // how long an answer takes, forgetting
	next     time.Time     // when the task that is turned away next is to come again
	used     time.Time
}

func newLanes(random func() float64) *lanes {
	return &lanes{random: random, open: map[uuid.UUID]*lane{}}
}

// place is one attempt's in a lane.
type place struct {
	lanes   *lanes
	lane    *lane
	started time.Time
}

// suspect reports whether the endpoint's last attempt failed.
func (l *lanes) suspect(endpoint uuid.UUID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.open[endpoint]
	return at != nil && at.failures > 0
}

// enter takes a place, or says how long to step back.
func (l *lanes) enter(endpoint uuid.UUID, now time.Time) (*place, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	at := l.open[endpoint]
	if at == nil {
		at = &lane{running: map[*place]struct{}{}, limit: newLimit, pace: firstPace, silent: true}
		l.open[endpoint] = at
	}
	at.used = now
	if wait := at.refuse(now, l.random()); wait > 0 {
		return nil, wait
	}
	p := &place{lanes: l, lane: at, started: now}
	at.running[p] = struct{}{}
	if at.failing() {
		at.probed = now
	}
	return p, 0
}

func (a *lane) failing() bool { return a.failures >= failingAfter }

// refuse says how long a task has to wait; 0 = it need not. Tasks that are turned away one after the
// other are told later and later times, as if they stood in a queue: they come when there is room, and
// not all at once.
func (a *lane) refuse(now time.Time, random float64) time.Duration {
	switch {
	case now.Before(a.closed):
		return a.turnAway(now, a.closed.Sub(now), a.pace, maxProbeWait, random)
	case a.failing():
		every := brokenEvery
		if a.silent {
			every = silentEvery
		}
		if next := a.probed.Add(every); len(a.running) > 0 || now.Before(next) {
			return a.turnAway(now, max(next.Sub(now), minWait), every, maxProbeWait, random)
		}
	case len(a.running) >= a.limit, a.hangs(now):
		return a.turnAway(now, minWait, a.pace/time.Duration(a.limit), maxWait, random)
	}
	return 0
}

// turnAway gives out the next time, at least soonest and at most limit from now.
func (a *lane) turnAway(now time.Time, soonest, interval, limit time.Duration, random float64) time.Duration {
	if earliest := now.Add(soonest); a.next.Before(earliest) {
		a.next = earliest
	}
	wait := a.next.Sub(now)
	if wait > limit {
		return limit/2 + time.Duration(random*float64(limit/2)) // the queue is longer than anybody waits
	}
	a.next = a.next.Add(interval)
	return wait + time.Duration(random*float64(minWait))
}

func (a *lane) hangs(now time.Time) bool {
	for p := range a.running {
		if now.Sub(p.started) > hanging {
			return true
		}
	}
	return false
}

// learn takes over what is recorded of an endpoint.
func (l *lanes) learn(e Endpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.open[e.ID]; at != nil && (e.Failures == 0 || e.Failures > at.failures) {
		at.failures = e.Failures
	}
}

// allowed says whether the place may be used now that more is known of its endpoint; 0 = it may.
func (p *place) allowed(now time.Time) time.Duration {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	a := p.lane
	if !a.failing() || a.probed.Equal(p.started) {
		return 0
	}
	delete(a.running, p)
	if wait := a.refuse(now, p.lanes.random()); wait > 0 {
		return wait
	}
	a.running[p] = struct{}{}
	a.probed = now
	return 0
}

// answered adapts the lane to what came back.
func (p *place) answered(a Answer) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	at := p.lane
	at.pace = (7*at.pace + a.Took) / 8
	if a.RetryAfter > 0 && !a.OK() {
		at.closed = a.At.Add(min(a.RetryAfter, longestPause))
	}
	switch {
	case a.OK():
		if at.failing() {
			at.next = time.Time{} // those who come now need not stand behind those who waited
		}
		at.failures, at.closed = 0, time.Time{}
		at.limit = min(at.limit+1, maxLimit)
	case a.Silent():
		at.failures++
		at.silent, at.limit = true, 1
	default:
		at.failures++
		at.silent, at.limit = false, max(1, at.limit/2)
	}
}

func (p *place) leave() {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	delete(p.lane.running, p)
}

// sweep forgets lanes that nobody uses.
func (l *lanes) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepEvery {
		return
	}
	l.swept = now
	for id, at := range l.open {
		if len(at.running) == 0 && now.Sub(at.used) > forgetAfter {
			delete(l.open, id)
		}
	}
}
