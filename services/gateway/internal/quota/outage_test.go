package quota_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestWhileTheBrokerIsAwayALeaseInHandServesAndOthersAreToldToRetry(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	m := start(t, b, time.Now)
	known, unknown := uuid.New(), uuid.New()
	const limit = 1_000_000
	require.NoError(t, m.Take(known, limit, 1))
	testkit.Eventually(t, func() bool { s, _ := m.State(known, limit); return s.Known && s.Remaining == limit-1 }, "a lease is in hand")

	nats.Kill(t)
	testkit.Eventually(t, func() bool { return !b.Conn().IsConnected() }, "the loss is noticed")
	require.NoError(t, m.Take(known, limit, 10))
	began := time.Now()
	err := m.Take(unknown, limit, 1)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.Less(t, time.Since(began), 1900*time.Millisecond)
	require.Positive(t, fault.As(err).RetryAfter)
	var failed error
	for range limit { // uses up what is in hand
		if failed = m.Take(known, limit, 10); failed != nil {
			break
		}
	}
	require.True(t, fault.Is(failed, fault.Unavailable))

	nats.Start(t)
	testkit.Eventually(t, func() bool { return m.Take(unknown, limit, 1) == nil && m.Take(known, limit, 1) == nil }, "leases come again")
	m.stop(t)
	q := stored(t, nats.Bus(t), unknown, time.Now())
	require.EqualValues(t, 1, q.GetUsed())
	require.True(t, noHeld(q))
}

// What was taken of the lease in hand while the broker was away is told once it is back, although
// nothing was taken any more for a while.
func TestWhatWasTakenDuringAnOutageCounts(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	m := start(t, b, time.Now)
	account := uuid.New()
	const limit = 5000
	require.NoError(t, m.asks(t, account, limit, 1))
	accepted := int64(1)
	nats.Kill(t)
	testkit.Eventually(t, func() bool { return !b.Conn().IsConnected() }, "the loss is noticed")
	for m.Take(account, limit, 1) == nil {
		accepted++
	}
	require.Greater(t, accepted, int64(2), "a lease was in hand")
	for range 2 {
		m.looks(t, "failed")
	}
	nats.Start(t)
	for {
		n, err := m.asksUpTo(t, account, limit, 100)
		if fault.Is(err, fault.QuotaExceeded) {
			break
		}
		require.NoError(t, err)
		accepted += int64(n)
	}
	require.EqualValues(t, limit, accepted)
}

// A lease whose last settlement failed is settled when the broker is back, also when the account has
// another lease by then: neither hides what the other has taken.
func TestALeaseThatEndedDuringAnOutageIsSettledLater(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	m := start(t, b, time.Now)
	account := uuid.New()
	const limit = 100_000
	require.NoError(t, m.asks(t, account, limit, 20))
	m.looks(t, "done") // tells of what was taken; from now on the lease is idle
	nats.Kill(t)
	testkit.Eventually(t, func() bool { return !b.Conn().IsConnected() }, "the loss is noticed")
	m.looks(t, "failed") // to give the idle lease back
	require.True(t, fault.Is(m.Take(account, limit, 3), fault.Unavailable), "the lease has ended")

	nats.Start(t)
	require.NoError(t, m.asks(t, account, limit, 3))
	q := stored(t, nats.Bus(t), account, time.Now())
	require.Len(t, q.GetLeases(), 2, "each lease has an entry of its own")
	m.Look()
	other := nats.Bus(t)
	testkit.Eventually(t, func() bool {
		q = stored(t, other, account, time.Now())
		return q.GetUsed() == 23 && len(q.GetLeases()) == 1
	}, "the old lease is settled")
	m.stop(t)
	q = stored(t, other, account, time.Now())
	require.EqualValues(t, 23, q.GetUsed())
	require.Zero(t, q.GetLost())
	require.Empty(t, q.GetLeases())
}
