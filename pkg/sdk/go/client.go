package specter

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
)

// Client sends signals and uses the account's API. It is safe for concurrent use.
type Client struct {
	settings
	key    string
	queue  *queue
	ownsIt bool // the HTTP client was made here

	// The sending goroutine ends when the queue is closed and empty, or when abandon was called.
	ctx     context.Context
	abandon context.CancelFunc
	done    chan struct{}

	delivered, rejected, lost, abandoned atomic.Int64
}

// New returns a client that sends with an API key (spk_…). WithHost is required. The key may be empty
// when there is a token: such a client cannot send signals.
//
// The client has a goroutine; Close ends it.
func New(key string, options ...Option) (*Client, error) {
	s, err := newSettings(key, options)
	if err != nil {
		return nil, err
	}
	c := &Client{
		settings: s, key: key, queue: newQueue(s.maxQueue, s.batchSize, s.flushInterval),
		ownsIt: s.http == nil, done: make(chan struct{}),
	}
	c.http = withoutRedirects(s.http)
	c.ctx, c.abandon = context.WithCancel(context.Background())
	if key == "" {
		c.queue.close()
		close(c.done)
		return c, nil
	}
	go c.send()
	return c, nil
}

// withoutRedirects returns a copy of client that follows none; a new client when there is none.
func withoutRedirects(client *http.Client) *http.Client {
	own := http.Client{Timeout: requestTimeout}
	if client != nil {
		own = *client
	} else if base, ok := http.DefaultTransport.(*http.Transport); ok {
		own.Transport = base.Clone() // so that Close closes our connections and nobody else's
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Track queues one signal and returns at once; the network is never waited for. payload is nil or
// anything that encodes as a JSON object; it is encoded now, so it may be changed afterwards.
//
// ctx gives what ContextWith has put into it. That it is cancelled changes nothing: a request that
// was broken off is worth a signal, too.
//
// Errors: ErrInvalidSignal, ErrQueueFull, ErrClosed, ErrNoKey. They may be ignored, as telling what
// happened is seldom a reason to fail.
func (c *Client) Track(ctx context.Context, signalType string, payload any, options ...TrackOption) error {
	if c.key == "" {
		return ErrNoKey
	}
	a := attributes{contextID: c.contextID}
	for _, option := range optionsOf(ctx) {
		option(&a)
	}
	for _, option := range options {
		option(&a)
	}
	if a.at.IsZero() {
		a.at = c.now()
	}
	signal, err := encode(signalType, payload, a)
	if err != nil {
		return err
	}
	if err = c.queue.push(signal); errors.Is(err, ErrQueueFull) {
		c.lost.Add(1)
	}
	return err
}

// Flush sends what is queued without waiting for a full batch, and returns when every signal tracked
// before has met its fate: delivered, or told to WithOnError. It returns early only when ctx ends,
// with its error; nothing is lost by that.
func (c *Client) Flush(ctx context.Context) error {
	select {
	case <-c.queue.flushed():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close refuses new signals, delivers what is queued, and ends the client's goroutine. When ctx ends
// first, what is left is given up, told to WithOnError, and returned as a *LossError. Give it a
// deadline: while the server is away it would wait for hours. Calling it again is safe and returns
// the same.
func (c *Client) Close(ctx context.Context) error {
	c.queue.close()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.abandon()
		<-c.done
	}
	c.abandon()
	if c.ownsIt {
		c.http.CloseIdleConnections()
	}
	if n := c.abandoned.Load(); n > 0 {
		return &LossError{Signals: int(n), Err: ErrClosed}
	}
	return nil
}

// Stats are counts since New. A signal that Track took is in exactly one of the last four, or part of
// a request under way; one that Track refused with ErrQueueFull is in Lost only.
type Stats struct {
	Accepted  int64 // taken by Track
	Queued    int64
	Delivered int64 // the server has them on disk
	Rejected  int64 // refused one by one
	Lost      int64 // dropped, refused with their whole batch, or given up
}

// Stats returns the counts of this moment.
func (c *Client) Stats() Stats {
	accepted, queued := c.queue.counts()
	return Stats{
		Accepted: accepted, Queued: queued,
		Delivered: c.delivered.Load(), Rejected: c.rejected.Load(), Lost: c.lost.Load(),
	}
}
