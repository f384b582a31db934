package notify

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestAReceiverNoticesWhatComesAgain(t *testing.T) {
	t.Parallel()
	event, now := uuid.New(), time.Now()
	heard := func(k kind, requests int) hearing {
		r := &receiver{kind: k, heard: map[uuid.UUID]*hearing{}}
		for n := range requests {
			r.hear(event, now.Add(time.Duration(n)))
		}
		return r.of(event)
	}
	require.Equal(t, hearing{attempts: 3, accepted: 3, at: now}, heard(healthy, 3), "two too many")
	require.Equal(t, hearing{attempts: 2, accepted: 1, at: now.Add(1)}, heard(failFirst, 2))
	require.Equal(t, hearing{attempts: 2}, heard(silent, 2))
	require.Zero(t, heard(healthy, 0))
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for n := 100; n > 0; n-- {
		all = append(all, time.Duration(n)*time.Millisecond)
	}
	require.InDelta(t, 50, quantile(all, 0.5), 0)
	require.InDelta(t, 95, quantile(all, 0.95), 0)
	require.InDelta(t, 100, quantile(all, 1), 0)
	require.Zero(t, quantile(nil, 0.95))
}
