package ingest

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/fault"
)

// Rate is the state of one product's limit, for the RateLimit headers.
type Rate struct {
	Limit     int           // signals the bucket holds
	Window    time.Duration // in which an empty bucket fills up
	Remaining int           // signals that may come right now
	Reset     time.Duration // until everything is available again

	LimitText  string // Limit in decimal
	WindowText string // Window in whole seconds
}

// maxBuckets bounds the buckets kept; beyond it those that are full and hold nothing, and so have
// nothing to remember, are dropped.
const maxBuckets = 4096

// rates keeps a token bucket per product: all keys of a product share it. A bucket holds two
// seconds' worth, and at least one full request.
type rates struct {
	byDefault int
	minBurst  int

	mu      sync.RWMutex
	buckets map[uuid.UUID]*bucket
}

type bucket struct {
	limiter   *rate.Limiter
	perSecond int
	full      Rate          // of a bucket that nothing has been taken from
	holding   *atomic.Int64 // see Sender.Holding
}

func newRates(perSecond, minBurst int) *rates {
	return &rates{byDefault: perSecond, minBurst: minBurst, buckets: map[uuid.UUID]*bucket{}}
}

// bucket returns the product's bucket at the rate the catalogue says now.
func (r *rates) bucket(g *catalog.Grant, now time.Time) *bucket {
	perSecond := g.RatePerSecond
	if perSecond == 0 {
		perSecond = r.byDefault
	}
	r.mu.RLock()
	b, ok := r.buckets[g.ProductID]
	r.mu.RUnlock()
	if ok && b.perSecond == perSecond {
		return b
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok = r.buckets[g.ProductID]
	if ok && b.perSecond == perSecond {
		return b
	}
	burst := max(2*perSecond, r.minBurst)
	limiter, holding := rate.NewLimiter(rate.Limit(perSecond), burst), new(atomic.Int64)
	if ok { // the rate changed; what was spent stays spent
		limiter, holding = b.limiter, b.holding
		limiter.SetLimitAt(now, rate.Limit(perSecond))
		limiter.SetBurstAt(now, burst)
	} else {
		r.sweep(now)
	}
	b = newBucket(limiter, holding, perSecond, burst)
	r.buckets[g.ProductID] = b
	return b
}

func newBucket(limiter *rate.Limiter, holding *atomic.Int64, perSecond, burst int) *bucket {
	window := int(math.Ceil(float64(burst) / float64(perSecond)))
	return &bucket{limiter: limiter, holding: holding, perSecond: perSecond, full: Rate{
		Limit: burst, Window: time.Duration(window) * time.Second, Remaining: burst,
		LimitText: strconv.Itoa(burst), WindowText: strconv.Itoa(window),
	}}
}

func (r *rates) sweep(now time.Time) {
	if len(r.buckets) < maxBuckets {
		return
	}
	for id, b := range r.buckets {
		if b.holding.Load() == 0 && b.limiter.TokensAt(now) >= float64(b.limiter.Burst()) {
			delete(r.buckets, id)
		}
	}
}

// take uses n of the product's tokens or none.
func (b *bucket) take(n int, now time.Time) error {
	if n <= 0 || b.limiter.AllowN(now, n) {
		return nil
	}
	missing := float64(n) - b.limiter.TokensAt(now)
	wait := time.Duration(math.Ceil(missing/float64(b.limiter.Limit()))) * time.Second
	return fault.Newf(fault.RateLimited, "rate_limited", "This product sends more than %d signals a second.", b.perSecond).
		After(max(wait, time.Second))
}

func (b *bucket) state(now time.Time) Rate {
	rate := b.full
	tokens := max(0, b.limiter.TokensAt(now))
	rate.Remaining = int(tokens)
	rate.Reset = time.Duration(math.Ceil((float64(rate.Limit)-tokens)/float64(b.perSecond))) * time.Second
	return rate
}
