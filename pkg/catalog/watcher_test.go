package catalog_test

import (
	"context"
	"crypto/sha256"
	"os"
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

// grantOf is what the watcher knows of a key, nil when it does not know it.
func grantOf(w *catalog.Watcher, hash []byte) *catalog.Grant {
	if g, ok := w.Resolve([32]byte(hash)); ok {
		return g
	}
	return nil
}

func TestTheCatalogueIsWholeWhenReadyAndFollowsChanges(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	bucket := bucketOf(t, b)
	key, account, product := hashOf("spk_a"), uuid.New(), uuid.New()
	put(t, bucket, catalog.KeyName(key), keyOf("1", account, product))
	put(t, bucket, catalog.ProductName(product), &catalogv1.Product{ProductId: product.String(), AccountId: account.String()})

	w := watch(t, b)
	got := grantOf(w, key)
	require.NotNil(t, got, "what was there is known when Run is ready")
	require.Equal(t, product, got.ProductID)
	require.False(t, got.Incomplete)
	require.Nil(t, grantOf(w, hashOf("spk_other")))
	require.True(t, w.Complete())
	age, known := w.Staleness()
	require.True(t, known)
	require.Less(t, age, 20*time.Second)

	revoked := keyOf("1", account, product)
	revoked.Revoked = true
	put(t, bucket, catalog.KeyName(key), revoked)
	testkit.Eventually(t, func() bool { return grantOf(w, key).Revoked }, "the revocation arrives")
	require.NoError(t, bucket.Delete(t.Context(), catalog.ProductName(product)))
	testkit.Eventually(t, func() bool { return grantOf(w, key).Incomplete }, "the deletion arrives")

	_, err := bucket.Put(t.Context(), catalog.KeyName(key), []byte{0xff, 0xff})
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { return grantOf(w, key) == nil }, "an unreadable entry is not served in its old form")
}

func TestTheLastKnownStateIsServedWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	key, moved := hashOf("spk_a"), uuid.New()
	put(t, bucketOf(t, b), catalog.KeyName(key), keyOf("1", uuid.New(), uuid.New()))
	w := watch(t, b)

	nats.Kill(t)
	testkit.Eventually(t, func() bool { return !b.Conn().IsConnected() }, "the loss is noticed")
	require.NotNil(t, grantOf(w, key))
	require.True(t, w.Complete())

	nats.Start(t)
	other := nats.Bus(t)
	put(t, bucketOf(t, other), catalog.KeyName(key), keyOf("1", moved, uuid.New()))
	testkit.Eventually(t, func() bool { g := grantOf(w, key); return g != nil && g.AccountID == moved }, "changes arrive again")
}

// lose brings the broker back without anything it had, and returns the bucket that is made anew.
func lose(t *testing.T, nats *testkit.NATSServer) jetstream.KeyValue {
	t.Helper()
	nats.Kill(t)
	require.NoError(t, os.RemoveAll(nats.Dir))
	nats.Start(t)
	return bucketOf(t, nats.Bus(t))
}

func note(t *testing.T, bucket jetstream.KeyValue) {
	t.Helper()
	_, err := bucket.Put(t.Context(), catalog.CompleteName, nil)
	require.NoError(t, err)
}

// When the broker has lost the catalogue, what was known of it goes on being served, and what is not
// known is not denied, until it is noted that everything has been written again.
func TestALostCatalogueIsServedUntilItIsMadeAnew(t *testing.T) {
	t.Parallel()
	for name, noted := range map[string]bool{"of an installation that was rebuilt once": true, "of a younger one": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nats := testkit.NATS(t)
			b := nats.Bus(t)
			bucket := bucketOf(t, b)
			account, product := uuid.New(), uuid.New()
			kept, revoked, gone, fresh := hashOf("spk_kept"), hashOf("spk_revoked"), hashOf("spk_gone"), hashOf("spk_fresh")
			for _, key := range [][]byte{kept, revoked, gone} {
				put(t, bucket, catalog.KeyName(key), keyOf("1", account, product))
			}
			if noted {
				note(t, bucket)
			}
			w := watch(t, b)

			bucket = lose(t, nats)
			testkit.Eventually(t, func() bool { return !w.Complete() }, "the loss is noticed")
			for _, key := range [][]byte{kept, revoked, gone} {
				require.NotNil(t, grantOf(w, key))
			}

			change := keyOf("1", account, product)
			change.Revoked = true
			put(t, bucket, catalog.KeyName(revoked), change)
			testkit.Eventually(t, func() bool { return grantOf(w, revoked).Revoked }, "a revocation holds at once")
			nats.Restart(t)
			bucket = bucketOf(t, nats.Bus(t))
			put(t, bucket, catalog.KeyName(fresh), keyOf("1", account, product))
			testkit.Eventually(t, func() bool { return grantOf(w, fresh) != nil }, "a new key works at once")
			require.NotNil(t, grantOf(w, kept), "a part of it does not replace the copy either")
			require.False(t, w.Complete())

			put(t, bucket, catalog.KeyName(kept), keyOf("1", account, product))
			note(t, bucket)
			testkit.Eventually(t, w.Complete, "the catalogue is complete")
			require.NotNil(t, grantOf(w, kept))
			require.Nil(t, grantOf(w, gone), "what has not been written again does not exist any more")
		})
	}
}

// Nothing is denied before anything has been written; what is deleted, all of it even, is gone.
func TestAnEmptyCatalogueIsCompleteWhenItWasEmptied(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	b := nats.Bus(t)
	w := watch(t, b)
	require.False(t, w.Complete(), "nothing has ever been written")
	bucket, key := bucketOf(t, b), hashOf("spk_a")
	put(t, bucket, catalog.KeyName(key), keyOf("1", uuid.New(), uuid.New()))
	testkit.Eventually(t, w.Complete, "the first entry arrives")

	require.NoError(t, bucket.Delete(t.Context(), catalog.KeyName(key)))
	testkit.Eventually(t, func() bool { return grantOf(w, key) == nil }, "the last key of the last account is deleted")
	require.True(t, w.Complete())
	nats.Restart(t)
	testkit.Eventually(t, func() bool { return b.Conn().IsConnected() }, "the broker is back")
	late := watch(t, b)
	require.True(t, late.Complete(), "also for a gateway that starts now")
	require.Nil(t, grantOf(late, key))
	put(t, bucket, catalog.KeyName(key), keyOf("1", uuid.New(), uuid.New()))
	testkit.Eventually(t, func() bool { return grantOf(w, key) != nil }, "the watch goes on")
	require.True(t, w.Complete())
}
