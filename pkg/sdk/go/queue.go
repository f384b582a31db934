package specter

import (
	"slices"
	"sync"
	"time"
)

const (
	maxQueueBytes = 32 << 20
	maxBatchBytes = 512 << 10 // half of what the server takes in one request
)

// queue holds encoded signals between Track and the sending goroutine, in order. Every signal gets
// the next number when it is accepted, and is settled when it is delivered, rejected or lost.
type queue struct {
	limit     int // signals
	batchSize int
	interval  time.Duration
	wake      chan struct{} // has an element when the sending goroutine should look again

	mu       sync.Mutex
	signals  [][]byte
	bytes    int
	since    time.Time // when the oldest signal began to wait
	accepted uint64    // number of the newest signal
	settled  uint64    // number of the last settled signal
	flush    uint64    // signals up to this number leave without waiting for a full batch
	waiters  []waiter
	full     uint64 // signals dropped and not yet reported
	closed   bool
}

// waiter is a Flush: done is closed when everything up to number is settled.
type waiter struct {
	number uint64
	done   chan struct{}
}

func newQueue(limit, batchSize int, interval time.Duration) *queue {
	return &queue{limit: limit, batchSize: batchSize, interval: interval, wake: make(chan struct{}, 1)}
}

func (q *queue) push(signal []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case len(q.signals) >= q.limit || q.bytes+len(signal) > maxQueueBytes:
		if q.full++; q.full == 1 {
			q.notify()
		}
		return ErrQueueFull
	}
	if len(q.signals) == 0 {
		q.since = time.Now()
	}
	q.signals = append(q.signals, signal)
	q.bytes += len(signal)
	q.accepted++
	if n := len(q.signals); n == 1 || n == q.batchSize || q.bytes >= maxBatchBytes {
		q.notify()
	}
	return nil
}

// notify wakes the sending goroutine. It never blocks: one element is enough.
func (q *queue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the next batch when one is due. Otherwise it says how long to wait for it: zero means
// until the queue wakes the caller. last is true when nothing will ever come again.
func (q *queue) take() (batch [][]byte, wait time.Duration, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.signals) == 0 {
		return nil, 0, q.closed
	}
	due := len(q.signals) >= q.batchSize || q.bytes >= maxBatchBytes || q.closed || q.flush > q.settled
	if wait = q.interval - time.Since(q.since); !due && wait > 0 {
		return nil, wait, false
	}
	n, size := 0, 0
	for n < min(len(q.signals), q.batchSize) && (n == 0 || size+len(q.signals[n]) <= maxBatchBytes) {
		size += len(q.signals[n])
		n++
	}
	return q.remove(n), 0, false
}

func (q *queue) remove(n int) [][]byte {
	batch := slices.Clone(q.signals[:n])
	clear(q.signals[:n]) // the array behind may live on
	if q.signals = q.signals[n:]; len(q.signals) == 0 {
		q.signals = nil
	}
	for _, signal := range batch {
		q.bytes -= len(signal)
	}
	q.since = time.Now()
	return batch
}

// takeAll empties the queue.
func (q *queue) takeAll() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.remove(len(q.signals))
}

// settle notes that the oldest n signals taken have met their fate.
func (q *queue) settle(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settled += uint64(n)
	kept := q.waiters[:0]
	for _, w := range q.waiters {
		if w.number <= q.settled {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	clear(q.waiters[len(kept):])
	q.waiters = kept
}

// flushed has everything accepted so far leave soon; the channel is closed when all of it is settled.
func (q *queue) flushed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	done := make(chan struct{})
	if q.settled >= q.accepted {
		close(done)
		return done
	}
	q.flush = q.accepted
	q.waiters = append(q.waiters, waiter{number: q.accepted, done: done})
	q.notify()
	return done
}

// close refuses signals from now on; what is queued still leaves.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.notify()
}

// drops returns how many signals were dropped since it was asked last.
func (q *queue) drops() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.full
	q.full = 0
	return int(n)
}

func (q *queue) counts() (accepted, queued int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int64(q.accepted), int64(len(q.signals))
}
