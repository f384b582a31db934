package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	value, err := proto.Marshal(m)
	require.NoError(t, err)
	return value
}

func number(i int) [32]byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return sha256.Sum256(b[:])
}

// fill writes n accounts of one product and one key each.
func fill(t testing.TB, e *entries, n int) {
	t.Helper()
	for i := range n {
		hash := number(i)
		account, product := uuid.UUID(hash[:16]), uuid.UUID(hash[16:])
		require.NoError(t, e.apply(KeyName(hash[:]), marshal(t, &catalogv1.Key{AccountId: account.String(), ProductId: product.String()}), false))
		require.NoError(t, e.apply(ProductName(product), marshal(t, &catalogv1.Product{AccountId: account.String()}), false))
		require.NoError(t, e.apply(AccountName(account), marshal(t, &catalogv1.Account{MonthlySignalLimit: int64(i) + 1}), false))
	}
}

// 150,000 entries that arrive one by one, into a copy that is being built and into one that others
// are reading, cost seconds at most; copying the whole for each would cost hours.
func TestManyEntriesArriveInReasonableTime(t *testing.T) {
	t.Parallel()
	const n = 50_000
	for name, shown := range map[string]bool{"while it is built": false, "while others read": true} {
		e := newEntries()
		if shown {
			e.finish()
		}
		began := time.Now()
		fill(t, e, n)
		if !shown {
			e.finish()
		}
		require.Less(t, time.Since(began), time.Minute, name)
		for _, i := range []int{0, n / 2, n - 1} {
			key, ok := e.keys.get(number(i))
			require.True(t, ok)
			require.False(t, key.grant.Incomplete)
			require.EqualValues(t, i+1, key.grant.MonthlyLimit)
		}
	}
}

// Whatever the order of writes, and whether the copy was shown before or after them, the grants
// are those of the last writes.
func TestGrantsFollowFromTheLastWrites(t *testing.T) {
	t.Parallel()
	ids := []uuid.UUID{uuid.New(), uuid.New()}
	rapid.Check(t, func(r *rapid.T) {
		e, late := newEntries(), newEntries()
		e.finish()
		pick := func(label string) uuid.UUID { return ids[rapid.IntRange(0, 1).Draw(r, label)] }
		for range rapid.IntRange(1, 40).Draw(r, "writes") {
			gone := rapid.IntRange(0, 4).Draw(r, "gone") == 0
			var name string
			var entry proto.Message
			switch rapid.IntRange(0, 2).Draw(r, "kind") {
			case 0:
				hash := number(rapid.IntRange(0, 2).Draw(r, "hash"))
				name = KeyName(hash[:])
				entry = &catalogv1.Key{AccountId: pick("account").String(), ProductId: pick("product").String(), Revoked: rapid.Bool().Draw(r, "revoked")}
			case 1:
				name, entry = ProductName(pick("product")), &catalogv1.Product{AccountId: pick("account").String(), Closed: rapid.Bool().Draw(r, "closed")}
			default:
				name = AccountName(pick("account"))
				entry = &catalogv1.Account{MonthlySignalLimit: int64(rapid.IntRange(0, 3).Draw(r, "limit")), Closed: rapid.Bool().Draw(r, "closed")}
			}
			value := marshal(t, entry)
			require.NoError(r, e.apply(name, value, gone))
			require.NoError(r, late.apply(name, value, gone))
		}
		late.finish()
		for i := range 3 {
			want, wantOK := late.keys.get(number(i))
			got, gotOK := e.keys.get(number(i))
			require.Equal(r, wantOK, gotOK)
			if wantOK {
				require.Equal(r, want.grant, got.grant)
			}
		}
		require.Equal(r, late.ofProduct, e.ofProduct)
		require.Equal(r, late.ofAccount, e.ofAccount)
	})
}

func BenchmarkResolve(b *testing.B) {
	const n = 100_000
	e := newEntries()
	fill(b, e, n)
	e.finish()
	var w Watcher
	w.entries.Store(e)
	hashes := make([][32]byte, 1024)
	for i := range hashes {
		hashes[i] = number(i * 97)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, ok := w.Resolve(hashes[i%len(hashes)]); !ok {
				b.Error("the key is known")
			}
		}
	})
}

func TestTheNoteOfCompletenessIsNoEntry(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		require.NoError(t, newEntries().apply(CompleteName, nil, gone))
	}
}
