package broker_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/dashboard/internal/broker"
)

func TestTheQuotasBucketIsLookedUpUntilItIsFoundAndThenNoMore(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	js := b.JetStream()
	require.NoError(t, js.DeleteKeyValue(t.Context(), event.QuotaBucket))
	quotas, account, now := broker.NewQuotas(b), uuid.New(), time.Now()
	_, err := quotas.Used(t.Context(), account, now)
	require.ErrorIs(t, err, jetstream.ErrBucketNotFound)

	use := func(n int64) {
		require.NoError(t, b.EnsureStreams(t.Context()))
		bucket, err := js.KeyValue(t.Context(), event.QuotaBucket)
		require.NoError(t, err)
		text, err := proto.Marshal(&catalogv1.Quota{Used: n})
		require.NoError(t, err)
		_, err = bucket.Put(t.Context(), event.QuotaKey(account, now), text)
		require.NoError(t, err)
	}
	used := func(n int64) {
		got, err := quotas.Used(t.Context(), account, now)
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	use(5)
	used(5)
	asked, err := b.Conn().SubscribeSync("$JS.API.STREAM.INFO.KV_" + event.QuotaBucket)
	require.NoError(t, err)
	require.NoError(t, b.Conn().Flush())
	used(5)
	used(5)
	require.NoError(t, b.Conn().Flush())
	pending, _, err := asked.Pending()
	require.NoError(t, err)
	require.Zero(t, pending, "it was asked for again")

	require.NoError(t, js.DeleteKeyValue(t.Context(), event.QuotaBucket))
	_, err = quotas.Used(t.Context(), account, now)
	require.Error(t, err, "while it is lost")
	use(7)
	used(7)
}
