package retention_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/retention/internal/export"
)

// BenchmarkExport makes archives of a million signals with payloads of some 200 bytes, once as fast as it can and once
// resting as it does beside other work, and reports how much memory the builder had at most. It takes minutes: `make bench-export`.
func BenchmarkExport(b *testing.B) {
	const blocks, each = 1000, 1000
	s := newStage(b)
	who := testkit.SeedTenant(b, s.db)
	from, pad := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -20), strings.Repeat("x", 60)
	for i := range blocks {
		at := from.Add(time.Duration(i) * 24 * time.Minute)
		s.signals(who, each, at, at.Add(time.Minute), func(i int) string {
			return fmt.Sprintf(`{"path":"/checkout/step-%d","element":"button#pay-%d","release":"2026.11.%d","browser":"Firefox","note":%q,"value":%d.5}`, i%7, i%50, i%30, pad, i)
		})
	}
	_, err := s.owner.Exec(b.Context(), `ANALYZE`)
	require.NoError(b, err)
	_, store := s.builder()
	for name, rest := range map[string]float64{"alone": 0, "resting": 1} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				builder := export.NewBuilder(store, export.Options{MaxBytes: 1 << 40, Rest: rest, Now: time.Now})
				id := s.request(store, who.AccountID)
				runtime.GC()
				stop := peakHeap(b)
				began := time.Now()
				for again := true; again; {
					again, err = builder.Run(b.Context(), who.AccountID, id)
					require.NoError(b, err)
				}
				took := time.Since(began)
				b.ReportMetric(float64(stop())/1e6, "MB-heap")
				b.ReportMetric(blocks*each/took.Seconds(), "signals/s")
				var bytes int64
				require.NoError(b, s.owner.QueryRow(b.Context(), `SELECT bytes FROM export_builds WHERE export_id = $1 AND state = 'ready'`, id).Scan(&bytes))
				b.ReportMetric(float64(bytes)/1e6, "MB-archive")
			}
		})
	}
}

// peakHeap watches the heap until stop, which tells its highest.
func peakHeap(b *testing.B) (stop func() uint64) {
	b.Helper()
	done, highest := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				highest <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(done)
		return <-highest
	}
}
