package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// Row 32 is of deployments, not of signals: sent and acknowledged are deployments that were reported, each of them twice.
func TestRow32KillVerifier(t *testing.T) {
	kills, deployments := count(20, 4), count(300, 36)
	line := begin(t, "32", "kill -9 verifier ×%d", kills)
	p := rig.NewProving(t, deployments)
	looks := 0
	for n, d := range p.Deployments {
		p.Report(t, d)
		p.Report(t, d)
		if (n+1)%(deployments/kills) != 0 {
			continue
		}
		// In the middle of work: looks are being taken, and more are due.
		program.Await(t, time.Minute, "looks to be taken", func() bool { return p.Looks(t) > looks })
		p.Verifier.Kill()
		looks = p.Looks(t)
		if mode == "short" {
			p.Rescue(t)
		}
		p.Verifier.Start(t)
	}
	restarted := time.Now()
	program.Await(t, 5*time.Minute, "every deployment to have its verdict", func() bool { return p.Told() == deployments })
	line.Sent, line.Acked = deployments, deployments
	line.Lost, line.Doubled = p.Account(t)
	require.Zero(t, line.Lost)
	require.Zero(t, line.Doubled)
	improved, regressed, others := p.Outcomes(t)
	require.Equal(t, deployments, improved+regressed+others)
	for _, n := range []int{improved, regressed, others} { // a third each, as planted; one in twenty may err
		require.InDelta(t, deployments/3, n, float64(deployments)/30)
	}
	line.note("%d looks; %d improved, %d regressed, %d neither; all told %.0f s after the last kill", p.Looks(t), improved, regressed, others, time.Since(restarted).Seconds())
}
