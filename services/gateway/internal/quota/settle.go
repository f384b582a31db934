package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

const (
	// callTime bounds one question to the broker.
	callTime = time.Second
	// attempts bounds the compare-and-sets of one settlement that others were faster in.
	attempts = 30
	// lookAhead is for how long a lease should last at the account's pace.
	lookAhead    = 2 * time.Second
	giveBackTime = 3 * time.Second
)

var errContended = errors.New("other gateways were faster every time")

// settle tells the bucket what was taken from the lease and leases what will be needed.
func (m *Meter) settle(ctx context.Context, l *lease) {
	l.settling.Lock()
	defer l.settling.Unlock()
	defer l.wake()
	l.low.Store(0) // until this has its result nobody need ask again
	var err error
	for attempt := range attempts {
		var done bool
		if done, err = m.attempt(ctx, l); done || err != nil {
			break
		}
		err = errContended
		pause(ctx, attempt)
	}
	if err == nil {
		l.failed.Store(0)
		if l.ended.Load() && l.unwritten() {
			m.gone(l)
		}
		m.metrics.settled.WithLabelValues("done").Inc()
		return
	}
	if errors.Is(err, errContended) { // nobody is away: who still waits asks again
		m.metrics.settled.WithLabelValues("contended").Inc()
		return
	}
	m.metrics.settled.WithLabelValues("failed").Inc()
	l.failed.Store(m.now().UnixNano())
	m.log.Debug("settling a lease", zap.Error(err)) // the bus tells of the outage, once
}

// attempt is one read, if needed, and one write; done is false when somebody else wrote first.
func (m *Meter) attempt(ctx context.Context, l *lease) (done bool, err error) {
	if l.ended.Load() && l.unwritten() {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	bucket, err := m.open(ctx)
	if err != nil {
		return false, err
	}
	looks := l.unwritten() && !l.asked() // at what is left, and needs nothing of it
	if looks || l.quota == nil {
		if err := l.read(ctx, bucket); err != nil {
			return false, err
		}
	}
	if l.vanished() {
		l.drop()
		looks = true
	}
	again := l.resolve(m)
	if l.ended.Load() && l.unwritten() {
		return true, nil // the write that was in doubt had ended it, or had not begun it
	}
	if again && l.revision == 0 && l.wish().smallest == 0 {
		// The lease's first write may have made an entry that is deleted by now. While nobody waits none is made.
		if l.ended.Load() {
			l.doubtful = nil
		}
		l.learn(l.quota, m.now())
		l.quota = nil // it may be made yet
		return true, nil
	}
	if looks {
		l.learn(l.quota, m.now())
		return true, nil
	}
	return m.write(ctx, bucket, l, again)
}

// write changes the entry as the lease needs it, or tries the write that is in doubt again.
func (m *Meter) write(ctx context.Context, bucket keyValue, l *lease, again bool) (done bool, err error) {
	w := l.doubtful
	if again {
		w.hold(l.holder, m.now().Add(m.life))
	} else {
		w = m.plan(l)
	}
	value, err := proto.Marshal(w.entry)
	if err != nil {
		if !again {
			l.available.Add(w.reserved)
		}
		return false, fmt.Errorf("encoding the account's quota: %w", err)
	}
	revision, err := bucket.Update(ctx, l.key, value, w.revision)
	if bus.IsWrongRevision(err) {
		if !again { // else it was perhaps the first try that was faster
			l.available.Add(w.reserved)
		}
		l.quota = nil
		return false, nil
	}
	if err != nil {
		l.doubtful, l.quota = w, nil // it may have been written, or be yet
		return false, fmt.Errorf("writing the account's quota: %w", err)
	}
	m.metrics.lost.Add(float64(max(0, w.entry.GetLost()-l.quota.GetLost())))
	l.quota, l.revision, l.doubtful = w.entry, revision, nil
	m.wrote(l, w)
	l.learn(w.entry, m.now())
	return !again, nil // what has happened since the first try is told now
}

// keyValue is what is asked of the broker's bucket.
type keyValue interface {
	Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
}

// open looks the bucket up once; the handle outlives the broker's restarts.
func (m *Meter) open(ctx context.Context) (keyValue, error) {
	if bucket := m.bucket.Load(); bucket != nil {
		return *bucket, nil
	}
	found, err := m.bus.JetStream().KeyValue(ctx, event.QuotaBucket)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", event.QuotaBucket, err)
	}
	bucket := keyValue(found)
	m.bucket.Store(&bucket)
	return bucket, nil
}

func (l *lease) read(ctx context.Context, bucket keyValue) error {
	entry, err := bucket.Get(ctx, l.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		// Nothing is used, or the bucket was lost and what was used is being found out.
		if _, err := bucket.Get(ctx, event.QuotaComplete); err != nil {
			return fmt.Errorf("finding out whether bucket %s is complete: %w", event.QuotaBucket, err)
		}
		l.quota, l.revision = &catalogv1.Quota{}, 0
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the account's quota: %w", err)
	}
	q := &catalogv1.Quota{}
	if err := proto.Unmarshal(entry.Value(), q); err != nil {
		return fmt.Errorf("decoding the account's quota: %w", err)
	}
	l.quota, l.revision = q, entry.Revision()
	return nil
}

// resolve finds out whether the write whose answer was lost took effect, as far as that can be known: with again it
// may yet. A slow broker can come to it when nobody waits for it any more, also after it was asked what the entry is.
// But each write is for one revision of the entry, so at most one of several takes effect. Until the entry has another
// revision nothing else is tried than the same write again: whichever of the two it is, the same was told.
func (l *lease) resolve(m *Meter) (again bool) {
	w := l.doubtful
	if w == nil {
		return false
	}
	serial, there := uint64(0), false
	for _, lease := range l.quota.GetLeases() {
		if string(lease.GetHolder()) == string(l.holder[:]) {
			serial, there = lease.GetSerial(), true
		}
	}
	switch {
	case there && serial == w.serial:
		m.wrote(l, w)
	case l.revision == w.revision, there && l.revision < w.revision: // the latter is an old word, of a replica
		return true
	case there: // it did not, and the revision that it was for is gone
		l.available.Add(w.reserved)
	case w.leave:
		m.wrote(l, w)
	default:
		// Others took the lease for dead, or the bucket was made anew. What the write gave back, if it did, they may
		// have taken: it is not used here again.
	}
	l.doubtful = nil
	return false
}

// vanished reports whether the entry is gone that has the lease, or that its write in doubt was for: its account was
// deleted, or the bucket was lost and what it has now was found out without the lease.
func (l *lease) vanished() bool {
	return l.revision == 0 && (l.serial > 0 || l.doubtful != nil && l.doubtful.revision > 0)
}

// drop makes the lease one that the bucket has nothing of and that has nothing in it. So a deleted account's entry stays
// away. Where the account is alive, somebody asks for more, and what was taken is told with that.
func (l *lease) drop() {
	rest := l.takeUpTo(max(0, l.available.Load()), 1)
	if l.doubtful != nil {
		rest += l.doubtful.reserved
	}
	l.recorded = max(0, l.recorded-rest)
	l.serial, l.doubtful = 0, nil
	l.forgetAsked()
}

// plan is what the entry should become.
func (m *Meter) plan(l *lease) *write {
	now := m.now()
	l.tries++
	w := &write{serial: l.tries, revision: l.revision, leave: l.ended.Load()}
	wanted := l.wish()
	wanted.pace = l.pace * int64(lookAhead/time.Second)
	if w.leave {
		w.reserved = l.takeUpTo(max(0, l.available.Load()), 1)
	}
	for {
		// What is taken while this is under way is told the next time.
		unspent := l.available.Load()
		if w.leave {
			unspent = 0 // what somebody gives back at this moment counts as taken
		}
		next := proto.CloneOf(l.quota)
		free := apply(next, statement{
			holder: l.holder, serial: w.serial, now: now, expires: now.Add(m.life), limit: l.limit.Load(),
			begins: l.serial == 0, recorded: l.recorded, unspent: unspent, returned: w.reserved, leave: w.leave,
		})
		w.entry, w.recorded = next, unspent
		if w.leave {
			return w
		}
		n := share(next, unspent, free, wanted)
		if n < 0 { // out of everybody's reach before it is given back
			if got := l.takeUpTo(-n, 1); got > 0 {
				w.reserved += got
				wanted.demand, wanted.pace = 0, 0
				continue
			}
			n = 0
		}
		if w.reserved > 0 {
			n = 0
		}
		grow(next, l.holder, n)
		w.grant, w.recorded = n, unspent+n
		return w
	}
}

// wrote makes the lease what the bucket says it is.
func (m *Meter) wrote(l *lease, w *write) {
	spent := l.recorded - (w.recorded - w.grant) - w.reserved
	now := m.now()
	elapsed := max(now.Sub(l.settled), 10*time.Millisecond)
	l.pace = max(l.pace/2, max(0, spent)*int64(time.Second)/int64(elapsed))
	l.busy += spent
	l.settled = now
	l.recorded, l.serial = w.recorded, w.serial
	if w.leave {
		l.serial = 0
	}
	l.low.Store(l.available.Add(w.grant) / 2)
}

// learn keeps what is left of the account beyond all leases.
func (l *lease) learn(q *catalogv1.Quota, now time.Time) {
	l.free.Store(l.limit.Load() - q.GetUsed() - q.GetLost() - held(q))
	l.checked.Store(now.UnixNano())
	l.known.Store(true)
}

// pause before the next try, at random and longer each time: the more gateways compete, the more
// they spread.
func pause(ctx context.Context, attempt int) {
	const most = 6 // 64 ms
	timer := time.NewTimer(rand.N(time.Millisecond << min(attempt, most)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
