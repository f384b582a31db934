package delivery

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheBodyIsTheEnvelope(t *testing.T) {
	t.Parallel()
	body, err := Event{Type: "proposal.created", Time: now.Add(5), Data: json.RawMessage(`{"title":"<x>"}`)}.Body()
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"proposal.created","timestamp":"2026-03-01T12:00:00.000000005Z","data":{"title":"<x>"}}`, string(body))
}

func TestRetriesSpreadOverAboutThreeDaysAndThenEnd(t *testing.T) {
	t.Parallel()
	for name, random := range map[string]float64{"without jitter": 0, "with the most": 0.999} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, e, at := Delivery{EventType: "x"}, Endpoint{}, now
			var gaps []time.Duration
			for {
				v := Judge(d, e, Answer{At: at, Code: 500}, random)
				d.Attempts++
				if v.Status == Failed {
					break
				}
				require.Equal(t, Pending, v.Status)
				require.Empty(t, v.DisabledReason)
				gaps = append(gaps, v.Next.Sub(at))
				at, e.Failures, e.FailingSince = v.Next, v.Failures, v.FailingSince
			}
			require.Equal(t, 11, d.Attempts)
			require.Less(t, gaps[0], 7*time.Second)
			total := at.Sub(now).Hours() / 24
			require.Greater(t, total, 3.0)
			require.Less(t, total, 4.0)
			for i := 1; i < len(gaps); i++ {
				require.Greater(t, gaps[i], gaps[i-1])
			}
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	failing := Endpoint{Failures: 7, FailingSince: now.Add(-time.Hour)}
	for name, c := range map[string]struct {
		delivery Delivery
		endpoint Endpoint
		answer   Answer
		want     Verdict
	}{
		"2xx delivers and heals": {Delivery{Attempts: 2}, failing, Answer{Code: 204}, Verdict{Status: Delivered}},
		"a redirect fails":       {Delivery{}, Endpoint{}, Answer{Code: 302}, Verdict{Status: Pending, Next: now.Add(5 * time.Second), Failures: 1, FailingSince: now}},
		"no answer fails":        {Delivery{Attempts: 1}, failing, Answer{}, Verdict{Status: Pending, Next: now.Add(time.Minute), Failures: 8, FailingSince: failing.FailingSince}},
		"410 disables":           {Delivery{}, Endpoint{}, Answer{Code: 410}, Verdict{Status: Failed, Failures: 1, FailingSince: now, DisabledReason: "The endpoint answered 410 Gone."}},
		"Retry-After is heeded":  {Delivery{}, Endpoint{}, Answer{Code: 503, RetryAfter: time.Hour}, Verdict{Status: Pending, Next: now.Add(time.Hour), Failures: 1, FailingSince: now}},
		"within reason":          {Delivery{}, Endpoint{}, Answer{Code: 429, RetryAfter: 999 * time.Hour}, Verdict{Status: Pending, Next: now.Add(24 * time.Hour), Failures: 1, FailingSince: now}},
		"a test is sent once":    {Delivery{EventType: TestType}, Endpoint{}, Answer{Code: 500}, Verdict{Status: Failed, Failures: 1, FailingSince: now}},
		"five days disable": {Delivery{}, Endpoint{Failures: 50, FailingSince: now.Add(-disableAfter)}, Answer{Code: 500},
			Verdict{Status: Failed, Failures: 51, FailingSince: now.Add(-disableAfter), DisabledReason: "The endpoint has failed for five days."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.answer.At = now
			require.Equal(t, c.want, Judge(c.delivery, c.endpoint, c.answer, 0))
		})
	}
}

func TestOneEndpointCannotTakeAllWorkers(t *testing.T) {
	t.Parallel()
	l := newLanes()
	healthy := Endpoint{ID: uuid.New()}
	var leaves []func()
	for range perEndpoint {
		leave, wait := l.enter(t.Context(), healthy, now, 0)
		require.Zero(t, wait)
		leaves = append(leaves, leave)
	}
	_, wait := l.enter(t.Context(), healthy, now, 0.5)
	require.Equal(t, 1500*time.Millisecond, wait)
	other, wait := l.enter(t.Context(), Endpoint{ID: uuid.New()}, now, 0)
	require.Zero(t, wait, "others are not held up")
	other()
	leaves[0]()
	_, wait = l.enter(t.Context(), healthy, now, 0)
	require.Zero(t, wait)
}

func TestAFailingEndpointIsAskedRarely(t *testing.T) {
	t.Parallel()
	l := newLanes()
	dead := Endpoint{ID: uuid.New(), Failures: failingAfter}
	leave, wait := l.enter(t.Context(), dead, now, 0)
	require.Zero(t, wait)
	leave()
	_, wait = l.enter(t.Context(), dead, now.Add(10*time.Second), 0)
	require.Equal(t, 20*time.Second, wait)
	leave, wait = l.enter(t.Context(), dead, now.Add(30*time.Second), 0)
	require.Zero(t, wait)
	_, wait = l.enter(t.Context(), dead, now.Add(5*time.Minute), 0)
	require.Equal(t, busyWait, wait, "one at a time")
	leave()

	healed := Endpoint{ID: dead.ID}
	_, wait = l.enter(t.Context(), healed, now.Add(31*time.Second), 0)
	require.Zero(t, wait, "a success opens the lane at once")
	_, _ = l.enter(t.Context(), Endpoint{ID: uuid.New()}, now.Add(time.Hour), 0)
	require.Len(t, l.open, 2, "only lanes in use are remembered")
}
