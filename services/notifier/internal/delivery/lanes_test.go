package delivery

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func quiet() float64 { return 0 }

// enter takes a place that must be free.
func enter(t require.TestingT, l *lanes, endpoint uuid.UUID, at time.Time) *place {
	p, wait := l.enter(endpoint, at)
	require.Zero(t, wait)
	return p
}

// answer is an attempt from its start to its end.
func answer(t require.TestingT, l *lanes, endpoint uuid.UUID, at time.Time, a Answer) {
	p := enter(t, l, endpoint, at)
	a.At = at
	p.answered(a)
	p.leave()
}

func TestOneEndpointCannotTakeAllWorkers(t *testing.T) {
	t.Parallel()
	l := newLanes(quiet)
	busy, other := uuid.New(), uuid.New()
	for range newLimit {
		enter(t, l, busy, now)
	}
	_, wait := l.enter(busy, now)
	require.Equal(t, minWait, wait)
	enter(t, l, other, now).leave()
}

func TestWhoAnswersWellGetsMoreAtOnceAndWhoDoesNotLess(t *testing.T) {
	t.Parallel()
	l, id := newLanes(quiet), uuid.New()
	atOnce := func() (n int) {
		var taken []*place
		for {
			p, wait := l.enter(id, now)
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
		answer(t, l, id, now, Answer{Code: 200})
	}
	require.Equal(t, maxLimit, atOnce())
	answer(t, l, id, now, Answer{Code: 500})
	require.Equal(t, maxLimit/2, atOnce())
	answer(t, l, id, now, Answer{})
	require.Equal(t, 1, atOnce(), "it was silent")
}

func TestNobodyIsSentToBehindARequestThatHangs(t *testing.T) {
	t.Parallel()
	l, id := newLanes(quiet), uuid.New()
	enter(t, l, id, now)
	enter(t, l, id, now.Add(hanging)).leave()
	_, wait := l.enter(id, now.Add(hanging+1))
	require.Positive(t, wait)
}

func TestAFailingEndpointIsAskedRarely(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer Answer
		every  time.Duration
	}{"silent": {Answer{}, silentEvery}, "answering errors": {Answer{Code: 500}, brokenEvery}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, id := newLanes(quiet), uuid.New()
			for range failingAfter {
				require.Equal(t, l.open[id] != nil && l.open[id].failures > 0, l.suspect(id))
				answer(t, l, id, now, c.answer)
			}
			require.True(t, l.suspect(id))
			probe := enter(t, l, id, now)
			_, wait := l.enter(id, now)
			require.Equal(t, c.every, wait, "one at a time")
			probe.answered(c.answer)
			probe.leave()
			_, wait = l.enter(id, now.Add(c.every/2))
			require.Positive(t, wait)

			probe = enter(t, l, id, now.Add(c.every))
			probe.answered(Answer{Code: 200, At: now})
			probe.leave()
			require.False(t, l.suspect(id))
			enter(t, l, id, now.Add(c.every))
			enter(t, l, id, now.Add(c.every)) // a success opens the lane at once
		})
	}
}

func TestTasksThatAreTurnedAwayComeBackOneAfterTheOther(t *testing.T) {
	t.Parallel()
	l, dead := newLanes(quiet), uuid.New()
	for range failingAfter {
		answer(t, l, dead, now, Answer{})
	}
	enter(t, l, dead, now)
	var last time.Duration
	for range 10 {
		_, wait := l.enter(dead, now)
		require.Equal(t, last+silentEvery, wait)
		last = wait
	}
	for range 10_000 {
		_, wait := l.enter(dead, now)
		require.LessOrEqual(t, wait, maxProbeWait+minWait)
		require.GreaterOrEqual(t, wait, silentEvery)
	}
}

func TestAReceiversWishHoldsUpItsOtherDeliveries(t *testing.T) {
	t.Parallel()
	l, id := newLanes(quiet), uuid.New()
	answer(t, l, id, now, Answer{Code: 429, RetryAfter: 10 * time.Minute})
	_, wait := l.enter(id, now.Add(time.Minute))
	require.GreaterOrEqual(t, wait, 9*time.Minute)
	enter(t, l, id, now.Add(10*time.Minute)).leave()
	answer(t, l, id, now.Add(11*time.Minute), Answer{Code: 429, RetryAfter: 100 * time.Hour})
	_, wait = l.enter(id, now.Add(12*time.Minute))
	require.LessOrEqual(t, wait, longestPause, "within bounds")
	enter(t, l, id, now.Add(11*time.Minute+longestPause)).leave()
}

func TestWhatIsRecordedCountsAfterARestart(t *testing.T) {
	t.Parallel()
	l, id := newLanes(quiet), uuid.New()
	first, second := enter(t, l, id, now), enter(t, l, id, now)
	l.learn(Endpoint{ID: id, Failures: 8})
	require.Positive(t, first.allowed(now), "two at once are one too many")
	first.leave()
	require.Zero(t, second.allowed(now), "the probe")
	second.leave()
	_, wait := l.enter(id, now.Add(time.Second))
	require.Positive(t, wait)
	l.learn(Endpoint{ID: id}) // its owner edited it
	enter(t, l, id, now.Add(time.Second))
}

func TestLanesNobodyUsesAreForgotten(t *testing.T) {
	t.Parallel()
	l := newLanes(quiet)
	for range 100 {
		enter(t, l, uuid.New(), now).leave()
	}
	held := uuid.New()
	enter(t, l, held, now)
	enter(t, l, uuid.New(), now.Add(2*forgetAfter)).leave()
	require.Len(t, l.open, 2, "the one in use, and the one just used")
}

// Whatever happens at an endpoint: never more than the limit at once, and always some way forward.
func TestALaneIsNeitherTooFullNorStuck(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		l := newLanes(func() float64 { return rapid.Float64Range(0, 0.99).Draw(r, "random") })
		id, at := uuid.New(), now
		var running []*place
		for range rapid.IntRange(1, 200).Draw(r, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(r, "ms")) * time.Millisecond)
			if len(running) > 0 && rapid.Bool().Draw(r, "ends") {
				code := rapid.SampledFrom([]int{0, 200, 204, 429, 500}).Draw(r, "code")
				wish := time.Duration(rapid.IntRange(0, 7200).Draw(r, "retry after")) * time.Second
				running[0].answered(Answer{At: at, Code: code, Took: at.Sub(running[0].started), RetryAfter: wish})
				running[0].leave()
				running = running[1:]
				continue
			}
			p, wait := l.enter(id, at)
			require.LessOrEqual(r, wait, maxProbeWait+minWait)
			if wait == 0 {
				running = append(running, p)
			}
			require.LessOrEqual(r, len(running), maxLimit)
		}
		for _, p := range running {
			p.leave()
		}
		enter(r, l, id, at.Add(longestPause+silentEvery)).leave()
	})
}
