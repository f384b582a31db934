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
)

// prices remembers what Stripe said for a while.
type prices struct {
	stripe Stripe
	now    func() time.Time

	mu   sync.Mutex
	read map[string]priceRead
}

type priceRead struct {
	price Price
	at    time.Time
}

func newPrices(s Stripe, now func() time.Time) *prices {
	return &prices{stripe: s, now: now, read: map[string]priceRead{}}
}

// of returns what is known of the prices: fresh, or as it was while Stripe is away. A price that cannot be read is
// missing.
func (p *prices) of(ctx context.Context, ids []string) map[string]Price {
	ctx, cancel := context.WithTimeout(ctx, pricesPatience)
	defer cancel()
	var reads errgroup.Group
	reads.SetLimit(roundWorkers)
	for _, id := range p.stale(ids) {
		reads.Go(func() error {
			price, err := p.stripe.Price(ctx, id)
			if err == nil {
				p.keep(price)
			}
			return nil
		})
	}
	_ = reads.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]Price, len(ids))
	for _, id := range ids {
		if known, ok := p.read[id]; ok {
			out[id] = known.price
		}
	}
	return out
}

func (p *prices) stale(ids []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, id := range ids {
		if known, ok := p.read[id]; !ok || p.now().Sub(known.at) >= pricesLive {
			out = append(out, id)
		}
	}
	return out
}

func (p *prices) keep(price Price) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read[price.ID] = priceRead{price, p.now()}
}
