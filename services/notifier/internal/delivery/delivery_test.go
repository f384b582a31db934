package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

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
		"2xx delivers and heals":   {Delivery{Attempts: 2}, failing, Answer{Code: 204}, Verdict{Status: Delivered}},
		"a redirect fails":         {Delivery{}, Endpoint{}, Answer{Code: 302}, Verdict{Status: Pending, Next: now.Add(5 * time.Second), Failures: 1, FailingSince: now}},
		"no answer fails":          {Delivery{Attempts: 1}, failing, Answer{}, Verdict{Status: Pending, Next: now.Add(time.Minute), Failures: 8, FailingSince: failing.FailingSince}},
		"410 disables":             {Delivery{}, Endpoint{}, Answer{Code: 410}, Verdict{Status: Failed, Failures: 1, FailingSince: now, DisabledReason: "The endpoint answered 410 Gone.", Reason: "gone"}},
		"Retry-After is heeded":    {Delivery{}, Endpoint{}, Answer{Code: 503, RetryAfter: time.Hour}, Verdict{Status: Pending, Next: now.Add(time.Hour), Failures: 1, FailingSince: now}},
		"within reason":            {Delivery{}, Endpoint{}, Answer{Code: 429, RetryAfter: 999 * time.Hour}, Verdict{Status: Pending, Next: now.Add(24 * time.Hour), Failures: 1, FailingSince: now}},
		"a test is sent once":      {Delivery{EventType: TestType}, Endpoint{}, Answer{Code: 500}, Verdict{Status: Failed, Failures: 1, FailingSince: now, Reason: "exhausted"}},
		"the last attempt ends it": {Delivery{Attempts: 10}, Endpoint{}, Answer{Code: 500}, Verdict{Status: Failed, Failures: 1, FailingSince: now, Reason: "exhausted"}},
		"asked for again it has the whole schedule": {Delivery{Attempts: 11, RoundFrom: 11}, Endpoint{}, Answer{Code: 500},
			Verdict{Status: Pending, Next: now.Add(5 * time.Second), Failures: 1, FailingSince: now}},
		"five days disable": {Delivery{}, Endpoint{Failures: 50, FailingSince: now.Add(-disableAfter)}, Answer{Code: 500},
			Verdict{Status: Failed, Failures: 51, FailingSince: now.Add(-disableAfter), DisabledReason: "The endpoint has failed for five days.", Reason: "disabled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.answer.At = now
			require.Equal(t, c.want, Judge(c.delivery, c.endpoint, c.answer, 0))
		})
	}
}
