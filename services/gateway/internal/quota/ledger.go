package quota

import (
	"time"

	"github.com/google/uuid"

	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

const (
	// lossShare is the part of a limit that silent gateways may cost in all.
	lossShare = 100
	// lossSteps is how many leases of the largest size would use that part up. Each lease is a
	// fraction of what is still left of it, so that however many gateways go silent, it lasts.
	lossSteps = 4
	// firstLease is what an account whose pace is not known yet gets, if the limit allows it.
	firstLease = 128
)

// statement is what is told about one lease, and what is asked for it.
type statement struct {
	holder   uuid.UUID // of this lease alone
	serial   uint64    // of this write
	now      time.Time
	expires  time.Time
	limit    int64
	begins   bool  // it is not in the bucket, nor was it
	recorded int64 // the lease as its last write left it
	unspent  int64 // of it, still to be taken
	returned int64 // of it, given back; the rest of it has been taken
	leave    bool  // the lease ends here
}

// wish is what a gateway could use.
type wish struct {
	demand   int64 // signals that wait for a lease
	smallest int64 // the least of them that is of use
	pace     int64 // signals expected until the next settlement
}

// apply enters s into q and returns what is left of the limit: neither used nor in anybody's hands.
// It is negative when the limit was lowered below that.
func apply(q *catalogv1.Quota, s statement) (free int64) {
	var kept []*catalogv1.QuotaLease
	known := false
	for _, lease := range q.GetLeases() {
		switch {
		case uuid.UUID(lease.GetHolder()) == s.holder:
			known = true
		case lease.GetExpiresAt() < s.now.UnixMilli():
			q.Lost += lease.GetHeld()
		default:
			kept = append(kept, lease)
		}
	}
	if !known && !s.begins && s.recorded > 0 {
		// Others took this lease's gateway for dead and the lease for spent.
		q.Lost = max(0, q.GetLost()-s.recorded)
	}
	q.Used = max(0, q.GetUsed()+s.recorded-s.unspent-s.returned)
	q.MonthlySignalLimit = s.limit
	if !s.leave {
		kept = append(kept, &catalogv1.QuotaLease{Holder: s.holder[:], Held: s.unspent, Serial: s.serial, ExpiresAt: s.expires.UnixMilli()})
	}
	q.Leases = kept
	return q.GetMonthlySignalLimit() - q.GetUsed() - q.GetLost() - held(q)
}

func held(q *catalogv1.Quota) (n int64) {
	for _, lease := range q.GetLeases() {
		n += lease.GetHeld()
	}
	return n
}

// share says by how much a lease with unspent left should grow (or shrink, when negative) so that
// its gateway can do what it wishes while the others find something left too. q is as apply left it.
func share(q *catalogv1.Quota, unspent, free int64, w wish) int64 {
	if free < 0 {
		return max(free, -unspent)
	}
	if w.demand > 0 && unspent+free < w.smallest {
		return -unspent // of no use here; with what others give back it may be to somebody
	}
	others := held(q) - unspent
	spare := max(0, q.GetMonthlySignalLimit()/lossShare-q.GetLost()-others)
	ahead := min(max(w.pace, firstLease), spare/lossSteps, (free+unspent)/int64(2*max(1, len(q.GetLeases()))))
	return min(free, max(0, w.demand+max(1, ahead)-unspent))
}

// grow changes the holder's lease by n.
func grow(q *catalogv1.Quota, holder uuid.UUID, n int64) {
	for _, lease := range q.GetLeases() {
		if uuid.UUID(lease.GetHolder()) == holder {
			lease.Held += n
		}
	}
}
