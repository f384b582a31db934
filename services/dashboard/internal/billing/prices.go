package billing

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Price is what a plan costs.
type Price struct {
	ID       string
	Active   bool   // can be bought
	Currency string // ISO 4217, lower case as Stripe has it
	// Amount is in the currency's smallest unit; nil when it depends on more than the price.
	Amount   *int64
	Interval string // day, week, month or year
	Every    int    // intervals
}

const (
	pricesLive = 10 * time.Minute
	// pricesPatience is how long a page waits for Stripe; without an answer it shows plans without prices.
	pricesPatience = 5 * time.Second
	// pricesPause is how long a price that could not be read is not asked for again.
	pricesPause = time.Minute
)

// prices remembers what Stripe said for a while.
type prices struct {
	stripe Stripe
	now    func() time.Time

	mu   sync.Mutex
	read map[string]priceRead
}

type priceRead struct {
	price Price     // as it was read last; without an id before that
	next  time.Time // when to ask again
}

func newPrices(s Stripe, now func() time.Time) *prices {
	return &prices{stripe: s, now: now, read: map[string]priceRead{}}
}

// of returns what is known of the prices: fresh, or as it was while Stripe is away. A price that cannot be read is
// missing.
func (p *prices) of(ctx context.Context, ids []string) map[string]Price {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pricesPatience) // whoever leaves takes nothing from the others
	defer cancel()
	var reads errgroup.Group
	reads.SetLimit(roundWorkers)
	for _, id := range p.stale(ids) {
		reads.Go(func() error {
			price, err := p.stripe.Price(ctx, id)
			p.keep(id, price, err == nil)
			return nil
		})
	}
	_ = reads.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]Price, len(ids))
	for _, id := range ids {
		if known := p.read[id].price; known.ID != "" {
			out[id] = known
		}
	}
	return out
}

func (p *prices) stale(ids []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, id := range ids {
		if !p.now().Before(p.read[id].next) {
			out = append(out, id)
		}
	}
	return out
}

func (p *prices) keep(id string, price Price, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !ok {
		p.read[id] = priceRead{p.read[id].price, p.now().Add(pricesPause)}
		return
	}
	p.read[id] = priceRead{price, p.now().Add(pricesLive)}
}
