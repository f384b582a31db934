package billing

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

// Checkout is one visit to Stripe's checkout page.
type Checkout struct {
	ID        string
	Open      bool
	Price     string
	URL       string
	ExpiresAt time.Time
}

// NewCheckout is what to open.
type NewCheckout struct {
	Account             uuid.UUID
	Customer            string
	Price               string
	SuccessURL, BackURL string
}

// stillUseful is how long a checkout must last that is handed out again.
const stillUseful = 10 * time.Minute

// Checkout returns the address of a page of Stripe's on which the person buys price. Asked twice, also from two tabs
// at once, it is the same page: what can be completed once cannot be bought twice.
func (s *Service) Checkout(ctx context.Context, a actor.Actor, price string, product uuid.UUID) (string, error) {
	if !s.On() {
		return "", ErrOff
	}
	if _, sold := s.Book.ByPrice(price); !sold {
		return "", fault.New(fault.Invalid, "invalid_request", "This price is not sold here.").With("/price", "unknown_price", "Take one that the list of plans names.")
	}
	customer, err := s.customer(ctx, a)
	if err != nil {
		return "", err
	}
	// What was completed a moment ago may not have been told yet.
	if err := s.Settle(ctx, a.Account, ByCheckout); err != nil {
		return "", err
	}
	standing, err := s.Store.Standing(ctx, a.Account)
	if err != nil {
		return "", err
	}
	if standing.Subscription != nil {
		return "", ErrSubscribed
	}
	if standing.Customer != customer {
		return "", errBusy // deleted at Stripe just now
	}
	open, key, err := s.tidy(ctx, customer, price)
	if err != nil || open != "" {
		return open, err
	}
	made, err := s.Stripe.OpenCheckout(ctx, key, NewCheckout{
		Account: a.Account, Customer: customer, Price: price, SuccessURL: s.back(product, "done"), BackURL: s.back(product, "left"),
	})
	if err != nil {
		return "", err
	}
	return made.URL, s.Store.Audit(ctx, a, "billing.checkout_opened", map[string]any{"price": price}, s.Now())
}

// tidy finds an open checkout for the price and expires open ones for others. The key for a new one names the newest
// there is, so that who finds the same makes the same.
func (s *Service) tidy(ctx context.Context, customer, price string) (open, key string, err error) {
	all, err := s.Stripe.Checkouts(ctx, customer)
	if err != nil {
		return "", "", err
	}
	key = fmt.Sprintf("specter-checkout-%s-%s-after-", customer, price)
	if len(all) > 0 {
		key += all[0].ID
	}
	for _, c := range all {
		switch {
		case !c.Open:
		case c.Price == price && c.URL != "" && open == "" && c.ExpiresAt.Sub(s.Now()) > stillUseful:
			open = c.URL
		default:
			if err := gone(s.Stripe.ExpireCheckout(ctx, c.ID)); err != nil {
				return "", "", err
			}
		}
	}
	return open, key, nil
}

// customer is the account's customer at Stripe, made when there is none.
func (s *Service) customer(ctx context.Context, a actor.Actor) (string, error) {
	known, err := s.Store.Standing(ctx, a.Account)
	if err != nil || known.Customer != "" {
		return known.Customer, err
	}
	no := known.CustomerNo + 1
	made, err := s.Stripe.CreateCustomer(ctx, fmt.Sprintf("specter-customer-%s-%d", a.Account, no), a.Account)
	if err != nil {
		return "", err
	}
	kept, err := s.Store.KeepCustomer(ctx, a, made, no, s.Now())
	if fault.Is(err, fault.Conflict) || (err == nil && kept != made) {
		// The account closed meanwhile, or has another customer: this one is nobody's.
		if err := gone(s.Stripe.DeleteCustomer(ctx, made)); err != nil {
			return "", err
		}
	}
	return kept, err
}

// Portal returns the address of the page of Stripe's on which the person pays, changes or cancels.
func (s *Service) Portal(ctx context.Context, a actor.Actor, product uuid.UUID) (string, error) {
	if !s.On() {
		return "", ErrOff
	}
	known, err := s.Store.Standing(ctx, a.Account)
	if err != nil {
		return "", err
	}
	if known.Customer == "" {
		return "", ErrNoCustomer
	}
	address, err := s.Stripe.Portal(ctx, known.Customer, s.back(product, "portal"))
	if fault.Is(err, fault.NotFound) {
		return "", ErrNoCustomer
	}
	if err != nil {
		return "", err
	}
	return address, s.Store.Audit(ctx, a, "billing.portal_opened", nil, s.Now())
}

// back is the page of the web app to which Stripe leads back.
func (s *Service) back(product uuid.UUID, from string) string {
	path, query := "/settings/billing", url.Values{"from": {from}}
	if product != uuid.Nil {
		path = "/p/" + product.String() + "/settings"
		query.Set("view", "billing")
	}
	return strings.TrimSuffix(s.PublicURL, "/") + path + "?" + query.Encode()
}
