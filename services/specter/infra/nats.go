package infra

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
)

const (
	natsStart = 30 * time.Second // with a large store, recovery reads its indexes
	natsStop  = 5 * time.Second

	natsMemory = 64 << 20
	// natsSlack is room beside the streams' own limits, for consumers and indexes.
	natsSlack = 256 << 20
	// natsRoom is the least free space that a broker whose disk was full starts with.
	natsRoom = 8 << 20
	// healthEvery is how often the broker is asked whether it can still write.
	healthEvery     = time.Second
	healthEveryMost = 30 * time.Second
)

// NATSOptions configure the embedded broker.
type NATSOptions struct {
	// StoreDir holds the streams; made when missing. Never NATS's default, which is
	// a temporary directory.
	StoreDir string
	// Listen is a loopback address for other programs of this machine, for example
	// 127.0.0.1:4222. Empty: reachable inside this process only.
	Listen string
	// Token is asked of every client, those inside this process too; "" asks for none.
	Token string
	// MaxStore bounds the store in bytes; 0 means what the catalogue's streams may
	// take together.
	MaxStore int64
	// Announce is told the URL before the broker is ready, at every start: one whose disk was full
	// listens on another port afterwards. An error ends Run. nil: nobody is told.
	Announce func(url string) error
	Log      *zap.Logger
}

// NATS is a NATS server with JetStream in this process. Every message is on disk
// before it is acknowledged (SyncAlways).
type NATS struct {
	options  *server.Options
	announce func(url string) error
	log      *brokerLog
	running  atomic.Pointer[server.Server]
}

// NewNATS checks the options.
func NewNATS(o NATSOptions) (*NATS, error) {
	if o.StoreDir == "" || o.Log == nil {
		return nil, errors.New("the message broker needs a directory and a logger")
	}
	if o.MaxStore == 0 {
		o.MaxStore = catalogueBytes()
	}
	options := &server.Options{
		ServerName:         "specter",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           o.StoreDir,
		SyncAlways:         true,
		JetStreamMaxStore:  o.MaxStore,
		JetStreamMaxMemory: natsMemory,
		MaxPayload:         event.MaxMessageBytes + 128<<10, // room for a dead letter's headers
		NoSigs:             true,                            // signals are this process's own business
		Authorization:      o.Token,
	}
	if o.Listen != "" {
		host, port, err := loopback(o.Listen)
		if err != nil {
			return nil, err
		}
		options.DontListen, options.Host, options.Port = false, host, port
	}
	return &NATS{options: options, announce: o.Announce, log: &brokerLog{log: o.Log.Named("nats"), fatal: make(chan string, 1)}}, nil
}

// loopback refuses addresses that other machines could reach: the connection is not
// encrypted.
func loopback(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("the broker's address %q: %w", address, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("the embedded broker listens on loopback only, not on %q: run a NATS server of your own for other machines", address)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("the broker's address %q has no port", address)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// catalogueBytes is what the streams may take together: JetStream reserves a
// stream's limit when it is made.
func catalogueBytes() int64 {
	total := int64(bus.CatalogMaxBytes + bus.QuotaMaxBytes + natsSlack)
	for _, s := range append(event.Streams(), event.DeadLetters(), event.Advisories()) {
		total += s.MaxBytes
	}
	return total
}

// InProcessConn connects without a network; NATS is a nats.InProcessConnProvider.
func (n *NATS) InProcessConn() (net.Conn, error) {
	s := n.running.Load()
	if s == nil {
		return nil, errors.New("the message broker is not running")
	}
	return s.InProcessConn()
}

// URL is the listener's address once ready, with the token; empty without a listener.
func (n *NATS) URL() string {
	s := n.running.Load()
	if s == nil || n.options.DontListen {
		return ""
	}
	address, err := url.Parse(s.ClientURL())
	if err != nil {
		return ""
	}
	if n.options.Authorization != "" {
		address.User = url.User(n.options.Authorization)
	}
	return address.String()
}

// Run implements lifecycle.Service. A broker that can no longer write is started
// again once its disk has room: JetStream never tries a failed stream again by itself.
func (n *NATS) Run(ctx context.Context, ready func()) error {
	if err := os.MkdirAll(n.options.StoreDir, 0o700); err != nil {
		return fmt.Errorf("making the broker's directory: %w", err)
	}
	first := sync.OnceFunc(ready)
	for wait := healthEvery; ; {
		began := time.Now()
		again, err := n.serve(ctx, first, wait)
		if !again || err != nil {
			return err
		}
		// One that fails over and over is left alone for longer and longer.
		if wait = min(2*wait, healthEveryMost); time.Since(began) > 2*healthEveryMost {
			wait = healthEvery
		}
	}
}

// serve runs one server; again says that it is broken and another one may do better.
func (n *NATS) serve(ctx context.Context, ready func(), healthEvery time.Duration) (again bool, err error) {
	s, err := server.NewServer(n.options.Clone())
	if err != nil {
		return false, fmt.Errorf("setting up the message broker: %w", err)
	}
	s.SetLoggerV2(n.log, false, false, false)
	ended := make(chan struct{})
	go func() {
		s.Start()
		s.WaitForShutdown()
		close(ended)
	}()
	// Shutdown waits for the store; a stuck disk must not hold the process.
	defer func() {
		n.running.Store(nil)
		s.Shutdown()
		select {
		case <-ended:
		case <-time.After(natsStop):
			n.log.log.Warn("the message broker took too long to stop and was left behind")
		}
	}()
	if err := n.waitUntilReady(ctx, s, ended); err != nil {
		return false, err
	}
	n.running.Store(s)
	if n.announce != nil {
		if err := n.announce(n.URL()); err != nil {
			return false, fmt.Errorf("announcing the message broker: %w", err)
		}
	}
	ready()
	check := time.NewTicker(healthEvery)
	defer check.Stop()
	for broken := 0; ; {
		select {
		case <-ctx.Done():
			return false, nil
		case reason := <-n.log.fatal:
			return false, fmt.Errorf("the message broker failed: %s", reason)
		case <-ended:
			return false, errors.New("the message broker stopped by itself")
		case <-check.C:
			health := s.Healthz(nil)
			if health.StatusCode == http.StatusOK {
				broken = 0
				continue
			}
			if broken++; broken > 1 && n.hasRoom() {
				n.log.log.Warn("the message broker cannot write and is started again", zap.String("error", health.Error))
				return true, nil
			}
		}
	}
}

// hasRoom reports whether starting again may help; when that cannot be told, it may.
func (n *NATS) hasRoom() bool {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(n.options.StoreDir, &fs); err != nil {
		return true
	}
	return fs.Bavail*uint64(fs.Bsize) >= natsRoom
}

func (n *NATS) waitUntilReady(ctx context.Context, s *server.Server, ended <-chan struct{}) error {
	const poll = 10 * time.Millisecond
	deadline := time.NewTimer(natsStart)
	defer deadline.Stop()
	for !s.ReadyForConnections(poll) {
		select {
		case reason := <-n.log.fatal:
			return fmt.Errorf("starting the message broker: %s", reason)
		case <-ended:
			return errors.New("the message broker stopped while starting")
		case <-deadline.C:
			return fmt.Errorf("the message broker was not ready after %s", natsStart)
		case <-ctx.Done():
			return fmt.Errorf("starting the message broker: %w", context.Cause(ctx))
		default:
		}
	}
	return nil
}

// brokerLog brings the broker's log lines into ours. Where the broker would end the
// process, it reports instead.
type brokerLog struct {
	log   *zap.Logger
	fatal chan string
}

func (l *brokerLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *brokerLog) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf(format, v...)) }
func (l *brokerLog) Errorf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }
func (l *brokerLog) Debugf(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *brokerLog) Tracef(string, ...any)           {} // payloads

func (l *brokerLog) Fatalf(format string, v ...any) {
	reason := fmt.Sprintf(format, v...)
	l.log.Error(reason)
	select {
	case l.fatal <- reason:
	default: // the first reason is the one that counts
	}
}
