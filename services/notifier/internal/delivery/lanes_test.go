package delivery

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func bubble(t *testing.T, test func(t *testing.T, l *lanes)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newLanes(time.Now, func() float64 { return 0 })) })
}

// enter takes a place that must be free.
func enter(t require.TestingT, l *lanes, endpoint uuid.UUID) *place {
	p, wait := l.enter(context.Background(), endpoint)
	require.Zero(t, wait)
	return p
}

// answer is an attempt from its start to its end.
func answer(t require.TestingT, l *lanes, endpoint uuid.UUID, a Answer) {
	p := enter(t, l, endpoint)
	a.At = time.Now()
	p.answered(a)
	p.leave()
}

func TestOneEndpointCannotTakeAllWorkers(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		busy, other := uuid.New(), uuid.New()
		for range newLimit {
			enter(t, l, busy)
		}
		began := time.Now()
		_, wait := l.enter(t.Context(), busy)
		require.Equal(t, minWait, wait)
		require.Equal(t, patience, time.Since(began))
		enter(t, l, other).leave()
	})
}

func TestWhoWaitsABitGetsThePlaceThatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		first := enter(t, l, id)
		for range newLimit - 1 {
			enter(t, l, id)
		}
		var waiting sync.WaitGroup
		order := make(chan int, maxWaiters)
		for n := range maxWaiters {
			waiting.Go(func() {
				time.Sleep(time.Duration(n) * time.Millisecond) // one behind the other
				p := enter(t, l, id)
				order <- n
				p.leave()
			})
		}
		time.Sleep(patience / 2)
		_, wait := l.enter(t.Context(), id)
		require.Positive(t, wait, "no more than so many wait")
		first.leave()
		waiting.Wait()
		for n := range maxWaiters {
			require.Equal(t, n, <-order)
		}
	})
}

func TestAStoppedServiceWaitsForNoPlace(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		for range newLimit {
			enter(t, l, id)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		began := time.Now()
		_, wait := l.enter(ctx, id)
		require.Positive(t, wait)
		require.Zero(t, time.Since(began))
		require.Empty(t, l.open[id].waiters)
	})
}

func TestWhoAnswersWellGetsMoreAtOnceAndWhoDoesNotLess(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		atOnce := func() (n int) {
			var taken []*place
			for {
				p, wait := l.enter(t.Context(), id)
				if wait > 0 {
					break
				}
				taken = append(taken, p)
			}
			for _, p := range taken {
				p.leave()
			}
			return len(taken)
		}
		require.Equal(t, newLimit, atOnce())
		for range 100 {
			answer(t, l, id, Answer{Code: 200})
		}
		require.Equal(t, maxLimit, atOnce())
		answer(t, l, id, Answer{Code: 500})
		require.Equal(t, maxLimit/2, atOnce())
		answer(t, l, id, Answer{})
		require.Equal(t, 1, atOnce(), "it was silent")
	})
}

func TestWhoAnswersSlowlyGetsLessAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		for range 100 {
			answer(t, l, id, Answer{Code: 200, Took: 900 * time.Millisecond})
		}
		require.Equal(t, slowLimit, l.open[id].limit, "workers are for everybody")
	})
}

func TestFewWorkersWaitWhateverTheNumberOfEndpoints(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		var waiting sync.WaitGroup
		turnedAway := make(chan struct{}, 1000)
		for range 20 {
			id := uuid.New()
			for range newLimit {
				enter(t, l, id)
			}
			for range maxWaiters {
				waiting.Go(func() {
					began := time.Now()
					if _, wait := l.enter(t.Context(), id); wait > 0 && time.Since(began) == 0 {
						turnedAway <- struct{}{}
					}
				})
			}
		}
		waiting.Wait()
		require.Len(t, turnedAway, 20*maxWaiters-maxAllWaiters)
		require.Zero(t, l.waiting)
	})
}

func TestNobodyIsSentToBehindARequestThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		enter(t, l, id)
		time.Sleep(hanging)
		enter(t, l, id).leave()
		time.Sleep(time.Nanosecond)
		_, wait := l.enter(t.Context(), id)
		require.Positive(t, wait)
	})
}

func TestASilentEndpointIsAskedRarely(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		for n := range failingAfter {
			require.Equal(t, n > 0, l.suspect(id))
			answer(t, l, id, Answer{})
		}
		require.True(t, l.suspect(id))
		probe := enter(t, l, id)
		_, wait := l.enter(t.Context(), id)
		require.Equal(t, probeEvery, wait, "one at a time")
		probe.answered(Answer{At: time.Now()})
		probe.leave()
		time.Sleep(probeEvery / 2)
		_, wait = l.enter(t.Context(), id)
		require.Positive(t, wait)

		time.Sleep(probeEvery / 2)
		probe = enter(t, l, id)
		probe.answered(Answer{Code: 200, At: time.Now()})
		probe.leave()
		require.False(t, l.suspect(id))
		enter(t, l, id)
		enter(t, l, id) // a success opens the lane at once
	})
}

func TestAnEndpointThatAnswersErrorsIsAskedByOneAfterTheOther(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		for range 50 {
			answer(t, l, id, Answer{Code: 500, Took: 5 * time.Millisecond})
		}
		require.True(t, l.suspect(id))
		running := enter(t, l, id)
		_, wait := l.enter(t.Context(), id)
		require.Equal(t, minWait, wait)
		running.leave()
	})
}

func TestTasksThatAreTurnedAwayComeBackOneAfterTheOther(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		dead := uuid.New()
		for range failingAfter {
			answer(t, l, dead, Answer{})
		}
		enter(t, l, dead)
		var last time.Duration
		for range 10 {
			_, wait := l.enter(t.Context(), dead)
			require.Equal(t, last+probeEvery, wait)
			last = wait
		}
		for range 10_000 {
			_, wait := l.enter(t.Context(), dead)
			require.LessOrEqual(t, wait, maxProbeWait+minWait)
			require.GreaterOrEqual(t, wait, probeEvery)
		}
	})
}

func TestAReceiversWishHoldsUpItsOtherDeliveries(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		answer(t, l, id, Answer{Code: 429, RetryAfter: 10 * time.Minute})
		time.Sleep(time.Minute)
		_, wait := l.enter(t.Context(), id)
		require.GreaterOrEqual(t, wait, 9*time.Minute)
		time.Sleep(9 * time.Minute)
		enter(t, l, id).leave()
		answer(t, l, id, Answer{Code: 429, RetryAfter: 100 * time.Hour})
		_, wait = l.enter(t.Context(), id)
		require.LessOrEqual(t, wait, longestPause, "within bounds")
		time.Sleep(longestPause)
		enter(t, l, id).leave()
	})
}

func TestWhatIsRecordedCountsAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		id := uuid.New()
		first, second := enter(t, l, id), enter(t, l, id)
		l.learn(Endpoint{ID: id, Failures: 8})
		require.Positive(t, first.allowed(), "two at once are one too many")
		first.leave()
		require.Zero(t, second.allowed(), "the probe")
		second.leave()
		_, wait := l.enter(t.Context(), id)
		require.Positive(t, wait)
		l.learn(Endpoint{ID: id}) // its owner edited it
		enter(t, l, id)
	})
}

func TestLanesNobodyUsesAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, l *lanes) {
		for range 100 {
			enter(t, l, uuid.New()).leave()
		}
		enter(t, l, uuid.New())
		time.Sleep(2 * forgetAfter)
		enter(t, l, uuid.New()).leave()
		require.Len(t, l.open, 2, "the one in use, and the one just used")
	})
}

// Whatever happens at an endpoint: never more than the limit at once, and always some way forward.
func TestALaneIsNeitherTooFullNorStuck(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		at := now
		l := newLanes(func() time.Time { return at }, func() float64 { return rapid.Float64Range(0, 0.99).Draw(r, "random") })
		id := uuid.New()
		var running, waiting []*place
		for range rapid.IntRange(1, 200).Draw(r, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(r, "ms")) * time.Millisecond)
			switch what := rapid.SampledFrom([]string{"ask", "ask", "end", "give up"}).Draw(r, "what"); {
			case what == "end" && len(running) > 0:
				code := rapid.SampledFrom([]int{0, 200, 204, 429, 500}).Draw(r, "code")
				wish := time.Duration(rapid.IntRange(0, 7200).Draw(r, "retry after")) * time.Second
				running[0].answered(Answer{At: at, Code: code, Took: at.Sub(running[0].started), RetryAfter: wish})
				running[0].leave()
				running = running[1:]
			case what == "give up" && len(waiting) > 0:
				if p, wait := waiting[0].giveUp(); wait == 0 {
					running = append(running, p)
				}
				waiting = waiting[1:]
			case what == "ask":
				switch p, wait := l.ask(id); {
				case wait > 0:
					require.LessOrEqual(r, wait, maxProbeWait+longestPause+minWait)
				case p.granted != nil:
					waiting = append(waiting, p)
				default:
					running = append(running, p)
				}
			}
			if at := l.open[id]; at != nil {
				require.LessOrEqual(r, len(at.running), maxLimit)
			}
			require.LessOrEqual(r, len(waiting), maxWaiters+maxLimit)
		}
		for _, p := range waiting {
			if p, wait := p.giveUp(); wait == 0 {
				p.leave()
			}
		}
		for _, p := range running {
			p.leave()
		}
		at = at.Add(longestPause + probeEvery)
		enter(r, l, id).leave()
	})
}
