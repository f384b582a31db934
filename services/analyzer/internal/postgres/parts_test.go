package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// A call that fails half way has committed some parts. What comes again is finished,
// also when nothing but the parts tells that they were stored: ids are forgotten after
// some days, and a dead letter is replayed under another sequence weeks later.
func TestHalfStoredIsFinished(t *testing.T) {
	t.Parallel()
	const parts = 4
	for failing := 1; failing <= parts; failing++ {
		for _, replayed := range []bool{false, true} {
			t.Run(fmt.Sprintf("part %d fails, replayed %v", failing, replayed), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				tenants := tenantsOfEachPart(t, b, parts)
				var batch []signal.Signal
				for _, who := range tenants {
					batch = append(batch, b.signal(who, "purchase"), b.signal(who, "js_error"))
				}
				at := b.position()
				owner := b.db.Owner(t)

				b.failAt.Store(int64(failing))
				_, err := b.one(at, batch)
				require.ErrorIs(t, err, errPulled)
				var half, positions, stored int
				require.NoError(t, owner.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM stream_parts), (SELECT count(*) FROM stream_positions)`).Scan(&half, &positions))
				require.Equal(t, failing-1, half)
				require.Zero(t, positions, "a message has a position when all of it is stored")

				_, err = owner.Exec(context.Background(), `DELETE FROM signal_ids`)
				require.NoError(t, err)
				if replayed {
					at.Sequence = b.position().Sequence
				}
				result, err := b.one(at, batch)
				require.NoError(t, err)
				require.Equal(t, signal.Stored{New: len(batch) - 2*(failing-1)}, result)
				for _, who := range tenants {
					b.requireCount(who, 2)
				}
				require.NoError(t, owner.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM stream_parts), count(*), sum(stored) FROM stream_positions`).Scan(&half, &positions, &stored))
				require.Equal(t, []int{0, 1, len(batch)}, []int{half, positions, stored})
				again, err := b.one(at, batch)
				require.NoError(t, err)
				require.True(t, again.Repeated)
			})
		}
	}
}

// A message that is stored is known by its id, under whatever sequence it comes again:
// a replay whose dead letter was not removed is replayed once more.
func TestStoredMessageIsKnownUnderAnotherSequence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	at, batch := b.position(), []signal.Signal{b.signal(who, "purchase"), b.signal(who, "js_error")}
	_, err := b.one(at, batch)
	require.NoError(t, err)
	b.setNow(b.now.Load().Add(73 * time.Hour))
	_, err = b.db.Owner(t).Exec(context.Background(), `DELETE FROM signal_ids`)
	require.NoError(t, err)

	again := func() signal.Batch {
		one := signal.Batch{Position: b.position(), Signals: slices.Clone(batch)}
		one.MessageID = at.MessageID
		return one
	}
	results, err := b.store.Store(context.Background(), []signal.Batch{again(), again()})
	require.NoError(t, err)
	require.Equal(t, []signal.Stored{{Repeated: true}, {Repeated: true}}, results)
	b.requireCount(who, 2)
}

// Every message is looked up by its id before it is stored, among those of a week.
func TestMessagesAreLookedUpInAnIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	owner := b.db.Owner(t)
	_, err := owner.Exec(context.Background(), `INSERT INTO stream_positions (stream, sequence, message_id, signals, stored) SELECT 'SIGNALS', n, gen_random_uuid(), 1, 1 FROM generate_series(1, 20000) n`)
	require.NoError(t, err)
	_, err = owner.Exec(context.Background(), `ANALYZE stream_positions`)
	require.NoError(t, err)
	var plan string
	require.NoError(t, b.pool.QueryRow(context.Background(), `EXPLAIN (FORMAT JSON) SELECT u.n FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS u (stream, message_id, n)
		LEFT JOIN stream_positions p ON p.stream = u.stream AND p.message_id = u.message_id`, []string{"SIGNALS"}, []uuid.UUID{uuid.New()}).Scan(&plan))
	require.Contains(t, plan, "stream_positions_message")
}

// tenantsOfEachPart seeds tenants until there is one of each part.
func tenantsOfEachPart(t *testing.T, b *bench, parts int) []testkit.Tenant {
	t.Helper()
	found := make(map[int]testkit.Tenant)
	for len(found) < parts {
		who := testkit.SeedTenant(t, b.db)
		found[partOf(who.AccountID, parts)] = who
	}
	var out []testkit.Tenant
	for _, who := range found {
		out = append(out, who)
	}
	return out
}

func partOf(account uuid.UUID, parts int) int { return int(account[15]) % parts }
