package ingest

import (
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/draftlabs/specter/pkg/fault"
)

// Rate is the state of one product's limit, for the RateLimit headers.
type Rate struct {
	Limit     int           // signals the bucket holds
	Window    time.Duration // in which an empty bucket fills up
	Remaining int           // signals that may come right now
	Reset     time.Duration // until everything is available again
}

// maxRates bounds the limiters kept; beyond it those that are full, and so have nothing to
// remember, are dropped.
const maxRates = 4096

// rates is a token bucket per product: all keys of a product share it. A bucket holds two seconds'
// worth, and at least one full request.
type rates struct {
	byDefault int
	minBurst  int
	now       func() time.Time

	mu       sync.Mutex
	limiters map[uuid.UUID]*rate.Limiter
}

func newRates(perSecond, minBurst int, now func() time.Time) *rates {
	return &rates{byDefault: perSecond, minBurst: minBurst, now: now, limiters: map[uuid.UUID]*rate.Limiter{}}
}

// take uses n of the product's tokens or none.
func (r *rates) take(g Grant, n int) error {
	if n == 0 {
		return nil
	}
	limiter := r.limiter(g)
	now := r.now()
	if limiter.AllowN(now, n) {
		return nil
	}
	missing := float64(n) - limiter.TokensAt(now)
	wait := time.Duration(math.Ceil(missing/float64(limiter.Limit()))) * time.Second
	return fault.Newf(fault.RateLimited, "rate_limited", "This product sends more than %d signals a second.", int(limiter.Limit())).
		After(max(wait, time.Second))
}

func (r *rates) state(g Grant) Rate {
	limiter := r.limiter(g)
	tokens := max(0, limiter.TokensAt(r.now()))
	missing := float64(limiter.Burst()) - tokens
	return Rate{
		Limit:     limiter.Burst(),
		Window:    time.Duration(math.Ceil(float64(limiter.Burst())/float64(limiter.Limit()))) * time.Second,
		Remaining: int(tokens),
		Reset:     time.Duration(math.Ceil(missing/float64(limiter.Limit()))) * time.Second,
	}
}

// limiter returns the product's bucket at the rate the catalogue says now.
func (r *rates) limiter(g Grant) *rate.Limiter {
	perSecond := g.RatePerSecond
	if perSecond == 0 {
		perSecond = r.byDefault
	}
	burst := max(2*perSecond, r.minBurst)
	r.mu.Lock()
	defer r.mu.Unlock()
	limiter, ok := r.limiters[g.ProductID]
	if !ok {
		r.sweep()
		limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		r.limiters[g.ProductID] = limiter
	} else if limiter.Limit() != rate.Limit(perSecond) {
		limiter.SetLimitAt(r.now(), rate.Limit(perSecond))
		limiter.SetBurstAt(r.now(), burst)
	}
	return limiter
}

func (r *rates) sweep() {
	if len(r.limiters) < maxRates {
		return
	}
	now := r.now()
	for id, limiter := range r.limiters {
		if limiter.TokensAt(now) >= float64(limiter.Burst()) {
			delete(r.limiters, id)
		}
	}
}
