package billing_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
)

func TestASubscriptionEndsWithItsPeriodWhileADeletionIsScheduled(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	require.NoError(t, ann.close())
	b.stripe.Down(true)
	require.NoError(t, b.round())
	require.False(t, ann.live()[0].EndsWithPeriod)
	b.stripe.Down(false)
	b.clock.advance(10 * time.Minute)
	require.NoError(t, b.round(), "tried until Stripe answers")
	require.True(t, ann.live()[0].EndsWithPeriod)
	_, err := b.service.Checkout(t.Context(), ann.Actor, pro, uuid.Nil)
	require.Error(t, err)

	require.NoError(t, ann.reopen())
	require.NoError(t, b.round())
	require.False(t, ann.live()[0].EndsWithPeriod)
	require.Equal(t, "pro", ann.plan())
	require.Zero(t, b.farewells())
}

// Whoever had cancelled before stays cancelled when the deletion is taken back.
func TestAPersonsOwnCancellationIsNotUndone(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.EndsWithPeriod = true })
	require.NoError(t, ann.close())
	require.NoError(t, b.round())
	require.NoError(t, ann.reopen())
	require.NoError(t, b.round())
	require.True(t, ann.live()[0].EndsWithPeriod)
}

// The customer outlives the account here until Stripe has deleted them, and not longer.
func TestThePurgeDeletesTheCustomerHoweverLongStripeIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann, bob := b.owner(), b.owner()
	ann.buy(pro)
	bob.buy(pro)
	customer := ann.customer()
	require.NoError(t, ann.close())
	require.NoError(t, b.round())
	events := b.stripe.Events()
	b.clock.advance(deletion + time.Minute)
	b.stripe.Down(true)
	ann.purge()
	require.Error(t, b.round())
	require.Equal(t, 1, b.farewells())
	b.clock.advance(20 * 24 * time.Hour)
	require.Error(t, b.round())

	b.stripe.Down(false)
	require.NoError(t, b.round())
	require.Empty(t, ann.customer())
	require.Zero(t, b.farewells())
	for _, s := range b.stripe.Subscriptions(customer) {
		require.True(t, s.Over(), "%+v", s)
	}
	require.Len(t, bob.live(), 1, "nobody else's")

	// What Stripe still has to say raises nobody from the dead.
	b.deliver(events...)
	b.deliver(b.stripe.Events()...)
	for _, table := range []string{"billing_accounts", "billing_events", "audit_log"} {
		require.Zero(t, ann.count(`SELECT count(*) FROM `+table+` WHERE account_id = $1`, ann.Account), table)
	}
	require.Zero(t, ann.count(`SELECT count(*) FROM accounts WHERE id = $1`, ann.Account))
}

// Whoever cancels the deletion at the last moment has their subscription still: that may be on its way into the
// database while a round is begun, and clocks differ.
func TestACancellationAtTheLastMomentLosesNoSubscription(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	require.NoError(t, ann.close())
	require.NoError(t, b.round())
	b.clock.advance(deletion)
	require.NoError(t, b.round())
	b.clock.advance(-time.Millisecond) // when it was asked for
	require.NoError(t, ann.reopen())
	require.NoError(t, b.round())
	require.Len(t, ann.live(), 1)
	require.False(t, ann.live()[0].EndsWithPeriod)
	require.Equal(t, "pro", ann.plan())
}

func TestADeletionThatIsDoneTellsStripeAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann, bob := b.owner(), b.owner()
	ann.buy(pro)
	bob.buy(pro)
	id := uuid.Must(uuid.NewV7())
	_, err := b.accounts.Close(t.Context(), ann.Actor, id, b.clock.Now(), b.clock.Now().Add(deletion), uuid.Nil)
	require.NoError(t, err)
	require.NoError(t, bob.close())
	ann.purge()
	leaving := farewell.Leaving{Account: ann.Account, Deletion: id}
	outcome, err := b.service.Forget(t.Context(), leaving)
	require.NoError(t, err)
	require.Equal(t, farewell.Deleted, outcome)
	require.Empty(t, ann.customer())
	require.NotEmpty(t, bob.customer())
	require.Equal(t, 1, b.farewells())
	outcome, err = b.service.Forget(t.Context(), leaving)
	require.NoError(t, err, "again is harmless")
	require.Equal(t, farewell.None, outcome)
}

// The deletion is scheduled while a webhook is being worked on.
func TestAWebhookDuringAPurgeWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	require.True(t, b.stripe.Complete(ann.checkout(pro)))
	events := b.stripe.Events()
	require.NoError(t, ann.close())
	var purged atomic.Bool
	b.stripe.After(func(*http.Request) {
		if purged.CompareAndSwap(false, true) {
			ann.purge()
		}
	})
	_, err := b.receive(events[len(events)-1])
	require.NoError(t, err)
	require.True(t, purged.Load())
	require.Zero(t, ann.count(`SELECT count(*) FROM billing_events WHERE account_id = $1`, ann.Account))
	require.Zero(t, ann.count(`SELECT count(*) FROM accounts WHERE id = $1`, ann.Account))
}

// A customer that is made while the deletion is being scheduled belongs to nobody, and goes again.
func TestACheckoutThatRacesWithTheDeletionLeavesNoCustomer(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	var closed atomic.Bool
	b.stripe.After(func(*http.Request) {
		if closed.CompareAndSwap(false, true) {
			assert.NoError(t, ann.close())
		}
	})
	_, err := b.service.Checkout(t.Context(), ann.Actor, pro, uuid.Nil)
	require.ErrorIs(t, err, billing.ErrClosedMeanwhile)
	require.True(t, fault.Is(err, fault.Conflict))
	require.Empty(t, ann.customer())
}
