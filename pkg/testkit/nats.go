package testkit

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
)

const brokerStart = 20 * time.Second

// NATSServer is a test's own broker with JetStream, set up as in production:
// every acknowledged message is on disk.
type NATSServer struct {
	// URL is on loopback; the port stays the same across Restart.
	URL string
	// Dir is JetStream's store.
	Dir string

	options *server.Options
	running *server.Server
}

// NATS starts a broker and stops it after the test.
func NATS(t testing.TB) *NATSServer {
	t.Helper()
	return NATSWithRoom(t, 0)
}

// NATSWithRoom is NATS with so many bytes for all streams together; 0: as the disk has.
func NATSWithRoom(t testing.TB, bytes int64) *NATSServer {
	t.Helper()
	return natsWith(t, func(o *server.Options) { o.JetStreamMaxStore = bytes }) // not above zero: the broker looks at the disk
}

// NATSWithPayload is NATS which takes no larger messages than bytes, as brokers do that nobody has set up for Specter.
func NATSWithPayload(t testing.TB, bytes int32) *NATSServer {
	t.Helper()
	return natsWith(t, func(o *server.Options) { o.MaxPayload = bytes })
}

func natsWith(t testing.TB, change func(*server.Options)) *NATSServer {
	t.Helper()
	n := &NATSServer{Dir: t.TempDir()}
	n.options = &server.Options{
		ServerName: "testkit",
		Host:       "127.0.0.1",
		Port:       server.RANDOM_PORT,
		JetStream:  true,
		StoreDir:   n.Dir,
		SyncAlways: true,
		MaxPayload: event.MaxMessageBytes + 128<<10, // room for a dead letter's headers
		NoSigs:     true,
		NoLog:      true,
	}
	change(n.options)
	n.Start(t)
	t.Cleanup(n.stop)
	return n
}

// Start brings a killed broker back on the same address and store.
func (n *NATSServer) Start(t testing.TB) {
	t.Helper()
	if n.running != nil {
		t.Fatal("the broker runs already")
	}
	// Options are copied: the server fills in and keeps what it is given.
	s, err := server.NewServer(n.options.Clone())
	if err != nil {
		t.Fatalf("making the broker: %v", err)
	}
	go s.Start()
	if !s.ReadyForConnections(brokerStart) {
		s.Shutdown()
		t.Fatal("the broker did not get ready")
	}
	n.running = s
	n.URL = s.ClientURL()
	if addr, ok := s.Addr().(*net.TCPAddr); ok {
		n.options.Port = addr.Port
	}
}

// Kill takes the broker away without warning its clients.
func (n *NATSServer) Kill(t testing.TB) {
	t.Helper()
	if n.running == nil {
		t.Fatal("the broker is not running")
	}
	n.stop()
}

// Restart is Kill and Start.
func (n *NATSServer) Restart(t testing.TB) {
	t.Helper()
	n.Kill(t)
	n.Start(t)
}

func (n *NATSServer) stop() {
	if n.running == nil {
		return
	}
	n.running.Shutdown()
	n.running.WaitForShutdown()
	n.running = nil
}

// Bus connects to a broker of the test's own, with all streams made.
func Bus(t testing.TB) *bus.Bus {
	t.Helper()
	return NATS(t).Bus(t)
}

// Bus opens one more connection to this broker and makes sure of the streams.
func (n *NATSServer) Bus(t testing.TB) *bus.Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), brokerStart)
	defer cancel()
	b, err := bus.Connect(ctx, bus.Options{URL: n.URL, Name: t.Name(), Log: zap.NewNop()})
	if err != nil {
		t.Fatalf("connecting to the broker: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), brokerStart)
		defer cancel()
		if err := b.Close(ctx); err != nil && n.running != nil {
			t.Errorf("closing the bus: %v", err)
		}
	})
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatalf("making the streams: %v", err)
	}
	return b
}
