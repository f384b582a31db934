package faults

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// Row 31 is of webhooks, not of signals: sent and acknowledged are deliveries.
func TestRow31KillNotifier(t *testing.T) {
	t.Parallel() // most of the time it waits for deliveries that a killed process had begun
	const endpoints = 10
	kills, events := count(20, 4), count(1_000, 150)
	line := begin(t, "31", "kill -9 notifier ×%d", kills)
	w := rig.NewTelling(t, endpoints)
	var told []uuid.UUID
	pace := time.NewTicker(15 * time.Millisecond)
	defer pace.Stop()
	for n := range events {
		<-pace.C
		told = append(told, w.Tell(t))
		if (n+1)%(events/kills) != 0 {
			continue
		}
		// In the middle of work: some of what was told has arrived, and some has not.
		program.Await(t, time.Minute, "deliveries to arrive", func() bool { return w.Accepted() > len(told)*endpoints/2 })
		w.Notifier.Kill()
		w.Notifier.Start(t)
	}
	line.Sent, line.Acked = events*endpoints, events*endpoints
	restarted := time.Now()
	program.Await(t, 5*time.Minute, "everything to be delivered", func() bool {
		return w.Accepted() == events*endpoints && w.Pending(t) == 0
	})
	var again int
	line.Lost, line.Doubled, again = w.Account(t, told)
	require.Zero(t, line.Lost)
	require.Zero(t, line.Doubled)
	// Only what was answered and not yet recorded may come again, and its webhook-id tells.
	require.LessOrEqual(t, again, kills*endpoints*2)
	line.note("%d came again with the same webhook-id, all delivered %.0f s after the last kill", again, time.Since(restarted).Seconds())
}
