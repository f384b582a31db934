package httpx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"
)

// Limits of one server. A slow client costs one connection until its timeout and nothing else.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 75 * time.Second // longer than the usual proxy's 60 s, so the proxy closes first
	maxHeaderBytes    = 16 << 10
	maxConnections    = 8192
	maxStreams        = 250 // of one HTTP/2 connection
	drainTimeout      = 4 * time.Second
)

// Server is a lifecycle.Service that serves one handler on one TCP address.
type Server struct {
	addr    string
	handler http.Handler
	log     *zap.Logger

	mu    sync.Mutex
	bound string
}

// NewServer returns a server that listens when it is run.
func NewServer(addr string, h http.Handler, log *zap.Logger) *Server {
	return &Server{addr: addr, handler: h, log: log}
}

// Addr returns the address it listens on, "" before it is ready.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound
}

// Run serves until ctx ends; then it accepts nothing new, closes the channel of Draining for
// long-lived answers, and gives requests in flight a few seconds to finish.
func (s *Server) Run(ctx context.Context, ready func()) error {
	tcp, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listening on %s (choose another address with SPECTER_HTTP_ADDR): %w", s.addr, err)
	}
	s.mu.Lock()
	s.bound = tcp.Addr().String()
	s.mu.Unlock()

	return s.serve(ctx, netutil.LimitListener(tcp, maxConnections), ready)
}

// serve works until ctx ends and closes l.
func (s *Server) serve(ctx context.Context, l net.Listener, ready func()) error {
	draining := make(chan struct{})
	base := context.WithValue(context.WithoutCancel(ctx), drainingKey{}, (<-chan struct{})(draining))
	server := &http.Server{
		Handler:           endAfterChunks(s.handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         protocols(),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          zap.NewStdLog(s.log.Named("http")),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	served := make(chan error, 1)
	lane := newLane(base, l, s.handler, s.log)
	go func() { served <- server.Serve(lane) }()
	s.log.Info("listening", zap.String("addr", s.Addr()))
	ready()

	select {
	case err := <-served:
		close(draining)
		lane.leave()
		return fmt.Errorf("serving http: %w", err)
	case <-ctx.Done():
	}
	close(draining)
	drainCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	lane.leave()
	if err := errors.Join(server.Shutdown(drainCtx), lane.wait(drainCtx)); err != nil {
		s.log.Warn("requests still running after the drain time, closing them", zap.Error(err))
		if err := server.Close(); err != nil {
			return fmt.Errorf("closing the http server: %w", err)
		}
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving http: %w", err)
	}
	return nil
}

// endAfterChunks closes an HTTP/1 connection after a request in chunks. Such a request may also have given
// a length; net/http goes by the chunks, drops the length, and keeps the connection, on which a proxy
// that went by the length would then send what somebody else reads as a request of its own (RFC 9112 §6.3
// asks for the close).
func endAfterChunks(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// protocols are HTTP/1.1, and HTTP/2 without TLS for proxies that know we speak it: TLS ends at the
// edge.
func protocols() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

type drainingKey struct{}

// Draining returns a channel that closes when the server that serves ctx's request stops: an
// answer without an end (an event stream) must end then. Outside a Server it never closes.
func Draining(ctx context.Context) <-chan struct{} {
	ch, _ := ctx.Value(drainingKey{}).(<-chan struct{})
	return ch
}
