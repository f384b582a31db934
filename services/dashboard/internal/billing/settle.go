package billing

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	// settleEvery is when Stripe is asked again without a reason.
	settleEvery = 24 * time.Hour
	// attempts to settle while others settle the same account; whoever took the last turn gets through.
	attempts = 8
)

// Settle makes the account what Stripe says. An account that is gone, or never had a customer, is settled.
func (s *Service) Settle(ctx context.Context, account uuid.UUID, why Cause) error {
	_, err := s.settle(ctx, account, why, nil)
	return err
}

func (s *Service) settle(ctx context.Context, account uuid.UUID, why Cause, event *Event) (Written, error) {
	for range attempts {
		standing, err := s.Store.TakeTurn(ctx, account)
		if fault.Is(err, fault.NotFound) {
			return Written{}, nil
		}
		if err != nil {
			return Written{}, err
		}
		customer, err := s.read(ctx, standing)
		if err != nil {
			return Written{}, err
		}
		kept, surplus := best(customer.Subscriptions)
		corrected, err := s.correct(ctx, account, standing, customer, kept, surplus)
		if err != nil {
			return Written{}, err
		}
		if corrected {
			continue
		}
		w, ok, err := s.Store.Write(ctx, account, standing.Turn, s.reading(standing, customer, kept, why, event))
		if err != nil {
			return Written{}, err
		}
		if ok {
			s.report(account, why, w, kept)
			return w, nil
		}
	}
	return Written{}, errBusy
}

func (s *Service) read(ctx context.Context, known Standing) (Customer, error) {
	if known.Customer == "" {
		return Customer{Gone: true}, nil
	}
	customer, err := s.Stripe.Read(ctx, known.Customer)
	for i, subscription := range customer.Subscriptions {
		customer.Subscriptions[i] = subscription.priced(s.Book)
	}
	return customer, err
}

// correct does at Stripe what has to be done there; true means that what was read is out of date.
func (s *Service) correct(ctx context.Context, account uuid.UUID, known Standing, c Customer, kept *Subscription, surplus []Subscription) (bool, error) {
	for _, double := range surplus {
		s.Log.Warn("cancelling a second subscription of an account: see whether its payment is to be refunded",
			zap.Stringer("account_id", account), zap.String("subscription", double.ID), zap.String("kept", kept.ID))
		if err := gone(s.Stripe.Cancel(ctx, double.ID)); err != nil {
			return false, err
		}
	}
	if len(surplus) > 0 {
		return true, nil
	}
	closed := known.Deletion != uuid.Nil
	switch {
	case kept != nil && closed && !kept.EndsWithPeriod:
		return true, gone(s.Stripe.EndWithPeriod(ctx, kept.ID, known.Deletion))
	case kept != nil && !closed && kept.EndsWithPeriod && kept.Deletion != uuid.Nil:
		return true, gone(s.Stripe.GoOn(ctx, kept.ID))
	}
	if !c.Gone && !closed && c.Email != known.Email {
		// Only receipts are sent there: an address that Stripe does not take must not cost the plan that is paid for.
		if err := gone(s.Stripe.SetEmail(ctx, known.Customer, known.Email)); err != nil {
			s.Log.Warn("Stripe was not told an account's e-mail address, it is tried again", zap.Stringer("account_id", account), zap.Error(err))
		}
	}
	return false, nil
}

// gone takes what is not there any more for done.
func gone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (s *Service) reading(known Standing, c Customer, kept *Subscription, why Cause, event *Event) Reading {
	now := s.Now()
	r := Reading{Gone: c.Gone, Subscription: kept, PastDueSince: pastDueSince(known, kept), At: now, Next: now.Add(settleEvery), Cause: why, Event: event}
	if r.PastDueSince != nil {
		if over := r.PastDueSince.Add(s.Grace); over.After(now) && over.Before(r.Next) {
			r.Next = over
		}
	}
	r.Plan = entitlement(s.Book, s.Grace, kept, r.PastDueSince, now)
	return r
}

func (s *Service) report(account uuid.UUID, why Cause, w Written, kept *Subscription) {
	if kept != nil {
		if _, sold := s.Book.ByPrice(kept.Price); !sold {
			s.Log.Warn("a subscription's price is in no plan of the book: the account keeps its plan", zap.Stringer("account_id", account), zap.String("price", kept.Price))
		}
	}
	if why == ByRound && (w.Changed || w.From != w.To) {
		s.Log.Warn("an account differed from Stripe and was mended: have webhooks arrived?",
			zap.Stringer("account_id", account), zap.String("plan_before", w.From), zap.String("plan", w.To))
	}
}
