package httpx

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// net/http sets five deadlines for every request and, while its handler works, watches in a second
// goroutine for the client to go away. On a connection that carries a thousand short requests a second
// this is a fifth of the server's work, so connections of a Server do less of it:
//
//   - A deadline reaches the kernel's poller only when a read or write is about to need it, and not
//     when the one that is set differs by less than deadlineGrain.
//   - A handler that does not care whether its client is still there can say so (see Unwatched).

// deadlineGrain is how early or late a deadline may be.
const deadlineGrain = time.Second

// longPast separates a deadline that means "stop at once", which net/http writes as the first second
// of 1970, from one that has just gone by.
const longPast = 1_000_000_000 // seconds since 1970

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http tells the kinds of these errors apart
	}
	return &conn{Conn: raw, read: deadline{set: raw.SetReadDeadline}, write: deadline{set: raw.SetWriteDeadline}}, nil
}

type conn struct {
	net.Conn
	read, write deadline
	unwatched   atomic.Bool
}

// Read answers the watching read, one byte long, with nothing when the handler wants no watching. No
// other read of net/http's on an HTTP/1 connection is shorter than its buffer.
func (c *conn) Read(p []byte) (int, error) {
	if c.unwatched.Load() {
		c.unwatched.Store(false)
		if len(p) == 1 {
			return 0, nil
		}
	}
	if err := c.read.apply(); err != nil {
		return 0, err
	}
	defer c.read.done()
	return c.Conn.Read(p) //nolint:wrapcheck // a Reader passes errors on as they are
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.write.apply(); err != nil {
		return 0, err
	}
	defer c.write.done()
	return c.Conn.Write(p) //nolint:wrapcheck // a Writer passes errors on as they are
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error  { return c.read.want(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.write.want(t) }

// deadline is one direction's. Times are nanoseconds since 1970, 0 for none.
type deadline struct {
	set    func(time.Time) error
	wanted atomic.Int64
	actual atomic.Int64
	busy   atomic.Int32 // reads or writes under way
	mu     sync.Mutex   // held while set is called, so that the last one called sets the last one wanted
}

// want notes a deadline, and sets it when it cannot wait for the next read or write: when one is under
// way, or when the deadline means "stop".
func (d *deadline) want(t time.Time) error {
	if t.IsZero() {
		d.wanted.Store(0)
	} else {
		d.wanted.Store(t.UnixNano())
	}
	if d.busy.Load() == 0 && (t.IsZero() || t.Unix() > longPast) {
		return nil
	}
	return d.force()
}

// apply begins a read or write.
func (d *deadline) apply() error {
	d.busy.Add(1) // before the look, so that whoever changes the deadline now sets it
	wanted, actual := d.wanted.Load(), d.actual.Load()
	if wanted == actual || wanted != 0 && actual != 0 && time.Duration(wanted-actual).Abs() < deadlineGrain {
		return nil
	}
	if err := d.force(); err != nil {
		d.done()
		return err
	}
	return nil
}

func (d *deadline) done() { d.busy.Add(-1) }

func (d *deadline) force() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	wanted := d.wanted.Load()
	d.actual.Store(wanted)
	var t time.Time
	if wanted != 0 {
		t = time.Unix(0, wanted)
	}
	if err := d.set(t); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	return nil
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if own, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}

// Unwatched says that a handler does not want to know when its client goes away: the request's context
// is not cancelled then. It is to be called before the body is read.
func Unwatched(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok && r.ProtoMajor == 1 {
		c.unwatched.Store(true)
	}
}
