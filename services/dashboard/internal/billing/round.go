package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
)

const (
	roundPage    = 100
	roundPages   = 20 // a round's; the rest is the next one's
	roundWorkers = 4  // Stripe takes 25 requests a second and more
	// retryAfter is when an account that could not be settled is tried again.
	retryAfter = 10 * time.Minute
	// lastMoment is for how long after its end the time for cancelling a deletion counts: what was asked for in time may be
	// written a little later, and clocks differ.
	lastMoment = time.Minute
)

// Round deletes customers of accounts that are gone, and compares with Stripe every account that is due: a day after
// it was compared last, when a grace is over, or at once when its deletion was scheduled or cancelled.
func (s *Service) Round(ctx context.Context) error {
	if !s.On() {
		return nil
	}
	_, err := s.farewells(ctx, s.Now().Add(-lastMoment), uuid.Nil)
	return errors.Join(err, s.settleDue(ctx))
}

func (s *Service) settleDue(ctx context.Context) error {
	var compared, failed int
	for range roundPages {
		due, err := s.Store.Due(ctx, s.Now(), roundPage)
		if err != nil {
			return err
		}
		outcomes := make([]error, len(due))
		var workers errgroup.Group
		workers.SetLimit(roundWorkers)
		for i, account := range due {
			workers.Go(func() error {
				outcomes[i] = s.settleOrPostpone(ctx, account)
				return nil
			})
		}
		_ = workers.Wait() // failures are in outcomes
		for _, err := range outcomes {
			compared++
			if err != nil {
				failed++
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(due) < roundPage {
			break
		}
	}
	if compared > 0 {
		s.Log.Info("compared accounts with Stripe", zap.Int("accounts", compared), zap.Int("failed", failed))
	}
	return nil
}

// settleOrPostpone lets one account that fails, or Stripe's being away, not hold up the others.
func (s *Service) settleOrPostpone(ctx context.Context, account uuid.UUID) error {
	err := s.Settle(ctx, account, ByRound)
	if err == nil || ctx.Err() != nil {
		return err
	}
	s.Log.Warn("comparing an account with Stripe failed, it is tried again", zap.Stringer("account_id", account), zap.Error(err))
	return errors.Join(err, s.Store.Postpone(ctx, account, s.Now().Add(retryAfter)))
}

// Name implements farewell.Party.
func (s *Service) Name() string { return farewell.Billing }

// Forget implements farewell.Party: Stripe deletes the customers of an account whose deletion has begun, which
// cancels what they pay for. Without a key they wait until there is one again; their rows name no account.
func (s *Service) Forget(ctx context.Context, l farewell.Leaving) (farewell.Outcome, error) {
	if !s.On() {
		return farewell.None, nil
	}
	customers, err := s.farewells(ctx, s.Now(), l.Deletion)
	if err != nil || customers == 0 {
		return farewell.None, err
	}
	return farewell.Deleted, nil
}

// farewells has Stripe delete the customers that are due, of one deletion or of all, and tells how many it has deleted.
func (s *Service) farewells(ctx context.Context, at time.Time, deletion uuid.UUID) (deleted int, err error) {
	due, err := s.Store.Farewells(ctx, at, deletion, roundPage)
	if err != nil {
		return 0, err
	}
	var failures []error
	for _, f := range due {
		err := s.Stripe.DeleteCustomer(ctx, f.Customer)
		if err == nil || fault.Is(err, fault.NotFound) {
			err = s.Store.Said(ctx, f)
		}
		if err != nil {
			failures = append(failures, err)
		}
	}
	if err := errors.Join(failures...); err != nil {
		return 0, fmt.Errorf("deleting %d customers at Stripe: %w", len(failures), err)
	}
	return len(due), nil
}
