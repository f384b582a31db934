package link

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is where bytes travel.
type Direction int

// The two directions of a link.
const (
	ToServer Direction = iota
	ToClient
)

const dialTimeout = 2 * time.Second

// Link forwards connections to a server.
type Link struct {
	Addr string // host:port to connect to instead of the server's

	server   string
	listener net.Listener
	running  sync.WaitGroup

	mu        sync.Mutex
	swallowed [2]bool
	away      bool
	open      map[net.Conn]struct{}
}

// New starts a healthy link to server and closes it after the test.
func New(t testing.TB, server string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for a link: %v", err)
	}
	l := &Link{Addr: listener.Addr().String(), server: server, listener: listener, open: make(map[net.Conn]struct{})}
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		l.running.Wait()
	})
	return l
}

// Swallow loses what travels in a direction from now on, while the connection
// looks alive to both sides.
func (l *Link) Swallow(d Direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.swallowed[d] = true
}

// Take makes the server unreachable: connections end and new ones are refused.
func (l *Link) Take() {
	l.mu.Lock()
	l.away = true
	l.mu.Unlock()
	l.Cut()
}

// Heal forwards again. Connections that have lost bytes are cut: nobody could
// make sense of the rest.
func (l *Link) Heal() {
	l.mu.Lock()
	l.swallowed, l.away = [2]bool{}, false
	l.mu.Unlock()
	l.Cut()
}

// Cut ends all connections.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		_ = conn.Close()
	}
	clear(l.open)
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.DialTimeout("tcp", l.server, dialTimeout)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !l.keep(client, server) {
			_, _ = client.Close(), server.Close()
			continue
		}
		l.running.Go(func() { l.forward(ToServer, server, client) })
		l.running.Go(func() { l.forward(ToClient, client, server) })
	}
}

func (l *Link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return false
	}
	for _, conn := range conns {
		l.open[conn] = struct{}{}
	}
	return true
}

// forward copies until one side ends, and then ends the other.
func (l *Link) forward(d Direction, to, from net.Conn) {
	defer func() {
		_, _ = to.Close(), from.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.open, to)
		delete(l.open, from)
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.swallows(d) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil && (errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || n == 0) {
			return
		}
	}
}

func (l *Link) swallows(d Direction) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.swallowed[d]
}
