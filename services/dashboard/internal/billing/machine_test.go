package billing_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/testkit/stripekit"
)

// TestTheStateAlwaysEndsRight does, in random order, what people, Stripe and the network may do to one account: buy
// from several tabs, change and cancel at Stripe, fail to pay, deliver webhooks late, twice, in another order and at
// once or never, lose Stripe for a while, schedule and cancel the deletion, purge. A day later the account is what
// Stripe says, and Stripe has nothing that it should not.
func TestTheStateAlwaysEndsRight(t *testing.T) {
	t.Parallel()
	b := newBench(t, zap.NewNop())
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{b: b, o: b.owner(), since: len(b.stripe.Events())}
		r.Repeat(m.actions())
		m.end(r)
	})
}

type machine struct {
	b      *bench
	o      owner
	since  int // events before are another run's
	closed bool
	purged bool
	down   bool
}

func (m *machine) actions() map[string]func(*rapid.T) {
	change := func(edit func(*stripekit.Subscription)) func(*rapid.T) {
		return func(r *rapid.T) {
			live := m.o.live()
			if len(live) == 0 {
				r.Skip("nothing to change")
			}
			m.b.stripe.Change(rapid.SampledFrom(live).Draw(r, "subscription").ID, edit)
		}
	}
	return map[string]func(*rapid.T){
		"open a checkout":       m.checkout,
		"complete a checkout":   m.complete,
		"deliver a webhook":     func(r *rapid.T) { m.receive(m.draw(r)) },
		"deliver webhooks":      m.burst,
		"subscribe at Stripe":   m.subscribe,
		"cancel":                change(func(s *stripekit.Subscription) { s.Status = "canceled" }),
		"cancel for the period": change(func(s *stripekit.Subscription) { s.EndsWithPeriod = true }),
		"leave unpaid":          change(func(s *stripekit.Subscription) { s.Status = "unpaid" }),
		"pay":                   change(func(s *stripekit.Subscription) { s.Status = "active" }),
		"buy another":           change(func(s *stripekit.Subscription) { s.Price = scale }),
		"buy the first again":   change(func(s *stripekit.Subscription) { s.Price = pro }),
		"fail to pay": func(r *rapid.T) {
			if live := m.o.live(); len(live) > 0 {
				m.b.stripe.FailPayment(live[0].ID)
			}
		},
		"delete the customer at Stripe": func(r *rapid.T) {
			if rapid.IntRange(0, 3).Draw(r, "rarely") == 0 {
				m.b.stripe.DeleteCustomer(m.o.customer())
			}
		},
		"Stripe goes and comes": func(r *rapid.T) {
			m.down = !m.down
			m.b.stripe.Down(m.down)
		},
		"time passes": func(r *rapid.T) {
			m.b.clock.advance(time.Duration(rapid.IntRange(1, 100).Draw(r, "hours")) * time.Hour)
		},
		"a round":               func(*rapid.T) { _ = m.b.round() },
		"schedule the deletion": func(*rapid.T) { m.closed = m.closed || (!m.purged && m.o.close() == nil) },
		"cancel the deletion": func(*rapid.T) {
			if m.closed && !m.purged && m.o.reopen() == nil {
				m.closed = false
			}
		},
		"purge": func(r *rapid.T) {
			if !m.closed || m.purged || rapid.IntRange(0, 3).Draw(r, "rarely") > 0 {
				r.Skip("not now")
			}
			m.b.clock.advance(deletion)
			m.o.purge()
			m.purged = true
		},
	}
}

func (m *machine) checkout(r *rapid.T) {
	price := rapid.SampledFrom([]string{pro, proYear, scale}).Draw(r, "price")
	var tabs sync.WaitGroup
	for range rapid.IntRange(1, 2).Draw(r, "tabs") {
		tabs.Go(func() { _, _ = m.b.service.Checkout(context.Background(), m.o.Actor, price, uuid.Nil) })
	}
	tabs.Wait()
}

func (m *machine) complete(r *rapid.T) {
	sessions := m.b.stripe.Sessions(m.o.customer())
	if m.o.customer() == "" || len(sessions) == 0 {
		r.Skip("no checkout")
	}
	m.b.stripe.Complete(rapid.SampledFrom(sessions).Draw(r, "session").ID)
}

func (m *machine) subscribe(r *rapid.T) {
	if m.o.customer() == "" {
		r.Skip("no customer")
	}
	status := rapid.SampledFrom([]string{"active", "trialing", "incomplete", "past_due"}).Draw(r, "status")
	m.b.stripe.Subscribe(m.o.customer(), rapid.SampledFrom([]string{pro, scale}).Draw(r, "price"), status)
}

func (m *machine) draw(r *rapid.T) stripekit.Event {
	events := m.b.stripe.Events()[m.since:]
	if len(events) == 0 {
		r.Skip("no event")
	}
	return rapid.SampledFrom(events).Draw(r, "event")
}

// receive may fail, and then Stripe would send it again, or not.
func (m *machine) receive(e stripekit.Event) { _, _ = m.b.receive(e) }

func (m *machine) burst(r *rapid.T) {
	var all []stripekit.Event
	for range rapid.IntRange(2, 4).Draw(r, "n") {
		all = append(all, m.draw(r))
	}
	var senders sync.WaitGroup
	for _, e := range all {
		senders.Go(func() { m.receive(e) })
	}
	senders.Wait()
}

// end lets a day go by with Stripe at hand, and looks at both sides. Webhooks that were not delivered never are.
func (m *machine) end(r *rapid.T) {
	m.b.stripe.Down(false)
	m.b.clock.advance(25 * time.Hour)
	for range 2 { // the second finds what the first put right
		require.NoError(r, m.b.round())
		m.b.clock.advance(settled)
	}
	if m.purged {
		require.Empty(r, m.o.customer(), "the customer is deleted at Stripe")
		require.Zero(r, m.b.farewells())
		require.Zero(r, m.o.count(`SELECT (SELECT count(*) FROM accounts WHERE id = $1) + (SELECT count(*) FROM billing_accounts WHERE account_id = $1)
			+ (SELECT count(*) FROM billing_events WHERE account_id = $1) + (SELECT count(*) FROM audit_log WHERE account_id = $1)`, m.o.Account), "nobody came back")
		return
	}
	live := m.o.live()
	require.LessOrEqual(r, len(live), 1, "of two subscriptions one is cancelled: %+v", live)
	a, err := m.b.accounts.Account(context.Background(), m.o.Account)
	require.NoError(r, err)
	o, err := m.b.service.Overview(context.Background(), a)
	require.NoError(r, err)
	require.Equal(r, m.owed(live), a.Plan, "%+v", live)
	require.Equal(r, len(live) == 1, o.Subscription != nil)
	if len(live) == 1 {
		at := live[0]
		require.Equal(r, []string{at.ID, at.Status, at.Price}, []string{o.Subscription.ID, string(o.Subscription.Status), o.Subscription.Price})
		require.Equal(r, at.EndsWithPeriod, o.Subscription.EndsWithPeriod)
		require.True(r, at.PeriodEnd.Equal(o.Subscription.PeriodEnd))
		if m.closed {
			require.True(r, at.EndsWithPeriod, "nothing renews while the deletion is scheduled")
		} else {
			require.Empty(r, at.Metadata, "nothing ends because of a deletion that was cancelled")
		}
	}
	if customer := m.o.customer(); customer != "" {
		require.Equal(r, 1, m.o.count(`SELECT count(*) FROM billing_accounts WHERE customer_id = $1`, customer))
	}
	m.leave(r)
}

// settled is longer than an account that failed waits for its next try.
const settled = 11 * time.Minute

// owed is the plan by what stands at Stripe alone; grace is over for what was not paid a week ago.
func (m *machine) owed(live []stripekit.Subscription) string {
	book := sold(m.b.t)
	for _, s := range live {
		paid := s.Status == "active" || s.Status == "trialing"
		if s.Status == "past_due" { // a grace that began with an earlier invoice may be over: the account knows since when
			since := m.o.count(`SELECT coalesce(extract(epoch FROM past_due_since)::bigint, 0) FROM billing_accounts`)
			require.LessOrEqual(m.b.t, int64(since), s.Invoiced.Unix())
			paid = m.b.clock.Now().Add(-settled).Before(time.Unix(int64(since), 0).Add(grace))
		}
		if p, ok := book.ByPrice(s.Price); ok && paid {
			return p.Name
		}
	}
	return plan.Free
}

// leave has the next run find only its own.
func (m *machine) leave(r *rapid.T) {
	if !m.closed {
		require.NoError(r, m.o.close())
	}
	m.b.clock.advance(deletion + time.Minute)
	m.o.purge()
	require.NoError(r, m.b.round())
	require.Empty(r, m.o.customer())
}
