package billing

import (
	"context"
	"time"

	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// Overview is what a person sees of billing.
type Overview struct {
	On      bool
	Plan    plan.Plan
	Offers  []Offer
	Managed bool // there is something to manage in the portal

	Subscription *Subscription
	PastDueSince *time.Time
	// GraceEnds is when the plan is lost unless the missing payment comes.
	GraceEnds *time.Time
	SettledAt *time.Time
}

// Offer is a plan and what it costs; a plan without prices cannot be bought.
type Offer struct {
	Plan   plan.Plan
	Prices []Price
}

// Overview reads it.
func (s *Service) Overview(ctx context.Context, a account.Account) (Overview, error) {
	have, known := s.Book.Find(a.Plan)
	if !known {
		have = plan.Plan{Name: a.Plan, Title: a.Plan}
	}
	o := Overview{On: s.On(), Plan: have}
	if !o.On {
		return o, nil
	}
	standing, err := s.Store.Standing(ctx, a.ID)
	if err != nil {
		return Overview{}, err
	}
	o.Managed, o.Subscription, o.PastDueSince, o.SettledAt = standing.Customer != "", standing.Subscription, standing.PastDueSince, standing.SettledAt
	if o.PastDueSince != nil {
		over := o.PastDueSince.Add(s.Grace)
		o.GraceEnds = &over
	}
	o.Offers = s.offers(ctx)
	return o, nil
}

func (s *Service) offers(ctx context.Context) []Offer {
	var ids []string
	for _, p := range s.Book.Plans() {
		ids = append(ids, p.StripePrices...)
	}
	known := s.prices.of(ctx, ids)
	var out []Offer
	for _, p := range s.Book.Plans() {
		if p.Name != plan.Free && len(p.StripePrices) == 0 {
			continue // given by hand
		}
		offer := Offer{Plan: p}
		for _, id := range p.StripePrices {
			if price, ok := known[id]; ok && price.Active {
				offer.Prices = append(offer.Prices, price)
			}
		}
		out = append(out, offer)
	}
	return out
}
