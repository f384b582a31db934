package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/deploy/e2e/ledger"
)

// Target is one product to send to.
type Target struct {
	Account uuid.UUID
	Key     string
}

// Plan says how much is sent, and how.
type Plan struct {
	URLs    []string // of gateways; a client goes on to the next when one does not answer
	Targets []Target
	Clients int
	Batch   int           // signals of four requests in five; the fifth has one
	Signals int64         // enough once so many are acknowledged; 0: until Stop
	Limit   time.Duration // an end, whatever happens
	// Patience bounds the wait before a retry, so that a test of a hundred faults is over
	// today; 0: Retry-After is obeyed.
	Patience time.Duration
	Think    time.Duration // about how long a client rests between requests
	Trace    bool          // keep every answer for Answers
	// Breaks: the process that answers is killed, so that a connection may end without an answer;
	// otherwise that is a problem.
	Breaks bool
}

// answerLimit is how long an answer may take before it counts as none.
const answerLimit = 10 * time.Second

// Answer is what became of one request.
type Answer struct {
	At     time.Time // when it was sent
	Took   time.Duration
	Status int // 0: none came
	Client int
	Retry  int // seconds, as Retry-After said
}

// Run is a load at work.
type Run struct {
	plan   Plan
	book   *ledger.Ledger
	client *http.Client
	stop   chan struct{}
	halt   func()
	done   chan struct{}

	ok, refused, broken atomic.Int64
	pressed             atomic.Int64 // bytes

	mu       sync.Mutex
	refusals []time.Duration
	problems []string
	answers  []Answer
}

// Start sends until Stop, the plan's end, or ctx's.
func Start(ctx context.Context, plan Plan, book *ledger.Ledger) *Run {
	ctx, cancel := context.WithTimeout(ctx, plan.Limit)
	r := &Run{
		plan: plan, book: book, stop: make(chan struct{}), done: make(chan struct{}),
		client: &http.Client{Timeout: answerLimit, Transport: &http.Transport{MaxIdleConnsPerHost: plan.Clients, MaxIdleConns: 0}},
	}
	r.halt = sync.OnceFunc(func() { close(r.stop) })
	var clients sync.WaitGroup
	for n := range plan.Clients {
		clients.Go(func() { r.work(ctx, n) })
	}
	go func() {
		clients.Wait()
		cancel()
		r.client.CloseIdleConnections()
		close(r.done)
	}()
	return r
}

// Stop lets requests on their way finish and waits for the clients.
func (r *Run) Stop() {
	r.halt()
	<-r.done
}

// Done is closed when the clients are.
func (r *Run) Done() <-chan struct{} { return r.done }

// OK, Refused and Broken count answers so far: 200, a refusal to be tried again, none.
func (r *Run) OK() int64      { return r.ok.Load() }
func (r *Run) Refused() int64 { return r.refused.Load() }
func (r *Run) Broken() int64  { return r.broken.Load() }

// Pressed is how many bytes of signals were refused so far, each time anew.
func (r *Run) Pressed() int64 { return r.pressed.Load() }

// RefusedWithin is the time in which a share of the refused heard of it: 1 for all.
func (r *Run) RefusedWithin(share float64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Quantile(r.refusals, share)
}

// Quantile is the smallest of the durations that a share of them does not exceed.
func Quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// Problems is what the server did that it may not.
func (r *Run) Problems() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.problems...)
}

// Answers are all of them, in the order of arrival, when the plan traces.
func (r *Run) Answers() []Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Answer(nil), r.answers...)
}

func (r *Run) work(ctx context.Context, n int) {
	random := rand.New(rand.NewPCG(uint64(n), 7))
	if r.plan.Think > 0 && !r.rest(ctx, rand.N(r.plan.Think)) { // not all at the same moment
		return
	}
	for turn := 0; !r.ended(ctx); turn++ {
		size := r.plan.Batch
		if turn%5 == 4 {
			size = 1
		}
		target := r.plan.Targets[(n+turn)%len(r.plan.Targets)]
		ids := make([]uuid.UUID, size)
		for i := range ids {
			ids[i] = uuid.New()
		}
		r.book.Send(target.Account, ids)
		r.deliver(ctx, n, target, ids, Body(ids, random))
		if r.plan.Think > 0 && !r.rest(ctx, r.plan.Think/2+rand.N(r.plan.Think)) {
			return
		}
	}
}

func (r *Run) ended(ctx context.Context) bool {
	select {
	case <-r.stop:
		return true
	case <-ctx.Done():
		return true
	default:
		return r.plan.Signals > 0 && r.book.Acked() >= r.plan.Signals
	}
}

func (r *Run) rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.stop:
		return false
	case <-ctx.Done():
		return false
	}
}

// deliver sends the same signals until they are acknowledged or the load ends.
func (r *Run) deliver(ctx context.Context, n int, target Target, ids []uuid.UUID, body string) {
	for try := 0; ; try++ {
		a := r.post(ctx, n, r.plan.URLs[(n+try)%len(r.plan.URLs)], target, body, len(ids))
		wait := 50 * time.Millisecond
		switch a.Status {
		case http.StatusOK:
			r.ok.Add(1)
			if err := r.book.Ack(n, ids); err != nil {
				r.problem("%v", err)
			}
			return
		case 0:
			if ctx.Err() != nil {
				return
			}
			r.broken.Add(1)
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			r.refused.Add(1)
			r.pressed.Add(int64(len(body)))
			r.mu.Lock()
			r.refusals = append(r.refusals, a.Took)
			r.mu.Unlock()
			if wait = time.Duration(a.Retry) * time.Second; r.plan.Patience > 0 {
				wait = min(wait, r.plan.Patience)
			}
		default:
			r.halt() // it will not get better
			return
		}
		if !r.rest(ctx, wait) {
			return
		}
	}
}

// post sends once and checks that the answer is one the contract knows.
func (r *Run) post(ctx context.Context, n int, url string, target Target, body string, signals int) (a Answer) {
	a = Answer{At: time.Now(), Client: n}
	defer func() {
		a.Took = time.Since(a.At)
		if r.plan.Trace {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.answers = append(r.answers, a)
		}
	}()
	res, text, err := Post(ctx, r.client, url, target.Key, body)
	switch {
	case err != nil && ctx.Err() == nil && time.Since(a.At) >= answerLimit:
		r.problem("no answer within %s", answerLimit)
	case err != nil && ctx.Err() == nil && !r.plan.Breaks:
		r.problem("a request without an answer: %v", err)
	}
	if err != nil {
		return a
	}
	a.Status = res.StatusCode
	a.Retry, _ = strconv.Atoi(res.Header.Get("Retry-After")) // absent or unreadable is 0, a problem below
	var said struct {
		Received *int   `json:"received"`
		Code     string `json:"code"`
	}
	bad := json.Unmarshal(text, &said) != nil
	switch a.Status {
	case http.StatusOK:
		if bad || said.Received == nil || *said.Received != signals {
			r.problem("200 for %d signals says %.200s", signals, text)
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if bad || said.Code == "" || a.Retry < 1 {
			r.problem("%d with Retry-After %q says %.200s", a.Status, res.Header.Get("Retry-After"), text)
		}
	default:
		r.problem("a refusal that cannot be retried: %d: %.200s", a.Status, text)
	}
	return a
}

// maxProblems is plenty to see what is wrong.
const maxProblems = 20

func (r *Run) problem(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

// Post sends one body to a gateway and reads the answer.
func Post(ctx context.Context, client *http.Client, url, key, body string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/signals", strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", key)
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, text, err
}

// Body is a request with signals of these ids: an array, or for one the signal itself.
func Body(ids []uuid.UUID, random *rand.Rand) string {
	var b strings.Builder
	if len(ids) > 1 {
		b.WriteByte('[')
	}
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%q,"type":"page_view","session_id":"s-%d","payload":{"path":"/p/%d","release":"1.4.2"}}`, id, random.IntN(1000), random.IntN(50))
	}
	if len(ids) > 1 {
		b.WriteByte(']')
	}
	return b.String()
}
