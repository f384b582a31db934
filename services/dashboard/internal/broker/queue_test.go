package broker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/dashboard/internal/broker"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestOnlyAMissingConsumerMeansThatNothingIsSettled(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), MaxPayload: event.MaxMessageBytes + 128<<10, NoSigs: true, NoLog: true,
	})
	require.NoError(t, err)
	go s.Start()
	require.True(t, s.ReadyForConnections(20*time.Second))
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	b, err := bus.Connect(t.Context(), bus.Options{URL: s.ClientURL(), Name: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	require.NoError(t, b.EnsureStreams(t.Context()))
	queue := broker.NewQueue(b)

	account, id := uuid.New(), uuid.Must(uuid.NewV7())
	body := &eventv1.SignalBatch{Signals: []*eventv1.Signal{{Id: id[:], AccountId: account[:], Type: "x"}}}
	_, err = bus.Publish(t.Context(), b, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: uuid.New(), Time: time.Now(), Body: body})
	require.NoError(t, err)
	_, queued, err := queue.Queued(t.Context(), account, id)
	require.NoError(t, err)
	require.True(t, queued, "there is no consumer yet")

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	consumer := bus.Consume(b, event.SignalBatch, bus.ConsumerOptions{Durable: "analyzer"}, func(context.Context, bus.Delivery[*eventv1.SignalBatch]) error {
		return fault.Permanent(errors.New("no"))
	})
	go func() { ended <- consumer.Run(ctx, func() {}) }()
	testkit.Eventually(t, func() bool {
		_, abandoned, err := queue.Abandoned(t.Context(), account, id)
		_, queued, queuedErr := queue.Queued(t.Context(), account, id)
		return abandoned && err == nil && !queued && queuedErr == nil
	}, "it is a dead letter and not in the queue")
	stop()
	require.NoError(t, <-ended)

	// What a cluster answers whose leader is being elected.
	require.NoError(t, s.GlobalAccount().AddMapping("$JS.API.CONSUMER.INFO.>", "away.>"))
	_, err = b.Conn().Subscribe("away.>", func(m *nats.Msg) {
		_ = m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.consumer_info_response","error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`))
	})
	require.NoError(t, err)
	_, queued, err = queue.Queued(t.Context(), account, id)
	require.False(t, queued, "that nobody says how far the consumer is does not put it back into the queue")
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}
