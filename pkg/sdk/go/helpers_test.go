package specter

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testKey   = "spk_EXAMPLEexampleEXAMPLEexample012mLPZl"
	testToken = "spt_0000000000000000000000000000000000000"
)

// TestMain fails when a client's goroutine outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftovers(5 * time.Second); left != "" {
		fmt.Fprintln(os.Stderr, "goroutines left over:\n"+left)
		code = 1
	}
	os.Exit(code)
}

func leftovers(limit time.Duration) string {
	buffer := make([]byte, 1<<20)
	for deadline := time.Now().Add(limit); ; runtime.Gosched() {
		left := ""
		for _, stack := range strings.Split(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
			if strings.Contains(stack, ".(*Client).") {
				left += stack + "\n\n"
			}
		}
		if left == "" || time.Now().After(deadline) {
			return left
		}
	}
}

// sent is one signal as the server read it.
type sent struct {
	ID        string          `json:"id"`
	Timestamp int64           `json:"timestamp"`
	Type      string          `json:"type"`
	ContextID string          `json:"context_id"`
	Session   string          `json:"session_id"`
	Payload   json.RawMessage `json:"payload"`
}

// server answers as its script says, the last line of it for ever, and keeps what it was sent.
type server struct {
	script []http.HandlerFunc

	mu       sync.Mutex
	requests []*http.Request
	batches  [][]sent
	stored   map[string]int // requests by signal id, of those that were answered by ok
}

func script(lines ...http.HandlerFunc) *server {
	return &server{script: lines, stored: map[string]int{}}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	batch, err := readBatch(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	s.mu.Lock()
	line := s.script[min(len(s.requests), len(s.script)-1)]
	s.requests = append(s.requests, r)
	s.batches = append(s.batches, batch)
	s.mu.Unlock()
	line(w, r.WithContext(context.WithValue(r.Context(), batchKey{}, batch)))
}

type batchKey struct{}

func batchOf(r *http.Request) []sent { return r.Context().Value(batchKey{}).([]sent) }

func readBatch(r *http.Request) ([]sent, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var batch []sent
	return batch, errors.Join(err, json.Unmarshal(text, &batch))
}

// ok is the plain answer of a server that stored everything.
func (s *server) ok(w http.ResponseWriter, r *http.Request) {
	s.store(batchOf(r))
	fmt.Fprintf(w, `{"received":%d}`, len(batchOf(r)))
}

func (s *server) store(batch []sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, signal := range batch {
		s.stored[signal.ID]++
	}
}

// cutOff stores everything, and breaks off its answer in the middle.
func (s *server) cutOff(w http.ResponseWriter, r *http.Request) {
	s.store(batchOf(r))
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, `{"received":`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func (s *server) seen() (requests []*http.Request, batches [][]sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...), append([][]sent(nil), s.batches...)
}

func (s *server) requireStored(t *testing.T, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stored) != want {
		t.Fatalf("%d different signals were stored, want %d", len(s.stored), want)
	}
}

// refuse answers with a problem.
func refuse(status int, code string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":"So it is.","request_id":"req-1"}`, status, code)
	}
}

// losses collects what WithOnError is told.
type losses struct {
	mu  sync.Mutex
	all []error
}

func (l *losses) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, err)
}

func (l *losses) list() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]error(nil), l.all...)
}

// newClient is a client of s over real HTTP; it is closed when the test ends.
func newClient(t testing.TB, s http.Handler, options ...Option) (*Client, *losses) {
	t.Helper()
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	return dial(t, listening.URL, options...)
}

// inProcess calls a handler without a network, so that a test's clock can be synctest's.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (w *http.Response, err error) {
	defer func() {
		if recover() != nil {
			w, err = nil, io.ErrUnexpectedEOF
		}
	}()
	recorder := httptest.NewRecorder()
	p.handler.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

// bubbled is a client for use within synctest.Test.
func bubbled(t testing.TB, s http.Handler, options ...Option) (*Client, *losses) {
	t.Helper()
	return dial(t, "http://specter.test", append(options, WithHTTPClient(&http.Client{Transport: inProcess{s}}))...)
}

func dial(t testing.TB, url string, options ...Option) (*Client, *losses) {
	t.Helper()
	told := &losses{}
	client, err := New(testKey, append([]Option{WithHost(url), WithOnError(told.add)}, options...)...)
	must(t, err)
	t.Cleanup(func() {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.Close(done)
	})
	return client, told
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// as is errors.As for a type, and fails the test.
func as[T error](t testing.TB, err error) T {
	t.Helper()
	var target T
	if !errors.As(err, &target) {
		t.Fatalf("got %v (%T), want a %T", err, err, target)
	}
	return target
}
