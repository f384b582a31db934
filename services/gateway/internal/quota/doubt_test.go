package quota_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
)

// slow is a broker's bucket that may take longer for a write than anybody waits, and answers reads at once.
type slow struct {
	jetstream.KeyValue

	mu     sync.Mutex
	slow   bool
	writes []func() error
	calls  []string // of either kind, since they were last asked for
}

func behindSlow(t testing.TB, b *bus.Bus) *slow {
	t.Helper()
	kv, err := b.JetStream().KeyValue(t.Context(), event.QuotaBucket)
	require.NoError(t, err)
	return &slow{KeyValue: kv}
}

func (s *slow) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "get")
	return s.KeyValue.Get(ctx, key)
}

func (s *slow) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "update")
	if !s.slow {
		return s.KeyValue.Update(ctx, key, value, revision)
	}
	s.writes = append(s.writes, func() error {
		_, err := s.KeyValue.Update(context.WithoutCancel(ctx), key, value, revision)
		return err
	})
	return 0, context.DeadlineExceeded
}

func (s *slow) slowly(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = on
}

// lands has the broker handle the oldest write that it has not come to yet.
func (s *slow) lands() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	write := s.writes[0]
	s.writes = s.writes[1:]
	return write()
}

// called tells what was asked since it was last called.
func (s *slow) called() (calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, s.calls = s.calls, nil
	return calls
}

// A write that nobody waits for any more takes effect after the gateway has looked whether it did, and
// tried again. What was taken between the two tries counts.
func TestAWriteThatTakesEffectLateHidesNothing(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	broker := behindSlow(t, b)
	m := start(t, b, time.Now, func(m *quota.Meter) { m.Behind(broker) })
	account := uuid.New()
	const limit = 1_000_000
	require.NoError(t, m.asks(t, account, limit, 1))
	m.looks(t, "done") // all that the first answer set off has ended

	broker.slowly(true)
	require.NoError(t, m.Take(account, limit, 10))
	m.looks(t, "failed")
	require.NoError(t, m.Take(account, limit, 20))
	m.looks(t, "failed")
	require.NoError(t, broker.lands())
	require.Error(t, broker.lands(), "it is for the revision before")
	broker.slowly(false)
	require.NoError(t, m.Take(account, limit, 5))
	m.looks(t, "done")
	m.stop(t)
	q := stored(t, nats.Bus(t), account, time.Now())
	require.EqualValues(t, 36, q.GetUsed())
	require.Zero(t, q.GetLost())
	require.Empty(t, q.GetLeases())
}

// Retention writes every entry of the bucket anew, under new revisions. To a lease that is as if another gateway had been
// faster once.
func TestAnEntryThatIsWrittenAnewCostsOneReading(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	broker := behindSlow(t, b)
	m := start(t, b, time.Now, func(m *quota.Meter) { m.Behind(broker) })
	account := uuid.New()
	require.NoError(t, m.asks(t, account, 1_000_000, 1))
	m.looks(t, "done")
	broker.called()

	left, err := nats.Bus(t).Renew(t.Context(), 64<<20)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, m.Take(account, 1_000_000, 2))
	m.looks(t, "done")
	require.Equal(t, []string{"update", "get", "update"}, broker.called())
	require.NoError(t, m.Take(account, 1_000_000, 4))
	m.looks(t, "done")
	require.Equal(t, []string{"update"}, broker.called())
	m.stop(t)
	require.EqualValues(t, 7, stored(t, nats.Bus(t), account, time.Now()).GetUsed())
}
