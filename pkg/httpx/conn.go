package httpx

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// net/http sets five deadlines for every request. On a connection that carries a thousand short requests
// a second that is much of the server's work, so on a connection of a Server a deadline reaches the
// kernel's poller only when a read or write is about to need it, and not when the one that is set differs
// by less than deadlineGrain.

// deadlineGrain is how early or late a deadline may be.
const deadlineGrain = time.Second

// longPast separates a deadline that means "stop at once", which net/http writes as the first second
// of 1970, from one that has just gone by.
const longPast = 1_000_000_000 // seconds since 1970

type conn struct {
	net.Conn
	read, write deadline
	remote      string
	ahead       []byte // was read already and is to be read again
}

func newConn(raw net.Conn) *conn {
	return &conn{
		Conn: raw, remote: raw.RemoteAddr().String(),
		read: deadline{set: raw.SetReadDeadline}, write: deadline{set: raw.SetWriteDeadline},
	}
}

func (c *conn) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
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
