package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// handling starts one kind of consumer with a handler that sees no message.
type handling func(b *bus.Bus, o bus.ConsumerOptions, h func(context.Context) error) lifecycle.Service

// A message that takes its consumer down again and again is put aside.
func TestAMessageThatCrashesItsConsumerBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]handling{
		"one by one": func(b *bus.Bus, o bus.ConsumerOptions, h func(context.Context) error) lifecycle.Service {
			return bus.Consume(b, event.ProposalCreated, o, func(ctx context.Context, _ bus.Delivery[*eventv1.ProposalCreated]) error { return h(ctx) })
		},
		"in groups": func(b *bus.Bus, o bus.ConsumerOptions, h func(context.Context) error) lifecycle.Service {
			return bus.ConsumeGroups(b, event.ProposalCreated, o, func(ctx context.Context, _ []bus.Raw) error { return h(ctx) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := testkit.NATS(t)
			watcher := connect(t, broker, bus.Options{})
			publish(t, watcher, created("x"))
			crashes := 0
			for crash(t, broker, watcher, start) {
				crashes++
				require.Less(t, crashes, 20)
			}
			require.Equal(t, 13, crashes)
			require.Contains(t, deadLetters(t, watcher)[0].Reason, "may crash its consumer")
		})
	}
}

// crash runs a consumer that dies while it handles the message; false when the message became a dead
// letter instead.
func crash(t *testing.T, broker *testkit.NATSServer, watcher *bus.Bus, start handling) bool {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{URL: broker.URL})
	require.NoError(t, err)
	o := fast()
	o.AckWait, o.Concurrency = 150*time.Millisecond, 1
	entered, release := make(chan struct{}, 1), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- start(b, o, func(context.Context) error {
			entered <- struct{}{}
			<-release
			return nil
		}).Run(ctx, func() {})
	}()
	died := false
	eventually(t, "the message is handled or put aside", func() bool {
		select {
		case <-entered:
			died = true
		default:
		}
		return died || len(deadLetters(t, watcher)) > 0
	})
	b.Conn().Close() // from here on the broker hears nothing of it
	close(release)
	stop()
	<-ended
	return died
}
