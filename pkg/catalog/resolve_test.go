package catalog_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/catalog"
	"github.com/draftlabs/specter/pkg/testkit"
	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

func TestAGrantIsPutTogetherWhateverArrivesFirst(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	bucket := bucketOf(t, b)
	w := watch(t, b)
	hash, account, product, place := hashOf("spk_a"), uuid.New(), uuid.New(), uuid.New()
	resolve := func() *catalog.Grant {
		g, ok := w.Resolve([32]byte(hash))
		if !ok {
			return nil
		}
		return g
	}
	until := func(cond func(g *catalog.Grant) bool, msg string) *catalog.Grant {
		t.Helper()
		testkit.Eventually(t, func() bool { g := resolve(); return g != nil && cond(g) }, "%s", msg)
		return resolve()
	}

	key := keyOf("1", account, product)
	key.AllowedOrigins = []string{"https://shop.example"}
	put(t, bucket, catalog.KeyName(hash), key)
	g := until(func(g *catalog.Grant) bool { return g.Incomplete }, "a key without its product is incomplete")
	require.Equal(t, account, g.AccountID)
	require.Equal(t, product, g.ProductID)
	require.True(t, g.Origins.Allows("https://shop.example"))
	require.False(t, g.Origins.Allows("https://evil.example"))
	require.False(t, g.NeedsOrigin, "an entry of an older release says nothing of it")
	require.False(t, g.Expired(time.Now().AddDate(100, 0, 0)))
	require.Zero(t, g.MonthlyLimit)

	put(t, bucket, catalog.ProductName(product), &catalogv1.Product{
		ProductId: product.String(), AccountId: account.String(), ContextIds: []string{place.String()}, RateLimitPerSecond: 7,
	})
	g = until(func(g *catalog.Grant) bool { return !g.Incomplete }, "the product completes the grant")
	require.True(t, g.HasContext(place))
	require.False(t, g.HasContext(uuid.New()))
	require.Equal(t, 7, g.RatePerSecond)

	before := g
	put(t, bucket, catalog.AccountName(account), &catalogv1.Account{AccountId: account.String(), MonthlySignalLimit: 1000})
	g = until(func(g *catalog.Grant) bool { return g.MonthlyLimit == 1000 }, "the account's limit reaches the grant")
	require.Zero(t, before.MonthlyLimit, "a grant in somebody's hands never changes")
	require.False(t, g.Closed)

	put(t, bucket, catalog.AccountName(account), &catalogv1.Account{AccountId: account.String(), MonthlySignalLimit: 1000, Closed: true})
	until(func(g *catalog.Grant) bool { return g.Closed }, "a closed account closes its keys")
	require.NoError(t, bucket.Delete(t.Context(), catalog.AccountName(account)))
	until(func(g *catalog.Grant) bool { return !g.Closed && g.MonthlyLimit == 0 }, "an account without an entry has no limit")

	require.NoError(t, bucket.Delete(t.Context(), catalog.ProductName(product)))
	until(func(g *catalog.Grant) bool { return g.Incomplete && g.Contexts == nil }, "without its product it is incomplete again")
	require.NoError(t, bucket.Delete(t.Context(), catalog.KeyName(hash)))
	testkit.Eventually(t, func() bool { return resolve() == nil }, "a deleted key is unknown")
}

func TestAProductOfAnotherAccountDoesNotCompleteAGrant(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	bucket := bucketOf(t, b)
	hash, product := hashOf("spk_a"), uuid.New()
	put(t, bucket, catalog.KeyName(hash), keyOf("1", uuid.New(), product))
	put(t, bucket, catalog.ProductName(product), &catalogv1.Product{ProductId: product.String(), AccountId: uuid.NewString()})
	g, ok := watch(t, b).Resolve([32]byte(hash))
	require.True(t, ok)
	require.True(t, g.Incomplete)
}

func TestEntriesThatCannotBeUsedGrantNothing(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	bucket := bucketOf(t, b)
	noAccount, noContext, product := hashOf("spk_a"), hashOf("spk_b"), uuid.New()
	account := uuid.New()
	put(t, bucket, catalog.KeyName(noAccount), &catalogv1.Key{AccountId: "?", ProductId: product.String()})
	put(t, bucket, catalog.KeyName(noContext), keyOf("2", account, product))
	put(t, bucket, catalog.ProductName(product), &catalogv1.Product{ProductId: product.String(), AccountId: account.String(), ContextIds: []string{"?"}})
	for _, name := range []string{"key.short", "product.none", "account.none", "something.else"} {
		_, err := bucket.Put(t.Context(), name, []byte("x"))
		require.NoError(t, err)
	}
	w := watch(t, b)
	_, ok := w.Resolve([32]byte(noAccount))
	require.False(t, ok)
	g, ok := w.Resolve([32]byte(noContext))
	require.True(t, ok)
	require.True(t, g.Incomplete, "a product whose contexts cannot be read is no product")
}

// A gateway may be the first to start: all it needs is the broker.
func TestAWatcherThatStartsAfterABrokerRestartKnowsEverything(t *testing.T) {
	t.Parallel()
	nats := testkit.NATS(t)
	first := nats.Bus(t)
	hash, account, product := hashOf("spk_a"), uuid.New(), uuid.New()
	bucket := bucketOf(t, first)
	put(t, bucket, catalog.KeyName(hash), keyOf("1", account, product))
	put(t, bucket, catalog.ProductName(product), &catalogv1.Product{ProductId: product.String(), AccountId: account.String()})
	put(t, bucket, catalog.AccountName(account), &catalogv1.Account{AccountId: account.String(), MonthlySignalLimit: 5})
	nats.Restart(t)

	g, ok := watch(t, nats.Bus(t)).Resolve([32]byte(hash))
	require.True(t, ok)
	require.False(t, g.Incomplete)
	require.EqualValues(t, 5, g.MonthlyLimit)
}

func TestResolvingAllocatesNothing(t *testing.T) {
	b := testkit.Bus(t)
	hash := [32]byte(hashOf("spk_a"))
	put(t, bucketOf(t, b), catalog.KeyName(hash[:]), keyOf("1", uuid.New(), uuid.New()))
	w := watch(t, b)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, ok := w.Resolve(hash); !ok {
			t.Error("the key is known")
		}
	}))
	age, known := w.Staleness()
	require.True(t, known)
	require.Less(t, age, time.Minute)
}

func TestAGrantEndsWithItsKey(t *testing.T) {
	t.Parallel()
	b := testkit.Bus(t)
	hash, ends := hashOf("spk_a"), time.Now().Add(time.Hour).Truncate(time.Millisecond)
	key := keyOf("1", uuid.New(), uuid.New())
	key.ExpiresAt, key.RefuseWithoutOrigin = ends.UnixMilli(), true
	put(t, bucketOf(t, b), catalog.KeyName(hash), key)
	g, ok := watch(t, b).Resolve([32]byte(hash))
	require.True(t, ok)
	require.False(t, g.Expired(ends.Add(-time.Millisecond)))
	require.True(t, g.Expired(ends))
	require.False(t, g.NeedsOrigin, "where every origin may use the key, none has to be named")
}

func TestAUseIsToldOnceAMinute(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	var u catalog.Use
	require.True(t, u.First(at))
	require.False(t, u.First(at))
	require.False(t, u.First(at.Add(59*time.Second)))
	require.True(t, u.First(at.Add(time.Minute)))
	require.False(t, u.First(at), "a clock that goes back tells nothing again")
	require.False(t, (*catalog.Use)(nil).First(at))

	var told atomic.Int32
	var crowd sync.WaitGroup
	for range 32 {
		crowd.Go(func() {
			if u.First(at.Add(time.Hour)) {
				told.Add(1)
			}
		})
	}
	crowd.Wait()
	require.EqualValues(t, 1, told.Load())
}
