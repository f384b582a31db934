package faults

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/deploy/e2e/faults/load"
	"github.com/draftlabs/specter/deploy/e2e/faults/rig"
	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit/program"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// analyzerConsumer is the durable that reads signals.
var analyzerConsumer = bus.DurableName(event.SignalBatch, "analyzer")

// connect opens a connection to the broker with the bus's own means.
func connect(t *testing.T, r *rig.Rig) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{URL: r.Broker.URL(), Name: "faults", Log: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	return b
}

// deadLetters lists them all.
func deadLetters(t *testing.T, b *bus.Bus) []bus.DeadLetter {
	t.Helper()
	letters, err := b.DeadLetters(t.Context(), 0, 1_000_000)
	require.NoError(t, err)
	return letters
}

// replay has the operator's command publish them again.
func replay(t *testing.T, r *rig.Rig, letters []bus.DeadLetter) {
	t.Helper()
	args := []string{"dlq", "replay"}
	for _, letter := range letters {
		args = append(args, strconv.FormatUint(letter.Sequence, 10))
	}
	program.Start(t, "specter dlq replay", []string{"SPECTER_NATS_URL=" + r.Broker.URL()}, parts.Binary(t, "specter"), args...).Wait(t)
}

// poison is a message no analyzer can ever store, of one of several kinds.
func poison(t *testing.T, n int) *nats.Msg {
	t.Helper()
	msg, err := bus.Encode(t.Context(), event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: uuid.Must(uuid.NewV7()), Time: time.Now(), Body: &eventv1.SignalBatch{}})
	require.NoError(t, err)
	switch n % 4 {
	case 0: // no message at all
		msg.Data = []byte("\xff\xff\xff\xff not protobuf")
	case 1: // an id of seven bytes
		msg.Data, err = proto.Marshal(&eventv1.SignalBatch{Signals: []*eventv1.Signal{{Id: []byte("seven b")}}})
		require.NoError(t, err)
	case 2: // no time
		id := uuid.New()
		msg.Data, err = proto.Marshal(&eventv1.SignalBatch{Signals: []*eventv1.Signal{{Id: id[:], AccountId: id[:], ProductId: id[:]}}})
		require.NoError(t, err)
	case 3: // an event nobody knows
		msg.Header.Set(bus.HeaderEvent, "signal.batch.v999")
	}
	return msg
}

func TestRow16Poison(t *testing.T) {
	letters := count(200, 20)
	line := begin(t, "16", "poison ×%d, and a release that fails at everything", letters)
	r := rig.New(t, rig.Options{})
	b := connect(t, r)

	// What can never be stored is given up at once, once, with its reason; the rest goes on.
	run := r.Send(t, load.Plan{Signals: count[int64](10_000, 1_000), Limit: faultLimit, Patience: impatient})
	for n := range letters {
		_, err := r.JetStream.PublishMsg(t.Context(), poison(t, n))
		require.NoError(t, err)
	}
	<-run.Done()
	line.load(t, run)
	r.Settle(t, false)
	dead := deadLetters(t, b)
	require.Len(t, dead, letters)
	seen := map[uint64]bool{}
	for _, letter := range dead {
		require.Equal(t, analyzerConsumer, letter.Consumer)
		require.NotEmpty(t, letter.Reason)
		require.Equal(t, 1, letter.Attempts)
		require.False(t, seen[letter.OriginalSequence], "one dead letter a message")
		seen[letter.OriginalSequence] = true
	}
	// Replayed, it is the same poison: given up again, never lost, never a loop.
	replay(t, r, dead[:1])
	program.Await(t, time.Minute, "the replayed poison to be given up again", func() bool {
		again := deadLetters(t, b)
		return len(again) == letters && again[letters-1].Sequence > dead[letters-1].Sequence
	})

	const attempts = 3
	buried := brokenRelease(t, line, r, b, letters, attempts)
	r.Analyzer.Start(t)
	for _, letter := range buried {
		require.Equal(t, attempts, letter.Attempts)
		require.Contains(t, letter.Reason, errBroken.Error())
	}
	replay(t, r, buried)
	line.judge(t, r)
	require.Len(t, deadLetters(t, b), letters, "what was replayed is gone from the dead letters")
	line.note("%d batches buried by the release and replayed", len(buried))
}

var errBroken = errors.New("this release has a bug")

// brokenRelease takes the analyzer's place with one that fails at every batch, sends
// signals, and returns the dead letters it made beside the ones before.
func brokenRelease(t *testing.T, line *row, r *rig.Rig, b *bus.Bus, before, attempts int) []bus.DeadLetter {
	t.Helper()
	r.Analyzer.Kill()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	broken := bus.Consume(b, event.SignalBatch, bus.ConsumerOptions{Durable: "analyzer", MaxAttempts: attempts, MinBackoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond},
		func(context.Context, bus.Delivery[*eventv1.SignalBatch]) error { return errBroken })
	go func() { ended <- broken.Run(ctx, func() {}) }()
	run := r.Send(t, load.Plan{Signals: r.Book.Acked() + 500, Limit: faultLimit, Patience: impatient})
	<-run.Done()
	line.load(t, run)
	r.Settle(t, false)
	stop()
	require.NoError(t, <-ended)
	buried := deadLetters(t, b)[before:]
	require.NotEmpty(t, buried)
	return buried
}

func TestRow17EveryTenthPoison(t *testing.T) {
	line := begin(t, "17", "every tenth message poison")
	r := rig.New(t, rig.Options{})
	run := r.Send(t, load.Plan{Signals: count[int64](20_000, 3_000), Limit: faultLimit, Patience: impatient, Clients: 4, Batch: 10})
	sent := 0
	for done := false; !done; {
		select {
		case <-run.Done():
			done = true
		default:
		}
		for uint64(sent) < r.Messages(t)/10 {
			_, err := r.JetStream.PublishMsg(t.Context(), poison(t, sent))
			require.NoError(t, err)
			sent++
		}
	}
	line.load(t, run)
	require.Positive(t, sent, "poison must have been among the messages, or nothing was tested")
	line.judge(t, r)
	b := connect(t, r)
	dead := deadLetters(t, b)
	require.Len(t, dead, sent)
	line.note("%s", fmt.Sprintf("%d of %d messages buried", len(dead), r.Messages(t)))
}
