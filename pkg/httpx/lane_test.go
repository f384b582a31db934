package httpx

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"
)

// plainly has plain POSTs at every path that begins with /plain.
type plainly struct{ http.HandlerFunc }

func (plainly) Plain(path string) bool { return strings.HasPrefix(path, "/plain") }

// inLane tells whether the lane serves a request.
func inLane(w http.ResponseWriter) bool {
	_, ok := w.(*plainAnswer)
	return ok
}

// serving runs a server on l until the test ends.
func serving(t testing.TB, l net.Listener, h http.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- NewServer("", h, zap.NewNop()).serve(ctx, l, func() { close(ready) }) }()
	<-ready
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(stop)
	return stop
}

// onSocket runs a server on a socket of its own and returns what connects to it.
func onSocket(t testing.TB, h http.Handler) (dial func(testing.TB) *net.UnixConn, stop func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "httpx") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	stop = serving(t, l, h)
	return func(t testing.TB) *net.UnixConn {
		t.Helper()
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
		t.Cleanup(func() { _ = c.Close() })
		return c.(*net.UnixConn)
	}, stop
}

// told is what a request looks like to its handler.
type told struct {
	Method, Path, Query, URI, Proto, Host string
	Header                                http.Header
	Length                                int64
	Body, Failed                          string
}

func tell(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	text, _ := json.Marshal(told{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, URI: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Header: r.Header, Length: r.ContentLength, Body: string(body), Failed: failed,
	})
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// answered is one answer without what differs from time to time.
type answered struct {
	Status int
	Header http.Header
	Body   string
}

// answers reads all that comes on a connection.
func answers(c io.Reader) (all []answered) {
	for in := bufio.NewReader(c); ; {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return all
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			body = []byte("cut off")
		}
		res.Header.Del("Date")
		res.Header.Del("Content-Length") // net/http sends a long answer in chunks
		if res.Close {
			res.Header.Set("Connection", "close")
		}
		all = append(all, answered{res.StatusCode, res.Header, string(body)})
	}
}

// withoutEnd is for comparing answers of a connection that ends with them, announced or not.
func withoutEnd(all []answered) []answered {
	if len(all) > 0 {
		all[len(all)-1].Header.Del("Connection")
	}
	return all
}

// say sends pieces to a server, then nothing more, and returns its answers.
func say(t testing.TB, c *net.UnixConn, pieces ...[]byte) []answered {
	t.Helper()
	go func() {
		for _, piece := range pieces {
			if _, err := c.Write(piece); err != nil {
				return // the server has closed, which its answers tell
			}
		}
		_ = c.CloseWrite()
	}()
	defer c.Close()
	return answers(c)
}

// odd are streams of requests, and how many of their requests the lane serves.
var odd = map[string]struct {
	stream string
	plain  int
}{
	"one":                        {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 1},
	"several":                    {strings.Repeat("POST /plain?a=%20b&c HTTP/1.1\r\nhost: h:80\r\nx-api-key:  k \r\nX-Api-Key: l\r\ncontent-length: 2\r\n\r\nhi", 5), 5},
	"empty":                      {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 1},
	"no length":                  {"POST /plain HTTP/1.1\r\nHost: h\r\n\r\n", 0},
	"keep-alive":                 {"POST /plain HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", 1},
	"close":                      {"POST /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", 0},
	"HTTP/1.0":                   {"POST /plain HTTP/1.0\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"HTTP/1.2":                   {"POST /plain HTTP/1.2\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a GET after it":             {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhiGET /plain HTTP/1.1\r\nHost: h\r\n\r\n", 1},
	"one after a GET":            {"GET /plain HTTP/1.1\r\nHost: h\r\n\r\nPOST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"another path":               {"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a whole address":            {"POST http://h/plain HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi", 0},
	"an escaped path":            {"POST /plain%41 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"an empty query":             {"POST /plain? HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a fragment":                 {"POST /plain?a#b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a space in the path":        {"POST /plain x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"two spaces":                 {"POST  /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"small letters":              {"post /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"no host":                    {"POST /plain HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", 0},
	"two hosts":                  {"POST /plain HTTP/1.1\r\nHost: h\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a bad host":                 {"POST /plain HTTP/1.1\r\nHost: h h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"an empty host":              {"POST /plain HTTP/1.1\r\nHost:\r\nContent-Length: 2\r\n\r\nhi", 1},
	"two lengths":                {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 0},
	"two different lengths":      {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\nhi", 0},
	"lengths in a list":          {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\nhi", 0},
	"a signed length":            {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nhi", 0},
	"a negative length":          {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: -2\r\n\r\nhi", 0},
	"an empty length":            {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 0},
	"a hexadecimal length":       {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 0x2\r\n\r\nhi", 0},
	"an enormous length":         {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nhi", 0},
	"a length with zeros":        {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 0002\r\n\r\nhi", 1},
	"chunks":                     {"POST /plain HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 0},
	"chunks and a length":        {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 0},
	"hidden chunks":              {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding : chunked\r\n\r\nhi", 0},
	"an unknown coding":          {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: x\r\n\r\nhi", 0},
	"a folded line":              {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a first line folded":        {"POST /plain HTTP/1.1\r\n Host: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a space before the colon":   {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length : 2\r\n\r\nhi", 0},
	"a line without a colon":     {"POST /plain HTTP/1.1\r\nHost: h\r\nhello\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a line without a name":      {"POST /plain HTTP/1.1\r\nHost: h\r\n: x\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a bad name":                 {"POST /plain HTTP/1.1\r\nHost: h\r\nX(A): x\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a NUL in a value":           {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: \x00\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a bare return in a value":   {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nhi", 0},
	"two returns":                {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: a\r\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a tab and high bytes":       {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: a\tb\xff\xe9 \r\nContent-Length: 2\r\n\r\nhi", 1},
	"an empty value":             {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A:\r\nX-B: \t \r\nContent-Length: 2\r\n\r\nhi", 1},
	"bare line ends":             {"POST /plain HTTP/1.1\nHost: h\nContent-Length: 2\n\nhi", 0},
	"one bare line end":          {"POST /plain HTTP/1.1\r\nHost: h\nContent-Length: 2\r\n\r\nhi", 0},
	"a bare line end and a name": {"POST /plain HTTP/1.1\r\nX: a\nHost: h\r\nHost: g\r\nContent-Length: 2\r\n\r\nhi", 0},
	"expect":                     {"POST /plain HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", 0},
	"an unmet expectation":       {"POST /plain HTTP/1.1\r\nHost: h\r\nExpect: x\r\nContent-Length: 2\r\n\r\nhi", 0},
	"upgrade":                    {"POST /plain HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi", 0},
	"pragma":                     {"POST /plain HTTP/1.1\r\nHost: h\r\nPragma: no-cache\r\nContent-Length: 2\r\n\r\nhi", 0},
	"a trailer":                  {"POST /plain HTTP/1.1\r\nHost: h\r\nTrailer: x\r\nContent-Length: 2\r\n\r\nhi", 0},
	"line ends between":          {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi\r\nPOST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 2},
	"line ends before":           {"\r\nPOST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 0},
	"too short a body":           {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nhi", 1},
	"too long a body":            {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nhi", 1},
	"a body of many reads":       {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("x", 10_000), 1},
	"a body for net/http":        {"POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + strings.Repeat("x", 3_000_000), 0},
	"many headers":               {"POST /plain HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", 40) + "Content-Length: 2\r\n\r\nhi", 1},
	"too many headers":           {"POST /plain HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", 100) + "Content-Length: 2\r\n\r\nhi", 0},
	"a long head":                {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 2\r\n\r\nhi", 0},
	"too long a head":            {"POST /plain HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("x", 100_000) + "\r\nContent-Length: 2\r\n\r\nhi", 0},
	"HTTP/2":                     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
	"TLS":                        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0},
	"nothing":                    {"", 0},
	"half a head":                {"POST /plain HTTP/1.1\r\nHost: h\r\nConte", 0},
}

func TestTheLaneAnswersAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	for name, c := range odd {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var plain atomic.Int64
			lane, _ := onSocket(t, plainly{func(w http.ResponseWriter, r *http.Request) {
				if inLane(w) {
					plain.Add(1)
				}
				tell(w, r)
			}})
			reference, _ := onSocket(t, http.HandlerFunc(tell))
			want := withoutEnd(say(t, reference(t), []byte(c.stream)))
			require.Equal(t, want, withoutEnd(say(t, lane(t), []byte(c.stream))))
			require.EqualValues(t, c.plain, plain.Load(), "requests in the lane")
		})
	}
}

// However the bytes of a stream are cut, the answers are the same.
func TestTheCutOfAStreamChangesNoAnswer(t *testing.T) {
	t.Parallel()
	lane, _ := onSocket(t, plainly{tell})
	reference, _ := onSocket(t, http.HandlerFunc(tell))
	requests := []string{
		odd["one"].stream, odd["several"].stream, odd["chunks"].stream, odd["empty"].stream, odd["no length"].stream,
		odd["another path"].stream, odd["a body of many reads"].stream, odd["close"].stream, odd["a bad host"].stream,
	}
	rapid.Check(t, func(r *rapid.T) {
		stream := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(requests), 1, 6).Draw(r, "requests"), ""))
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 20_000)).Draw(r, "piece"))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		require.Equal(r, withoutEnd(say(t, reference(t), stream)), withoutEnd(say(t, lane(t), pieces...)))
	})
}

func FuzzTheLaneAnswersAsNetHTTPDoes(f *testing.F) {
	for _, c := range odd {
		f.Add([]byte(c.stream))
	}
	lane, _ := onSocket(f, plainly{tell})
	reference, _ := onSocket(f, http.HandlerFunc(tell))
	f.Fuzz(func(t *testing.T, stream []byte) {
		require.Equal(t, withoutEnd(say(t, reference(t), stream)), withoutEnd(say(t, lane(t), stream)))
	})
}

func TestAnAnswerKeepsItsLines(t *testing.T) {
	t.Parallel()
	dial, _ := onSocket(t, plainly{func(w http.ResponseWriter, r *http.Request) {
		require.True(t, inLane(w))
		w.Header()["X-Sent"] = []string{r.Header.Get("X-Sent") + "\r\nX-Split: yes", "b"}
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, strings.Repeat("long ", 10_000))
	}})
	got := say(t, dial(t), bytes.Repeat([]byte("POST /plain HTTP/1.1\r\nHost: h\r\nX-Sent: a\r\nContent-Length: 2\r\n\r\nhi"), 3))
	require.Len(t, got, 3)
	for _, a := range got {
		require.Equal(t, http.StatusTeapot, a.Status)
		require.Equal(t, http.Header{"X-Sent": {"a  X-Split: yes", "b"}}, a.Header)
	}
}

func TestAHandlerThatPanicsCostsItsConnectionAlone(t *testing.T) {
	t.Parallel()
	dial, _ := onSocket(t, plainly{func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RawQuery {
		case "panic":
			panic("on purpose")
		case "abort":
			panic(http.ErrAbortHandler)
		}
	}})
	other := dial(t)
	for _, how := range []string{"panic", "abort"} {
		require.Empty(t, say(t, dial(t), []byte("POST /plain?"+how+" HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")))
	}
	require.Len(t, say(t, other, []byte("POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")), 1)
}

// A request that gives a length and comes in chunks is the last one of its connection: what a proxy took
// for its body is never read as a request.
func TestNothingIsReadAfterARequestInChunks(t *testing.T) {
	t.Parallel()
	dial, _ := onSocket(t, plainly{tell})
	const hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
	chunks := "0\r\n\r\n" + hidden
	got := say(t, dial(t), fmt.Appendf(nil, "POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%s", len(chunks), chunks))
	require.Len(t, got, 1)
	require.Equal(t, http.StatusOK, got[0].Status)
	require.Equal(t, "close", got[0].Header.Get("Connection"))
	require.NotContains(t, got[0].Body, "hidden")
}

const plainPost = "POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"

func TestAStopFinishesThePlainRequestsInFlight(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	dial, stop := onSocket(t, plainly{func(w http.ResponseWriter, r *http.Request) {
		require.NotNil(t, Draining(r.Context()))
		if r.URL.RawQuery == "wait" {
			entered <- struct{}{}
			<-Draining(r.Context())
			<-leave
		}
		_, _ = io.WriteString(w, "done")
	}})
	idle, used, busy := dial(t), dial(t), dial(t)
	_, err := io.WriteString(used, plainPost)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(used), nil)
	require.NoError(t, err)
	require.False(t, res.Close)
	_, err = io.WriteString(busy, "POST /plain?wait HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	<-entered

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	for _, c := range []net.Conn{idle, used} {
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "a connection without a request ends")
	}
	select {
	case <-stopped:
		t.Fatal("stopped with a request in flight")
	default:
	}
	close(leave)
	got := answers(busy)
	require.Len(t, got, 1)
	require.Equal(t, http.Header{"Connection": {"close"}}, got[0].Header)
	<-stopped
}

// pipes is a listener whose connections live in memory, so that a test's own clock rules them.
type pipes struct {
	made   chan net.Conn
	closed chan struct{}
}

func newPipes() pipes { return pipes{make(chan net.Conn), make(chan struct{})} }

func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.made <- theirs
	return ours
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// inMemory runs a server for a test in a bubble.
func inMemory(t *testing.T, h http.HandlerFunc) (dial func() net.Conn, stop func()) {
	t.Helper()
	l := newPipes()
	return l.dial, serving(t, l, plainly{h})
}

// lasts returns how long it takes until the server closes c.
func lasts(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	_, err := io.Copy(io.Discard, c)
	require.NoError(t, err)
	return time.Since(began)
}

func TestAConnectionWithoutARequestIsClosedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dial, _ := inMemory(t, tell)
		require.Equal(t, readHeaderTimeout, lasts(t, dial()), "never had one")

		c := dial()
		_, err := io.WriteString(c, plainPost)
		require.NoError(t, err)
		require.InDelta(t, idleTimeout, lasts(t, c), float64(deadlineGrain), "had one")

		c = dial()
		_, err = io.WriteString(c, "P")
		require.NoError(t, err)
		require.Equal(t, readHeaderTimeout, lasts(t, c), "has the beginning of one")
	})
}

func TestAnAnswerTellsTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dial, _ := inMemory(t, tell)
		c := dial()
		defer c.Close()
		in := bufio.NewReader(c)
		for range 3 {
			_, err := io.WriteString(c, plainPost)
			require.NoError(t, err)
			res, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.Equal(t, time.Now().UTC().Format(http.TimeFormat), res.Header.Get("Date"))
			time.Sleep(1500 * time.Millisecond)
		}
	})
}

func TestABodyThatDoesNotComeEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		dial, _ := inMemory(t, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			failed <- err
		})
		c := dial()
		_, err := io.WriteString(c, "POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhi")
		require.NoError(t, err)
		require.InDelta(t, readTimeout, lasts(t, c), float64(deadlineGrain))
		require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
	})
}

func TestAnAnswerThatNobodyReadsEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dial, _ := inMemory(t, tell)
		c := dial()
		_, err := io.WriteString(c, plainPost)
		require.NoError(t, err)
		time.Sleep(writeTimeout + deadlineGrain)
		synctest.Wait()
		_, err = c.Write([]byte("x"))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

func TestARequestOnItsWayAtAStopIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dial, stop := inMemory(t, tell)
		c := dial()
		synctest.Wait()
		go stop()
		synctest.Wait() // the server is stopping
		_, err := io.WriteString(c, plainPost)
		require.NoError(t, err)
		got := answers(c)
		require.Len(t, got, 1)
		require.Equal(t, "close", got[0].Header.Get("Connection"))
	})
}

// A connection that the listener had taken in when the server began to stop is waited for like any other.
func TestAStopWaitsForAConnectionThatComesMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		l := newPipes()
		lane := newLane(t.Context(), l, plainly{func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-leave
		}}, zap.NewNop())
		lane.leave()
		c := l.dial()
		_, err := io.WriteString(c, plainPost)
		require.NoError(t, err)
		<-entered
		require.NoError(t, lane.Close())
		waited := make(chan error, 1)
		go func() { waited <- lane.wait(t.Context()) }()
		synctest.Wait()
		require.Empty(t, waited)
		close(leave)
		require.Len(t, answers(c), 1)
		require.NoError(t, <-waited)
	})
}

func TestAStopDoesNotWaitForAPlainRequestForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		dial, stop := inMemory(t, func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-leave
		})
		c := dial()
		_, err := io.WriteString(c, plainPost)
		require.NoError(t, err)
		<-entered
		began := time.Now()
		stop()
		require.Equal(t, drainTimeout, time.Since(began))
		_, err = c.Read(make([]byte, 1))
		require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe), "%v", err)
		close(leave)
	})
}

func BenchmarkAPost(b *testing.B) {
	request := []byte("POST /plain HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: bench\r\nContent-Type: application/json\r\nX-Api-Key: spk_0123456789\r\n" +
		"Content-Length: 330\r\n\r\n" + strings.Repeat("x", 330))
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = io.WriteString(w, `{"received":1}`)
	}
	for name, h := range map[string]http.Handler{"lane": plainly{answer}, "net-http": http.HandlerFunc(answer)} {
		b.Run(name, func(b *testing.B) {
			dial, _ := onSocket(b, h)
			c := dial(b)
			require.NoError(b, c.SetDeadline(time.Time{}))
			in := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
