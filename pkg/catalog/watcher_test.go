package catalog_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func bucketOf(t *testing.T, b *bus.Bus) jetstream.KeyValue {
	t.Helper()
	bucket, err := b.JetStream().KeyValue(t.Context(), event.CatalogBucket)
	require.NoError(t, err)
	return bucket
}

func put(t *testing.T, bucket jetstream.KeyValue, name string, entry proto.Message) {
	t.Helper()
	value, err := proto.Marshal(entry)
	require.NoError(t, err)
	_, err = bucket.Put(t.Context(), name, value)
	require.NoError(t, err)
}

func watch(t *testing.T, b *bus.Bus) *catalog.Watcher {
	t.Helper()
	w := catalog.NewWatcher(b, zap.NewNop(), time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- w.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case <-ready:
	case <-time.After(20 * time.Second):
		t.Fatal("the watcher did not become ready")
	}
	return w
}

// keyOf is an entry of the account and product.
func keyOf(id string, account, product uuid.UUID) *catalogv1.Key {
	return &catalogv1.Key{KeyId: id, AccountId: account.String(), ProductId: product.String()}
}

func hashOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

func TestTheCatalogueIsWholeWhenReadyAndFollowsChanges(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	bucket := bucketOf(t, b)
	key, account, product := hashOf("spk_a"), uuid.New(), uuid.New()
	put(t, bucket, catalog.KeyName(key), keyOf("1", account, product))
	put(t, bucket, catalog.ProductName(product), &catalogv1.Product{ProductId: product.String(), AccountId: account.String()})

	w := watch(t, b)
	got, ok := w.Key(key)
	require.True(t, ok, "what was there is known when Run is ready")
	require.Equal(t, "1", got.GetKeyId())
	p, ok := w.Product(product)
	require.True(t, ok)
	require.Equal(t, product.String(), p.GetProductId())
	_, ok = w.Key(hashOf("spk_other"))
	require.False(t, ok)
	age, known := w.Staleness()
	require.True(t, known)
	require.Less(t, age, 20*time.Second)

	revoked := keyOf("1", account, product)
	revoked.Revoked = true
	put(t, bucket, catalog.KeyName(key), revoked)
	testkit.Eventually(t, func() bool { k, ok := w.Key(key); return ok && k.GetRevoked() }, "the revocation arrives")
	require.NoError(t, bucket.Delete(t.Context(), catalog.ProductName(product)))
	testkit.Eventually(t, func() bool { _, ok := w.Product(product); return !ok }, "the deletion arrives")

	_, err := bucket.Put(t.Context(), catalog.KeyName(key), []byte{0xff, 0xff})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { _, ok := w.Key(key); return !ok }, "an unreadable entry is not served in its old form")
}

func TestTheLastKnownStateIsServedWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	key := hashOf("spk_a")
	put(t, bucketOf(t, b), catalog.KeyName(key), keyOf("1", uuid.New(), uuid.New()))
	w := watch(t, b)

	nats.Kill(t)
	testkit.Eventually(t, func() bool { return !b.Conn().IsConnected() }, "the loss is noticed")
	_, ok := w.Key(key)
	require.True(t, ok)

	nats.Start(t)
	other := nats.Bus(t)
	put(t, bucketOf(t, other), catalog.KeyName(key), keyOf("2", uuid.New(), uuid.New()))
	testkit.Eventually(t, func() bool { k, ok := w.Key(key); return ok && k.GetKeyId() == "2" }, "changes arrive again")
}
