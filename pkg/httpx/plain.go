package httpx

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"
)

// Limits of a plain request; a larger one is for net/http.
const (
	plainHeadBytes = 4 << 10
	plainHeaders   = 48
	plainBodyBytes = 2 << 20

	// keptAnswer is the size of the largest buffers that a connection keeps for its next answer.
	keptAnswer = 4 << 10
)

// plainConn is a connection in the lane. Its memory serves all its requests.
type plainConn struct {
	lane *lane
	conn *conn
	in   *bufio.Reader

	mu      sync.Mutex
	waiting bool // for a request
	leaving bool

	request http.Request
	url     url.URL
	header  http.Header
	values  [plainHeaders]string // of header
	body    plainBody
	answer  plainAnswer
	out     []byte
	second  int64 // that date is of
	date    []byte
}

func newPlainConn(l *lane, raw net.Conn) *plainConn {
	c := &plainConn{lane: l, conn: newConn(raw), header: http.Header{}}
	c.in = bufio.NewReaderSize(c.conn, plainHeadBytes)
	c.body.in = c.in
	c.answer.header = http.Header{}
	return c
}

// serve works until the connection ends or is net/http's.
func (c *plainConn) serve() {
	defer c.lane.end(c)
	for begun := c.await(readHeaderTimeout, 1); begun; begun = c.awaitNext() {
		if !c.parse() {
			c.handOver()
			return
		}
		if !c.handle() {
			break
		}
	}
	c.conn.Close()
}

// await waits for the first bytes of a request; false when it does not come.
func (c *plainConn) await(idle time.Duration, bytes int) bool {
	now := time.Now()
	c.mu.Lock()
	c.waiting = true
	if c.leaving {
		idle = leaveAfter
	}
	_ = c.conn.SetReadDeadline(now.Add(idle))
	c.mu.Unlock()

	_, err := c.in.Peek(bytes)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = false
	return err == nil
}

// awaitNext waits for a request after the first. It forgives the line end that some old clients send after
// a body (RFC 9112 §2.2).
func (c *plainConn) awaitNext() bool {
	if !c.await(idleTimeout, len("POST")) {
		return false
	}
	begin, _ := c.in.Peek(len("POST"))
	_, _ = c.in.Discard(len(begin) - len(bytes.TrimLeft(begin, "\r\n")))
	return true
}

// leave asks the connection to end when it has no request.
func (c *plainConn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaving = true
	if c.waiting {
		_ = c.conn.SetReadDeadline(time.Now().Add(leaveAfter))
	}
}

func (c *plainConn) isLeaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving
}

// handOver gives the connection to net/http as if nothing had been read of it.
func (c *plainConn) handOver() {
	ahead, _ := c.in.Peek(c.in.Buffered())
	c.conn.ahead = bytes.Clone(ahead)
	_ = c.conn.SetReadDeadline(time.Time{})
	select {
	case c.lane.others <- c.conn:
	case <-c.lane.closed:
		c.conn.Close()
	}
}

var endOfHead = []byte("\r\n\r\n")

// parse reads the head of a plain request into c.request. It answers false, having taken nothing, when
// the request is another: when its head is not all here, when it is not a POST of HTTP/1.1 to a plain
// path with a body of a known length, when it uses a feature that changes how requests are told apart
// or connections are kept, or when anything about it is unusual, let alone wrong.
func (c *plainConn) parse() bool {
	buffered, _ := c.in.Peek(c.in.Buffered())
	end := bytes.Index(buffered, endOfHead)
	if end < 0 {
		return false
	}
	first, lines, _ := strings.Cut(string(buffered[:end+2]), "\r\n")
	target, ok := strings.CutPrefix(first, "POST ")
	if !ok {
		return false
	}
	if target, ok = strings.CutSuffix(target, " HTTP/1.1"); !ok || !c.parseTarget(target) {
		return false
	}
	c.request = *c.lane.request
	length, ok := c.parseHeader(lines)
	if !ok {
		return false
	}
	_, _ = c.in.Discard(end + len(endOfHead))
	r := &c.request
	r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodPost, "HTTP/1.1", 1, 1
	r.URL, r.RequestURI, r.Header, r.RemoteAddr = &c.url, target, c.header, c.conn.remote
	r.ContentLength, r.Body = length, http.NoBody
	if c.body.left = length; length > 0 {
		r.Body = &c.body
	}
	return true
}

func (c *plainConn) parseTarget(target string) bool {
	path, query, asked := strings.Cut(target, "?")
	if asked && query == "" || !IsPlain(c.lane.handler, path) {
		return false
	}
	for _, b := range []byte(target) {
		if b <= ' ' || b >= 0x7f || b == '#' {
			return false
		}
	}
	c.url = url.URL{Path: path, RawQuery: query}
	return !strings.Contains(path, "%")
}

// parseHeader reads the lines after the first.
func (c *plainConn) parseHeader(lines string) (length int64, ok bool) {
	clear(c.header)
	hosts, lengths := 0, 0
	for n := 0; lines != ""; n++ {
		var line string
		line, lines, _ = strings.Cut(lines, "\r\n")
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !found || n == len(c.values) || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return 0, false
		}
		switch name = textproto.CanonicalMIMEHeaderKey(name); name {
		case "Host":
			c.request.Host = value
			if hosts++; !httpguts.ValidHostHeader(value) {
				return 0, false
			}
			continue // net/http leaves it out of the header
		case "Content-Length":
			lengths++
			if length, ok = plainLength(value); !ok {
				return 0, false
			}
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return 0, false
			}
		case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Pragma":
			return 0, false
		}
		if before := c.header[name]; before != nil {
			c.header[name] = append(before, value)
			continue
		}
		c.values[n] = value
		c.header[name] = c.values[n : n+1 : n+1]
	}
	return length, hosts == 1 && lengths == 1
}

func plainLength(text string) (int64, bool) {
	n, err := strconv.ParseUint(text, 10, 31) // takes digits only
	return int64(n), err == nil && n <= plainBodyBytes
}

// handle answers the request and reports whether the connection can carry another.
func (c *plainConn) handle() bool {
	now := time.Now()
	_ = c.conn.SetReadDeadline(now.Add(readTimeout))
	_ = c.conn.SetWriteDeadline(now.Add(writeTimeout))
	c.answer.reset()
	if !c.call() {
		return false
	}
	// The answer comes after the whole request: a client may not read before it has sent.
	_, err := io.Copy(io.Discard, c.request.Body)
	keep := err == nil && !c.isLeaving()
	c.out = c.appendAnswer(c.out[:0], keep)
	_, err = c.conn.Write(c.out)
	if cap(c.out) > keptAnswer {
		c.out = nil
	}
	return keep && err == nil
}

// call runs the handler; false when it gave up.
func (c *plainConn) call() (ok bool) {
	defer func() {
		if panicked := recover(); panicked != nil && panicked != http.ErrAbortHandler { //nolint:errorlint // it is compared as net/http does
			c.lane.log.Error("handler panicked", zap.String("panic", fmt.Sprint(panicked)), zap.ByteString("stack", debug.Stack()))
		}
	}()
	c.lane.handler.ServeHTTP(&c.answer, &c.request)
	return true
}

func (c *plainConn) appendAnswer(b []byte, keep bool) []byte {
	a := &c.answer
	a.WriteHeader(http.StatusOK)
	b = strconv.AppendInt(append(b, "HTTP/1.1 "...), int64(a.status), 10)
	b = append(append(append(b, ' '), http.StatusText(a.status)...), "\r\n"...)
	for name, values := range a.header {
		for _, value := range values {
			b = append(append(append(append(b, name...), ": "...), inOneLine(value)...), "\r\n"...)
		}
	}
	b = append(append(append(b, "Date: "...), c.today()...), "\r\n"...)
	if !keep {
		b = append(b, "Connection: close\r\n"...)
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(a.body)), 10)
	return append(append(b, "\r\n\r\n"...), a.body...)
}

// inOneLine keeps a value from ending its line.
func inOneLine(value string) string {
	if strings.ContainsAny(value, "\r\n") {
		return strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	}
	return value
}

// today returns the time as HTTP has it, made once a second.
func (c *plainConn) today() []byte {
	if now := time.Now(); now.Unix() != c.second {
		c.second, c.date = now.Unix(), now.UTC().AppendFormat(c.date[:0], http.TimeFormat)
	}
	return c.date
}

// plainBody is the body of a plain request.
type plainBody struct {
	in   *bufio.Reader
	left int64
}

// Read tells the end together with the last bytes, as net/http's does.
func (b *plainBody) Read(p []byte) (int, error) {
	switch {
	case b.left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0:
		return n, io.EOF
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	default:
		return n, err //nolint:wrapcheck // a Reader passes errors on as they are
	}
}

// Close does nothing: what is left is read before the answer is written.
func (b *plainBody) Close() error { return nil }

// plainAnswer collects an answer.
type plainAnswer struct {
	header http.Header
	status int
	body   []byte
}

func (a *plainAnswer) reset() {
	clear(a.header)
	a.status, a.body = 0, a.body[:0]
	if cap(a.body) > keptAnswer {
		a.body = nil
	}
}

func (a *plainAnswer) Header() http.Header { return a.header }

// WriteHeader keeps the first status.
func (a *plainAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *plainAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, p...)
	return len(p), nil
}
