package quota

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/lifecycle"
)

const (
	// leaseLife is how long a gateway may be silent before its lease counts as lost; telling takes
	// a fraction of it.
	leaseLife = 45 * time.Second
	tellEvery = 10 * time.Second

	// waitLimit bounds how long a signal waits for a lease; it does so only when there is none.
	waitLimit = time.Second
	// recheckAfter is how long the word that nothing is left is believed.
	recheckAfter = time.Second
	// failureHolds is how long the word that the broker is away is believed.
	failureHolds = 250 * time.Millisecond

	shards         = 64
	leasesPerShard = 2048
	settlers       = 8
)

var (
	errUnavailable = fault.New(fault.Unavailable, "unavailable", "The monthly limit of this account cannot be checked right now. Try again.").After(time.Second)
	// errEnded sends the caller to the account's next lease.
	errEnded   = errors.New("the lease has ended")
	errTooMany = fault.New(fault.Unavailable, "unavailable", "Too many accounts with a limit are sending at once. Try again.").After(time.Second)
)

// Meter takes signals from accounts' monthly limits. It is safe for concurrent use; only while Run
// runs does it get leases.
type Meter struct {
	bus     *bus.Bus
	log     *zap.Logger
	now     func() time.Time
	metrics *metrics
	work    chan *lease
	stopped atomic.Bool
	shards  [shards]shard
	bucket  atomic.Pointer[keyValue] // once it has been looked up

	leaving struct {
		sync.Mutex
		leases map[*lease]struct{} // ended, with something of them still in the bucket
	}

	life, tell time.Duration
}

type shard struct {
	mu     sync.RWMutex
	leases map[uuid.UUID]*lease
	last   map[uuid.UUID]spent // of accounts whose lease has ended for being idle
}

// spent is what an account had used of its month, or had given away in leases, when that was last known.
type spent struct {
	until int64 // the month's end, unix seconds
	n     int64
}

var _ lifecycle.Service = (*Meter)(nil)

// New returns a meter that keeps its leases in b's QUOTA bucket.
func New(b *bus.Bus, log *zap.Logger, registerer prometheus.Registerer, now func() time.Time) *Meter {
	m := &Meter{
		bus: b, log: log.Named("quota"), now: now, metrics: newMetrics(registerer),
		work: make(chan *lease, shards*leasesPerShard), life: leaseLife, tell: tellEvery,
	}
	for i := range m.shards {
		m.shards[i].leases = map[uuid.UUID]*lease{}
		m.shards[i].last = map[uuid.UUID]spent{}
	}
	m.leaving.leases = map[*lease]struct{}{}
	return m
}

// Take uses n of the account's signals of this month, and tells which that was, or none: then the error is of kind
// fault.QuotaExceeded, with the time until the month ends, or of kind fault.Unavailable when that
// could not be found out. A limit of 0 is none. It waits (a second at most) only while the account
// has no lease here.
func (m *Meter) Take(account uuid.UUID, limit int64, n int) (Month, error) {
	if limit <= 0 || n <= 0 {
		return 0, nil
	}
	_, month, err := m.take(account, limit, int64(n), int64(n))
	return month, err
}

// TakeUpTo uses as many of n signals as are left, at least one; otherwise it is Take.
func (m *Meter) TakeUpTo(account uuid.UUID, limit int64, n int) (granted int, month Month, err error) {
	if limit <= 0 || n <= 0 {
		return max(0, n), 0, nil
	}
	got, month, err := m.take(account, limit, int64(n), 1)
	return int(got), month, err
}

// take uses at least least and at most n signals.
func (m *Meter) take(account uuid.UUID, limit, n, least int64) (int64, Month, error) {
	for {
		l, err := m.lease(account, limit)
		if err != nil {
			return 0, 0, err
		}
		if l.limit.Load() != limit {
			m.relimit(l, limit)
		}
		if l.take(n) {
			if l.available.Load() < l.low.Load() {
				m.settleSoon(l)
			}
			return n, l.month, nil
		}
		got, err := m.await(l, n, least)
		if errors.Is(err, errEnded) {
			continue // with its month, or for being idle just before
		}
		if fault.Is(err, fault.QuotaExceeded) {
			m.metrics.refused.Add(float64(n))
		}
		return got, l.month, err
	}
}

// relimit makes the lease one of another limit. What is in hand of a larger one is given back first.
func (m *Meter) relimit(l *lease, limit int64) {
	before := l.limit.Swap(limit)
	l.checked.Store(0) // what is left must be found out anew
	changed := l.next()
	m.settleSoon(l)
	if limit >= before {
		return
	}
	deadline := time.NewTimer(waitLimit)
	defer deadline.Stop()
	select {
	case <-changed:
	case <-deadline.C:
	}
}

// lease finds the account's lease of this month, or begins one without anything in it.
func (m *Meter) lease(account uuid.UUID, limit int64) (*lease, error) {
	now := m.now()
	s := m.shard(account)
	s.mu.RLock()
	l := s.leases[account]
	s.mu.RUnlock()
	if l != nil && now.Unix() < l.until {
		return l, nil
	}
	if m.stopped.Load() {
		return nil, errUnavailable
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l = s.leases[account]; l != nil {
		if now.Unix() < l.until {
			return l, nil
		}
		m.leave(l) // with its month
	} else if len(s.leases) >= leasesPerShard {
		return nil, errTooMany
	} else {
		m.metrics.leases.Inc()
	}
	l = newLease(account, limit, now)
	if last, ok := s.last[account]; ok {
		l.remember(last)
		delete(s.last, account)
	}
	s.leases[account] = l
	return l, nil
}

func (m *Meter) shard(account uuid.UUID) *shard { return &m.shards[account[15]%shards] }

// Give returns signals that were taken of a month and then not stored. Signals whose fate is not
// known must not be given back: they may have been stored.
func (m *Meter) Give(account uuid.UUID, month Month, n int) {
	if n <= 0 || month == 0 {
		return
	}
	s := m.shard(account)
	s.mu.RLock()
	l := s.leases[account]
	s.mu.RUnlock()
	if l == nil || l.month != month || l.ended.Load() {
		return // it counts as used of a month that is over, or of a lease that has ended: the limit holds
	}
	l.available.Add(int64(n))
}

// State is what is left of a limit.
type State struct {
	Limit     int64
	Known     bool          // whether Remaining is
	Remaining int64         // as far as this gateway knows
	Reset     time.Duration // until the month ends
}

// State tells what is left; ok is false without a limit. It never waits: what is not known, or not since
// the account last sent something, is found out for the next time.
func (m *Meter) State(account uuid.UUID, limit int64) (state State, ok bool) {
	if limit <= 0 {
		return State{}, false
	}
	l, err := m.lease(account, limit)
	now := m.now()
	if err != nil { // too many accounts, or the end: nothing is found out any more
		return State{Limit: limit, Reset: monthEnd(now).Sub(now)}, true
	}
	state = State{Limit: limit, Known: l.known.Load(), Reset: l.reset(now)}
	if state.Known {
		state.Remaining = min(limit, max(0, limit-l.spent()))
	}
	if l.checked.Load() == 0 && now.UnixNano()-l.failed.Load() >= int64(failureHolds) {
		m.settleSoon(l)
	}
	return state, true
}

// await gets the lease what the caller needs, from the bucket.
func (m *Meter) await(l *lease, n, least int64) (int64, error) {
	deadline := time.NewTimer(waitLimit)
	defer deadline.Stop()
	for {
		if l.take(n) {
			return n, nil
		}
		now := m.now()
		if l.ended.Load() {
			return 0, errEnded
		}
		if l.cannot(now, n) && (l.free.Load() <= 0 || l.cannot(now, least)) {
			if got := l.takeUpTo(n, least); got > 0 {
				return got, nil
			}
			if l.cannot(now, least) {
				return 0, l.exceeded(now)
			}
		}
		if m.stopped.Load() || now.UnixNano()-l.failed.Load() < int64(failureHolds) {
			return l.rest(n, least)
		}
		changed := l.wants(n, least)
		m.settleSoon(l)
		select {
		case <-changed:
			l.served(n)
		case <-deadline.C:
			l.served(n)
			return l.rest(n, least)
		}
	}
}

// settleSoon has one of the workers settle the lease.
func (m *Meter) settleSoon(l *lease) {
	if !l.queued.CompareAndSwap(false, true) {
		return
	}
	select {
	case m.work <- l:
	default: // as many as there can be leases; more only when months change, and look asks again
		l.queued.Store(false)
	}
}

// Run gets and keeps leases until ctx ends, and gives them back then.
func (m *Meter) Run(ctx context.Context, ready func()) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	for range settlers {
		workers.Go(func() {
			for {
				select {
				case l := <-m.work:
					l.queued.Store(false)
					m.settle(working, l)
				case <-working.Done():
					return
				}
			}
		})
	}
	ready()
	m.keep(ctx)
	m.stopped.Store(true)
	stop()
	workers.Wait()
	m.giveBack(context.WithoutCancel(ctx))
	return nil
}

// keep settles every lease now and then, and ends those that are idle.
func (m *Meter) keep(ctx context.Context) {
	tick := time.NewTicker(m.tell)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.look()
		}
	}
}

func (m *Meter) look() {
	now := m.now()
	for _, l := range m.all() {
		if l.idle() || now.Unix() >= l.until {
			m.forget(l)
			continue
		}
		m.settleSoon(l)
	}
	for _, l := range m.departing() {
		if now.After(time.Unix(l.until, 0).Add(m.life)) {
			m.gone(l) // nobody asks for its month any more
			continue
		}
		m.settleSoon(l)
	}
}

func (m *Meter) all() []*lease {
	var out []*lease
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		for _, l := range s.leases {
			out = append(out, l)
		}
		s.mu.RUnlock()
	}
	return out
}

// forget ends a lease; its next settlement gives back what is in it.
func (m *Meter) forget(l *lease) {
	s := m.shard(l.account)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[l.account] == l {
		delete(s.leases, l.account)
		m.metrics.leases.Dec()
		s.keep(l)
	}
	m.leave(l)
}

// keep remembers what is known of the account of a lease that ends, of so many accounts as may have
// leases. Who is forgotten is told what is left a request later.
func (s *shard) keep(l *lease) {
	if !l.known.Load() {
		return
	}
	if len(s.last) >= leasesPerShard {
		clear(s.last)
	}
	s.last[l.account] = spent{until: l.until, n: l.spent()}
}

// leave ends a lease that nobody finds any more. It is remembered until the bucket knows.
func (m *Meter) leave(l *lease) {
	l.ended.Store(true)
	m.leaving.Lock()
	m.leaving.leases[l] = struct{}{}
	m.leaving.Unlock()
	m.settleSoon(l)
}

func (m *Meter) departing() []*lease {
	m.leaving.Lock()
	defer m.leaving.Unlock()
	return slices.Collect(maps.Keys(m.leaving.leases))
}

func (m *Meter) gone(l *lease) {
	m.leaving.Lock()
	defer m.leaving.Unlock()
	delete(m.leaving.leases, l)
}

// giveBack ends every lease, and tries once more to settle those that have ended before.
func (m *Meter) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, giveBackTime)
	defer cancel()
	for _, l := range m.all() {
		m.forget(l)
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, settlers)
	for _, l := range m.departing() {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			m.settle(ctx, l)
		})
	}
	all.Wait()
}
