package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is a store whose fsync the test performs: each Append waits for a word on sync.
type disk struct {
	appends chan []signal.Signal // what Append was called with
	sync    chan error
}

func newDisk() *disk {
	return &disk{appends: make(chan []signal.Signal, 1000), sync: make(chan error)}
}

func (d *disk) Append(ctx context.Context, signals []signal.Signal) error {
	d.appends <- signals
	select {
	case err := <-d.sync:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// instant is a store that is always right at once.
type instant struct{ stored atomic.Int64 }

func (s *instant) Append(_ context.Context, signals []signal.Signal) error {
	s.stored.Add(int64(len(signals)))
	return nil
}

func options() Options {
	return Options{
		Committers: 1, MaxSignals: 100, MaxBytes: 1 << 20, QueueRequests: 1000, QueueBytes: 1 << 20,
		AppendTimeout: 5 * time.Second, WaitTimeout: 10 * time.Second,
		ProbeInterval: 20 * time.Millisecond, DrainTimeout: 5 * time.Second,
	}
}

// start runs a batcher and returns what stops it.
func start(t testing.TB, o Options, store Store) (b *Batcher, stop func()) {
	t.Helper()
	b = New(o, store, zap.NewNop(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- b.Run(ctx, func() { close(ready) }) }()
	<-ready
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return b, stop
}

func signals(n int) []signal.Signal {
	out := make([]signal.Signal, n)
	for i := range out {
		out[i] = signal.Signal{ID: uuid.New(), Type: "page_view", Payload: []byte(`{"path":"/"}`)}
	}
	return out
}

// submit sends in the background; the error comes on the channel.
func submit(b *Batcher, s []signal.Signal) <-chan error {
	done := make(chan error, 1)
	go func() { done <- b.Submit(context.Background(), s) }()
	return done
}

func queued(b *Batcher, n int) func() bool {
	return func() bool { return len(b.queue) == n }
}

func TestAnIdleBatcherStoresAtOnce(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	done := submit(b, signals(1))
	require.Len(t, <-d.appends, 1, "a single request travels alone, without waiting for others")
	d.sync <- nil
	require.NoError(t, <-done)
}

func TestOneAcknowledgementReleasesAllThatWaited(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	first := submit(b, signals(1))
	<-d.appends
	var rest []<-chan error
	for range 20 {
		rest = append(rest, submit(b, signals(2)))
	}
	require.Eventually(t, queued(b, 20), 5*time.Second, time.Millisecond)

	d.sync <- nil
	require.NoError(t, <-first)
	require.Len(t, <-d.appends, 40, "everything that waited travels together")
	d.sync <- nil
	for _, done := range rest {
		require.NoError(t, <-done)
	}
	require.Zero(t, b.queued.Load())
}

func TestNobodyIsReleasedBeforeTheAcknowledgement(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	done := submit(b, signals(1))
	<-d.appends
	select {
	case err := <-done:
		t.Fatalf("released before the store answered: %v", err)
	default:
	}
	d.sync <- nil
	require.NoError(t, <-done)
}

func TestMessagesStayWithinTheirLimits(t *testing.T) {
	t.Parallel()
	d := newDisk()
	o := options()
	o.MaxSignals = 10
	b, _ := start(t, o, d)
	waiting := []<-chan error{submit(b, signals(1))}
	<-d.appends
	for range 5 {
		waiting = append(waiting, submit(b, signals(4)))
	}
	require.Eventually(t, queued(b, 5), 5*time.Second, time.Millisecond)
	d.sync <- nil
	for _, want := range []int{8, 8, 4} {
		require.Len(t, <-d.appends, want)
		d.sync <- nil
	}
	for _, done := range waiting {
		require.NoError(t, <-done)
	}
}

func TestARequestLargerThanAMessageTravelsWhole(t *testing.T) {
	t.Parallel()
	d := newDisk()
	o := options()
	o.MaxSignals = 10
	b, _ := start(t, o, d)
	done := submit(b, signals(25))
	require.Len(t, <-d.appends, 25)
	d.sync <- nil
	require.NoError(t, <-done)
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*Options){
		"requests": func(o *Options) { o.QueueRequests = 2 },
		"bytes":    func(o *Options) { o.QueueBytes = 3*size(signals(1)) + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			o := options()
			limit(&o)
			b, _ := start(t, o, d)
			accepted := []<-chan error{submit(b, signals(1))}
			<-d.appends
			accepted = append(accepted, submit(b, signals(1)), submit(b, signals(1)))
			require.Eventually(t, queued(b, 2), 5*time.Second, time.Millisecond)

			err := b.Submit(context.Background(), signals(1))
			require.ErrorIs(t, err, ErrFull)
			require.True(t, fault.Is(err, fault.Unavailable))

			d.sync <- nil
			<-d.appends
			d.sync <- nil
			for _, done := range accepted {
				require.NoError(t, <-done)
			}
		})
	}
}

func TestAFailedStoreRefusesAtOnceAndIsTriedOneByOne(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	first := submit(b, signals(1))
	<-d.appends
	second := submit(b, signals(1))
	require.Eventually(t, queued(b, 1), 5*time.Second, time.Millisecond)

	d.sync <- errors.New("no space left on device")
	require.True(t, fault.Is(<-first, fault.Unavailable))
	require.ErrorIs(t, <-second, ErrStalled, "who waits is told without another try")

	var probe <-chan error
	require.Eventually(t, func() bool {
		done := submit(b, signals(1))
		select {
		case <-d.appends:
			probe = done
			return true
		case err := <-done:
			require.ErrorIs(t, err, ErrStalled)
			return false
		}
	}, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, b.Submit(context.Background(), signals(1)), ErrStalled, "one probe at a time")

	d.sync <- nil
	require.NoError(t, <-probe)
	after := submit(b, signals(1))
	<-d.appends
	d.sync <- nil
	require.NoError(t, <-after)
	require.Zero(t, b.queued.Load())
}

func TestASilentStoreIsGivenUp(t *testing.T) {
	t.Parallel()
	o := options()
	o.AppendTimeout = 30 * time.Millisecond
	b, _ := start(t, o, newDisk())
	err := b.Submit(context.Background(), signals(1))
	require.True(t, fault.Is(err, fault.Unavailable))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestACallerThatLeftIsNotStored(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	first := submit(b, signals(1))
	<-d.appends
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error, 1)
	go func() { left <- b.Submit(ctx, signals(3)) }()
	require.Eventually(t, queued(b, 1), 5*time.Second, time.Millisecond)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	d.sync <- nil
	require.NoError(t, <-first)

	last := submit(b, signals(2))
	require.Len(t, <-d.appends, 2)
	d.sync <- nil
	require.NoError(t, <-last)
	require.Zero(t, b.queued.Load())
}

// narrow refuses messages of more than two signals.
type narrow struct{ instant }

func (s *narrow) Append(ctx context.Context, signals []signal.Signal) error {
	if len(signals) > 2 {
		return fault.New(fault.TooLarge, "payload_too_large", "too large")
	}
	return s.instant.Append(ctx, signals)
}

func TestATooLargeMessageCostsOnlyTheRequestThatIsTooLarge(t *testing.T) {
	t.Parallel()
	b := New(options(), &narrow{}, zap.NewNop(), nil)
	group := make([]*request, 0, 3)
	for _, n := range []int{1, 3, 2} {
		group = append(group, &request{signals: signals(n), done: make(chan error, 1)})
	}
	b.append(context.Background(), group)
	require.NoError(t, <-group[0].done)
	require.True(t, fault.Is(<-group[1].done, fault.TooLarge))
	require.NoError(t, <-group[2].done)
	ok, probe := b.health.admit()
	require.True(t, ok && !probe, "the store itself is well")
}

func TestStoppingStoresWhatIsQueuedAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, stop := start(t, options(), d)
	first := submit(b, signals(1))
	<-d.appends
	second := submit(b, signals(2))
	require.Eventually(t, queued(b, 1), 5*time.Second, time.Millisecond)

	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	require.Eventually(t, func() bool {
		b.mu.RLock()
		defer b.mu.RUnlock()
		return !b.open
	}, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, b.Submit(context.Background(), signals(1)), ErrStopping)
	d.sync <- nil
	require.Len(t, <-d.appends, 2)
	d.sync <- nil
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	<-stopped
}

func TestEveryRequestIsAnsweredExactlyOnceUnderLoad(t *testing.T) {
	t.Parallel()
	store := &instant{}
	o := options()
	o.Committers = 3
	b, stop := start(t, o, store)
	var accepted atomic.Int64
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			for range 200 {
				if b.Submit(context.Background(), signals(3)) == nil {
					accepted.Add(3)
				}
			}
		})
	}
	callers.Wait()
	stop()
	require.EqualValues(t, accepted.Load(), store.stored.Load())
	require.Zero(t, b.queued.Load())
}

// slow is a store that costs one fsync of this kind of machine.
type slow struct{ instant }

func (s *slow) Append(ctx context.Context, signals []signal.Signal) error {
	<-time.After(200 * time.Microsecond)
	return s.instant.Append(ctx, signals)
}

func BenchmarkSubmit(b *testing.B) {
	for _, per := range []int{1, 20} {
		for _, callers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("signals=%d/callers=%d", per, callers), func(b *testing.B) {
				o := options()
				o.QueueRequests, o.QueueBytes = 8192, 64<<20
				batcher, _ := start(b, o, &slow{})
				request := signals(per)
				b.SetParallelism(callers)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := batcher.Submit(context.Background(), request); err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N*per)/b.Elapsed().Seconds(), "signals/s")
			})
		}
	}
}
