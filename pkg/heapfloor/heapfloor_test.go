package heapfloor

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestPercent(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {mib, 400}, {8 * mib, 400}, {16 * mib, 300}, {20 * mib, 220}, {32 * mib, 100}, {40 * mib, 60}, {60 * mib, 30}, {500 * mib, 30}} {
		require.Equal(t, c.want, percent(c.live, 64*mib), "%d MiB", c.live/mib)
	}
}

// The collector belongs to the process: these run one after the other.
func TestTheFloorIsHeldWhileItRunsAndGoneAfterwards(t *testing.T) {
	runtime.GC() // so that it is known what is live
	run := func(floor uint64) (during int) {
		ctx, cancel := context.WithCancel(context.Background())
		ready, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- Keep(floor).Run(ctx, func() { close(ready) }) }()
		<-ready
		testkit.Eventually(t, func() bool {
			during = debug.SetGCPercent(defaultPercent)
			debug.SetGCPercent(during)
			return during != defaultPercent
		}, "the collector to be told")
		cancel()
		require.NoError(t, <-ended)
		return during
	}
	require.Equal(t, mostPercent, run(1<<40))
	require.Equal(t, leastPercent, run(1))
	require.Equal(t, defaultPercent, debug.SetGCPercent(defaultPercent))

	debug.SetGCPercent(250)
	require.Equal(t, 250, run(1<<40), "an operator's own GOGC stands")
	require.Equal(t, 250, debug.SetGCPercent(defaultPercent))
}
