package catalog

import (
	"encoding/hex"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
)

// FuzzEntries: whatever is written in whatever order, entries that came one by one give the same grants
// as the final state read at once, and an unreadable key grants nothing.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 4, 0, 0, 0, 0, 0, 1, 1}, []byte{})
	f.Add([]byte{4, 0, 0, 0, 1, 1, 1, 1, 0, 2, 1, 1, 3, 1, 1, 0, 0, 2, 1, 0}, []byte{0xff})
	f.Add([]byte{0, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 5, 0, 1, 0, 5, 0, 2, 0}, []byte{0x0a, 0x01, 'x'})
	f.Fuzz(func(t *testing.T, script, raw []byte) {
		e, final := newEntries(), map[string][]byte{}
		for ; len(script) >= 4; script = script[4:] {
			op, subject, a, b := script[0]%6, script[1]%3, script[2]%3, script[3]
			switch op {
			case 0:
				write(t, e, final, nameOf(0, subject), encode(t, &catalogv1.Key{AccountId: id(b % 3), ProductId: id(a), KeyId: id(subject), Revoked: b&4 != 0}))
			case 1:
				write(t, e, final, nameOf(1, subject), encode(t, &catalogv1.Product{AccountId: id(a), ContextIds: []string{id(b)}, Closed: b&4 != 0, RateLimitPerSecond: uint32(b)}))
			case 2:
				write(t, e, final, nameOf(2, subject), encode(t, &catalogv1.Account{Closed: b&1 != 0, MonthlySignalLimit: int64(b) - 9}))
			case 3:
				require.NoError(t, e.apply(nameOf(a, subject), nil, true))
				delete(final, nameOf(a, subject))
			case 4:
				if !e.complete {
					e.finish()
				}
			case 5: // whatever it is; what cannot be read counts as deleted
				if e.apply(nameOf(a, subject), raw, false) == nil {
					final[nameOf(a, subject)] = raw
				} else {
					delete(final, nameOf(a, subject))
				}
			}
		}
		_ = e.apply(string(raw), raw, len(raw)%2 == 0) // a name that is none
		if !e.complete {
			e.finish()
		}
		atOnce := newEntries()
		for name, value := range final {
			require.NoError(t, atOnce.apply(name, value, false))
		}
		atOnce.finish()
		require.Equal(t, grants(atOnce), grants(e))
	})
}

func write(t *testing.T, e *entries, final map[string][]byte, name string, value []byte) {
	t.Helper()
	require.NoError(t, e.apply(name, value, false))
	final[name] = value
}

func grants(e *entries) map[[hashSize]byte]Grant {
	all := map[[hashSize]byte]Grant{}
	e.keys.each(func(hash [hashSize]byte, key *keyEntry) { all[hash] = *key.grant })
	return all
}

// nameOf is the name of one of three entries of each kind.
func nameOf(kind, n byte) string {
	if kind == 0 {
		hash := [hashSize]byte{n}
		return keyPrefix + hex.EncodeToString(hash[:])
	}
	return []string{productPrefix, accountPrefix}[kind-1] + id(n)
}

func id(n byte) string { return uuid.UUID{6: 0x70, 8: 0x80, 15: n}.String() }

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	value, err := proto.Marshal(m)
	require.NoError(t, err)
	return value
}
