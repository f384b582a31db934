package quota_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
)

// erased deletes an account from the broker.
func erased(t testing.TB, b *bus.Bus, account uuid.UUID) {
	t.Helper()
	_, err := b.Erase(t.Context(), account, nil, nil)
	require.NoError(t, err)
}

func noEntry(t testing.TB, b *bus.Bus, account uuid.UUID) {
	t.Helper()
	kv, err := b.JetStream().KeyValue(t.Context(), event.QuotaBucket)
	require.NoError(t, err)
	_, err = kv.Get(t.Context(), event.QuotaKey(account, time.Now()))
	require.ErrorIs(t, err, jetstream.ErrKeyNotFound)
}

// A gateway that the broker did not hear while an account was deleted has a lease of it still. It does not
// bring the account's entry back, neither when it looks after its leases nor when it stops.
func TestADeletedAccountsEntryStaysAway(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	working, stopping := start(t, nats.Bus(t), time.Now), start(t, nats.Bus(t), time.Now)
	account := uuid.New()
	for _, m := range []*running{working, stopping} {
		require.NoError(t, m.asks(t, account, 1000, 5))
		m.looks(t, "done")
	}
	erased(t, b, account)
	stopping.stop(t)
	noEntry(t, b, account)
	require.NoError(t, working.Take(account, 1000, 1), "of the lease in hand: the gateway has not heard of the deletion either")
	for range 2 { // then the lease is idle, and has ended
		working.looks(t, "done")
		noEntry(t, b, account)
	}
	working.stop(t)
	noEntry(t, b, account)
}

// Also a lease whose every write is in doubt may have been in the entry.
func TestADeletedAccountsEntryStaysAwayWhateverIsInDoubt(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	for _, landed := range []bool{false, true} {
		broker := behindSlow(t, b)
		m := start(t, b, time.Now, func(m *quota.Meter) { m.Behind(broker) })
		account := uuid.New()
		broker.slowly(true)
		require.True(t, fault.Is(m.Take(account, 1000, 5), fault.Unavailable))
		if landed {
			require.NoError(t, broker.lands())
		}
		erased(t, b, account)
		broker.slowly(false)
		for range 3 {
			m.Look()
		}
		m.stop(t)
		noEntry(t, b, account)
	}
}

// A bucket that was lost and made anew has no entry of an account of which nothing is stored yet. What its lease
// has taken counts when the account sends more.
func TestWhatWasTakenOfALeaseThatIsGoneCountsWhenMoreIsAskedFor(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	m := start(t, nats.Bus(t), time.Now)
	account := uuid.New()
	const limit = 1000
	require.NoError(t, m.asks(t, account, limit, 5))
	m.looks(t, "done")
	require.NoError(t, m.Take(account, limit, 1)) // not told yet
	lost(t, b)
	complete(t, b)
	m.looks(t, "done")
	noEntry(t, b, account)
	require.NoError(t, m.asks(t, account, limit, 4))
	m.stop(t)
	q := stored(t, b, account, time.Now())
	require.EqualValues(t, 5, q.GetUsed(), "but for what the broker had been told and lost")
	require.Zero(t, q.GetLost())
	require.Empty(t, q.GetLeases())
}

// What the dashboard found out is where a lease of a lost bucket goes on.
func TestALeaseGoesOnInABucketThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	m := start(t, nats.Bus(t), time.Now)
	account := uuid.New()
	const limit = 1000
	require.NoError(t, m.asks(t, account, limit, 5))
	m.looks(t, "done")
	require.NoError(t, m.Take(account, limit, 1))
	lost(t, b)
	m.looks(t, "failed") // nobody knows what is left
	require.NoError(t, m.Take(account, limit, 1), "a lease in hand serves")
	value, err := proto.Marshal(&catalogv1.Quota{Used: 300})
	require.NoError(t, err)
	kv, err := b.JetStream().KeyValue(t.Context(), event.QuotaBucket)
	require.NoError(t, err)
	_, err = kv.Put(t.Context(), event.QuotaKey(account, time.Now()), value)
	require.NoError(t, err)
	complete(t, b)
	m.looks(t, "done")
	m.stop(t)
	q := stored(t, b, account, time.Now())
	require.EqualValues(t, 302, q.GetUsed())
	require.Empty(t, q.GetLeases())
}

// lost empties the bucket, as a broker that has lost its disk does.
func lost(t testing.TB, b *bus.Bus) {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), "KV_"+event.QuotaBucket)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
}
