package httpx

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// PlainHandler is a handler that has paths where a POST is plain: it is read whole, answered once with
// a status and a body, and neither its request nor its writer is used after that. Its handler does
// not flush, hijack, set deadlines or ask whether the client is still there.
type PlainHandler interface {
	http.Handler
	Plain(path string) bool
}

// IsPlain asks any handler whether a POST to path is plain.
func IsPlain(h http.Handler, path string) bool {
	p, ok := h.(PlainHandler)
	return ok && p.Plain(path)
}

// leaveAfter is how long a connection without a request is still listened to when the server stops: a
// plain request that is on its way then is answered.
const leaveAfter = 50 * time.Millisecond

// lane stands before an http.Server and serves plain requests itself. net/http does much for a request
// that a short POST has no use for; without it a request costs a third of the processor time. The lane
// takes only what there is no doubt about (see parse). The first request of a connection that is
// anything else, or does not arrive with its whole head at once, goes to net/http with all that
// follows: the lane never refuses anything as bad HTTP.
type lane struct {
	net.Listener
	handler http.Handler
	request *http.Request // a blank one
	log     *zap.Logger

	others chan net.Conn // for net/http
	failed chan error    // of Accept
	closed chan struct{}
	close  func() error

	running sync.WaitGroup // connections, and what admits them

	mu     sync.Mutex
	ending bool
	conns  map[*plainConn]struct{}
}

// newLane serves the connections of l until it is closed. Plain requests have the context ctx.
func newLane(ctx context.Context, l net.Listener, h http.Handler, log *zap.Logger) *lane {
	n := &lane{
		Listener: l, handler: h, request: new(http.Request).WithContext(ctx), log: log,
		others: make(chan net.Conn), failed: make(chan error), closed: make(chan struct{}),
		conns: map[*plainConn]struct{}{},
	}
	n.close = sync.OnceValue(func() error {
		close(n.closed)
		return l.Close()
	})
	n.running.Go(n.admit)
	return n
}

// admit begins a goroutine for each connection.
func (l *lane) admit() {
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			l.begin(c)
			continue
		}
		select {
		case l.failed <- err: // net/http knows which ones pass, and waits before it asks again
		case <-l.closed:
			return
		}
	}
}

func (l *lane) begin(raw net.Conn) {
	c := newPlainConn(l, raw)
	l.mu.Lock()
	defer l.mu.Unlock()
	c.leaving = l.ending
	l.conns[c] = struct{}{}
	l.running.Go(c.serve)
}

// end forgets a connection that is closed or handed over.
func (l *lane) end(c *plainConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Accept returns the next connection that is not for the lane.
func (l *lane) Accept() (net.Conn, error) {
	select {
	case c := <-l.others:
		return c, nil
	case err := <-l.failed:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close stops the listening. Connections go on.
func (l *lane) Close() error { return l.close() }

// leave lets every connection end after the request it is at.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
	for c := range l.conns {
		c.leave()
	}
}

// wait returns when the lane is closed and all connections have ended, or closes them when ctx is done.
func (l *lane) wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		l.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.conn.Close()
	}
	return fmt.Errorf("ending plain requests: %w", ctx.Err())
}
