package quota_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/gateway/internal/quota"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// running is a meter at work.
type running struct {
	*quota.Meter
	metrics *prometheus.Registry
	now     func() time.Time
	cancel  context.CancelFunc
	ended   chan error
	once    sync.Once
}

func start(t testing.TB, b *bus.Bus, now func() time.Time, change ...func(*quota.Meter)) *running {
	t.Helper()
	complete(t, b)
	metrics := prometheus.NewRegistry()
	r := &running{Meter: quota.New(b, zap.NewNop(), metrics, now), metrics: metrics, now: now, ended: make(chan error, 1)}
	for _, f := range change {
		f(r.Meter)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	ready := make(chan struct{})
	go func() { r.ended <- r.Run(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() { r.stop(t) })
	return r
}

// complete notes that whoever is not in the bucket has used nothing.
func complete(t testing.TB, b *bus.Bus) {
	t.Helper()
	kv, err := b.JetStream().KeyValue(context.Background(), event.QuotaBucket)
	require.NoError(t, err)
	_, err = kv.Put(context.Background(), event.QuotaComplete, nil)
	require.NoError(t, err)
}

// Take is for tests that do not ask of which month it took.
func (r *running) Take(account uuid.UUID, limit int64, n int) error {
	_, err := r.Meter.Take(account, limit, n)
	return err
}

func (r *running) TakeUpTo(account uuid.UUID, limit int64, n int) (int, error) {
	got, _, err := r.Meter.TakeUpTo(account, limit, n)
	return got, err
}

// Give gives back to the month that it is.
func (r *running) Give(account uuid.UUID, n int) {
	now := r.now().UTC()
	r.Meter.Give(account, quota.Month(time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Unix()), n)
}

func (r *running) stop(t testing.TB) {
	r.once.Do(func() {
		r.cancel()
		require.NoError(t, <-r.ended)
	})
}

// settlements tells how many had an outcome.
func (r *running) settlements(t testing.TB, outcome string) (n float64) {
	t.Helper()
	families, err := r.metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, one := range family.GetMetric() {
			if family.GetName() == "specter_quota_settlements_total" && one.GetLabel()[0].GetValue() == outcome {
				n += one.GetCounter().GetValue()
			}
		}
	}
	return n
}

// looks after its leases as it does every ten seconds, and settles them.
func (r *running) looks(t testing.TB, outcome string) {
	t.Helper()
	before := r.settlements(t, outcome)
	r.Look()
	testkit.Eventually(t, func() bool { return r.settlements(t, outcome) > before }, "the leases are settled: %s", outcome)
}

// answer is the meter's word once it has one: like a client, it asks again after "not right now",
// which a busy machine says now and then.
func answer(t testing.TB, ask func() error) (err error) {
	t.Helper()
	testkit.Eventually(t, func() bool { err = ask(); return !fault.Is(err, fault.Unavailable) }, "an answer")
	return err
}

func (r *running) asks(t testing.TB, account uuid.UUID, limit int64, n int) error {
	t.Helper()
	return answer(t, func() error { return r.Take(account, limit, n) })
}

func (r *running) asksUpTo(t testing.TB, account uuid.UUID, limit int64, n int) (got int, err error) {
	t.Helper()
	err = answer(t, func() error {
		var err error
		got, err = r.TakeUpTo(account, limit, n)
		return err
	})
	return got, err
}

// stored is the bucket's word about this month.
func stored(t testing.TB, b *bus.Bus, account uuid.UUID, at time.Time) *catalogv1.Quota {
	t.Helper()
	kv, err := b.JetStream().KeyValue(context.Background(), event.QuotaBucket)
	require.NoError(t, err)
	q := &catalogv1.Quota{}
	if e, err := kv.Get(context.Background(), event.QuotaKey(account, at)); err == nil {
		require.NoError(t, proto.Unmarshal(e.Value(), q))
	}
	return q
}

func noHeld(q *catalogv1.Quota) bool {
	for _, l := range q.GetLeases() {
		if l.GetHeld() != 0 {
			return false
		}
	}
	return true
}

func TestNoLimitCostsNothing(t *testing.T) {
	t.Parallel()
	m := quota.New(testkit.Bus(t), zap.NewNop(), prometheus.NewRegistry(), time.Now) // nobody runs it
	account := uuid.New()
	month, err := m.Take(account, 0, 1000)
	require.NoError(t, err)
	require.Zero(t, month)
	n, _, err := m.TakeUpTo(account, 0, 1000)
	require.NoError(t, err)
	require.Equal(t, 1000, n)
	_, ok := m.State(account, 0)
	require.False(t, ok)
	m.Give(account, month, 5)
}

// Row 30 of the fault matrix: exactly the allowed number.
func TestOneGatewayAcceptsExactlyTheLimit(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	m := start(t, b, time.Now)
	for _, limit := range []int64{1, 7, 100, 2500} {
		account := uuid.New()
		var accepted atomic.Int64
		var senders sync.WaitGroup
		for range 4 {
			senders.Go(func() {
				for {
					err := m.Take(account, limit, 1)
					if fault.Is(err, fault.QuotaExceeded) {
						return
					}
					if err == nil {
						accepted.Add(1)
					}
				}
			})
		}
		senders.Wait()
		require.Equal(t, limit, accepted.Load())

		state, ok := m.State(account, limit)
		require.True(t, ok)
		require.Zero(t, state.Remaining)
		err := m.asks(t, account, limit, 1)
		require.Equal(t, "quota_exceeded", fault.As(err).Code)
		require.InDelta(t, state.Reset.Seconds(), fault.As(err).RetryAfter.Seconds(), 5)
	}
}

func TestABatchIsAllOrNothingAndAPartIsTakenOnRequest(t *testing.T) {
	t.Parallel()
	m := start(t, testkit.Bus(t), time.Now)
	account := uuid.New()
	require.NoError(t, m.asks(t, account, 100, 60))
	require.True(t, fault.Is(m.asks(t, account, 100, 60), fault.QuotaExceeded))
	n, err := m.asksUpTo(t, account, 100, 30)
	require.NoError(t, err)
	require.Equal(t, 30, n)
	n, err = m.asksUpTo(t, account, 100, 30)
	require.NoError(t, err)
	require.Equal(t, 10, n, "what is left")
	_, err = m.asksUpTo(t, account, 100, 30)
	require.True(t, fault.Is(err, fault.QuotaExceeded))

	m.Give(account, 4)
	require.NoError(t, m.asks(t, account, 100, 4), "what was not stored can be sent again")
	require.Error(t, m.asks(t, account, 100, 1))
}

func TestARaisedLimitWorksAtOnceAndALoweredOneHolds(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	m := start(t, b, time.Now)
	account := uuid.New()
	require.NoError(t, m.asks(t, account, 10, 10))
	require.Error(t, m.asks(t, account, 10, 1))
	require.NoError(t, m.asks(t, account, 20, 10))
	require.Error(t, m.asks(t, account, 20, 1))
	require.Error(t, m.asks(t, account, 5, 1))
	require.NoError(t, m.asks(t, account, 1_000_000, 1))
	require.True(t, fault.Is(m.asks(t, account, 20, 500), fault.QuotaExceeded), "also when a lease of the larger limit is in hand")
}

func TestEightGatewaysTogetherAcceptTheLimit(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit, gateways = 20_000, 8
	account := uuid.New()
	var accepted, unavailable atomic.Int64
	var meters []*running
	var all sync.WaitGroup
	for range gateways {
		m := start(t, nats.Bus(t), time.Now)
		meters = append(meters, m)
		for range 2 {
			all.Go(func() {
				for {
					err := m.Take(account, limit, 1)
					switch {
					case err == nil:
						accepted.Add(1)
					case fault.Is(err, fault.QuotaExceeded):
						return
					default:
						unavailable.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	require.LessOrEqual(t, accepted.Load(), int64(limit))
	require.GreaterOrEqual(t, accepted.Load(), int64(limit*99/100))
	for _, m := range meters {
		m.stop(t)
	}
	q := stored(t, nats.Bus(t), account, time.Now())
	require.Equal(t, accepted.Load(), q.GetUsed(), "every gateway told what it took")
	require.Zero(t, q.GetLost())
	require.Empty(t, q.GetLeases())
	t.Logf("accepted %d of %d; %d had to ask again", accepted.Load(), limit, unavailable.Load())
}

func TestBatchesOfManyGatewaysLeaveLessThanOneBatch(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit, gateways, batch = 10_000, 4, 50
	account := uuid.New()
	var accepted atomic.Int64
	var all sync.WaitGroup
	for range gateways {
		m := start(t, nats.Bus(t), time.Now)
		all.Go(func() {
			for {
				err := m.Take(account, limit, batch)
				if fault.Is(err, fault.QuotaExceeded) {
					return
				}
				if err == nil {
					accepted.Add(batch)
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, accepted.Load(), int64(limit))
	require.GreaterOrEqual(t, accepted.Load(), int64(limit*99/100))
}

// A gateway that dies takes its lease with it. However many die, the limit is never passed, and
// what they held is at most a hundredth of it.
func TestGatewaysThatDieCostAtMostAHundredth(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit, deaths = 100_000, 12
	account := uuid.New()
	var offset atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	accepted := int64(0)
	for range deaths {
		b := nats.Bus(t)
		m := start(t, b, now)
		for range 1000 {
			require.NoError(t, m.asks(t, account, limit, 1))
			accepted++
		}
		m.die(t, b)
		offset.Add(int64(10 * time.Second)) // others notice after a while
	}
	m := start(t, nats.Bus(t), now)
	offset.Add(int64(time.Hour))
	for {
		n, err := m.asksUpTo(t, account, limit, 1000)
		if fault.Is(err, fault.QuotaExceeded) {
			break
		}
		require.NoError(t, err)
		accepted += int64(n)
	}
	require.LessOrEqual(t, accepted, int64(limit))
	require.GreaterOrEqual(t, accepted, int64(limit*99/100))
	m.stop(t)
	q := stored(t, nats.Bus(t), account, now())
	require.Equal(t, int64(limit), q.GetUsed()+q.GetLost())
	t.Logf("accepted %d of %d after %d deaths; lost %d", accepted, limit, deaths, q.GetLost())
}

// die ends a meter without a word to the broker.
func (r *running) die(t testing.TB, b *bus.Bus) {
	t.Helper()
	b.Conn().Close()
	r.stop(t)
}

// A gateway that was taken for dead and comes back neither loses nor doubles anything.
func TestAGatewayThatWasSilentComesBack(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit = 100_000
	account := uuid.New()
	var offset atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	silent, other := start(t, nats.Bus(t), now), start(t, nats.Bus(t), now)
	require.NoError(t, silent.asks(t, account, limit, 10))
	offset.Add(int64(time.Minute))
	require.NoError(t, other.asks(t, account, limit, 10)) // finds the other's lease expired
	b := nats.Bus(t)
	testkit.Eventually(t, func() bool { return stored(t, b, account, now()).GetLost() > 0 }, "the silent one's lease counts as lost")
	silent.stop(t)
	other.stop(t)
	q := stored(t, b, account, now())
	require.EqualValues(t, 20, q.GetUsed())
	require.Zero(t, q.GetLost(), "it was there, and gave the rest back")
	require.Empty(t, q.GetLeases())
}

func TestAnIdleLeaseGoesBackToTheOthers(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit = 1000
	account := uuid.New()
	idle := start(t, nats.Bus(t), time.Now, func(m *quota.Meter) { m.Hasten(200 * time.Millisecond) })
	require.NoError(t, idle.asks(t, account, limit, 1))
	b := nats.Bus(t)
	testkit.Eventually(t, func() bool {
		q := stored(t, b, account, time.Now())
		return q.GetUsed() == 1 && len(q.GetLeases()) == 0
	}, "the idle gateway gives its lease back")
	busy := start(t, b, time.Now)
	n, err := busy.asksUpTo(t, account, limit, limit)
	require.NoError(t, err)
	require.Equal(t, limit-1, n)
	require.True(t, fault.Is(idle.asks(t, account, limit, 1), fault.QuotaExceeded))
}

func TestAMonthEndsAtMidnightUTC(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	var at atomic.Int64
	now := func() time.Time { return time.Unix(0, at.Load()).In(time.FixedZone("ahead", 5*3600)) }
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	at.Store(end.Add(-time.Nanosecond).UnixNano())
	m := start(t, b, now)
	account := uuid.New()
	require.NoError(t, m.asks(t, account, 10, 10))
	err := m.asks(t, account, 10, 1)
	require.True(t, fault.Is(err, fault.QuotaExceeded))
	require.Equal(t, time.Nanosecond, fault.As(err).RetryAfter)
	require.Contains(t, fault.As(err).Detail, "2026-12-01T00:00:00Z")

	at.Store(end.UnixNano())
	state, ok := m.State(account, 10)
	require.True(t, ok)
	require.Equal(t, quota.State{Limit: 10, Reset: 31 * 24 * time.Hour}, state, "what is left of the new month is not known yet")
	m.Meter.Give(account, quota.Month(end.AddDate(0, -1, 0).Unix()), 10) // of the old one
	require.NoError(t, m.asks(t, account, 10, 10), "the new month begins anew")
	require.True(t, fault.Is(m.asks(t, account, 10, 1), fault.QuotaExceeded))
	state, _ = m.State(account, 10)
	require.Equal(t, quota.State{Limit: 10, Known: true, Reset: 31 * 24 * time.Hour}, state)

	m.stop(t)
	require.EqualValues(t, 10, stored(t, b, account, end.Add(-time.Hour)).GetUsed())
	require.EqualValues(t, 10, stored(t, b, account, end).GetUsed())
}

func TestAllWordsOfALeaseTakenTogetherNeverPassTheLimit(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	const limit = 3000
	account := uuid.New()
	var balance, peak atomic.Int64
	var all sync.WaitGroup
	for i := range 3 {
		m := start(t, nats.Bus(t), time.Now, func(m *quota.Meter) { m.Hasten(time.Second) })
		all.Go(func() {
			for n := range 1500 {
				size := n%7 + 1
				if m.Take(account, limit, size) != nil {
					continue
				}
				now := balance.Add(int64(size))
				for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
				}
				if n%3 == i {
					balance.Add(int64(-size)) // before it can be taken again
					m.Give(account, size)
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, peak.Load(), int64(limit), fmt.Sprint("balance ", balance.Load()))
}

func BenchmarkTake(b *testing.B) {
	m := start(b, testkit.Bus(b), time.Now)
	account := uuid.New()
	const limit = int64(1) << 60
	require.NoError(b, m.Take(account, limit, 1))
	b.Run("leased", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Take(account, limit, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := m.Take(account, limit, 1); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("unlimited", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Take(account, 0, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("state", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if state, _ := m.State(account, limit); !state.Known {
				b.Fatal("a lease is in hand")
			}
		}
	})
}
