package batch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/fault"
)

// Store makes messages durable: Append returns nil only when the whole message is. It does not
// keep the message after it has returned. A *fault.Error of the kind TooLarge says that the message
// can never be stored.
type Store interface {
	Append(ctx context.Context, message []byte) error
}

// Options bound the batcher.
type Options struct {
	Committers    int           // messages in flight at once
	MaxSignals    int           // in one message; a larger request still travels whole
	MaxBytes      int           // of one message; a larger request still travels whole
	QueueRequests int           // waiting and travelling requests
	QueueBytes    int           // of memory for waiting and travelling requests
	AppendTimeout time.Duration // for one message
	WaitTimeout   time.Duration // from the first Submit of a message to its answer
	Crowd         int           // requests at once from which on a message waits for company
	Pause         time.Duration // that it waits at most after the message before
	ProbeInterval time.Duration // between tries while the store is down
	DrainTimeout  time.Duration // for what is queued when Run is asked to stop
}

// Errors of Submit; all are worth a retry.
var (
	ErrFull     = fault.New(fault.Unavailable, "unavailable", "Too many signals are waiting to be stored. Try again.")
	ErrStalled  = fault.New(fault.Unavailable, "unavailable", "Signals cannot be stored right now. Try again.")
	ErrStopping = fault.New(fault.Unavailable, "unavailable", "The server is restarting. Try again.")
)

// NotStored reports whether signals that ended with err are certainly not stored. Without an
// acknowledgement they may be.
func NotStored(err error) bool {
	return errors.Is(err, ErrStalled) || errors.Is(err, ErrFull) || errors.Is(err, ErrStopping) || fault.Is(err, fault.TooLarge)
}

// Batcher is a lifecycle.Service. Submit works while Run does.
type Batcher struct {
	options Options
	store   Store
	log     *zap.Logger
	metrics metrics

	mu       sync.Mutex
	work     sync.Cond // signalled when there is something to commit, and at the end
	open     bool
	ending   bool
	queue    []*message // the last one takes more requests in
	requests int        // waiting and travelling
	bytes    int        // that these take
	crowd    int        // the most requests there were lately
	company  int        // requests that a message waits for; 0 when it does not
	taken    time.Time  // when the last message was
	health   health

	bodies sync.Pool // of *[]byte, of messages that are done
}

// New returns a batcher that appends to store. A nil m keeps the metrics to itself.
func New(o Options, store Store, log *zap.Logger, m prometheus.Registerer) *Batcher {
	b := &Batcher{options: o, store: store, log: log, metrics: newMetrics(m), health: health{interval: o.ProbeInterval}}
	b.work.L = &b.mu
	return b
}

// message is requests that travel together.
type message struct {
	body     []byte
	room     *[]byte // of bodies, nil when body is new
	bytes    int     // on the books
	signals  int
	requests int
	began    time.Time
	done     chan struct{} // closed when err is final
	err      error
}

// Ticket stands for one request on its way.
type Ticket struct{ message *message }

// Wait returns nil when every signal of the request is durable. After an error the signals are not
// stored, unless the store's acknowledgement was lost on its way: then they may be, and a retry
// with the same client ids counts once. The batcher bounds the wait.
func (t Ticket) Wait() error {
	<-t.message.done
	return t.message.err
}

// Submit takes a request of so many encoded signals, whose bytes it copies. The encoding must be
// one that stays valid when requests are joined end to end.
func (b *Batcher) Submit(encoded []byte, signals int) (Ticket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open:
		b.metrics.refused("stopping", 1)
		return Ticket{}, ErrStopping
	case b.requests >= b.options.QueueRequests, b.bytes+len(encoded) > b.options.QueueBytes:
		b.metrics.refused("full", 1)
		return Ticket{}, ErrFull
	case !b.health.admit(): // last: a request that is admitted may be the one that finds out
		b.metrics.refused("stalled", 1)
		return Ticket{}, ErrStalled
	}
	b.requests++
	m := b.last(len(encoded), signals)
	b.charge(m, len(encoded))
	m.body = append(b.roomy(m.body, len(encoded)), encoded...)
	m.signals += signals
	m.requests++
	if m.requests == b.company {
		b.work.Signal()
	}
	return Ticket{m}, nil
}

// keptSmall is the size from which on a body gets the room of a full message at once: growing there
// step by step would leave several times as much behind.
const keptSmall = 64 << 10

// roomy returns body with room for more bytes.
func (b *Batcher) roomy(body []byte, more int) []byte {
	if need := len(body) + more; need > cap(body) && need > keptSmall {
		return append(make([]byte, 0, max(need, b.options.MaxBytes)), body...)
	}
	return body
}

// last returns the message that takes the next request.
func (b *Batcher) last(bytes, signals int) *message {
	if n := len(b.queue); n > 0 {
		m := b.queue[n-1]
		if m.signals+signals <= b.options.MaxSignals && len(m.body)+bytes <= b.options.MaxBytes {
			return m
		}
		b.close(m)
	}
	m := &message{began: time.Now(), done: make(chan struct{})}
	if room, ok := b.bodies.Get().(*[]byte); ok {
		m.room, m.body = room, (*room)[:0]
	}
	b.queue = append(b.queue, m)
	b.work.Signal()
	return m
}

// close lets a message wait that takes no more requests in. One full of small signals has room for
// several times its bytes, which the next message can use.
func (b *Batcher) close(m *message) {
	if len(m.body) < cap(m.body)/2 {
		whole := m.body
		m.body = append([]byte(nil), whole...)
		b.keep(m.room, whole)
		m.room = nil
	}
	b.charge(m, cap(m.body)-m.bytes)
}

// charge puts n bytes of a message on the books.
func (b *Batcher) charge(m *message, n int) {
	m.bytes += n
	b.bytes += n
}

// keep has a body used by another message, unless it is of a size that few messages have: a larger one
// would throw it away.
func (b *Batcher) keep(room *[]byte, body []byte) {
	if n := cap(body); n > 2*keptSmall && n < b.options.MaxBytes || n > 2*b.options.MaxBytes {
		return
	}
	if room == nil {
		room = new([]byte)
	}
	*room = body
	b.bodies.Put(room)
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
	b.setOpen(false) // wakes the committers for the last time
	drained := time.AfterFunc(b.options.DrainTimeout, cancel)
	defer drained.Stop()
	committers.Wait()
	return nil
}

func (b *Batcher) setOpen(open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open, b.ending = open, !open
	b.work.Broadcast()
}

// commit works until the batcher is closed and empty.
func (b *Batcher) commit(ctx context.Context) {
	for m := b.take(); m != nil; m = b.take() {
		b.append(ctx, m)
	}
}

// take waits for the oldest message; nil when there will be none any more.
func (b *Batcher) take() *message {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		wait, ripe := b.ripe()
		switch {
		case ripe:
			m := b.queue[0]
			b.queue = append(b.queue[:0], b.queue[1:]...)
			b.crowd = max(b.requests, b.crowd-b.crowd/8)
			b.company, b.taken = 0, time.Now()
			return m
		case b.ending && len(b.queue) == 0:
			return nil
		case wait > 0:
			alarm := time.AfterFunc(wait, b.wake)
			b.work.Wait()
			alarm.Stop()
		default:
			b.work.Wait()
		}
	}
}

// most is three quarters: the last ones of a crowd come when the first have been answered.
func most(crowd int) int { return crowd * 3 / 4 }

// wake signals under the lock: between take's look and its wait nobody else can hold it, so that the
// signal cannot come too early to be heard.
func (b *Batcher) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work.Signal()
}

// ripe reports whether the oldest message is to be sent, or else how long it may still wait for
// company: among many senders a sync that only a few share is one that the others wait for. It is
// sent when most of the crowd is in it, when another waits behind it, or when the pause is over.
func (b *Batcher) ripe() (wait time.Duration, ripe bool) {
	switch {
	case len(b.queue) == 0:
		return 0, false
	case b.crowd < b.options.Crowd, b.ending, len(b.queue) > 1, b.queue[0].requests >= most(b.crowd):
		return 0, true
	}
	b.company = most(b.crowd)
	wait = b.options.Pause - time.Since(b.taken)
	return wait, wait <= 0
}

// append stores one message and releases its requests. Messages are taken in their order and none
// outlives WaitTimeout, so neither does the wait for a committer.
func (b *Batcher) append(ctx context.Context, m *message) {
	started := time.Now()
	deadline := started.Add(b.options.AppendTimeout)
	if last := m.began.Add(b.options.WaitTimeout); last.Before(deadline) {
		deadline = last
	}
	appendCtx, cancel := context.WithDeadline(ctx, deadline)
	err := b.store.Append(appendCtx, m.body)
	cancel()
	b.metrics.appended(m.requests, m.signals, time.Since(started), err)
	if err != nil && fault.As(err) == nil {
		err = fault.Wrap(err, ErrStalled.Kind, ErrStalled.Code, ErrStalled.Detail)
	}
	wasDown, isDown, refused := b.settle(m, err)
	m.release(err)
	for _, waiting := range refused {
		b.metrics.refused("stalled", waiting.requests)
		waiting.release(ErrStalled)
	}
	switch {
	case isDown && !wasDown:
		b.log.Warn("signals cannot be stored; answering 503 until it works again", zap.Error(err))
	case wasDown && !isDown:
		b.log.Info("signals are stored again")
	}
}

// settle takes a message off the books. When its append failed, so would those of the messages
// that wait, only later: they are given back to be refused.
func (b *Batcher) settle(m *message, err error) (wasDown, isDown bool, refused []*message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wasDown, isDown = b.health.observe(err)
	b.forget(m)
	if isDown {
		for _, waiting := range b.queue {
			b.forget(waiting)
		}
		refused, b.queue = b.queue, nil
	}
	return wasDown, isDown, refused
}

// forget takes a message off the books; its body may be used by another then.
func (b *Batcher) forget(m *message) {
	b.requests -= m.requests
	b.bytes -= m.bytes
	b.keep(m.room, m.body)
	m.body, m.room = nil, nil
}

func (m *message) release(err error) {
	m.err = err
	close(m.done)
}
