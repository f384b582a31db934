package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Options of one run.
type Options struct {
	Addr        string        // host:port
	Request     []byte        // a whole HTTP/1.1 request, see Post
	Connections int           // kept alive, each with one request at a time
	Duration    time.Duration // of the whole run
}

// Result of one run.
type Result struct {
	OK      int64 // answers with 200
	Refused int64 // other answers
	Elapsed time.Duration
	Times   Times
}

// Rate is answers with 200 a second.
func (r Result) Rate() float64 { return float64(r.OK) / r.Elapsed.Seconds() }

// ioTimeout ends a connection that gets no answer.
const ioTimeout = 10 * time.Second

// Post builds a request with a JSON body.
func Post(addr, path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, addr, len(body))
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// Run loads the server until the time is up. A connection that fails ends the run with its error.
func Run(ctx context.Context, o Options) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	conns := make([]*connection, o.Connections)
	for i := range conns {
		raw, err := (&net.Dialer{Timeout: ioTimeout}).DialContext(ctx, "tcp", o.Addr)
		if err != nil {
			return Result{}, fmt.Errorf("connecting to %s: %w", o.Addr, err)
		}
		defer raw.Close()
		conns[i] = &connection{conn: raw, in: bufio.NewReaderSize(raw, 2048), request: o.Request}
	}
	began := time.Now()
	var running sync.WaitGroup
	errs := make([]error, len(conns))
	for i, c := range conns {
		running.Go(func() { errs[i] = c.run(ctx) })
	}
	running.Wait()
	result := Result{Elapsed: time.Since(began)}
	for _, c := range conns {
		result.OK += c.ok
		result.Refused += c.refused
		result.Times.Add(&c.times)
	}
	return result, errors.Join(errs...)
}

type connection struct {
	conn        net.Conn
	in          *bufio.Reader
	request     []byte
	ok, refused int64
	times       Times
}

func (c *connection) run(ctx context.Context) error {
	if err := c.conn.SetDeadline(time.Now().Add(ioTimeout + time.Minute)); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := c.conn.Write(c.request); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		status, err := c.answer()
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		if status != 200 {
			c.refused++
			continue
		}
		c.ok++
		c.times.note(time.Since(began))
	}
	return nil
}

var contentLength = []byte("Content-Length: ")

// answer reads one answer that says its length.
func (c *connection) answer() (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case first:
			if len(line) < 12 {
				return 0, fmt.Errorf("not an HTTP answer: %q", line)
			}
			status, _ = strconv.Atoi(string(line[9:12]))
		case len(line) == 2:
			if _, err := c.in.Discard(length); err != nil {
				return 0, fmt.Errorf("a body of %d bytes: %w", length, err)
			}
			return status, nil
		case bytes.HasPrefix(line, contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, fmt.Errorf("content length: %w", err)
			}
		}
	}
}
