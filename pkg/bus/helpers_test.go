package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func connect(t *testing.T, n *testkit.NATSServer, o bus.Options) *bus.Bus {
	t.Helper()
	o.URL = n.URL
	c, err := bus.Connect(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	require.NoError(t, c.EnsureStreams(t.Context()))
	return c
}

// run runs a service until the returned stop is called (or the test ends) and hands back its error.
func run(t *testing.T, s lifecycle.Service) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	var result error
	stopped := false
	stop = func() error {
		if !stopped {
			cancel()
			result, stopped = <-ended, true
		}
		return result
	}
	t.Cleanup(func() { _ = stop() })
	select {
	case <-ready:
	case result = <-ended:
		stopped = true
		require.NoError(t, result, "the service ended before it was ready")
	case <-time.After(20 * time.Second):
		t.Fatal("the service did not become ready")
	}
	return stop
}

var account = uuid.MustParse("0192d3a4-0000-7000-8000-000000000001")

func created(title string) bus.Message[*eventv1.ProposalCreated] {
	return bus.Message[*eventv1.ProposalCreated]{
		ID: uuid.New(), AccountID: account, Time: time.Date(2026, 3, 1, 9, 0, 0, 5, time.UTC),
		Body: &eventv1.ProposalCreated{ProposalId: uuid.NewString(), Title: title},
	}
}

func publish(t *testing.T, b *bus.Bus, m bus.Message[*eventv1.ProposalCreated]) bus.Ack {
	t.Helper()
	ack, err := bus.Publish(t.Context(), b, event.ProposalCreated, m)
	require.NoError(t, err)
	return ack
}

// fast makes failures come back quickly.
func fast() bus.ConsumerOptions {
	return bus.ConsumerOptions{Durable: "test", MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond, MaxAttempts: 3, AckWait: 2 * time.Second}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 10*time.Millisecond, what)
}

func same(t *testing.T, want, got proto.Message) {
	t.Helper()
	require.True(t, proto.Equal(want, got), "want %v, got %v", want, got)
}
