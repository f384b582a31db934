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
	"github.com/draftlabs/specter/pkg/testkit/program"
)

const (
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

// diskFree is what the broker has to fill on its disk of 64 MiB.
const diskFree = 4 * mib

// fullFor is how long the disk stays full at least.
func fullFor() time.Duration { return count(20*time.Second, 2*time.Second) }

func TestRow08DiskFull(t *testing.T) {
	line := begin(t, "8", "broker disk full, one process")
	image := disk.New(t, 64*mib)
	up := rig.StartUp(t, filepath.Join(image.Mount, "store"))
	free := image.Fill(t, diskFree)
	peak := rig.WatchMemory(t, up.Program)
	run := up.Send(t, pressing)
	program.Await(t, 2*time.Minute, "the disk to be full", func() bool { return run.Refused() > 100 })
	pause(t, fullFor()) // and it stays full for a while
	// Seconds more than the short matrix has; there row 8s stands for both.
	line.underPressure(t, run, count[int64](upMemory, 0), peak, upMemory)
	taken := run.OK()
	free()
	back := awaitOK(t, run, taken+20, time.Minute)
	line.load(t, run)
	line.refused(t, run)
	line.verdict(t, up.Judge(t, mode == "short"))
	line.note("back after %s", back.Round(time.Millisecond))
}

// TestRow08DiskFullSupervised: a nats-server of its own says that it is not healthy, and
// whoever supervises it (Kubernetes' liveness probe, say) starts it again.
func TestRow08DiskFullSupervised(t *testing.T) {
	line := begin(t, "8s", "broker disk full, nats-server under a supervisor")
	image := disk.New(t, 64*mib)
	r := rig.New(t, rig.Options{Broker: parts.BrokerOptions{StoreDir: filepath.Join(image.Mount, "store")}})
	free := image.Fill(t, diskFree)
	peak := r.Gateways[0].WatchMemory(t)
	run := r.Send(t, pressing)
	program.Await(t, 2*time.Minute, "the disk to be full", func() bool { return run.Refused() > 100 })
	require.False(t, r.Broker.Healthy(t), "a broker that cannot write must say so")
	pause(t, fullFor())
	line.underPressure(t, run, gatewayMemory, peak, gatewayMemory)
	taken := run.OK()
	free()
	r.Broker.Kill()
	r.Broker.Start(t)
	back := awaitOK(t, run, taken+20, time.Minute)
	line.load(t, run)
	line.refused(t, run)
	line.judge(t, r)
	line.note("back after %s", back.Round(time.Millisecond))
}
