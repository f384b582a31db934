package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/faults/link"
	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit/program"
)

const (
	// refusalLimit is how long a client may wait to hear that it has to come back. The last
	// hundredth has a second more: machines that run tests are busy.
	refusalLimit = 2 * time.Second
	refusalSlack = time.Second
	// healLimit is how soon signals are taken again.
	healLimit = 5 * time.Second

	mib = 1 << 20
	// gatewayMemory is what a gateway may hold, in MiB, while nothing can be stored. Its heap is
	// collected from 48 MiB on whatever it keeps (services/gateway/config.go), and the program takes
	// some 15 beside it: rows 8s, 10 and 11 measured 40 to 67. The rest is for requests on their way.
	gatewayMemory = 96
	// upMemory is the same for everything in one process, which is collected from 192 MiB on and
	// holds the broker and the analyzer, too: row 8 measured up to 240.
	upMemory = 320
)

// pressing clients send large batches, and come back at once with what was refused.
var pressing = load.Plan{Clients: 16, Batch: 1000, Limit: faultLimit, Patience: impatient}

// underPressure has the clients go on until so many MiB were refused, and requires that the process
// held no more than limit. With as much pressure as that, one that keeps what it refuses is found out.
func (r *row) underPressure(t *testing.T, run *load.Run, pressure int64, peak func() int, limit int) {
	t.Helper()
	program.Await(t, 2*time.Minute, "clients to press on", func() bool { return run.Pressed() > pressure*mib })
	most := peak()
	require.LessOrEqual(t, most, limit, "MiB held while nothing could be stored")
	r.note("%d MiB at most while %d were refused", most, run.Pressed()/mib)
}

// awaitRefused waits until so many more requests were refused.
func awaitRefused(t *testing.T, run *load.Run, more int64, limit time.Duration) {
	t.Helper()
	due := run.Refused() + more
	program.Await(t, limit, "requests to be refused", func() bool { return run.Refused() >= due })
}

func TestRow10StreamLimit(t *testing.T) {
	line := begin(t, "10", "stream limit reached, nobody reads")
	r := rig.New(t, rig.Options{})
	// In production it is 4 GiB.
	stream, err := r.JetStream.Stream(t.Context(), event.Signals().Name)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxBytes = count[int64](16<<20, 2<<20)
	_, err = r.JetStream.UpdateStream(t.Context(), config)
	require.NoError(t, err)

	r.Analyzer.Kill()
	peak := r.Gateways[0].WatchMemory(t)
	run := r.Send(t, pressing)
	program.Await(t, 2*time.Minute, "the stream to be full", func() bool { return run.Refused() > 100 })
	line.underPressure(t, run, gatewayMemory, peak, gatewayMemory)
	held := r.Book.Acked()
	r.Analyzer.Start(t)
	r.StartRetention(t) // its trimmer makes room of what is stored
	taken := run.OK()
	awaitOK(t, run, taken+20, time.Minute)
	line.load(t, run)
	line.refused(t, run)
	line.judge(t, r)
	line.note("%d held", held)
}

func TestRow11BrokerAway(t *testing.T) {
	away := count(60*time.Second, 3*time.Second)
	line := begin(t, "11", "broker away %s", away)
	r := rig.New(t, rig.Options{})
	peak := r.Gateways[0].WatchMemory(t)
	run := r.Send(t, pressing)
	awaitAcked(t, r, run, 1_000)
	r.Broker.Kill()
	awaitRefused(t, run, 1, healLimit)
	taken := run.OK()
	pause(t, away)
	line.underPressure(t, run, gatewayMemory, peak, gatewayMemory)
	require.Equal(t, taken, run.OK(), "nothing can be acknowledged without a broker")
	r.Broker.Start(t)
	back := awaitOK(t, run, taken+1, healLimit)
	awaitOK(t, run, taken+20, time.Minute)
	line.load(t, run)
	line.refused(t, run)
	line.judge(t, r)
	line.note("back after %s", back.Round(time.Millisecond))
}

func TestRow12PubAckLost(t *testing.T) {
	times := count(20, 2)
	line := begin(t, "12", "broker's acknowledgements lost ×%d", times)
	r := rig.New(t, rig.Options{})
	run := r.Send(t, load.Plan{Limit: faultLimit, Patience: impatient})
	for n := range times {
		awaitAcked(t, r, run, int64(1_000*(n+1)))
		r.GatewayLink.Swallow(link.ToClient)
		awaitRefused(t, run, 10, 10*time.Second)
		r.GatewayLink.Heal()
	}
	taken := run.OK()
	awaitOK(t, run, taken+100, time.Minute)
	line.load(t, run)
	line.refused(t, run)
	line.judge(t, r)
	require.Greater(t, r.Repeated(t), int64(0), "signals must have reached the stream more than once, or nothing was tested")
	line.note("%d signals were in the stream twice", r.Repeated(t))
}

func TestRow15SlowConsumer(t *testing.T) {
	line := begin(t, "15", "nobody reads, then everything is read")
	r := rig.New(t, rig.Options{})
	r.Analyzer.Kill()
	signals := count[int64](200_000, 40_000)
	run := r.Send(t, load.Plan{Signals: signals, Limit: faultLimit, Patience: impatient, Batch: 100})
	awaitAcked(t, r, run, signals/4)
	early := r.Gateways[0].MemoryMiB(t)
	awaitAcked(t, r, run, signals)
	late := r.Gateways[0].MemoryMiB(t)
	line.load(t, run)
	require.Zero(t, run.Refused(), "a slow reader is no reason to refuse")
	require.Less(t, late-early, 48, "the gateway's memory must not grow with what waits: %d MiB, then %d MiB", early, late)
	began := time.Now()
	r.Analyzer.Start(t)
	line.judge(t, r)
	line.note("gateway %d MiB, then %d MiB; drained in %s", early, late, time.Since(began).Round(100*time.Millisecond))
}

func TestRow22ManyReconnect(t *testing.T) {
	const after = 30 * time.Second
	clients, away := count(2_000, 200), count(60*time.Second, 3*time.Second)
	line := begin(t, "22", "%d clients come back after %s", clients, away)
	r := rig.New(t, rig.Options{})
	// Retry-After is obeyed, and a client rests between its requests.
	run := r.Send(t, load.Plan{Clients: clients, Batch: 5, Think: count(2*time.Second, time.Second), Limit: faultLimit, Trace: true})
	awaitOK(t, run, int64(clients), time.Minute)
	r.Broker.Kill()
	pause(t, away)
	r.Broker.Start(t)
	healed := time.Now()
	program.Await(t, after, "every client to be served again", func() bool { return served(run, healed) == clients })
	pause(t, count(after-time.Since(healed), 0))
	line.load(t, run)
	line.refused(t, run)

	var took []time.Duration
	retries := map[int]int{}
	for _, a := range run.Answers() {
		if a.Retry > 0 {
			retries[a.Retry]++
		}
		if a.At.After(healed) {
			took = append(took, a.Took)
		}
	}
	p99 := load.Quantile(took, 0.99)
	require.Less(t, p99, 2*time.Second)
	require.GreaterOrEqual(t, len(retries), 3, "Retry-After must be spread: %v", retries)
	line.judge(t, r)
	line.note("p99 %s, Retry-After %v", p99.Round(time.Millisecond), retries)
}

// served counts the clients whose request of after a moment was acknowledged.
func served(run *load.Run, after time.Time) int {
	clients := map[int]bool{}
	for _, a := range run.Answers() {
		if a.At.After(after) && a.Status == http.StatusOK {
			clients[a.Client] = true
		}
	}
	return len(clients)
}
