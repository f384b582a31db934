package infra

import (
	"context"
	"testing"

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
