package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
)

func keyValue(t *testing.T, b *bus.Bus, name string) jetstream.KeyValue {
	t.Helper()
	bucket, err := b.JetStream().KeyValue(t.Context(), name)
	require.NoError(t, err)
	return bucket
}

// valuesOf is what a bucket holds.
func valuesOf(t *testing.T, bucket jetstream.KeyValue) map[string]string {
	t.Helper()
	watch, err := bucket.WatchAll(t.Context(), jetstream.IgnoreDeletes())
	require.NoError(t, err)
	defer func() { require.NoError(t, watch.Stop()) }()
	values := map[string]string{}
	for entry := range watch.Updates() {
		if entry == nil {
			break
		}
		values[entry.Key()] = string(entry.Value())
	}
	return values
}

// A bucket of several files, in each of which most of what is there is in force: no file is worth writing anew
// by the broker's own rule.
func TestRenewLeavesNothingOfWhatWasReplacedOrErased(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := connect(t, server, bus.Options{})
	bucket := keyValue(t, b, event.CatalogBucket)
	filling := bytes.Repeat([]byte("x"), 16<<10)
	const others, own = 800, 8
	gone := uuid.New()
	enter := func() {
		key := catalog.ProductName(uuid.New())
		for range 2 {
			_, err := bucket.Put(t.Context(), key, []byte(gone.String()))
			require.NoError(t, err)
		}
	}
	for i := range others {
		future, err := b.JetStream().PublishAsync(event.CatalogSubject(catalog.ProductName(uuid.New())), filling)
		require.NoError(t, err)
		select {
		case <-future.Ok():
		case err := <-future.Err():
			require.NoError(t, err)
		}
		if i%(others/own) == 0 {
			enter()
		}
	}
	revoked := catalog.ProductName(uuid.New())
	_, err := bucket.Put(t.Context(), revoked, filling)
	require.NoError(t, err)
	require.NoError(t, bucket.Delete(t.Context(), revoked))

	for range 2 { // the second time in files that tell of what is gone from others
		erased, err := b.Erase(t.Context(), gone, nil, nil)
		require.NoError(t, err)
		require.EqualValues(t, own, erased.Messages["KV_CATALOG"])
		before := valuesOf(t, bucket)
		require.Len(t, before, others)
		traces := 0
		onDisk(t, server.Dir, func(_, text string) { traces += strings.Count(text, gone.String()) })
		require.NotZero(t, traces, "there is something to do")

		left, err := b.Renew(t.Context(), 64<<20)
		require.NoError(t, err)
		require.Empty(t, left)
		require.Equal(t, before, valuesOf(t, bucket))
		_, err = bucket.Get(t.Context(), revoked)
		require.ErrorIs(t, err, jetstream.ErrKeyNotFound)
		onDisk(t, server.Dir, func(file, text string) {
			require.NotContains(t, text, gone.String(), "the bytes are on the disk still: %s", file)
		})

		gone = uuid.New()
		for range own {
			enter()
		}
	}
}

func TestRenewKeepsWhatIsWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	bucket := keyValue(t, b, event.QuotaBucket)
	const keys, writes = 50, 40
	name := func(i int) string { return fmt.Sprintf("key-%d", i) }
	for i := range keys {
		_, err := bucket.Put(t.Context(), name(i), []byte("0"))
		require.NoError(t, err)
	}
	var writers sync.WaitGroup
	writers.Go(func() {
		for n := 1; n <= writes; n++ {
			for i := range keys {
				_, err := bucket.Put(context.Background(), name(i), fmt.Append(nil, n))
				require.NoError(t, err)
			}
		}
	})
	for range 3 {
		_, err := b.Renew(t.Context(), 1<<20)
		require.NoError(t, err)
	}
	writers.Wait()
	for i := range keys {
		entry, err := bucket.Get(t.Context(), name(i))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(writes), string(entry.Value()))
	}
}

func TestRenewLeavesWhatIsTooLargeAndLetsOldMonthsGo(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	bucket := keyValue(t, b, event.QuotaBucket)
	account, now := uuid.New(), time.Now()
	for _, at := range []time.Time{now, now.AddDate(0, -6, 0)} {
		_, err := bucket.Put(t.Context(), event.QuotaKey(account, at), []byte("used"))
		require.NoError(t, err)
	}
	_, err := bucket.Put(t.Context(), event.QuotaComplete, nil)
	require.NoError(t, err)

	left, err := b.Renew(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []string{event.QuotaBucket}, left)
	require.Len(t, valuesOf(t, bucket), 3)

	left, err = b.Renew(t.Context(), 1<<20)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, map[string]string{event.QuotaKey(account, now): "used", event.QuotaComplete: ""}, valuesOf(t, bucket))
}

// What was removed because of its age stays in the file that the broker writes to, as long as that takes to fill.
func TestRollLetsGoOfWhatWasRemovedAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	server := testkit.NATS(t)
	b := connect(t, server, bus.Options{})
	publish(t, b, created("canary-old"))
	_, err := b.Roll(t.Context())
	require.NoError(t, err)
	publish(t, b, created("canary-young"))
	facts, err := b.JetStream().Stream(t.Context(), event.Facts().Name)
	require.NoError(t, err)
	require.EqualValues(t, 2, facts.CachedInfo().State.LastSeq, "where nothing was removed there is nothing to do")
	require.NoError(t, facts.Purge(t.Context(), jetstream.WithPurgeSequence(facts.CachedInfo().State.LastSeq)))
	held := func(canary string) (files int) {
		onDisk(t, server.Dir, func(_, text string) { files += strings.Count(text, canary) })
		return files
	}
	require.NotZero(t, held("canary-old"), "removed and not gone")

	full, err := b.Roll(t.Context())
	require.NoError(t, err)
	require.Empty(t, full)
	require.Zero(t, held("canary-old"))
	require.Contains(t, raw(t, b, event.Facts().Name), "canary-young")
	for _, stream := range []string{"SIGNALS", "EVENTS", "REFUSALS", "DEADLETTER", "KV_CATALOG", "KV_QUOTA"} {
		require.NotContains(t, raw(t, b, stream), "filler", "what filled the files is gone: %s", stream)
	}
	require.Empty(t, deadLetters(t, b))
}

// A broker that nobody has set up for Specter takes messages of a mebibyte at most.
func TestAnAccountIsErasedFromABrokerThatTakesSmallerMessages(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATSWithPayload(t, 1<<20), bus.Options{})
	bucket := keyValue(t, b, event.CatalogBucket)
	for range 2 {
		_, err := bucket.Put(t.Context(), catalog.CompleteName, []byte("value"))
		require.NoError(t, err)
	}
	full, err := b.Roll(t.Context())
	require.NoError(t, err)
	require.Empty(t, full)
	left, err := b.Renew(t.Context(), 1<<20)
	require.NoError(t, err)
	require.Empty(t, left)
}
