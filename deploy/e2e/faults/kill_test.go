package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

// faultLimit bounds one load, whatever happens.
const faultLimit = 10 * time.Minute

// impatient clients come back at once, so that every fault lands in the middle of work.
const impatient = 50 * time.Millisecond

// underLoad has clients send until as many signals are acknowledged and every strike was
// made, spread over them; a strike always meets a load.
func underLoad(t *testing.T, line *row, r *rig.Rig, plan load.Plan, signals int64, strikes int, strike func()) *load.Run {
	t.Helper()
	plan.Limit, plan.Patience = faultLimit, impatient
	run := r.Send(t, plan)
	for n := range strikes {
		awaitAcked(t, r, run, signals*int64(n+1)/int64(strikes+1))
		strike()
	}
	awaitAcked(t, r, run, signals)
	line.load(t, run)
	return run
}

// unhurried clients keep a load going through strikes that take seconds, without
// flooding the machine.
var unhurried = load.Plan{Think: 40 * time.Millisecond}

// awaitAcked waits until so many signals were acknowledged; a load that has ended fails the test.
func awaitAcked(t *testing.T, r *rig.Rig, run *load.Run, signals int64) {
	t.Helper()
	program.Await(t, 2*time.Minute, "signals to be acknowledged", func() bool {
		select {
		case <-run.Done():
			if r.Book.Acked() < signals {
				t.Fatalf("the load ended early: %v", run.Problems())
			}
		default:
		}
		return r.Book.Acked() >= signals
	})
}

func TestRow01KillGateway(t *testing.T) {
	kills := count(50, 10)
	line := begin(t, "1", "kill -9 gateway ×%d", kills)
	r := rig.New(t, rig.Options{})
	gateway := r.Gateways[0]
	underLoad(t, line, r, load.Plan{Breaks: true}, count[int64](100_000, 20_000), kills, func() {
		gateway.Kill()
		gateway.Start(t)
	})
	line.judge(t, r)
}

func TestRow02KillBroker(t *testing.T) {
	kills := count(100, 5)
	line := begin(t, "2", "kill -9 broker ×%d", kills)
	r := rig.New(t, rig.Options{})
	run := underLoad(t, line, r, load.Plan{}, count[int64](100_000, 5_000), kills, func() {
		r.Broker.Kill()
		r.Broker.Start(t)
	})
	line.refused(t, run)
	line.judge(t, r)
}

func TestRow05CrashDatabase(t *testing.T) {
	crashes := count(20, 4)
	line := begin(t, "5", "pg_ctl stop -m immediate ×%d", crashes)
	r := rig.New(t, rig.Options{})
	run := underLoad(t, line, r, unhurried, count[int64](50_000, 10_000), crashes, func() {
		r.Database.Crash(t)
		r.Database.Start(t)
	})
	require.Zero(t, run.Refused(), "ingest does not need the database")
	line.judge(t, r)
}

// awaitOK waits until so many requests were answered 200, and returns how long it took.
func awaitOK(t *testing.T, run *load.Run, requests int64, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	program.Await(t, limit, "requests to be acknowledged", func() bool {
		select {
		case <-run.Done():
			if run.OK() < requests {
				t.Fatalf("the load ended early: %v", run.Problems())
			}
		default:
		}
		return run.OK() >= requests
	})
	return time.Since(began)
}
