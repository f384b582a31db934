package delivery

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// newLimit attempts run at once to an endpoint that has not answered yet, of one instance; each
	// success allows one more, a failure halves them, silence leaves one. Those who answer slowly are
	// allowed fewer: at quickPace maxLimit, at four times that and beyond slowLimit.
	newLimit  = 2
	maxLimit  = 16
	slowLimit = 4
	quickPace = 200 * time.Millisecond
	// hanging is when a receiver is taken for slow: while it keeps a request for so long it gets no other.
	hanging = time.Second
	// minWait and maxWait bound how long a task steps back from a lane that is full.
	minWait = 200 * time.Millisecond
	maxWait = 15 * time.Second
	// patience is how long a task waits on its worker for a place in a lane that moves, and maxWaiters how
	// many do, of an endpoint and of all: jobs are fetched several at a time, and most places are free again
	// in milliseconds.
	patience      = 250 * time.Millisecond
	maxWaiters    = 8
	maxAllWaiters = 48
	// probeEvery is how often an endpoint is asked that fails by not answering. One that answers, but never
	// well, is asked by one after the other: it costs us little.
	probeEvery = 30 * time.Second
	// maxProbeWait bounds how long a task waits for a silent endpoint: soon after it is well again
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
	now    func() time.Time
	random func() float64 // in [0,1)

	mu      sync.Mutex
	open    map[uuid.UUID]*lane
	waiting int // in all lanes
	swept   time.Time
}

// lane is one endpoint. Its lock is the lanes'.
type lane struct {
	running  map[*place]struct{}
	waiters  []*place // for a place, in their order
	limit    int
	failures int           // in a row
	silent   bool          // the last failure was none to answer, as far as is known
	probed   time.Time     // last start while failing
	closed   time.Time     // until then, by the receiver's wish
	pace     time.Duration // how long an answer takes, forgetting
	next     time.Time     // when the task that is turned away next is to come again
	used     time.Time
}

func newLanes(now func() time.Time, random func() float64) *lanes {
	return &lanes{now: now, random: random, open: map[uuid.UUID]*lane{}}
}

// place is one attempt's in a lane.
type place struct {
	lanes   *lanes
	lane    *lane
	started time.Time
	granted chan struct{} // of one that waits: closed when it may go
}

// suspect reports whether the endpoint's last attempt failed.
func (l *lanes) suspect(endpoint uuid.UUID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.open[endpoint]
	return at != nil && at.failures > 0
}

// enter takes a place, if need be after a short wait, or says how long to step back.
func (l *lanes) enter(ctx context.Context, endpoint uuid.UUID) (*place, time.Duration) {
	p, wait := l.ask(endpoint)
	if p == nil || p.granted == nil {
		return p, wait
	}
	patient := time.NewTimer(patience)
	defer patient.Stop()
	select {
	case <-p.granted:
		return p, 0
	case <-patient.C:
	case <-ctx.Done():
	}
	return p.giveUp()
}

// ask takes a place or, in a lane that is full and moves, the right to wait for one.
func (l *lanes) ask(endpoint uuid.UUID) (*place, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	at := l.open[endpoint]
	if at == nil {
		at = &lane{running: map[*place]struct{}{}, limit: newLimit, pace: firstPace, silent: true}
		l.open[endpoint] = at
	}
	at.used = now
	p := &place{lanes: l, lane: at}
	switch {
	case at.free(now) && len(at.waiters) == 0:
		at.start(p, now)
	case at.moves(now) && len(at.waiters) < maxWaiters && l.waiting < maxAllWaiters:
		l.waiting++
		p.granted = make(chan struct{})
		at.waiters = append(at.waiters, p)
	default:
		return nil, at.turnAway(now, l.random())
	}
	return p, 0
}

// giveUp ends the waiting for a place, unless it was given just now.
func (p *place) giveUp() (*place, time.Duration) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	select {
	case <-p.granted:
		return p, 0
	default:
	}
	p.lanes.waiting--
	p.lane.waiters = slices.DeleteFunc(p.lane.waiters, func(w *place) bool { return w == p })
	return nil, p.lane.turnAway(p.lanes.now(), p.lanes.random())
}

func (a *lane) start(p *place, now time.Time) {
	p.started = now
	a.running[p] = struct{}{}
	if a.dead() {
		a.probed = now
	}
}

// dead reports whether the endpoint has not answered for some time.
func (a *lane) dead() bool { return a.silent && a.failures >= failingAfter }

// free reports whether one more may be sent now.
func (a *lane) free(now time.Time) bool {
	switch {
	case now.Before(a.closed), a.hangs(now):
		return false
	case a.dead():
		return len(a.running) == 0 && !now.Before(a.probed.Add(probeEvery))
	default:
		return len(a.running) < a.limit
	}
}

// moves reports whether a place may be expected soon.
func (a *lane) moves(now time.Time) bool {
	return !now.Before(a.closed) && !a.dead() && !a.hangs(now) && a.pace < patience
}

// turnAway says how long a task has to stay away. Tasks that are turned away one after the other are
// told later and later times, as if they stood in a queue: they come when there is room, and not all at
// once.
func (a *lane) turnAway(now time.Time, random float64) time.Duration {
	soonest, interval, limit := minWait, a.pace/time.Duration(a.limit), maxWait
	switch {
	case now.Before(a.closed):
		soonest, limit = max(minWait, a.closed.Sub(now)), max(maxProbeWait, a.closed.Sub(now))
	case a.dead():
		soonest, interval, limit = max(minWait, a.probed.Add(probeEvery).Sub(now)), probeEvery, maxProbeWait
	}
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

// most is how many attempts may ever run at once, by how soon the endpoint answers.
func (a *lane) most() int {
	return max(slowLimit, min(maxLimit, int(maxLimit*quickPace/max(a.pace, 1))))
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
func (p *place) allowed() time.Duration {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	a, now := p.lane, p.lanes.now()
	if !a.dead() || a.probed.Equal(p.started) {
		return 0
	}
	delete(a.running, p)
	if !a.free(now) {
		return a.turnAway(now, p.lanes.random())
	}
	a.start(p, now)
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
		if at.dead() {
			at.next = time.Time{} // those who come now need not stand behind those who waited
		}
		at.failures, at.closed = 0, time.Time{}
		at.limit = min(at.limit+1, at.most())
	case a.Silent():
		at.failures++
		at.silent, at.limit = true, 1
	default:
		at.failures++
		at.silent, at.limit = false, max(1, at.limit/2)
	}
}

// leave gives the place to whoever waits.
func (p *place) leave() {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	a, now := p.lane, p.lanes.now()
	delete(a.running, p)
	for len(a.waiters) > 0 && a.free(now) {
		next := a.waiters[0]
		a.waiters = a.waiters[1:]
		p.lanes.waiting--
		a.start(next, now)
		close(next.granted)
	}
}

// sweep forgets lanes that nobody uses.
func (l *lanes) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepEvery {
		return
	}
	l.swept = now
	for id, at := range l.open {
		if len(at.running)+len(at.waiters) == 0 && now.Sub(at.used) > forgetAfter {
			delete(l.open, id)
		}
	}
}
