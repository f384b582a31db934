package specter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestASignalArrivesAsItWasTracked(t *testing.T) {
	t.Parallel()
	const own, other = "0190a0a0-0000-7000-8000-000000000001", "0190a0a0-0000-7000-8000-000000000002"
	now := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
	s := script()
	s.script = []http.HandlerFunc{s.ok}
	client, told := newClient(t, s, WithContextID(own), WithClock(func() time.Time { return now }))

	ctx := ContextWith(t.Context(), WithSession("visit-1"))
	payload := map[string]any{"plan": "pro", "text": "<a & b> \u2028 ü"}
	must(t, client.Track(ctx, "invoice_paid", payload))
	payload["plan"] = "changed afterwards"
	must(t, client.Track(ContextWith(ctx, WithContext(other)), "zahlung \"erhalten\"", struct {
		Amount float64 `json:"amount"`
	}{12.5}, WithID("0190A0A0-0000-7000-8000-000000000003"), WithTimestamp(now.Add(-time.Hour)), WithSession("visit-2")))
	must(t, client.Track(ctx, "bare", nil))
	must(t, client.Flush(t.Context()))

	requests, batches := s.seen()
	equal(t, "requests", len(requests), 1)
	r := requests[0]
	equal(t, "method and path", r.Method+" "+r.URL.Path, "POST /api/signals")
	equal(t, "query", r.URL.RawQuery, "source=sdk&partial=true&sent_at=1772366400005")
	equal(t, "key", r.Header.Get("X-Api-Key"), testKey)
	equal(t, "media type", r.Header.Get("Content-Type"), "application/json")
	equal(t, "token", r.Header.Get("Authorization"), "")
	batch := batches[0]
	equal(t, "signals", len(batch), 3)

	var read map[string]any
	must(t, json.Unmarshal(batch[0].Payload, &read))
	equal(t, "plan", read["plan"], "pro")
	equal(t, "text", read["text"], "<a & b> \u2028 ü")
	equal(t, "type", batch[0].Type, "invoice_paid")
	equal(t, "context", batch[0].ContextID, own)
	equal(t, "session", batch[0].Session, "visit-1")
	equal(t, "timestamp", batch[0].Timestamp, now.UnixMilli())
	if !isUUID(batch[0].ID) || batch[0].ID[14] != '7' || !strings.Contains("89ab", batch[0].ID[19:20]) {
		t.Fatalf("%s is no UUIDv7", batch[0].ID)
	}
	equal(t, "type", batch[1].Type, `zahlung "erhalten"`)
	equal(t, "id", batch[1].ID, "0190A0A0-0000-7000-8000-000000000003")
	equal(t, "context", batch[1].ContextID, other)
	equal(t, "session", batch[1].Session, "visit-2")
	equal(t, "timestamp", batch[1].Timestamp, now.Add(-time.Hour).UnixMilli())
	equal(t, "payload", string(batch[1].Payload), `{"amount":12.5}`)
	equal(t, "no payload", len(batch[2].Payload), 0)
	equal(t, "losses", len(told.list()), 0)
	equal(t, "stats", client.Stats(), Stats{Accepted: 3, Delivered: 3})
}

func TestSignalsTheServerWouldRefuseAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, script(refuse(http.StatusInternalServerError, "not_asked")))
	for name, track := range map[string]func() error{
		"no type":    func() error { return client.Track(t.Context(), "", nil) },
		"blank type": func() error { return client.Track(t.Context(), " \n\u2028", nil) },
		"long type":  func() error { return client.Track(t.Context(), strings.Repeat("ü", 101), nil) },
		"array":      func() error { return client.Track(t.Context(), "a", []int{1}) },
		"text":       func() error { return client.Track(t.Context(), "a", "text") },
		"infinite":   func() error { return client.Track(t.Context(), "a", map[string]any{"x": math.Inf(1)}) },
		"channel":    func() error { return client.Track(t.Context(), "a", map[string]any{"x": make(chan int)}) },
		"panics":     func() error { return client.Track(t.Context(), "a", panicking{}) },
		"large": func() error {
			return client.Track(t.Context(), "a", map[string]any{"x": strings.Repeat("x", maxSignal)})
		},
		"id": func() error { return client.Track(t.Context(), "a", nil, WithID("42")) },
		"id with quote": func() error {
			return client.Track(t.Context(), "a", nil, WithID(`0190a0a0-0000-7000-8000-00000000000"`))
		},
		"context": func() error { return client.Track(t.Context(), "a", nil, WithContext("checkout")) },
		"session": func() error { return client.Track(t.Context(), "a", nil, WithSession(strings.Repeat("s", 65))) },
	} {
		if err := track(); !errors.Is(err, ErrInvalidSignal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, client.Track(t.Context(), strings.Repeat("ü", 100), (*panicking)(nil)))
	equal(t, "stats", client.Stats().Accepted, 1)
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("secret") }

func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	host := WithHost("https://specter.example.com/base")
	for name, options := range map[string][]Option{
		"no host":         {},
		"relative host":   {WithHost("specter.example.com")},
		"other scheme":    {WithHost("ftp://specter.example.com")},
		"password":        {WithHost("https://u:p@specter.example.com")},
		"query":           {WithHost("https://specter.example.com?key=1")},
		"token":           {host, WithToken("spk_1")},
		"token with line": {host, WithToken("spt_1\r\nX: y")},
		"context":         {host, WithContextID("checkout")},
		"batch":           {host, WithBatchSize(0)},
		"big batch":       {host, WithBatchSize(1001)},
		"interval":        {host, WithFlushInterval(0)},
		"queue":           {host, WithMaxQueue(0)},
		"client":          {host, WithHTTPClient(nil)},
		"logger":          {host, WithLogger(nil)},
		"clock":           {host, WithClock(nil)},
		"slow":            {host, WithSlowRequests(-1)},
	} {
		if client, err := New(testKey, options...); err == nil {
			t.Errorf("%s: accepted", name)
			must(t, client.Close(t.Context()))
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: the error tells a secret", name)
		}
	}
	for _, key := range []string{"", "spt_1", "spk_1 ", "spk_1\n"} {
		if _, err := New(key, host); err == nil {
			t.Errorf("key %q: accepted", key)
		}
	}
}

func TestTrackNeverWaitsAndDropsAreTold(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := script()
	s.script = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) { <-release; s.ok(w, r) }}
	client, told := newClient(t, s, WithBatchSize(10), WithMaxQueue(50))

	full := 0
	for range 500 { // nobody takes anything: more than a batch and a queue cannot fit
		if err := client.Track(t.Context(), "a", nil); err != nil {
			equal(t, "error", errors.Is(err, ErrQueueFull), true)
			full++
		}
	}
	if full < 440 || full > 450 {
		t.Fatalf("%d of 500 dropped with room for 50 and 10 under way", full)
	}
	close(release)
	must(t, client.Close(t.Context()))
	dropped := 0
	for _, err := range told.list() {
		equal(t, "reason", errors.Is(err, ErrQueueFull), true)
		dropped += as[*LossError](t, err).Signals
	}
	equal(t, "told", dropped, full)
	equal(t, "stats", client.Stats(), Stats{Accepted: int64(500 - full), Delivered: int64(500 - full), Lost: int64(full)})
	s.requireStored(t, 500-full)
}

func TestTheQueueIsBoundedInBytesToo(t *testing.T) {
	t.Parallel()
	q := newQueue(1_000_000, 10, time.Hour)
	signal := make([]byte, maxSignal)
	n := 0
	for q.push(signal) == nil {
		n++
	}
	equal(t, "signals", n, maxQueueBytes/maxSignal)
	batch, _, _ := q.take()
	equal(t, "signals of a batch", len(batch), maxBatchBytes/maxSignal)
	equal(t, "dropped", q.drops(), 1)
	must(t, q.push(signal))
}

func TestABatchLeavesWhenItIsFullOrItsTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script()
		s.script = []http.HandlerFunc{s.ok}
		client, _ := bubbled(t, s, WithBatchSize(5), WithFlushInterval(3*time.Second))
		track := func(n int) {
			for range n {
				must(t, client.Track(t.Context(), "a", nil))
			}
			synctest.Wait()
		}
		requests := func() int { all, _ := s.seen(); return len(all) }

		track(4)
		equal(t, "before the batch is full", requests(), 0)
		track(1)
		equal(t, "when it is full", requests(), 1)
		track(1)
		time.Sleep(2900 * time.Millisecond)
		synctest.Wait()
		equal(t, "before its time is up", requests(), 1)
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		equal(t, "when its time is up", requests(), 2)
		track(12)
		equal(t, "two full batches", requests(), 4)
		must(t, client.Flush(t.Context()))
		equal(t, "flushed", requests(), 5)
		must(t, client.Close(t.Context()))
	})
}

func TestFlushWaitsForEverythingTrackedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(refuse(http.StatusServiceUnavailable, "unavailable", "Retry-After", "60"))
		s.script = append(s.script, s.ok)
		client, _ := bubbled(t, s)
		must(t, client.Flush(t.Context())) // nothing to do
		must(t, client.Track(t.Context(), "a", nil))

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		equal(t, "impatient", errors.Is(client.Flush(short), context.DeadlineExceeded), true)
		s.requireStored(t, 0)
		began := time.Now()
		must(t, client.Flush(t.Context()))
		s.requireStored(t, 1)
		if waited := time.Since(began); waited < 58*time.Second || waited > 61*time.Second {
			t.Fatalf("waited %s", waited)
		}
		must(t, client.Close(t.Context()))
	})
}

func TestCloseDeliversWhatIsQueued(t *testing.T) {
	t.Parallel()
	s := script()
	s.script = []http.HandlerFunc{refuse(http.StatusServiceUnavailable, "unavailable"), s.ok}
	client, told := newClient(t, s, WithBatchSize(10))
	for range 35 {
		must(t, client.Track(t.Context(), "a", nil))
	}
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() {
			if err := client.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	closing.Wait()
	must(t, client.Close(t.Context()))
	s.requireStored(t, 35)
	equal(t, "losses", len(told.list()), 0)
	equal(t, "afterwards", errors.Is(client.Track(t.Context(), "a", nil), ErrClosed), true)
	must(t, client.Flush(t.Context()))
}

func TestCloseGivesUpWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]http.HandlerFunc{
		"refused":    refuse(http.StatusServiceUnavailable, "unavailable", "Retry-After", "600"),
		"no answer":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"breaks off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"not Specter": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>Welcome to this network")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, told := bubbled(t, script(line), WithBatchSize(10))
				for range 35 {
					must(t, client.Track(t.Context(), "a", nil))
				}
				flushed := make(chan error, 1)
				go func() { flushed <- client.Flush(context.Background()) }()
				short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				err := client.Close(short)
				equal(t, "given up", as[*LossError](t, err).Signals, 35)
				equal(t, "took", time.Since(began), 5*time.Second)
				equal(t, "again", as[*LossError](t, client.Close(t.Context())).Signals, 35)
				must(t, <-flushed)
				lost := 0
				for _, err := range told.list() {
					equal(t, "reason", errors.Is(err, ErrClosed), true)
					lost += as[*LossError](t, err).Signals
				}
				equal(t, "told", lost, 35)
			})
		})
	}
}

func TestAClientWithoutAKeyReadsOnly(t *testing.T) {
	t.Parallel()
	client, err := New("", WithHost("http://specter.test"), WithToken(testToken))
	must(t, err)
	equal(t, "track", errors.Is(client.Track(t.Context(), "a", nil), ErrNoKey), true)
	must(t, client.Flush(t.Context()))
	must(t, client.Close(t.Context()))
	must(t, client.Close(t.Context()))
}

func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]struct{}{}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			own := make([]string, 20_000)
			for i := range own {
				own[i] = string(appendUUID(nil, time.UnixMilli(1772366400000)))
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range own {
				seen[id] = struct{}{}
			}
		})
	}
	workers.Wait()
	equal(t, "different ids", len(seen), 80_000)
	for id := range seen {
		equal(t, "prefix", id[:15], "019ca945-0a00-7")
		break
	}
}
