package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// insistence is a load that a refusal for good does not end: a shop does not know that its account is gone.
type insistence struct {
	taken, refused atomic.Int64
	stop           func()
}

// insist has a client for each target send until stop.
func insist(t *testing.T, r *rig.Rig, targets []load.Target) *insistence {
	t.Helper()
	const pace, size = 5 * time.Millisecond, 10
	ctx, cancel := context.WithCancel(t.Context())
	web := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: len(targets)}}
	i := &insistence{}
	var clients sync.WaitGroup
	for n, target := range targets {
		clients.Go(func() {
			random, tick := rand.New(rand.NewPCG(uint64(n), 29)), time.NewTicker(pace)
			defer tick.Stop()
			for ctx.Err() == nil {
				ids := make([]uuid.UUID, size)
				for i := range ids {
					ids[i] = uuid.New()
				}
				res, _, err := load.Post(ctx, web, r.Gateways[n%len(r.Gateways)].URL, target.Key, load.Body(ids, random))
				switch {
				case err != nil: // the test ends, or the process is busy
				case res.StatusCode == http.StatusOK:
					i.taken.Add(size)
				default:
					i.refused.Add(1)
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	i.stop = sync.OnceFunc(func() {
		cancel()
		clients.Wait()
		web.CloseIdleConnections()
	})
	t.Cleanup(i.stop)
	return i
}

func TestRow29DeletionRacesIngest(t *testing.T) {
	t.Parallel() // most of the time it waits for the broker to deliver again what a killed process had
	accounts, kills := count(6, 3), count(10, 2)
	line := begin(t, "29", "deletion of %d accounts that go on sending, kill -9 of the analyzer ×%d meanwhile", accounts, kills)
	r := rig.New(t, rig.Options{Gateways: 2, Accounts: accounts + 2})
	leavers, stayers := r.Leavers(accounts)
	r.StartLeaving(t)
	run := r.Send(t, load.Plan{Targets: stayers, Clients: 4, Limit: faultLimit, Patience: impatient, Think: 20 * time.Millisecond})
	gone := insist(t, r, leavers)
	program.Await(t, time.Minute, "every leaver to have signals", func() bool {
		var have int
		r.QueryRow(t, `SELECT count(DISTINCT account_id) FROM signal_ids`, &have)
		return have == accounts+2
	})
	r.Delete(t, accounts)
	for range kills {
		r.Analyzer.Kill()
		pause(t, 500*time.Millisecond)
		r.Analyzer.Start(t)
		pause(t, time.Second)
	}
	r.AwaitDeleted(t, accounts)
	refused := gone.refused.Load()
	program.Await(t, time.Minute, "more to be refused", func() bool { return gone.refused.Load() > refused+100 })
	gone.stop()
	line.load(t, run)
	line.judge(t, r)
	r.StaysGone(t, leavers)
	require.Positive(t, gone.taken.Load())
	line.note("%d signals of the deleted were taken before, %d requests refused after; 0 rows of theirs", gone.taken.Load(), gone.refused.Load())
}
