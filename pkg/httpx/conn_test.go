package httpx_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
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

// Requests of all kinds follow each other on one connection, watched and unwatched.
func TestOneConnectionCarriesManyRequests(t *testing.T) {
	t.Parallel()
	addr := serveTCP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unwatched" {
			httpx.Unwatched(r)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	c := dial(t, addr)
	in := bufio.NewReader(c)
	for i := range 200 {
		path, body := "/watched", strings.Repeat("x", i*i%9000)
		if i%3 > 0 {
			path = "/unwatched"
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, len(body))
		if i%5 == 0 {
			head = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path)
			if body != "" {
				head += fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
			}
			_, err := io.WriteString(c, head+"0\r\n\r\n")
			require.NoError(t, err)
		} else {
			// The last byte comes alone.
			_, err := io.WriteString(c, head+body[:max(0, len(body)-1)])
			require.NoError(t, err)
			_, err = io.WriteString(c, body[max(0, len(body)-1):])
			require.NoError(t, err)
		}
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.True(t, body == string(got), "request %d: %d bytes of %d", i, len(got), len(body))
	}
}

func TestPipelinedRequestsAreAllAnswered(t *testing.T) {
	t.Parallel()
	addr := serveTCP(t, func(w http.ResponseWriter, r *http.Request) {
		httpx.Unwatched(r)
		_, _ = io.Copy(w, r.Body)
	})
	c := dial(t, addr)
	_, err := io.WriteString(c, strings.Repeat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 50))
	require.NoError(t, err)
	in := bufio.NewReader(c)
	for range 50 {
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "abc", string(got))
	}
}

func TestAWatchedHandlerLearnsThatItsClientLeftAndAnUnwatchedOneDoesNot(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan error, 1)
	addr := serveTCP(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unwatched" {
			httpx.Unwatched(r)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		if r.URL.Path == "/watched" {
			<-r.Context().Done()
		} else {
			<-entered // the client has left
		}
		left <- r.Context().Err()
	})
	for _, path := range []string{"/watched", "/unwatched"} {
		c := dial(t, addr)
		_, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
		require.NoError(t, err)
		<-entered
		require.NoError(t, c.Close())
		if path == "/unwatched" {
			entered <- struct{}{}
			require.NoError(t, <-left)
			continue
		}
		require.ErrorIs(t, <-left, context.Canceled)
	}
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
