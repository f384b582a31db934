package quota_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
)

// Who only asks is told the limit at once and what is left as soon as it is known, and leases nothing.
func TestWhatIsLeftIsToldToWhoOnlyAsks(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit = 1000
	account := uuid.New()
	other := start(t, nats.Bus(t), time.Now)
	require.NoError(t, other.asks(t, account, limit, 400))
	other.stop(t)

	b := nats.Bus(t)
	m := start(t, b, time.Now)
	state, ok := m.State(account, limit)
	require.True(t, ok)
	require.EqualValues(t, limit, state.Limit)
	require.Positive(t, state.Reset)
	require.False(t, state.Known, "of what is left nothing is known yet")
	testkit.Eventually(t, func() bool { state, _ = m.State(account, limit); return state.Known }, "it is found out")
	require.EqualValues(t, 600, state.Remaining)
	require.Empty(t, stored(t, b, account, time.Now()).GetLeases())

	require.NoError(t, m.asks(t, account, limit, 100), "and asking does not keep it from sending")
	state, _ = m.State(account, limit)
	require.EqualValues(t, 500, state.Remaining)
}

// A lease ends when its account sends nothing for a while; what is left is remembered, and found out
// anew when somebody asks.
func TestWhatIsLeftIsRememberedWhenALeaseEnds(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit = 1000
	account := uuid.New()
	b := nats.Bus(t)
	m := start(t, b, time.Now)
	require.NoError(t, m.asks(t, account, limit, 400))
	m.looks(t, "done")
	m.Look() // the lease is idle
	testkit.Eventually(t, func() bool { return len(stored(t, b, account, time.Now()).GetLeases()) == 0 }, "the lease is given back")
	other := start(t, nats.Bus(t), time.Now)
	require.NoError(t, other.asks(t, account, limit, 100))
	other.stop(t)

	state, _ := m.State(account, limit+50)
	require.Equal(t, quota.State{Limit: limit + 50, Known: true, Remaining: 650, Reset: state.Reset}, state, "what was known last")
	testkit.Eventually(t, func() bool { state, _ = m.State(account, limit+50); return state.Remaining == 550 }, "what the other took")
}
