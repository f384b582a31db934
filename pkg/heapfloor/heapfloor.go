package heapfloor

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/draftlabs/specter/pkg/lifecycle"
)

const (
	// every is how often the setting follows the heap; growth in between is bounded by mostPercent.
	every = 100 * time.Millisecond

	defaultPercent = 100 // Go's own
	mostPercent    = 400
	// leastPercent is for heaps near the floor and above it. What a server keeps for its connections
	// grows with their number and its garbage does not, so memory is the dearer of the two there.
	leastPercent = 30
)

// Keep returns a service that holds the floor, in bytes, while it runs; 0 is none. It changes the
// collector of the whole process, and nothing when the operator has set GOGC.
func Keep(floor uint64) lifecycle.Service {
	if floor == 0 {
		return lifecycle.Group()
	}
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		before := debug.SetGCPercent(defaultPercent)
		defer debug.SetGCPercent(before)
		ready()
		if before != defaultPercent {
			debug.SetGCPercent(before)
			<-ctx.Done()
			return nil
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for current := defaultPercent; ; {
			metrics.Read(live)
			if next := percent(live[0].Value.Uint64(), floor); next != current {
				debug.SetGCPercent(next)
				current = next
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}

// percent is how much a heap of live bytes may grow.
func percent(live, floor uint64) int {
	if live >= floor {
		return leastPercent
	}
	return int(min(mostPercent, max(leastPercent, (floor-live)*100/max(1, live))))
}
