package quota

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

// lease is what this gateway may take of one account in one calendar month.
//
//	begun ──▶ in use ⇄ settled ──▶ ended (month over, idle, or the gateway stops) ──▶ gone
type lease struct {
	account uuid.UUID
	// holder is the lease's own, not the gateway's: another lease of the account must not be taken for
	// this one, whose last word may be late or never come.
	holder uuid.UUID
	key    string // of the bucket
	month  Month  // it is of
	until  int64  // the month's end, unix seconds

	available atomic.Int64 // to take
	limit     atomic.Int64
	low       atomic.Int64 // below it more is fetched ahead of need
	free      atomic.Int64 // of the account beyond all leases, at the last settlement
	checked   atomic.Int64 // when that was, unix nanoseconds; 0 = it is no longer believed
	failed    atomic.Int64 // when the last settlement failed, unix nanoseconds; 0 = it did not
	known     atomic.Bool  // free has been found out, for this lease or the one before
	queued    atomic.Bool  // waits to be settled
	ended     atomic.Bool  // takes and gives go elsewhere

	mu       sync.Mutex
	wanted   bool  // somebody has waited for it
	demand   int64 // of everybody who waits
	smallest int64 // of them, since the last settlement; 0 = nobody
	changed  chan struct{}

	settling sync.Mutex // guards what follows
	recorded int64      // the lease as the bucket has it
	serial   uint64     // of the last write that took effect; 0 = the bucket has nothing of the lease
	tries    uint64     // writes tried, each of a serial of its own
	doubtful *write     // whose answer was lost
	quota    *catalogv1.Quota
	revision uint64 // of quota, as last read or written; 0 = none
	settled  time.Time
	pace     int64 // signals a second, forgetting
	busy     int64 // signals taken since the last look for idle leases
}

// write is one change of the bucket's entry.
type write struct {
	entry    *catalogv1.Quota // as it becomes
	revision uint64           // that it is for; 0 = there is no entry
	serial   uint64
	recorded int64
	grant    int64 // to be added to available
	reserved int64 // was taken out of available before
	leave    bool
}

// hold has the write tell that its holder is alive. Nothing else about it may change, because it may take effect as it
// was before.
func (w *write) hold(holder uuid.UUID, until time.Time) {
	for _, lease := range w.entry.GetLeases() {
		if uuid.UUID(lease.GetHolder()) == holder {
			lease.ExpiresAt = until.UnixMilli()
		}
	}
}

func newLease(account uuid.UUID, limit int64, now time.Time) *lease {
	until := monthEnd(now)
	l := &lease{
		account: account, holder: uuid.New(), key: event.QuotaKey(account, now), month: Month(until.AddDate(0, -1, 0).Unix()), until: until.Unix(),
		changed: make(chan struct{}), busy: 1, settled: now,
	}
	l.limit.Store(limit)
	return l
}

// Month is a calendar month (UTC) that signals were taken of, named by its first moment in unix
// seconds; 0 is none, as of an account without a limit.
type Month int64

// Hold moves a moment into the month, which it lies just outside of when a clock struck midnight
// between its reading and the taking.
func (m Month) Hold(at time.Time) time.Time {
	if m == 0 {
		return at
	}
	start := time.Unix(int64(m), 0).UTC()
	end := start.AddDate(0, 1, 0)
	switch {
	case at.Before(start):
		return start
	case !at.Before(end):
		return end.Add(-time.Millisecond)
	}
	return at
}

// monthEnd is when the month in UTC ends.
func monthEnd(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

// remember makes what was known before the lease what is known.
func (l *lease) remember(last spent) {
	if last.until == l.until {
		l.free.Store(l.limit.Load() - last.n)
		l.known.Store(true)
	}
}

// spent is how much of the limit cannot be taken here, as far as is known.
func (l *lease) spent() int64 {
	return l.limit.Load() - l.available.Load() - max(0, l.free.Load())
}

// take uses n of what is available, or none.
func (l *lease) take(n int64) bool {
	for {
		have := l.available.Load()
		if have < n {
			return false
		}
		if l.available.CompareAndSwap(have, have-n) {
			return true
		}
	}
}

// takeUpTo uses up to n, and nothing when that is less than least.
func (l *lease) takeUpTo(n, least int64) int64 {
	for {
		have := l.available.Load()
		if have < least {
			return 0
		}
		got := min(have, n)
		if l.available.CompareAndSwap(have, have-got) {
			return got
		}
	}
}

// rest is what can be had without the broker.
func (l *lease) rest(n, least int64) (int64, error) {
	if got := l.takeUpTo(n, least); got > 0 {
		return got, nil
	}
	return 0, errUnavailable
}

// cannot reports whether n are more than the account has left, by what was found out just now.
func (l *lease) cannot(now time.Time, n int64) bool {
	checked := l.checked.Load()
	return checked != 0 && now.UnixNano()-checked < int64(recheckAfter) && l.available.Load()+l.free.Load() < n
}

func (l *lease) reset(now time.Time) time.Duration {
	return max(0, time.Unix(l.until, 0).Sub(now))
}

func (l *lease) exceeded(now time.Time) error {
	return fault.Newf(fault.QuotaExceeded, "quota_exceeded", "The account's limit of %d signals a month is used up. The next month begins at %s.",
		l.limit.Load(), time.Unix(l.until, 0).UTC().Format(time.RFC3339)).After(l.reset(now))
}

// wants notes what a waiting caller needs; the channel is closed by the next settlement.
func (l *lease) wants(n, least int64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = true
	l.demand += n
	if l.smallest == 0 || least < l.smallest {
		l.smallest = least
	}
	return l.changed
}

// next is closed by the next settlement.
func (l *lease) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *lease) served(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demand -= n
}

func (l *lease) wish() wish {
	l.mu.Lock()
	defer l.mu.Unlock()
	return wish{demand: l.demand, smallest: l.smallest}
}

// asked reports whether anybody has waited for the lease since the bucket has nothing of it.
func (l *lease) asked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted
}

// forgetAsked has the lease be one that nobody waits for until somebody asks again.
func (l *lease) forgetAsked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = false
}

// wake lets everybody who waits look again.
func (l *lease) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.smallest = 0
	close(l.changed)
	l.changed = make(chan struct{})
}

// idle reports whether the lease may end: nothing was taken since it was last asked, and the bucket
// knows what was taken before. While the broker is away a lease in hand goes on serving.
func (l *lease) idle() bool {
	l.settling.Lock()
	defer l.settling.Unlock()
	taken := l.busy + l.recorded - l.available.Load()
	l.busy = l.available.Load() - l.recorded // so that the next sum counts from here
	return taken == 0 && (l.failed.Load() == 0 || l.unwritten())
}

// unwritten reports whether the bucket has nothing of the lease. Only who holds settling may ask.
func (l *lease) unwritten() bool { return l.serial == 0 && l.doubtful == nil }
