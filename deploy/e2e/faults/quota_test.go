package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

func TestRow30QuotaEdge(t *testing.T) {
	limit, gateways := count(10_000, 1_000), 2
	line := begin(t, "30", "monthly limit of %d, %d gateways", limit, gateways)
	r := rig.New(t, rig.Options{Gateways: gateways})
	target := r.LimitLast(t, limit)
	// Singles: the last ones of the month fit into no batch.
	run := r.Send(t, load.Plan{Targets: []load.Target{target}, Batch: 1, Limit: faultLimit, Patience: impatient})
	awaitAcked(t, r, run, int64(limit))
	refused := run.Refused()
	program.Await(t, time.Minute, "more to be refused", func() bool { return run.Refused() > refused+200 })
	line.load(t, run)
	res, answer, err := load.Post(t.Context(), http.DefaultClient, r.Gateways[0].URL, target.Key, `{"type":"one too many"}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode, "%s", answer)
	require.Contains(t, string(answer), `"quota_exceeded"`)
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	line.judge(t, r)
	require.Equal(t, limit, line.Acked, "exactly the allowed number")
}
