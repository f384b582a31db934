package infra

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/testkit"
)

// A killed process does not show whether the disk was synced; only a power cut
// does. So the setting itself is checked, as the running broker has it.
func TestBrokerSyncsEveryMessage(t *testing.T) {
	t.Parallel()
	broker, err := NewNATS(NATSOptions{StoreDir: t.TempDir(), Log: zap.NewNop()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- broker.Run(ctx, func() { close(ready) }) }()
	<-ready
	require.True(t, broker.running.Load().JetStreamConfig().SyncAlways)
	cancel()
	require.NoError(t, <-done)
}

// Who has read the URL of a broker that came back after its disk was full still finds it there.
func TestBrokerThatIsStartedAgainKeepsItsAddress(t *testing.T) {
	t.Parallel()
	broker, err := NewNATS(NATSOptions{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "x", Log: zap.NewNop()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- broker.Run(ctx, func() { close(ready) }) }()
	<-ready
	first, url := broker.running.Load(), broker.URL()
	require.NoError(t, first.DisableJetStream(), "what the server does itself when it cannot write")
	testkit.Eventually(t, func() bool { s := broker.running.Load(); return s != nil && s != first }, "the broker is started again")
	require.Equal(t, url, broker.URL())
	conn, err := nats.Connect(url)
	require.NoError(t, err)
	conn.Close()
	cancel()
	require.NoError(t, <-done)
}
