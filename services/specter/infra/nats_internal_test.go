package infra

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
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

// One that is started again after its disk was full listens on another port: tools must be told.
func TestBrokerAnnouncesItsAddressAtEveryStart(t *testing.T) {
	t.Parallel()
	var announced []string
	broker, err := NewNATS(NATSOptions{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "s3cret", Log: zap.NewNop(), Announce: func(url string) error {
		announced = append(announced, url)
		return nil
	}})
	require.NoError(t, err)
	for start := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := broker.serve(ctx, func() {
			require.Len(t, announced, start+1, "before it is ready")
			client, err := nats.Connect(announced[start])
			require.NoError(t, err)
			client.Close()
			cancel()
		}, healthEvery)
		require.NoError(t, err)
	}
}

func TestBrokerEndsWhenItsAddressCannotBeAnnounced(t *testing.T) {
	t.Parallel()
	disk := errors.New("read-only file system")
	broker, err := NewNATS(NATSOptions{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Log: zap.NewNop(), Announce: func(string) error { return disk }})
	require.NoError(t, err)
	require.ErrorIs(t, broker.Run(t.Context(), func() { t.Error("must not get ready") }), disk)
}
