package httpx_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/httpx"
)

// serveTCP runs a server and returns its address.
func serveTCP(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httpx.NewServer("127.0.0.1:0", h, zap.NewNop())
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return server.Addr()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestDeadlinesOfAHandlerHold(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 2)
	addr := serveTCP(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.URL.Path == "/write" {
			_ = control.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil { // nobody reads
					failed <- err
					return
				}
			}
		}
		_ = control.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := io.ReadAll(r.Body) // never comes whole
		failed <- err
	})
	for _, path := range []string{"/read", "/write"} {
		c := dial(t, addr)
		request := "GET /write HTTP/1.1\r\nHost: x\r\n\r\n"
		if path == "/read" {
			request = "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx"
		}
		_, err := io.WriteString(c, request)
		require.NoError(t, err)
		err = <-failed
		require.True(t, errors.Is(err, os.ErrDeadlineExceeded), "%s: %v", path, err)
	}
}
