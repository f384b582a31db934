package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is a store whose fsync the test performs: each Append waits for a word on sync.
type disk struct {
	appends chan []byte // what Append was called with
	sync    chan error
}

func newDisk() *disk { return &disk{appends: make(chan []byte, 1000), sync: make(chan error)} }

func (d *disk) Append(ctx context.Context, message []byte) error {
	d.appends <- bytes.Clone(message)
	select {
	case err := <-d.sync:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// instant is a store that is always right at once.
type instant struct{ stored atomic.Int64 }

func (s *instant) Append(_ context.Context, message []byte) error {
	s.stored.Add(int64(len(message)))
	return nil
}

func options() Options {
	return Options{
		Committers: 1, MaxSignals: 100, MaxBytes: 1 << 20, QueueRequests: 1000, QueueBytes: 1 << 20,
		AppendTimeout: 5 * time.Second, WaitTimeout: 10 * time.Second,
		Crowd: 1 << 20, Pause: time.Millisecond,
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

// signals stands for n encoded signals of one byte each.
func signals(n int) []byte { return bytes.Repeat([]byte{'s'}, n) }

// store submits n signals and waits.
func store(b *Batcher, n int) error {
	ticket, err := b.Submit(signals(n), n)
	if err != nil {
		return err
	}
	return ticket.Wait()
}

// submit sends n signals that must be let in; the error comes on the channel.
func submit(t testing.TB, b *Batcher, n int) <-chan error {
	t.Helper()
	ticket, err := b.Submit(signals(n), n)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- ticket.Wait() }()
	return done
}

// requireIdle checks that nothing is on the books.
func requireIdle(t testing.TB, b *Batcher) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Zero(t, b.requests)
	require.Zero(t, b.bytes)
	require.Empty(t, b.queue)
}

func TestAnIdleBatcherStoresAtOnce(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	done := submit(t, b, 1)
	require.Len(t, <-d.appends, 1, "a single request travels alone, without waiting for others")
	d.sync <- nil
	require.NoError(t, <-done)
}

func TestOneAcknowledgementReleasesAllThatWaited(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	first := submit(t, b, 1)
	<-d.appends
	var rest []<-chan error
	for range 20 {
		rest = append(rest, submit(t, b, 2))
	}
	d.sync <- nil
	require.NoError(t, <-first)
	require.Len(t, <-d.appends, 40, "everything that waited travels together")
	d.sync <- nil
	for _, done := range rest {
		require.NoError(t, <-done)
	}
	requireIdle(t, b)
}

func TestAMessageIsItsRequestsEndToEnd(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	first := submit(t, b, 1)
	<-d.appends
	request := []byte("one ")
	one, err := b.Submit(request, 1)
	require.NoError(t, err)
	copy(request, "----") // the caller's memory is the caller's again
	two, err := b.Submit([]byte("two"), 1)
	require.NoError(t, err)
	d.sync <- nil
	require.NoError(t, <-first)
	require.Equal(t, "one two", string(<-d.appends))
	d.sync <- nil
	require.NoError(t, errors.Join(one.Wait(), two.Wait()))
}

func TestNobodyIsReleasedBeforeTheAcknowledgement(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	done := submit(t, b, 1)
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
	for name, limit := range map[string]func(*Options){
		"signals": func(o *Options) { o.MaxSignals = 10 },
		"bytes":   func(o *Options) { o.MaxBytes = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			o := options()
			limit(&o)
			b, _ := start(t, o, d)
			waiting := []<-chan error{submit(t, b, 1)}
			<-d.appends
			for range 5 {
				waiting = append(waiting, submit(t, b, 4))
			}
			d.sync <- nil
			for _, want := range []int{8, 8, 4} {
				require.Len(t, <-d.appends, want)
				d.sync <- nil
			}
			for _, done := range waiting {
				require.NoError(t, <-done)
			}
		})
	}
}

func TestARequestLargerThanAMessageTravelsWhole(t *testing.T) {
	t.Parallel()
	d := newDisk()
	o := options()
	o.MaxSignals = 10
	b, _ := start(t, o, d)
	done := submit(t, b, 25)
	require.Len(t, <-d.appends, 25)
	d.sync <- nil
	require.NoError(t, <-done)
}

func TestACrowdWaitsForCompanyButNotLong(t *testing.T) {
	t.Parallel()
	d := newDisk()
	o := options()
	o.Crowd, o.Pause = 8, time.Hour
	b, _ := start(t, o, d)
	done := []<-chan error{submit(t, b, 1)}
	<-d.appends
	for range 16 {
		done = append(done, submit(t, b, 1))
	}
	d.sync <- nil
	require.Len(t, <-d.appends, 16, "taken when the crowd was not known yet")
	d.sync <- nil
	for _, one := range done {
		require.NoError(t, <-one)
	}

	done = []<-chan error{}
	for range 11 {
		done = append(done, submit(t, b, 1))
	}
	require.Empty(t, d.appends, "most of a crowd of sixteen is twelve")
	done = append(done, submit(t, b, 1))
	require.Len(t, <-d.appends, 12)
	d.sync <- nil
	for _, one := range done {
		require.NoError(t, <-one)
	}

	b.mu.Lock()
	b.options.Pause = 10 * time.Millisecond
	b.mu.Unlock()
	last := submit(t, b, 1)
	require.Len(t, <-d.appends, 1, "company that does not come is not waited for")
	d.sync <- nil
	require.NoError(t, <-last)
}

// A message that is full of small signals is a quarter full of bytes. What waits takes the memory that the
// limit says, not that of whole messages.
func TestSmallSignalsThatWaitTakeAsMuchMemoryAsAllowed(t *testing.T) {
	t.Parallel()
	d := newDisk()
	o := options()
	o.MaxSignals, o.QueueBytes = 3000, 16<<20
	b, _ := start(t, o, d)
	request := bytes.Repeat([]byte{'s'}, 87*1000)
	var all sync.WaitGroup
	for {
		ticket, err := b.Submit(request, 1000)
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			break
		}
		all.Go(func() { _ = ticket.Wait() })
	}
	b.mu.Lock()
	waits, takes := 0, 0
	for _, m := range b.queue {
		waits, takes = waits+len(m.body), takes+cap(m.body)
	}
	b.mu.Unlock()
	require.LessOrEqual(t, takes, o.QueueBytes+o.MaxBytes, "and one message that still fills")
	require.GreaterOrEqual(t, waits, o.QueueBytes*8/10)

	<-d.appends
	d.sync <- errors.New("no space left on device")
	all.Wait()
	requireIdle(t, b)
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]func(*Options){
		"requests": func(o *Options) { o.QueueRequests = 3 },
		"bytes":    func(o *Options) { o.QueueBytes = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			o := options()
			limit(&o)
			b, _ := start(t, o, d)
			accepted := []<-chan error{submit(t, b, 1)}
			<-d.appends
			accepted = append(accepted, submit(t, b, 1), submit(t, b, 1))

			_, err := b.Submit(signals(1), 1)
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
	first := submit(t, b, 1)
	<-d.appends
	second := submit(t, b, 1)

	d.sync <- errors.New("no space left on device")
	require.True(t, fault.Is(<-first, fault.Unavailable))
	require.ErrorIs(t, <-second, ErrStalled, "who waits is told without another try")

	var probe Ticket
	require.Eventually(t, func() bool {
		var err error
		if probe, err = b.Submit(signals(1), 1); err != nil {
			require.ErrorIs(t, err, ErrStalled)
		}
		return err == nil
	}, 5*time.Second, time.Millisecond)
	<-d.appends
	_, err := b.Submit(signals(1), 1)
	require.ErrorIs(t, err, ErrStalled, "one probe at a time")

	d.sync <- nil
	require.NoError(t, probe.Wait())
	after := submit(t, b, 1)
	<-d.appends
	d.sync <- nil
	require.NoError(t, <-after)
	requireIdle(t, b)
}

func TestASilentStoreIsGivenUp(t *testing.T) {
	t.Parallel()
	o := options()
	o.AppendTimeout = 30 * time.Millisecond
	b, _ := start(t, o, newDisk())
	err := store(b, 1)
	require.True(t, fault.Is(err, fault.Unavailable))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestASlowStoreDoesNotKeepAnybodyBeyondTheWaitTimeout(t *testing.T) {
	t.Parallel()
	d := newDisk()
	o := options()
	o.WaitTimeout = 50 * time.Millisecond
	b, _ := start(t, o, d)
	began := time.Now()
	waiting := submit(t, b, 1)
	<-d.appends
	behind := submit(t, b, 1)
	require.Error(t, <-waiting)
	require.Error(t, <-behind)
	require.Less(t, time.Since(began), o.AppendTimeout)
}

func TestAMessageTheStoreNeverTakesSaysNothingAboutTheStore(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, _ := start(t, options(), d)
	large := submit(t, b, 1)
	<-d.appends
	behind := submit(t, b, 1)
	d.sync <- fault.New(fault.TooLarge, "payload_too_large", "too large")
	require.True(t, fault.Is(<-large, fault.TooLarge))
	<-d.appends
	d.sync <- nil
	require.NoError(t, <-behind)
}

func TestStoppingStoresWhatIsQueuedAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	d := newDisk()
	b, stop := start(t, options(), d)
	first := submit(t, b, 1)
	<-d.appends
	second := submit(t, b, 2)

	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return !b.open
	}, 5*time.Second, time.Millisecond)
	_, err := b.Submit(signals(1), 1)
	require.ErrorIs(t, err, ErrStopping)
	d.sync <- nil
	require.Len(t, <-d.appends, 2)
	d.sync <- nil
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	<-stopped
}

func TestEveryRequestIsAnsweredExactlyOnceUnderLoad(t *testing.T) {
	t.Parallel()
	s := &instant{}
	o := options()
	o.Committers, o.Crowd = 3, 8
	b, stop := start(t, o, s)
	var accepted atomic.Int64
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			for range 200 {
				if store(b, 3) == nil {
					accepted.Add(3)
				}
			}
		})
	}
	callers.Wait()
	stop()
	require.EqualValues(t, accepted.Load(), s.stored.Load())
	requireIdle(t, b)
}

// flaky fails when told to.
type flaky struct {
	instant
	fail atomic.Bool
}

func (s *flaky) Append(ctx context.Context, message []byte) error {
	if s.fail.Load() {
		return errors.New("away")
	}
	return s.instant.Append(ctx, message)
}

// Whatever comes in which order: what was answered nil is stored, what was not is not, and the books
// end empty.
func TestTheBooksBalance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &flaky{}
		o := options()
		o.Committers = rapid.IntRange(1, 3).Draw(rt, "committers")
		o.MaxSignals = rapid.IntRange(1, 20).Draw(rt, "signals a message")
		o.MaxBytes = rapid.IntRange(1, 20).Draw(rt, "bytes a message")
		o.QueueRequests = rapid.IntRange(1, 10).Draw(rt, "requests")
		o.Crowd, o.ProbeInterval = rapid.IntRange(1, 10).Draw(rt, "crowd"), 0
		b := New(o, s, zap.NewNop(), nil)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		ready := make(chan struct{})
		go func() { ended <- b.Run(ctx, func() { close(ready) }) }()
		<-ready
		var stored atomic.Int64
		var waiting sync.WaitGroup
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			s.fail.Store(rapid.Bool().Draw(rt, "away"))
			n := rapid.IntRange(1, 8).Draw(rt, "size")
			ticket, err := b.Submit(signals(n), n)
			if err != nil {
				continue
			}
			waiting.Go(func() {
				if ticket.Wait() == nil {
					stored.Add(int64(n))
				}
			})
		}
		cancel()
		waiting.Wait()
		require.NoError(rt, <-ended)
		require.Equal(rt, s.stored.Load(), stored.Load())
		requireIdle(t, b)
	})
}

// slow is a store that costs one fsync of this kind of machine.
type slow struct{ instant }

func (s *slow) Append(ctx context.Context, message []byte) error {
	<-time.After(200 * time.Microsecond)
	return s.instant.Append(ctx, message)
}

func BenchmarkSubmit(b *testing.B) {
	for _, per := range []int{1, 20} {
		for _, callers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("signals=%d/callers=%d", per, callers), func(b *testing.B) {
				o := options()
				o.MaxSignals, o.QueueRequests, o.QueueBytes = 3000, 8192, 64<<20
				batcher, _ := start(b, o, &slow{})
				request := bytes.Repeat([]byte{'s'}, 300*per)
				b.SetParallelism(callers)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						ticket, err := batcher.Submit(request, per)
						if err == nil {
							err = ticket.Wait()
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N*per)/b.Elapsed().Seconds(), "signals/s")
			})
		}
	}
}
