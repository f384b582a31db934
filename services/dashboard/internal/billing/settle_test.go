package billing_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"

	"github.com/draftlabs/specter/services/dashboard/internal/billing"
)

func TestWhatIsBoughtIsWhatTheAccountHas(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	require.Equal(t, "pro", ann.plan())

	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Price = scale })
	b.deliver(b.stripe.Events()...)
	require.Equal(t, "scale", ann.plan())

	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Status = "canceled" })
	b.deliver(b.stripe.Events()...)
	require.Equal(t, plan.Free, ann.plan())
	require.Equal(t, 3, ann.count(`SELECT count(*) FROM audit_log WHERE action = 'billing.subscription_changed'`))
	require.Equal(t, 3, ann.count(`SELECT count(*) FROM audit_log WHERE action = 'account.plan_changed'`))
	require.Equal(t, ann.user.String()+"@example.test", b.stripe.Customers()[0].Email)
}

func TestATrialIsThePlanItself(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.checkout(pro)
	b.stripe.Subscribe(ann.customer(), scale, "trialing")
	b.deliver(b.stripe.Events()...)
	require.Equal(t, "scale", ann.plan())
}

// Webhooks in every order, each of them twice: the state is what Stripe says now, from the first on.
func TestTheOrderOfWebhooksDoesNotMatter(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	require.True(t, b.stripe.Complete(ann.checkout(pro)))
	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Price = scale })
	events := b.stripe.Events()
	for i := len(events) - 1; i >= 0; i-- {
		b.deliver(events[i])
		if strings.HasPrefix(events[i].Type, "customer.subscription") {
			require.Equal(t, "scale", ann.plan(), "after %s", events[i].Type)
		}
		known, err := b.receive(events[i])
		require.NoError(t, err)
		require.NotEqual(t, billing.Applied, known, "the second time")
	}
	require.Equal(t, 1, ann.count(`SELECT count(*) FROM audit_log WHERE action = 'account.plan_changed'`))
}

// An answer of Stripe's that was on its way while a newer one was written does not replace it.
func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	require.True(t, b.stripe.Complete(ann.checkout(pro)))
	old := b.stripe.Events()

	read, goOn := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	// The first request for subscriptions has its answer made before the change, and gets it after.
	b.stripe.After(func(r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/subscriptions") && held.CompareAndSwap(false, true) {
			close(read)
			<-goOn
		}
	})
	done := make(chan error, 1)
	go func() {
		_, err := b.receive(old[len(old)-1])
		done <- err
	}()
	<-read
	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Status = "canceled" })
	b.deliver(b.stripe.Events()[len(old):]...)
	require.Equal(t, plan.Free, ann.plan())
	close(goOn)
	require.NoError(t, <-done)
	require.Equal(t, plan.Free, ann.plan())
}

func TestTwoTabsBuyOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	urls := make([]string, 6)
	var tabs sync.WaitGroup
	for i := range urls {
		tabs.Go(func() {
			for urls[i] == "" {
				var err error
				urls[i], err = b.service.Checkout(t.Context(), ann.Actor, pro, uuid.Nil)
				if err != nil && !fault.Is(err, fault.Unavailable) { // settled by another tab at the same moment
					t.Error(err)
					return
				}
			}
		})
	}
	tabs.Wait()
	require.Len(t, b.stripe.Customers(), 1)
	require.Len(t, b.stripe.Sessions(""), 1, "the same page for every tab")
	for _, url := range urls {
		require.Equal(t, urls[0], url)
	}

	// Another price closes the page that is open.
	ann.checkout(scale)
	sessions := b.stripe.Sessions("")
	require.Len(t, sessions, 2)
	require.False(t, b.stripe.Complete(sessions[0].ID))
	// Back to the first: a page that can be completed, not the closed one again.
	require.True(t, b.stripe.Complete(ann.checkout(pro)))

	_, err := b.service.Checkout(t.Context(), ann.Actor, scale, uuid.Nil)
	require.ErrorIs(t, err, billing.ErrSubscribed, "before any webhook came")
}

// Two subscriptions, however they came about: the older one stays.
func TestOfTwoSubscriptionsTheNewerOneIsCancelled(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.WarnLevel)
	b := newBench(t, zap.New(core))
	ann := b.owner()
	ann.buy(pro)
	b.clock.advance(time.Minute)
	second := b.stripe.Subscribe(ann.customer(), scale, "active")
	b.deliver(b.stripe.Events()...)
	require.Len(t, ann.live(), 1)
	require.NotEqual(t, second, ann.live()[0].ID)
	require.Equal(t, "pro", ann.plan())
	require.Equal(t, 1, logged.FilterMessageSnippet("second subscription").Len())

	// A better one replaces one that nobody pays.
	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Status = "unpaid" })
	third := b.stripe.Subscribe(ann.customer(), scale, "active")
	b.deliver(b.stripe.Events()...)
	require.Equal(t, third, ann.live()[0].ID)
	require.Equal(t, "scale", ann.plan())
}

func TestAMissingPaymentHasItsGrace(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	b.stripe.FailPayment(ann.live()[0].ID)
	b.deliver(b.stripe.Events()...)
	require.Equal(t, "pro", ann.plan())
	a, err := b.accounts.Account(t.Context(), ann.Account)
	require.NoError(t, err)
	o, err := b.service.Overview(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, billing.PastDue, o.Subscription.Status)
	require.WithinDuration(t, b.clock.Now().Add(grace), *o.GraceEnds, 0)

	b.clock.advance(grace - time.Minute)
	require.NoError(t, b.round())
	require.Equal(t, "pro", ann.plan())
	b.clock.advance(time.Minute)
	require.NoError(t, b.round(), "due when the grace is over, not a day later")
	require.Equal(t, plan.Free, ann.plan())

	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Status = "active" })
	b.deliver(b.stripe.Events()...)
	require.Equal(t, "pro", ann.plan(), "paid after all")
}

func TestARepeatedFailureDoesNotBeginTheGraceAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	b.stripe.FailPayment(ann.live()[0].ID)
	b.deliver(b.stripe.Events()...)
	b.clock.advance(grace - time.Hour)
	b.stripe.FailPayment(ann.live()[0].ID) // another invoice
	b.deliver(b.stripe.Events()...)
	b.clock.advance(time.Hour)
	require.NoError(t, b.round())
	require.Equal(t, plan.Free, ann.plan())
}

func TestUnpaidIsFree(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"unpaid", "paused", "canceled", "a status of tomorrow"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, zap.NewNop())
			ann := b.owner()
			ann.buy(pro)
			b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Status = status })
			b.deliver(b.stripe.Events()...)
			require.Equal(t, plan.Free, ann.plan())
		})
	}
}

func TestWhoPaysAPriceThatIsNotInTheBookKeepsTheirPlan(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.WarnLevel)
	b := newBench(t, zap.New(core))
	ann := b.owner()
	ann.buy(pro)
	b.stripe.Change(ann.live()[0].ID, func(s *stripekit.Subscription) { s.Price = unsold })
	b.deliver(b.stripe.Events()...)
	require.Equal(t, "pro", ann.plan())
	require.Positive(t, logged.FilterMessageSnippet("in no plan of the book").Len())
}

func TestAPlanGivenByHandIsNotTakenAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.checkout(pro) // a customer who bought nothing
	ann.insist(plan.SelfHosted)
	b.clock.advance(25 * time.Hour)
	require.NoError(t, b.round())
	require.Equal(t, plan.SelfHosted, ann.plan())
}

// Every webhook is lost: the daily look mends it, and says so.
func TestTheDailyLookMendsWhatWebhooksMissed(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.WarnLevel)
	b := newBench(t, zap.New(core))
	var owners []owner
	for range 3 {
		o := b.owner()
		require.True(t, b.stripe.Complete(o.checkout(pro)))
		owners = append(owners, o)
	}
	require.NoError(t, b.round())
	require.Equal(t, plan.Free, owners[0].plan(), "not due: it was asked at the checkout")
	b.clock.advance(24 * time.Hour)
	require.NoError(t, b.round())
	for _, o := range owners {
		require.Equal(t, "pro", o.plan())
		require.Equal(t, 1, o.count(`SELECT count(*) FROM audit_log WHERE action = 'billing.subscription_changed' AND detail ->> 'cause' = 'reconciliation'`))
	}
	require.Equal(t, 3, logged.FilterMessageSnippet("was mended").Len())

	// A plan that the account should not have is drift, too.
	owners[0].insist("scale")
	b.clock.advance(24 * time.Hour)
	require.NoError(t, b.round())
	require.Equal(t, "pro", owners[0].plan())
	require.Equal(t, 4, logged.FilterMessageSnippet("was mended").Len())
}

func TestOneAccountThatFailsDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann, bob := b.owner(), b.owner()
	require.True(t, b.stripe.Complete(ann.checkout(pro)))
	require.True(t, b.stripe.Complete(bob.checkout(pro)))
	b.clock.advance(24 * time.Hour)
	b.stripe.Refuse(ann.customer())
	require.NoError(t, b.round())
	require.Equal(t, plan.Free, ann.plan())
	require.Equal(t, "pro", bob.plan())
	b.stripe.Refuse("")
	require.NoError(t, b.round())
	require.Equal(t, plan.Free, ann.plan(), "a little later")
	b.clock.advance(10 * time.Minute)
	require.NoError(t, b.round())
	require.Equal(t, "pro", ann.plan())
}

// Stripe is particular about addresses. Who pays has their plan, whatever it thinks of theirs.
func TestAnAddressThatStripeRefusesDelaysNothing(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.WarnLevel)
	b := newBench(t, zap.New(core))
	ann := b.owner()
	b.stripe.RefuseEmails(true)
	ann.buy(pro)
	require.Equal(t, "pro", ann.plan())
	require.Empty(t, b.stripe.Customers()[0].Email)
	require.Positive(t, logged.FilterMessageSnippet("e-mail address").Len())

	b.stripe.RefuseEmails(false)
	b.clock.advance(24 * time.Hour)
	require.NoError(t, b.round())
	require.Equal(t, ann.user.String()+"@example.test", b.stripe.Customers()[0].Email, "tried again")
}

// Two tabs of different products open a checkout at once: the same page with different ways back.
func TestTabsOfTwoProductsShareAPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.checkout(pro)
	b.clock.advance(24 * time.Hour) // the page is over

	var listed atomic.Int32
	both := make(chan struct{})
	b.stripe.After(func(r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/v1/checkout/sessions" && listed.Load() < 2 {
			if listed.Add(1) == 2 {
				close(both)
			}
			<-both
		}
	})
	urls := make([]string, 2)
	var tabs sync.WaitGroup
	for i := range urls {
		tabs.Go(func() {
			for urls[i] == "" {
				var err error
				urls[i], err = b.service.Checkout(t.Context(), ann.Actor, pro, uuid.New())
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
					return
				}
			}
		})
	}
	tabs.Wait()
	require.Equal(t, urls[0], urls[1])
}

func TestACustomerDeletedAtStripeIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	ann.buy(pro)
	first := ann.customer()
	require.True(t, b.stripe.DeleteCustomer(first))
	b.deliver(b.stripe.Events()...)
	require.Equal(t, plan.Free, ann.plan())
	_, err := b.service.Portal(t.Context(), ann.Actor, uuid.Nil)
	require.ErrorIs(t, err, billing.ErrNoCustomer)
	ann.buy(scale)
	require.NotEqual(t, first, ann.customer())
	require.Equal(t, "scale", ann.plan())
}

// A page with plans waits for Stripe once, and not each time it is opened.
func TestPricesThatCannotBeReadAreNotAskedForEachTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	a, err := b.accounts.Account(t.Context(), ann.Account)
	require.NoError(t, err)
	priced := func() (n int) {
		o, err := b.service.Overview(t.Context(), a)
		require.NoError(t, err)
		for _, offer := range o.Offers {
			n += len(offer.Prices)
		}
		return n
	}
	b.stripe.Down(true)
	require.Zero(t, priced())
	asked := len(b.stripe.Requests())
	require.Zero(t, priced())
	require.Len(t, b.stripe.Requests(), asked)
	b.stripe.Down(false)
	b.clock.advance(time.Minute)
	require.Equal(t, 1, priced(), "the one that Stripe has")
}

func TestStripesOutageIsSaidAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	ann := b.owner()
	require.True(t, b.stripe.Complete(ann.checkout(pro)))
	events := b.stripe.Events()
	last := events[len(events)-1]
	b.stripe.Down(true)
	_, err := b.receive(last)
	require.True(t, fault.Is(err, fault.Unavailable), "Stripe sends it again: %v", err)
	_, err = b.service.Checkout(t.Context(), ann.Actor, pro, uuid.Nil)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	b.stripe.Down(false)
	outcome, err := b.receive(last)
	require.NoError(t, err)
	require.Equal(t, billing.Applied, outcome, "it had no effect before")
	require.Equal(t, "pro", ann.plan())
}
