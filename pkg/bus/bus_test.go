package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestStreamsHaveTheSettingsThatKeepAcknowledgedMessages(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{MaxBytes: map[string]int64{"EVENTS": 10 << 20}})
	require.NoError(t, b.EnsureStreams(t.Context()), "ensuring again changes nothing")

	for _, s := range append(event.Streams(), event.DeadLetters()) {
		stream, err := b.JetStream().Stream(t.Context(), s.Name)
		require.NoError(t, err)
		c := stream.CachedInfo().Config
		require.Equal(t, jetstream.FileStorage, c.Storage, s.Name)
		require.Equal(t, jetstream.LimitsPolicy, c.Retention, s.Name)
		discard := jetstream.DiscardNew
		if s.Name == event.Refusals().Name { // notices, not data
			discard = jetstream.DiscardOld
		}
		require.Equal(t, discard, c.Discard, s.Name)
		require.Equal(t, s.MaxAge, c.MaxAge, s.Name)
		require.Equal(t, 1, c.Replicas, s.Name)
		require.GreaterOrEqual(t, c.Duplicates, 2*time.Minute, s.Name)
		if s.Name == "EVENTS" {
			require.EqualValues(t, 10<<20, c.MaxBytes)
		} else {
			require.Equal(t, s.MaxBytes, c.MaxBytes)
		}
	}
	_, err := b.JetStream().Stream(t.Context(), "ADVISORIES")
	require.NoError(t, err)
	for _, bucket := range []string{event.CatalogBucket, event.QuotaBucket} {
		_, err = b.JetStream().KeyValue(t.Context(), bucket)
		require.NoError(t, err)
	}
}

// TestServicesThatStartTogetherPrepareTheStreams: each may want or find room for another
// size, and all of them must start.
func TestServicesThatStartTogetherPrepareTheStreams(t *testing.T) {
	t.Parallel()
	exactly := int64(bus.CatalogMaxBytes) + event.Advisories().MaxBytes + event.DeadLetters().MaxBytes + event.Facts().MaxBytes + event.Signals().MaxBytes
	for name, c := range map[string]struct {
		room int64
		size func(n int64) map[string]int64
	}{
		"of different minds": {0, func(n int64) map[string]int64 { return map[string]int64{"SIGNALS": n << 26, "EVENTS": n << 25} }},
		"room for one":       {exactly, func(int64) map[string]int64 { return nil }},
		"too little room":    {exactly - event.Signals().MaxBytes/2, func(int64) map[string]int64 { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 5 {
				broker := testkit.NATSWithRoom(t, c.room)
				errs := make([]error, 8)
				var all sync.WaitGroup
				for n := range errs {
					all.Go(func() {
						b, err := bus.Connect(t.Context(), bus.Options{URL: broker.URL, MaxBytes: c.size(int64(n + 1))})
						if err == nil {
							err = errors.Join(b.EnsureStreams(t.Context()), b.Close(context.Background()))
						}
						errs[n] = err
					})
				}
				all.Wait()
				require.NoError(t, errors.Join(errs...))
			}
		})
	}
}

func TestAMessageArrivesWholeAndOnce(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := connect(t, testkit.NATS(t), bus.Options{Registerer: registry})
	got := make(chan bus.Delivery[*eventv1.ProposalCreated], 4)
	traces := make(chan trace.TraceID, 4)
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(ctx context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		traces <- trace.SpanContextFromContext(ctx).TraceID()
		got <- d
		return nil
	}))

	sent := created("Checkout button")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	ack, err := bus.Publish(ctx, b, event.ProposalCreated, sent)
	require.NoError(t, err)
	require.Equal(t, "EVENTS", ack.Stream)
	require.False(t, ack.Duplicate)
	again := publish(t, b, sent)
	require.True(t, again.Duplicate)
	require.Equal(t, ack.Sequence, again.Sequence)

	d := <-got
	require.Equal(t, sent.ID, d.ID)
	require.Equal(t, account, d.AccountID)
	require.Equal(t, sent.Time, d.Time)
	require.Equal(t, ack.Sequence, d.Sequence)
	require.Equal(t, 1, d.Attempt)
	same(t, sent.Body, d.Body)
	require.Equal(t, span.TraceID(), <-traces)

	eventually(t, "the delivery is settled", func() bool {
		pending, floor, err := b.ConsumerPending(t.Context(), event.ProposalCreated, "test")
		return err == nil && pending == 0 && floor == ack.Sequence
	})
	require.Empty(t, got)
	last, err := b.StreamLastSequence(t.Context(), event.ProposalCreated)
	require.NoError(t, err)
	require.Equal(t, ack.Sequence, last)

	families, err := registry.Gather()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, name := range []string{"specter_bus_connected", "specter_bus_published_total", "specter_bus_handled_total", "specter_bus_handle_seconds"} {
		require.True(t, names[name], name)
	}
}

func TestWhatCannotBeAMessageIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	broken := map[string]func(*bus.Message[*eventv1.ProposalCreated]){
		"no id":   func(m *bus.Message[*eventv1.ProposalCreated]) { m.ID = uuid.Nil },
		"no time": func(m *bus.Message[*eventv1.ProposalCreated]) { m.Time = time.Time{} },
		"scope":   func(m *bus.Message[*eventv1.ProposalCreated]) { m.AccountID = uuid.Nil },
	}
	for want, breakIt := range broken {
		m := created("x")
		breakIt(&m)
		_, err := bus.Publish(t.Context(), b, event.ProposalCreated, m)
		require.ErrorContains(t, err, want)
	}
	_, err := bus.Publish(t.Context(), b, event.ProposalCreated, created(strings.Repeat("x", event.MaxMessageBytes)))
	require.True(t, fault.Is(err, fault.TooLarge), err)
	require.True(t, fault.IsPermanent(err), "trying again cannot help")
}

func TestAnErrorIsTriedAgainLaterAndThenSucceeds(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	attempts := make(chan int, 8)
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		attempts <- d.Attempt
		if d.Attempt < 3 {
			return errors.New("not yet")
		}
		return nil
	}))
	publish(t, b, created("x"))
	for want := 1; want <= 3; want++ {
		require.Equal(t, want, <-attempts)
	}
	settled(t, b)
	require.Empty(t, deadLetters(t, b))
}

func TestPoisonIsTriedBoundedTimesBuriedOnceWithItsReasonAndCanBeReplayed(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	var cured atomic.Bool
	var tries, processed atomic.Int32
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		if d.Body.GetTitle() == "poison" && !cured.Load() {
			tries.Add(1)
			return errors.New("cannot digest\nthis — ever")
		}
		processed.Add(1)
		return nil
	}))
	poison := created("poison")
	ack := publish(t, b, poison)
	publish(t, b, created("healthy"))

	eventually(t, "healthy messages pass it", func() bool { return processed.Load() == 1 })
	eventually(t, "a dead letter is written", func() bool { return len(deadLetters(t, b)) == 1 })
	settled(t, b)
	require.EqualValues(t, 3, tries.Load())
	letter := deadLetters(t, b)[0]
	require.Equal(t, "test_proposal_created_v1", letter.Consumer)
	require.Equal(t, "cannot digest this   ever", strings.ReplaceAll(letter.Reason, "     ", "   "))
	require.Equal(t, 3, letter.Attempts)
	require.Equal(t, event.ProposalCreated.Subject(account), letter.Subject)
	require.Equal(t, "EVENTS", letter.OriginalStream)
	require.Equal(t, ack.Sequence, letter.OriginalSequence)
	require.Equal(t, "proposal.created.v1", letter.Event)
	require.Equal(t, account.String(), letter.AccountID)
	require.Equal(t, poison.ID.String(), letter.MessageID)

	eventually(t, "the broker's own notice is kept", func() bool {
		stream, err := b.JetStream().Stream(t.Context(), "ADVISORIES")
		return err == nil && stream.CachedInfo().State.Msgs == 1
	})

	cured.Store(true)
	replayed, err := b.Replay(t.Context(), letter.Sequence)
	require.NoError(t, err)
	require.False(t, replayed.Duplicate, "the broker still remembers the original's id")
	eventually(t, "it is processed", func() bool { return processed.Load() == 2 })
	require.Empty(t, deadLetters(t, b))
	_, err = b.Replay(t.Context(), letter.Sequence)
	require.True(t, fault.Is(err, fault.NotFound), err)
}

func TestAPermanentErrorIsBuriedAtOnce(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]error{
		"marked":  fault.Permanent(errors.New("bad")),
		"by kind": fault.New(fault.Invalid, "invalid_json", "bad"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connect(t, testkit.NATS(t), bus.Options{})
			var tries atomic.Int32
			run(t, bus.Consume(b, event.ProposalCreated, fast(), func(context.Context, bus.Delivery[*eventv1.ProposalCreated]) error {
				tries.Add(1)
				return fmt.Errorf("handling: %w", verdict)
			}))
			publish(t, b, created("x"))
			eventually(t, "a dead letter is written", func() bool { return len(deadLetters(t, b)) == 1 })
			require.EqualValues(t, 1, tries.Load())
		})
	}
}

func TestWhatCannotBeDecodedIsBuried(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(context.Context, bus.Delivery[*eventv1.ProposalCreated]) error {
		t.Error("must not be called")
		return nil
	}))
	_, err := b.JetStream().Publish(t.Context(), event.ProposalCreated.Subject(account), []byte("not ours"))
	require.NoError(t, err)
	eventually(t, "a dead letter is written", func() bool { return len(deadLetters(t, b)) == 1 })
	require.Contains(t, deadLetters(t, b)[0].Reason, "unknown event")
}

// outage is how many tries fall into an outage that is longer than any count.
const outage = 40

func TestAnOutageNeverTurnsGoodMessagesIntoDeadLetters(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	var tries atomic.Int32
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		if tries.Add(1) < outage {
			return fmt.Errorf("storing: %w", starting{})
		}
		return nil
	}))
	publish(t, b, created("x"))
	eventually(t, "it is processed in the end", func() bool { return tries.Load() == outage })
	settled(t, b)
	require.Empty(t, deadLetters(t, b))
}

// starting is what a database driver reports of a server that is starting up.
type starting struct{}

func (starting) Error() string    { return "the database system is starting up" }
func (starting) SQLState() string { return "57P03" }

func TestAPanicIsAnErrorLikeAnyOther(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	var tries atomic.Int32
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(context.Context, bus.Delivery[*eventv1.ProposalCreated]) error {
		tries.Add(1)
		panic("boom")
	}))
	publish(t, b, created("x"))
	eventually(t, "a dead letter is written", func() bool { return len(deadLetters(t, b)) == 1 })
	require.EqualValues(t, 3, tries.Load())
	require.Equal(t, "the handler panicked: boom", deadLetters(t, b)[0].Reason)
}

func TestALongHandlerKeepsItsMessage(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	o := fast()
	o.AckWait = 300 * time.Millisecond
	var runs atomic.Int32
	run(t, bus.Consume(b, event.ProposalCreated, o, func(ctx context.Context, _ bus.Delivery[*eventv1.ProposalCreated]) error {
		runs.Add(1)
		longer, cancel := context.WithTimeout(ctx, 5*o.AckWait)
		defer cancel()
		<-longer.Done()
		return nil
	}))
	publish(t, b, created("x"))
	settled(t, b)
	require.EqualValues(t, 1, runs.Load())
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	o := fast()
	o.Concurrency = 3
	var running, most, handled atomic.Int32
	full, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	run(t, bus.Consume(b, event.ProposalCreated, o, func(context.Context, bus.Delivery[*eventv1.ProposalCreated]) error {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		if now == 3 {
			once.Do(func() { close(full) })
		}
		<-release
		handled.Add(1)
		return nil
	}))
	for range 20 {
		publish(t, b, created("x"))
	}
	<-full
	close(release)
	eventually(t, "all are handled", func() bool { return handled.Load() == 20 })
	require.EqualValues(t, 3, most.Load())
}

func TestAStoppedConsumerLeavesUnfinishedWorkToAnother(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	o := fast()
	o.AckWait = time.Minute // only handing back makes the message come again within the test
	started := make(chan struct{})
	stop := run(t, bus.Consume(b, event.ProposalCreated, o, func(ctx context.Context, _ bus.Delivery[*eventv1.ProposalCreated]) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}))
	publish(t, b, created("x"))
	<-started
	require.NoError(t, stop())

	done := make(chan int, 1)
	run(t, bus.Consume(b, event.ProposalCreated, o, func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		done <- d.Attempt
		return nil
	}))
	require.Equal(t, 2, <-done)
	settled(t, b)
	require.Empty(t, deadLetters(t, b), "a stop is nobody's failure")
}

func TestInstancesShareOneDurable(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	var mu sync.Mutex
	seen := map[uuid.UUID]int{}
	handler := func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		mu.Lock()
		defer mu.Unlock()
		seen[d.ID]++
		return nil
	}
	first := connect(t, server, bus.Options{Name: "first"})
	run(t, bus.Consume(first, event.ProposalCreated, fast(), handler))
	run(t, bus.Consume(connect(t, server, bus.Options{Name: "second"}), event.ProposalCreated, fast(), handler))
	for range 100 {
		publish(t, first, created("x"))
	}
	settled(t, first)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, seen, 100)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
}

func TestOnlyALossThatNobodyWantedIsLogged(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	core, logged := observer.New(zap.WarnLevel)
	b := connect(t, server, bus.Options{Log: zap.New(core)})
	require.NoError(t, b.Close(context.Background()))
	require.Empty(t, logged.FilterMessageSnippet("message broker").All(), "closing is no loss")

	connect(t, server, bus.Options{Log: zap.New(core)})
	server.Kill(t)
	eventually(t, "the loss is logged", func() bool { return logged.FilterMessage("lost the message broker").Len() == 1 })
}

func TestEverythingGoesOnAfterTheBrokerRestarts(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := connect(t, server, bus.Options{})
	var handled atomic.Int32
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(context.Context, bus.Delivery[*eventv1.ProposalCreated]) error {
		handled.Add(1)
		return nil
	}))
	before := created("before")
	publish(t, b, before)
	settled(t, b)

	server.Kill(t)
	eventually(t, "the loss is noticed", func() bool { return !b.Conn().IsConnected() })
	started := time.Now()
	_, err := bus.Publish(t.Context(), b, event.ProposalCreated, created("while away"))
	require.True(t, fault.Is(err, fault.Unavailable), err)
	require.Less(t, time.Since(started), 2*time.Second, "refused at once, not kept in memory")

	server.Start(t)
	eventually(t, "the connection is back", b.Conn().IsConnected)
	eventually(t, "publishing works", func() bool {
		ack, err := bus.Publish(t.Context(), b, event.ProposalCreated, before)
		return err == nil && ack.Duplicate // message ids inside the window survive the restart
	})
	publish(t, b, created("after"))
	eventually(t, "consuming works", func() bool { return handled.Load() == 2 })
}

func TestConsumeAnyKeepsTheStreamsOrderOverTypes(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	o := fast()
	o.Concurrency = 1
	names := make(chan string, 4)
	run(t, bus.ConsumeAny(b, []event.Info{event.ProposalCreated.Info(), event.ProposalExpired.Info()}, o,
		func(_ context.Context, d bus.Delivery[proto.Message]) error {
			names <- d.Type.Name()
			return nil
		}))
	m := created("x")
	publish(t, b, m)
	_, err := bus.Publish(t.Context(), b, event.ProposalExpired, bus.Message[*eventv1.ProposalExpired]{ID: uuid.New(), AccountID: account, Time: m.Time, Body: &eventv1.ProposalExpired{}})
	require.NoError(t, err)
	publish(t, b, created("y"))
	for _, want := range []string{"proposal.created", "proposal.expired", "proposal.created"} {
		require.Equal(t, want, <-names)
	}
}

func TestAConsumerThatWasDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	got := make(chan string, 4)
	run(t, bus.Consume(b, event.ProposalCreated, fast(), func(_ context.Context, d bus.Delivery[*eventv1.ProposalCreated]) error {
		got <- d.Body.GetTitle()
		return nil
	}))
	publish(t, b, created("first"))
	require.Equal(t, "first", <-got)
	settled(t, b)
	require.NoError(t, b.JetStream().DeleteConsumer(t.Context(), "EVENTS", "test_proposal_created_v1"))
	require.Equal(t, "first", <-got, "a new durable starts at the beginning")
}

func TestTailShowsWhatIsPublishedFromNowOn(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	publish(t, b, created("old"))
	ctx, cancel := context.WithCancel(t.Context())
	got, ended := make(chan string, 64), make(chan error, 1)
	go func() {
		ended <- bus.Tail(ctx, b, event.ProposalCreated, func(d bus.Delivery[*eventv1.ProposalCreated]) error {
			got <- d.Body.GetTitle()
			return nil
		})
	}()
	eventually(t, "the tail shows something", func() bool {
		publish(t, b, created("new"))
		return len(got) > 0
	})
	require.Equal(t, "new", <-got)
	cancel()
	require.NoError(t, <-ended)
}

// What is open begins with the first message that was not settled, given or not.
func TestBehind(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	behind := func() bus.Behind {
		got, err := b.Behind(t.Context(), event.ProposalCreated, "test")
		require.NoError(t, err)
		return got
	}
	published := func(title string) time.Time {
		stream, err := b.JetStream().Stream(t.Context(), "EVENTS")
		require.NoError(t, err)
		raw, err := stream.GetMsg(t.Context(), publish(t, b, created(title)).Sequence)
		require.NoError(t, err)
		return raw.Time
	}
	require.Zero(t, behind(), "no message, and no consumer")
	_, err := bus.Publish(t.Context(), b, event.ProposalRejected, bus.Message[*eventv1.ProposalRejected]{
		ID: uuid.New(), AccountID: account, Time: time.Now(), Body: &eventv1.ProposalRejected{},
	})
	require.NoError(t, err)
	require.Zero(t, behind(), "of another type")
	first := published("first")
	require.Equal(t, bus.Behind{Open: first, Waiting: first}, behind(), "nobody consumes yet")

	let := make(chan error)
	stop := run(t, bus.Consume(b, event.ProposalCreated, fast(), func(ctx context.Context, _ bus.Delivery[*eventv1.ProposalCreated]) error {
		select {
		case err := <-let:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}))
	let <- errors.New("not now")
	require.Equal(t, bus.Behind{Open: first}, behind(), "it comes again")
	let <- nil
	eventually(t, "it is settled", func() bool { return behind() == bus.Behind{} })
	second := published("second")
	eventually(t, "it is given", func() bool { return behind() == bus.Behind{Open: second} })
	require.NoError(t, stop())
	third := published("third")
	require.Equal(t, bus.Behind{Open: second, Waiting: third}, behind(), "one was given, and one waits")
}

func settled(t *testing.T, b *bus.Bus) {
	t.Helper()
	eventually(t, "everything is settled", func() bool {
		pending, floor, err := b.ConsumerPending(t.Context(), event.ProposalCreated, "test")
		last, lastErr := b.StreamLastSequence(t.Context(), event.ProposalCreated)
		return err == nil && lastErr == nil && pending == 0 && floor == last
	})
}

func deadLetters(t *testing.T, b *bus.Bus) []bus.DeadLetter {
	t.Helper()
	letters, err := b.DeadLetters(t.Context(), 0, 100)
	require.NoError(t, err)
	return letters
}
