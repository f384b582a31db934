package specter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestALostAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	s := script()
	s.script = []http.HandlerFunc{s.cutOff, s.ok}
	client, told := newClient(t, s)
	for range 3 {
		must(t, client.Track(t.Context(), "a", nil))
	}
	must(t, client.Flush(t.Context()))
	_, batches := s.seen()
	equal(t, "requests", len(batches), 2)
	for i := range batches[0] {
		equal(t, "id of the second attempt", batches[1][i].ID, batches[0][i].ID)
	}
	s.requireStored(t, 3)
	equal(t, "losses", len(told.list()), 0)
	equal(t, "stats", client.Stats(), Stats{Accepted: 3, Delivered: 3})
}

func TestWhichAnswersAreTriedAgain(t *testing.T) {
	t.Parallel()
	for status, again := range map[int]bool{
		429: true, 500: true, 502: true, 503: true, 504: true, 507: true, 599: true,
		301: false, 302: false, 307: false, 308: false,
		400: false, 401: false, 403: false, 404: false, 405: false, 408: false, 409: false, 413: false, 415: false, 422: false,
		202: true, 204: true, // successes that are not Specter's
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := script(refuse(status, "some_code", "Location", "https://elsewhere.test/"))
				s.script = append(s.script, s.ok)
				client, told := bubbled(t, s)
				must(t, client.Track(t.Context(), "a", nil))
				must(t, client.Flush(t.Context()))
				requests, _ := s.seen()
				if again {
					equal(t, "requests", len(requests), 2)
					equal(t, "losses", len(told.list()), 0)
					equal(t, "stats", client.Stats(), Stats{Accepted: 1, Delivered: 1})
				} else {
					equal(t, "requests", len(requests), 1)
					equal(t, "losses", len(told.list()), 1)
					equal(t, "lost", as[*LossError](t, told.list()[0]).Signals, 1)
					refused := as[*Error](t, told.list()[0])
					equal(t, "status", refused.Status, status)
					equal(t, "code", refused.Code, "some_code")
					equal(t, "request id", refused.RequestID, "req-1")
					equal(t, "stats", client.Stats(), Stats{Accepted: 1, Lost: 1})
				}
				must(t, client.Close(t.Context()))
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"17":                            17 * time.Second,
		"Sat, 01 Jan 2000 00:01:10 GMT": 70 * time.Second, // synctest's clock begins at midnight of that day
		"86400":                         maxRetryAfter,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := script(refuse(http.StatusTooManyRequests, "rate_limited", "Retry-After", header))
				s.script = append(s.script, s.ok)
				client, _ := bubbled(t, s)
				began := time.Now()
				must(t, client.Track(t.Context(), "a", nil))
				must(t, client.Flush(t.Context()))
				equal(t, "waited", time.Since(began), want)
				must(t, client.Close(t.Context()))
			})
		})
	}
}

func TestBackoffGrowsWithJitterUpToItsCap(t *testing.T) {
	t.Parallel()
	for attempt, middle := range map[int]time.Duration{
		1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 7: 32 * time.Second, 8: time.Minute, 9: time.Minute, 1000: time.Minute,
	} {
		different := map[time.Duration]bool{}
		for range 200 {
			wait := backoff(attempt, io.ErrUnexpectedEOF)
			different[wait] = true
			if wait < middle/2 || wait >= middle*3/2 {
				t.Fatalf("attempt %d: %s", attempt, wait)
			}
		}
		if len(different) < 100 {
			t.Fatalf("attempt %d: no jitter", attempt)
		}
	}
}

// TestAnOutageLosesNothing: three hours without an answer, then everything arrives, in order.
func TestAnOutageLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(3 * time.Hour)
		s := script()
		s.script = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			if time.Now().Before(back) {
				panic(http.ErrAbortHandler)
			}
			s.ok(w, r)
		}}
		client, told := bubbled(t, s, WithBatchSize(10))
		for i := range 500 {
			must(t, client.Track(t.Context(), "a"+strconv.Itoa(i), nil))
		}
		must(t, client.Flush(t.Context()))
		s.requireStored(t, 500)
		equal(t, "losses", len(told.list()), 0)
		requests, batches := s.seen()
		if len(requests) > 3*60*2+60 {
			t.Fatalf("%d requests hammer a server that is down", len(requests))
		}
		n := 0
		for _, batch := range batches[len(batches)-50:] {
			for _, signal := range batch {
				equal(t, "order", signal.Type, "a"+strconv.Itoa(n))
				n++
			}
		}
		must(t, client.Close(t.Context()))
	})
}

// TestDropsAreToldWhileTheServerIsAway: not only when it is back, and not one by one.
func TestDropsAreToldWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, told := bubbled(t, script(refuse(http.StatusServiceUnavailable, "unavailable", "Retry-After", "600")), WithBatchSize(5), WithMaxQueue(10))
		for range 5 {
			must(t, client.Track(t.Context(), "a", nil))
		}
		synctest.Wait() // the batch is under way
		for round := range 2 {
			for i := range 30 {
				equal(t, "full", errors.Is(client.Track(t.Context(), "a", nil), ErrQueueFull), round > 0 || i >= 10)
			}
			time.Sleep(2 * time.Second)
		}
		equal(t, "calls", len(told.list()), 2)
		equal(t, "told", as[*LossError](t, told.list()[0]).Signals, 20)
		equal(t, "told", as[*LossError](t, told.list()[1]).Signals, 30)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		equal(t, "given up", as[*LossError](t, client.Close(gone)).Signals, 15)
	})
}

// TestAServerThatNeverAnswersIsGivenUpOn, also when the HTTP client has no timeout.
func TestAServerThatNeverAnswersIsGivenUpOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		s.script = append(s.script, s.ok)
		client, told := bubbled(t, s)
		began := time.Now()
		must(t, client.Track(t.Context(), "a", nil))
		must(t, client.Flush(t.Context()))
		s.requireStored(t, 1)
		equal(t, "losses", len(told.list()), 0)
		if took := time.Since(began); took < maxAttempt || took > maxAttempt+time.Second {
			t.Fatalf("took %s", took)
		}
		must(t, client.Close(t.Context()))
	})
}

// TestIDsAreNotSentAgainAfterTheServerForgotThem: an outage of more than 20 hours.
func TestIDsAreNotSentAgainAfterTheServerForgotThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, told := bubbled(t, script(refuse(http.StatusServiceUnavailable, "unavailable")))
		began := time.Now()
		must(t, client.Track(t.Context(), "a", nil))
		must(t, client.Flush(t.Context()))
		if took := time.Since(began); took < maxOutage || took > maxOutage+2*time.Minute {
			t.Fatalf("given up after %s", took)
		}
		equal(t, "code", as[*Error](t, told.list()[0]).Code, "unavailable")
		must(t, client.Close(t.Context()))
	})
}

// TestAPoisonousBatchDoesNotHoldUpTheOthers: one that the server fails on every time.
func TestAPoisonousBatchDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script()
		s.script = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			if batchOf(r)[0].Type == "poison" {
				refuse(http.StatusInternalServerError, "internal")(w, r)
				return
			}
			s.ok(w, r)
		}}
		client, told := bubbled(t, s, WithBatchSize(1))
		began := time.Now()
		must(t, client.Track(t.Context(), "poison", nil))
		must(t, client.Track(t.Context(), "a", nil))
		must(t, client.Flush(t.Context()))
		s.requireStored(t, 1)
		requests, _ := s.seen()
		equal(t, "requests", len(requests), maxUnlucky+1)
		equal(t, "code", as[*Error](t, told.list()[0]).Code, "internal")
		if took := time.Since(began); took > 6*time.Minute {
			t.Fatalf("held up for %s", took)
		}
		must(t, client.Close(t.Context()))
	})
}

func TestOneBadSignalDoesNotCostTheBatch(t *testing.T) {
	t.Parallel()
	s := script(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "req-7")
		_, _ = io.WriteString(w, `{"received":3,"rejected":[{"index":1,"code":"unknown_context","detail":"No such context."},{"index":9,"code":"x","detail":""},{"index":-1}]}`)
	})
	client, told := newClient(t, s)
	for i := range 4 {
		must(t, client.Track(t.Context(), "type"+strconv.Itoa(i), nil))
	}
	must(t, client.Flush(t.Context()))
	_, batches := s.seen()
	equal(t, "losses", len(told.list()), 1)
	equal(t, "rejected", *as[*RejectedError](t, told.list()[0]), RejectedError{
		ID: batches[0][1].ID, Type: "type1", Code: "unknown_context", Detail: "No such context.", RequestID: "req-7",
	})
	equal(t, "stats", client.Stats(), Stats{Accepted: 4, Delivered: 3, Rejected: 1})
}

func TestSignalsTheServerDidNotCountAreLost(t *testing.T) {
	t.Parallel()
	client, told := newClient(t, script(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"received":1}`) }))
	for range 4 {
		must(t, client.Track(t.Context(), "a", nil))
	}
	must(t, client.Flush(t.Context()))
	equal(t, "lost", as[*LossError](t, told.list()[0]).Signals, 3)
	equal(t, "stats", client.Stats(), Stats{Accepted: 4, Delivered: 1, Lost: 3})
}

func TestAnAnswerThatIsNotSpectersIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "<html>Welcome", "{}", "null", "[]", `{"received":"many"}`, `{"received":-1}`, `{"received":1`} {
		synctest.Test(t, func(t *testing.T) {
			s := script(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
			s.script = append(s.script, s.ok)
			client, told := bubbled(t, s)
			must(t, client.Track(t.Context(), "a", nil))
			must(t, client.Flush(t.Context()))
			s.requireStored(t, 1)
			equal(t, "losses", len(told.list()), 0)
			must(t, client.Close(t.Context()))
		})
	}
}

func TestLargeBodiesAreCompressed(t *testing.T) {
	t.Parallel()
	for n, coding := range map[int]string{100: "", 100_000: "gzip"} {
		s := script()
		s.script = []http.HandlerFunc{s.ok}
		client, _ := newClient(t, s)
		must(t, client.Track(t.Context(), "a", map[string]string{"text": strings.Repeat("x", n)}))
		must(t, client.Flush(t.Context()))
		requests, batches := s.seen()
		equal(t, "coding", requests[0].Header.Get("Content-Encoding"), coding)
		equal(t, "payload", string(batches[0][0].Payload), `{"text":"`+strings.Repeat("x", n)+`"}`)
	}
}

func TestOneConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	s := script(refuse(http.StatusUnauthorized, "invalid_key"))
	s.script = append(s.script, s.ok)
	var opened atomic.Int64
	listening := httptest.NewUnstartedServer(s)
	listening.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	listening.Start()
	t.Cleanup(listening.Close)
	client, _ := dial(t, listening.URL)
	for range 5 {
		must(t, client.Track(t.Context(), "a", nil))
		must(t, client.Flush(t.Context()))
	}
	equal(t, "connections", opened.Load(), 1)
}

func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := script(refuse(http.StatusInternalServerError, "the key has leaked"))
	listening, _ := newClient(t, elsewhere)
	client, told := newClient(t, script(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, listening.host.String(), http.StatusTemporaryRedirect)
	}), WithHTTPClient(&http.Client{}))
	must(t, client.Track(t.Context(), "a", nil))
	must(t, client.Flush(t.Context()))
	requests, _ := elsewhere.seen()
	equal(t, "requests elsewhere", len(requests), 0)
	equal(t, "status", as[*Error](t, told.list()[0]).Status, http.StatusTemporaryRedirect)
}

// TestEverySignalHasOneFate: many goroutines, and a server that fails in every way it can.
func TestEverySignalHasOneFate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 1))
			s := script()
			s.script = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				fate := random.IntN(10)
				mu.Unlock()
				switch fate {
				case 0:
					s.cutOff(w, r)
				case 1:
					panic(http.ErrAbortHandler)
				case 2:
					refuse(http.StatusServiceUnavailable, "unavailable", "Retry-After", "2")(w, r)
				case 3:
					refuse(http.StatusInternalServerError, "internal")(w, r)
				case 4:
					refuse(http.StatusBadRequest, "invalid_json")(w, r)
				case 5:
					batch := batchOf(r)
					s.store(batch[1:])
					fmt.Fprintf(w, `{"received":%d,"rejected":[{"index":0,"code":"missing_type","detail":"x"}]}`, len(batch)-1)
				default:
					s.ok(w, r)
				}
			}}
			client, told := bubbled(t, s, WithBatchSize(7), WithMaxQueue(100))
			var full, taken int64
			var workers sync.WaitGroup
			for range 4 {
				workers.Go(func() {
					for range 200 {
						err := client.Track(t.Context(), "a", map[string]int{"x": 1})
						mu.Lock()
						if err == nil {
							taken++
						} else if errors.Is(err, ErrQueueFull) {
							full++
						} else {
							t.Error(err)
						}
						mu.Unlock()
						time.Sleep(100 * time.Millisecond)
					}
				})
			}
			workers.Wait()
			must(t, client.Close(t.Context()))

			stats := client.Stats()
			equal(t, "accepted", stats.Accepted, taken)
			equal(t, "fates", stats.Delivered+stats.Rejected+stats.Lost, taken+full)
			var rejected, lost int64
			for _, err := range told.list() {
				if loss := (*LossError)(nil); errors.As(err, &loss) {
					lost += int64(loss.Signals)
				} else {
					_ = as[*RejectedError](t, err)
					rejected++
				}
			}
			equal(t, "told as rejected", rejected, stats.Rejected)
			equal(t, "told as lost", lost, stats.Lost)
			// What counts as delivered is stored; a refusal after a lost answer may have been stored, too.
			if int64(len(s.stored)) < stats.Delivered || stats.Delivered == 0 {
				t.Fatalf("%d delivered, %d stored", stats.Delivered, len(s.stored))
			}
		})
	}
}

func TestRetryAfterHeaders(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "120": 2 * time.Minute, "1.5": 0, "soon": 0, "99999999999999999999": 0, "99999999999": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		equal(t, header, retryAfter(header, now), want)
	}
}
