package faults

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/disk"
	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/oracle"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/deploy/e2e/parts"
)

const (
	mib = 1 << 20
	// powerDisk is sparse: it takes what is written.
	powerDisk = 1024 * mib
)

func TestRow06PowerCut(t *testing.T) {
	cuts := count(5, 2)
	line := begin(t, "6", "broker power cut ×%d", cuts)
	line.verdict(t, cutPower(t, line, "always", cuts))
}

// TestRow06PowerCutWithoutSyncAlways proves that the row above can fail: with the
// broker's default, which syncs every two minutes, the same cuts lose what was
// acknowledged.
func TestRow06PowerCutWithoutSyncAlways(t *testing.T) {
	line := begin(t, "6-", "the same, default sync: must lose")
	verdict := cutPower(t, line, "2m", 1)
	require.Positive(t, verdict.Lost, "with the broker's default sync a power cut loses acknowledged signals: if it did not, the row above would prove nothing (%+v)", verdict)
	require.Zero(t, verdict.Doubled)
	require.Zero(t, verdict.Foreign)
	require.Empty(t, verdict.Disagreements)
	// Not counted in the sum: losing them is what was asked for.
	line.Sent, line.Acked = verdict.Sent, verdict.Acked
	line.note("%d acknowledged were lost, as they must be", verdict.Lost)
}

// cutPower takes the power from the broker's disk under load. The analyzer is away
// meanwhile every other time, so that what the broker loses is in no database either.
func cutPower(t *testing.T, line *row, sync string, cuts int) oracle.Verdict {
	t.Helper()
	image := disk.New(t, powerDisk)
	r := rig.New(t, rig.Options{Broker: parts.BrokerOptions{StoreDir: filepath.Join(image.Mount, "store"), Sync: sync}})
	if sync != "always" {
		// Else the broker loses the streams themselves, made a moment ago, and the test sees nothing finer.
		image.Sync(t)
	}
	signals := count[int64](20_000, 5_000)
	for cut := range cuts {
		analyzing := cut%2 == 1
		if !analyzing {
			r.Analyzer.Kill()
		}
		run := r.Send(t, load.Plan{Limit: faultLimit, Patience: impatient})
		awaitAcked(t, r, run, signals*int64(cut+1))
		r.Broker.Program().Freeze()
		image.CutPower(t)
		r.Broker.Kill()
		image.Restore(t)
		r.Broker.Start(t)
		back := run.OK()
		awaitOK(t, run, back+1, 10*time.Second)
		line.load(t, run)
		if !analyzing {
			r.Analyzer.Start(t)
		}
		r.Settle(t, mode == "short")
	}
	return r.Judge(t, mode == "short")
}
