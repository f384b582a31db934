package specter

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	gzipFrom   = 1 << 10 // bytes; below it compressing costs more than it saves
	maxAnswer  = 1 << 20 // bytes of an answer that are read
	maxProblem = 64 << 10

	maxAttempt = 30 * time.Second // of one request, also with an HTTP client that has no timeout

	dropReportDelay = time.Second // drops are told together, not one by one
)

// errNotOurs is an answer of 200 that is not Specter's: a captive portal, or a wrong address.
var errNotOurs = errors.New("specter: the answer is not that of a Specter server; check the host")

// send is the sending goroutine.
func (c *Client) send() {
	defer close(c.done)
	for c.ctx.Err() == nil {
		c.reportDrops()
		batch, wait, last := c.queue.take()
		switch {
		case batch != nil:
			c.deliver(batch)
		case last:
			return
		default:
			c.awaitSignals(wait)
		}
	}
	c.reportDrops()
	left := c.queue.takeAll()
	c.giveUp(left)
	c.queue.settle(len(left))
}

// awaitSignals waits until the queue should be looked at again, at the latest after d (0: no limit).
func (c *Client) awaitSignals(d time.Duration) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-c.queue.wake:
	case <-c.ctx.Done():
	}
}

// deliver sends a batch until its fate is known.
func (c *Client) deliver(batch [][]byte) {
	defer c.queue.settle(len(batch))
	body, coding := pack(batch)
	began, unlucky := time.Now(), 0
	for attempt := 1; ; attempt++ {
		answer, err := c.post(body, coding)
		if err == nil {
			c.received(batch, answer)
			return
		}
		if c.ctx.Err() != nil {
			c.giveUp(batch)
			return
		}
		if !isOutage(err) {
			unlucky++
		}
		if !isRetryable(err) || unlucky == maxUnlucky || time.Since(began) > maxOutage {
			c.loss(len(batch), err)
			return
		}
		wait := backoff(attempt, err)
		c.log.Warn("sending signals failed; trying again", "signals", len(batch), "attempt", attempt, "wait", wait, "error", err)
		if !c.pause(wait) {
			c.giveUp(batch)
			return
		}
	}
}

// pause waits before another attempt, and meanwhile tells of drops; false when the client was closed
// for good.
func (c *Client) pause(d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	var report <-chan time.Time
	for {
		select {
		case <-over.C:
			return true
		case <-c.ctx.Done():
			return false
		case <-c.queue.wake:
			if report == nil {
				report = time.After(dropReportDelay)
			}
		case <-report:
			c.reportDrops()
			report = nil
		}
	}
}

// received notes what the server took of a batch.
func (c *Client) received(batch [][]byte, a answer) {
	named := make(map[int]bool, len(a.Rejected))
	for _, r := range a.Rejected {
		if r.Index < 0 || r.Index >= len(batch) || named[r.Index] {
			continue
		}
		named[r.Index] = true
		c.rejected.Add(1)
		c.report(&RejectedError{ID: idOf(batch[r.Index]), Type: typeOf(batch[r.Index]), Code: r.Code, Detail: r.Detail, RequestID: a.requestID})
	}
	received := min(*a.Received, len(batch)-len(named))
	c.delivered.Add(int64(received))
	if missing := len(batch) - len(named) - received; missing > 0 {
		c.loss(missing, fmt.Errorf("specter: the server took %d of %d signals and named no reason (request %s)", received, len(batch), a.requestID))
	}
}

func (c *Client) loss(signals int, err error) {
	c.lost.Add(int64(signals))
	c.report(&LossError{Signals: signals, Err: err})
}

// giveUp notes signals that Close found no time for.
func (c *Client) giveUp(signals [][]byte) {
	if len(signals) > 0 {
		c.abandoned.Add(int64(len(signals)))
		c.loss(len(signals), ErrClosed)
	}
}

// reportDrops tells of signals that found the queue full. Track has counted them.
func (c *Client) reportDrops() {
	if n := c.queue.drops(); n > 0 {
		c.report(&LossError{Signals: n, Err: ErrQueueFull})
	}
}

func (c *Client) report(err error) {
	c.log.Error("signals will not arrive", "error", err)
	c.onError(err)
}

// pack makes a request body of a batch. coding is its Content-Encoding, empty for none.
func pack(batch [][]byte) (body []byte, coding string) {
	size := 2
	for _, signal := range batch {
		size += len(signal) + 1
	}
	body = make([]byte, 0, size)
	body = append(body, '[')
	for i, signal := range batch {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, signal...)
	}
	if body = append(body, ']'); len(body) < gzipFrom {
		return body, ""
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level exists
	_, _ = w.Write(body)                                 // a buffer takes everything
	_ = w.Close()
	return packed.Bytes(), "gzip"
}

// answer is a 200 of the server.
type answer struct {
	Received *int        `json:"received"`
	Rejected []rejection `json:"rejected"`

	requestID string
}

type rejection struct {
	Index  int    `json:"index"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// post makes one attempt. partial has the server take the good signals of a batch that holds a bad
// one; sent_at lets it correct this machine's clock.
func (c *Client) post(body []byte, coding string) (answer, error) {
	target := c.host.JoinPath("/api/signals")
	target.RawQuery = "source=sdk&partial=true&sent_at=" + strconv.FormatInt(c.now().UnixMilli(), 10)
	ctx, cancel := context.WithTimeout(c.ctx, maxAttempt)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("specter: making a request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Api-Key", c.key)
	if coding != "" {
		request.Header.Set("Content-Encoding", coding)
	}
	response, err := c.do(request)
	if err != nil {
		return answer{}, err
	}
	defer closeBody(response)
	// An answer that breaks off may have said that signals were rejected: only the whole counts.
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("specter: reading the answer: %w", err)
	}
	a := answer{requestID: response.Header.Get("X-Request-Id")}
	if response.StatusCode != http.StatusOK || json.Unmarshal(text, &a) != nil || a.Received == nil || *a.Received < 0 {
		return answer{}, errNotOurs
	}
	return a, nil
}

// do sends a request and returns the response when it is a success; the caller closes its body.
func (c *Client) do(request *http.Request) (*http.Response, error) {
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("specter: sending a request: %w", cause(request.Context(), err))
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return response, nil
	}
	defer closeBody(response)
	return nil, refusal(response, c.now())
}

const userAgent = "specter-go/1"

// closeBody reads what is left, so that the connection can be used again.
func closeBody(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, maxProblem) // only a courtesy to the connection
	_ = response.Body.Close()
}

// cause is an HTTP client's error without the URL, which is the same every time.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
