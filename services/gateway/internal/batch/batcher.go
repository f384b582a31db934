package batch

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Store makes signals durable: Append returns nil only when all of them are. A *fault.Error of the
// kind TooLarge says that they can never be stored together.
type Store interface {
	Append(ctx context.Context, signals []signal.Signal) error
}

// Options bound the batcher.
type Options struct {
	Committers    int           // messages in flight at once
	MaxSignals    int           // in one message; a larger request still travels whole
	MaxBytes      int           // of one message, estimated; a larger request still travels whole
	QueueRequests int           // waiting requests
	QueueBytes    int           // estimated bytes of waiting and travelling requests
	AppendTimeout time.Duration // for one message
	WaitTimeout   time.Duration // for one request, from Submit to its answer
	ProbeInterval time.Duration // between tries while the store is down
	DrainTimeout  time.Duration // for what is queued when Run is asked to stop
}

// Errors of Submit; all are worth a retry.
var (
	ErrFull     = fault.New(fault.Unavailable, "unavailable", "Too many signals are waiting to be stored. Try again.")
	ErrStalled  = fault.New(fault.Unavailable, "unavailable", "Signals cannot be stored right now. Try again.")
	ErrStopping = fault.New(fault.Unavailable, "unavailable", "The server is restarting. Try again.")
)

// Batcher is a lifecycle.Service. Submit works while Run does.
type Batcher struct {
	options Options
	store   Store
	log     *zap.Logger
	metrics metrics
	health  health

	mu     sync.RWMutex // held for reading while sending to queue, for writing while closing it
	open   bool
	queue  chan *request
	queued atomic.Int64 // bytes
}

// New returns a batcher that appends to store. A nil m keeps the metrics to itself.
func New(o Options, store Store, log *zap.Logger, m prometheus.Registerer) *Batcher {
	return &Batcher{
		options: o, store: store, log: log, metrics: newMetrics(m),
		health: health{interval: o.ProbeInterval},
		queue:  make(chan *request, o.QueueRequests),
	}
}

// request is one caller's signals. Exactly one side takes it out of waiting.
type request struct {
	signals []signal.Signal
	bytes   int
	probe   bool
	state   atomic.Uint32
	done    chan error // buffered
}

const (
	waiting uint32 = iota
	taken          // a committer works on it
	dropped        // its caller has gone
)

// Submit returns nil when every signal is durable. After an error the signals are not stored,
// unless the store's acknowledgement was lost on its way: then they may be, and a retry with the
// same client ids counts once.
func (b *Batcher) Submit(ctx context.Context, signals []signal.Signal) error {
	r := &request{signals: signals, bytes: size(signals), done: make(chan error, 1)}
	ok, probe := b.health.admit()
	if !ok {
		b.metrics.refused("stalled")
		return ErrStalled
	}
	r.probe = probe
	if err := b.enqueue(r); err != nil {
		b.health.give(r.probe)
		return err
	}
	patience := time.NewTimer(b.options.WaitTimeout)
	defer patience.Stop()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		r.state.CompareAndSwap(waiting, dropped)
		return fmt.Errorf("waiting for signals to be stored: %w", ctx.Err())
	case <-patience.C:
		r.state.CompareAndSwap(waiting, dropped)
		b.metrics.refused("timeout")
		return ErrStalled
	}
}

func (b *Batcher) enqueue(r *request) error {
	if total := b.queued.Add(int64(r.bytes)); total > int64(b.options.QueueBytes) {
		b.queued.Add(-int64(r.bytes))
		b.metrics.refused("full")
		return ErrFull
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.open {
		b.queued.Add(-int64(r.bytes))
		b.metrics.refused("stopping")
		return ErrStopping
	}
	select {
	case b.queue <- r:
		return nil
	default:
		b.queued.Add(-int64(r.bytes))
		b.metrics.refused("full")
		return ErrFull
	}
}

// Run commits until ctx ends, then commits what is queued and returns. It runs once.
func (b *Batcher) Run(ctx context.Context, ready func()) error {
	// Appends outlive ctx: what was accepted is finished during the drain.
	appendCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var committers sync.WaitGroup
	for range b.options.Committers {
		committers.Go(func() { b.commit(appendCtx) })
	}
	b.setOpen(true)
	ready()

	<-ctx.Done()
	b.setOpen(false)
	close(b.queue)
	drained := time.AfterFunc(b.options.DrainTimeout, cancel)
	defer drained.Stop()
	committers.Wait()
	return nil
}

func (b *Batcher) setOpen(open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = open
}

// commit works until the queue is closed and empty. A request that did not fit into one message
// begins the next.
func (b *Batcher) commit(ctx context.Context) {
	var next *request
	for {
		group, rest, more := b.collect(next)
		if len(group) > 0 {
			b.append(ctx, group)
		}
		if next = rest; next == nil && !more {
			return
		}
	}
}

// collect waits for a first request and then takes what else is queued, without waiting.
func (b *Batcher) collect(first *request) (group []*request, rest *request, more bool) {
	if first == nil {
		r, open := <-b.queue
		if !open {
			return nil, nil, false
		}
		if !b.take(r) {
			return nil, nil, true
		}
		first = r
	}
	group = []*request{first}
	signals, bytes := len(first.signals), first.bytes
	for signals < b.options.MaxSignals && bytes < b.options.MaxBytes {
		select {
		case r, open := <-b.queue:
			if !open {
				return group, nil, false
			}
			if !b.take(r) {
				continue
			}
			if signals+len(r.signals) > b.options.MaxSignals || bytes+r.bytes > b.options.MaxBytes {
				return group, r, true
			}
			group = append(group, r)
			signals += len(r.signals)
			bytes += r.bytes
		default:
			return group, nil, true
		}
	}
	return group, nil, true
}

// take claims a request for the committer; false when its caller has gone.
func (b *Batcher) take(r *request) bool {
	if r.state.CompareAndSwap(waiting, taken) {
		return true
	}
	b.queued.Add(-int64(r.bytes))
	b.health.give(r.probe)
	return false
}

func (b *Batcher) append(ctx context.Context, group []*request) {
	signals := group[0].signals
	if len(group) > 1 {
		signals = nil
		for _, r := range group {
			signals = append(signals, r.signals...)
		}
	}
	appendCtx, cancel := context.WithTimeout(ctx, b.options.AppendTimeout)
	started := time.Now()
	err := b.store.Append(appendCtx, signals)
	cancel()
	b.metrics.appended(len(group), len(signals), time.Since(started), err)
	if err != nil && len(group) > 1 && fault.Is(err, fault.TooLarge) {
		// The estimate was too low. Each on its own: one caller's signals must not cost another's.
		for _, r := range group {
			b.append(ctx, []*request{r})
		}
		return
	}
	if err != nil && fault.As(err) == nil {
		err = fault.Wrap(err, ErrStalled.Kind, ErrStalled.Code, ErrStalled.Detail)
	}
	wasDown, isDown := b.health.observe(err)
	for _, r := range group {
		b.answer(r, err)
	}
	switch {
	case isDown:
		b.refuseQueued()
		if !wasDown {
			b.log.Warn("signals cannot be stored; answering 503 until it works again", zap.Error(err))
		}
	case wasDown:
		b.log.Info("signals are stored again")
	}
}

func (b *Batcher) answer(r *request, err error) {
	b.queued.Add(-int64(r.bytes))
	r.done <- err
}

// refuseQueued answers those who wait: what has just failed would fail for them too, only later.
func (b *Batcher) refuseQueued() {
	for {
		select {
		case r, open := <-b.queue:
			if !open {
				return
			}
			if b.take(r) {
				b.health.give(r.probe)
				b.metrics.refused("stalled")
				b.answer(r, ErrStalled)
			}
		default:
			return
		}
	}
}

// perSignal is what ids, times and framing add to the text of a signal.
const perSignal = 128

// size estimates the bytes that signals take in a message.
func size(signals []signal.Signal) int {
	total := 0
	for i := range signals {
		total += perSignal + len(signals[i].Type) + len(signals[i].Payload) + len(signals[i].SessionID)
	}
	return total
}
